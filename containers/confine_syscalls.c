/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/confine_syscalls.h"

#include <seccomp.h>

#include "base/sandbox_steps.h"

/*
 * What libarchive, zlib, zstd, OpenSSL's digests and our own files need beside what every role may call. mknodat is for
 * fifos and whiteouts: a node with a device number takes a capability that no user namespace gives.
 */
static const int syscalls[] = {
	SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(statx), SCMP_SYS(fstatfs), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(getdents64), SCMP_SYS(readlinkat), SCMP_SYS(mkdirat), SCMP_SYS(unlinkat), SCMP_SYS(renameat),
	SCMP_SYS(renameat2), SCMP_SYS(linkat), SCMP_SYS(symlinkat), SCMP_SYS(mknodat), SCMP_SYS(fchown), SCMP_SYS(fchownat),
	SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(utimensat), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
	SCMP_SYS(fsetxattr), SCMP_SYS(fgetxattr), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(syncfs), SCMP_SYS(flock), -1,
};

int confine_syscalls(struct err *e)
{
	static const struct sandbox filter = { .syscalls = syscalls };

	return sandbox_seccomp(&filter, e) < 0 ? err_wrap(e, "confine") : 0;
}
