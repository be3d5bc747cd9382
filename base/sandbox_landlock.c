/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock by raw system calls: Debian 12's headers know only its first versions, the running kernel may know more. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sandbox_steps.h"

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1
#define ACCESS_NET_BIND_CONNECT_TCP 3u
#define SCOPE_ABSTRACT_UNIX_AND_SIGNAL 3u

struct ruleset {
	uint64_t fs; /* version 1 */
	uint64_t net; /* version 4 */
	uint64_t scoped; /* version 6 */
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

/* All file rights that a version knows: 13 at first, then REFER, TRUNCATE, and IOCTL_DEV with version 5. */
static uint64_t rights(long version)
{
	int bits = version >= 5 ? 16 : version >= 3 ? 15 : version == 2 ? 14 : 13;
	return (1ull << bits) - 1;
}

int sandbox_landlock(const struct sandbox *s, struct err *e)
{
	if (s->landlock_fs == SANDBOX_LANDLOCK_ALL)
		return 0;
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	if (version < 1)
		return 0; /* not built in, or not switched on: the root, the ids and the filter have to do */
	struct ruleset set = {
		.fs = rights(version),
		.net = version >= 4 && !s->network ? ACCESS_NET_BIND_CONNECT_TCP : 0,
		.scoped = version >= 6 ? SCOPE_ABSTRACT_UNIX_AND_SIGNAL : 0,
	};
	size_t size = version >= 6 ? sizeof(set) : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
	cleanup_close int fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
	if (fd < 0)
		return err_sys(e, "make a Landlock ruleset");
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct path_beneath rule = { .allowed = s->landlock_fs & set.fs, .parent = root };
	if (rule.allowed && syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_sys(e, "add a Landlock rule");
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return err_sys(e, "enter Landlock");
	return 0;
}
