/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crash path: on SIGSEGV, SIGBUS, SIGILL, SIGFPE or SIGABRT the process executes its own binary again, which takes
 * the state up from the snapshot. The handler allocates nothing, writes nothing but its argument text, and runs on its
 * own locked stack. A fault in the binary's own text (the verified root failing under it) reboots instead.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * argv of a re-executed PID 1: {"hull", "--resume", SNAPSHOT_FD, SELF_FD, WHY, WINDOW}. WHY is "asked" or
 * "signal N at 0xADDR"; WINDOW is "COUNT:MS", the crashes in the present 60 s and CLOCK_MONOTONIC ms of its start.
 */
#define CRASH_RESUME_ARGC 6
struct crash_window {
	unsigned count;
	long long start_ms;
};
int crash_window_parse(const char *text, struct crash_window *out);

/* Sets the whole signal mask (everything but the fatal signals blocked: they come by signalfd) and the handlers. */
int crash_arm(int self_fd, int snapshot_fd, struct crash_window window, bool contained, struct err *e);
/* The same path, on purpose. Returns only when the exec failed. */
int crash_reexec(struct err *e);
/* Whether this image was entered by one crash more than hull.crash_limit allows in 60 s; it is to panic at once. */
bool crash_too_many(struct crash_window window, unsigned limit);
