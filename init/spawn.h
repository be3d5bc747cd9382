/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children of PID 1: always this same binary again (`hull --role|--task|--launch`), never a bare fork, so that no heap
 * is inherited. CLONE_CLEAR_SIGHAND, a clean signal mask, and no descriptor but 0-2 and the socket on 3 cross over.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "init/pid1.h"

struct spawn {
	const char *argv[6]; /* NULL-ended, "hull" first */
	int socket; /* becomes fd 3 */
	int stdio[3]; /* -1: fds 0 and 1 are /dev/null, fd 2 is the log */
	uint64_t clone_flags; /* CLONE_NEW* */
	int cgroup_fd; /* CLONE_INTO_CGROUP; -1: none */
};

/* The child's pid, or -1. */
pid_t spawn_hull(const struct pid1 *p, const struct spawn *s, struct err *e);
/* A SOCK_SEQPACKET pair, both CLOEXEC; pair[0] non-blocking for PID 1, pair[1] blocking for the child. */
int spawn_socketpair(int pair[2], struct err *e);
