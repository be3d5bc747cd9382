/* SPDX-License-Identifier: Apache-2.0 */
/* Pids that a record names. Only our own children's are safe from being another's by now: they stay until we reap them. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include <sys/wait.h>

static inline bool child_is_ours(pid_t pid)
{
	siginfo_t si;
	return pid > 0 && waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}
