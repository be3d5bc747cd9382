/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-shot tasks: whatever may reach a block device or wait without bound is done by a child of PID 1, `hull --task
 * NAME`, with a deadline. PID 1 sends one packet on the child's fd 3 (parameters, descriptors); the child answers with
 * one packet (result, descriptors, or error) and exits. A task that misses its deadline is killed and answered for with
 * ETIMEDOUT; a task stuck in the kernel is left behind, nothing waits for it.
 */
#pragma once
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "base/sandbox.h"

#define TASK_FDS_MAX 8
#define TASK_RESULT_MAX 65536 /* bytes of a result; larger ones go by a descriptor (memfd) */

/* In the child. */
struct task_io {
	const int *fds; /* received from PID 1, open during the call */
	size_t n_fds;
	int out_fds[TASK_FDS_MAX]; /* to be passed back; closed afterwards */
	size_t n_out_fds;
};
/* Fills result (an object, empty at the call) and returns 0, or fills e and returns -1. */
typedef int task_fn(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);

struct task_spec {
	const char *name;
	task_fn *run;
	int deadline_ms;
	const struct sandbox *sandbox; /* entered before run; NULL: as PID 1, in its mount namespace */
	const char *why; /* one line: what it does, why it is not in PID 1 */
};
extern const struct task_spec task_table[]; /* task_table.c; ended by a NULL name */

/* `hull --task NAME`: does not return. */
_Noreturn void task_main(const char *name);

/* In PID 1. */
struct pid1;
/* Exactly one call for each task started, from the event loop, never from within task_start. error NULL: success. */
typedef void task_done_fn(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds, const struct err *error);

/* params and fds are copied. done may be NULL. -1 when it could not be started (done is not called then). */
int task_start(struct pid1 *p, const char *name, const cJSON *params, const int *fds, size_t n_fds, task_done_fn *done,
	       void *arg, struct err *e);
