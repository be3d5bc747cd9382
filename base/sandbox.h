/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a role or task gives up its rights, in this order: root directory, ids and capabilities, no_new_privs, Landlock
 * where the kernel has it, seccomp allow list (anything else: EPERM for a probe-like call, SIGSYS kill otherwise).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct sandbox {
	const char *root; /* NULL: an empty read-only root; a directory: that becomes "/" (bind mounted, nosuid,nodev,noexec); "/" : keep */
	bool root_writable;
	uid_t uid; /* and gid; 0 keeps root */
	uint64_t capabilities; /* bit set of CAP_*, kept permitted+effective, nothing else in any set, bounding dropped */
	const int *syscalls; /* allow list beyond the common set of every role (sandbox.c), -1 ended; NULL: no filter */
	bool network; /* false: socket(2) is refused and, where a new network namespace can be made, one is made */
	uint64_t landlock_fs; /* rights below "/" of the new root that stay, LANDLOCK_ACCESS_FS_*; 0: none */
};
/* On -1 the process may be half confined and must exit. */
int sandbox_enter(const struct sandbox *s, struct err *e);
