/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a role or task gives up its rights, in this order: network, root directory, ids and capabilities, no_new_privs,
 * Landlock where the kernel has it, seccomp allow list. A system call that isn't on the list fails with EPERM: a refusal
 * shows as an error with a place in the code, where a kill would be a crash loop. Calls that only an attacker makes
 * (ptrace, bpf, mount and the like) kill the process.
 *
 * Wants to be root with CAP_SYS_ADMIN and CAP_SETPCAP, in the initial namespaces or in a container's. Descriptors that
 * are open stay as they are, and so does PR_SET_PDEATHSIG.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define SANDBOX_LANDLOCK_ALL UINT64_MAX

struct sandbox {
	/*
	 * NULL: an empty read-only root; a directory: that becomes "/" (nosuid, nodev, noexec; what is mounted below it
	 * doesn't come along); "/": keep the root and the mount namespace.
	 */
	const char *root;
	bool root_writable; /* of a directory */
	uid_t uid; /* and gid; 0 keeps root */
	/*
	 * Bit set of CAP_*, kept permitted and effective as far as the process has them; nothing else in any set,
	 * bounding set dropped, exec gives root nothing back.
	 */
	uint64_t capabilities;
	const int *syscalls; /* allow list beyond the common set of every role (sandbox_seccomp.c), -1 ended; NULL: no filter */
	/*
	 * false: the filter refuses socket(2) even when it is on the list, Landlock refuses TCP; without a filter the
	 * process gets an empty network namespace. true: sockets of the internet, of packets and of netlink.
	 */
	bool network;
	/*
	 * LANDLOCK_ACCESS_FS_* that stay below "/" of the new root; 0: nothing can be opened. Rights that were open
	 * before stay. A process under Landlock can't mount. SANDBOX_LANDLOCK_ALL: no Landlock at all.
	 */
	uint64_t landlock_fs;
};
/* On -1 the process may be half confined and must exit. */
int sandbox_enter(const struct sandbox *s, struct err *e);
