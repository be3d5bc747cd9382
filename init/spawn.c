/* SPDX-License-Identifier: Apache-2.0 */
#include "init/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

/* The environment of every child: HULL_KMSG says whether the log on fd 2 is /dev/kmsg (base/log.h). */
static char *const environment_kmsg[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HULL_KMSG=1", NULL };
static char *const environment_plain[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };

/* dup2 that also clears CLOEXEC when source and target are the same. */
static int place(int fd, int target)
{
	if (fd == target)
		return fcntl(fd, F_SETFD, 0);
	return dup2(fd, target) < 0 ? -1 : 0;
}

/* In the child, between clone3 and exec: system calls only. */
static _Noreturn void child(const struct pid1 *p, const struct spawn *s)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	/* Moved high first, so that placing one on 0-3 overwrites no other. */
	int high[4], log = log_fd(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 4; i++) {
		int fd = i == 3 ? s->socket : s->stdio[i] >= 0 ? s->stdio[i] : i == 2 && log >= 0 ? log : null;
		high[i] = fcntl(fd, F_DUPFD_CLOEXEC, 64);
	}
	for (int i = 0; i < 4; i++)
		if (high[i] < 0 || place(high[i], i) < 0)
			_exit(125);
	int self = fcntl(p->self_fd, F_DUPFD_CLOEXEC, 64);
	close_range(4, ~0u, CLOSE_RANGE_CLOEXEC);
	syscall(SYS_execveat, self, "", s->argv, log_fd() > 2 ? environment_kmsg : environment_plain, AT_EMPTY_PATH);
	_exit(125);
}

pid_t spawn_hull(const struct pid1 *p, const struct spawn *s, struct err *e)
{
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND | s->clone_flags, .exit_signal = SIGCHLD };
	if (s->cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)s->cgroup_fd;
	}
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		child(p, s);
	if (pid < 0)
		return err_sys(e, "clone of %s %s", s->argv[1], s->argv[2] ? s->argv[2] : "");
	return (pid_t)pid;
}

int spawn_socketpair(int pair[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "socketpair");
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0) {
		err_sys(e, "socketpair");
		close(pair[0]);
		close(pair[1]);
		return -1;
	}
	return 0;
}
