/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One container's pipe into its log. What is in the pipe is looked at (tee(2)), written, and only then consumed, so a role
 * that dies anywhere loses nothing: PID 1 holds the pipe too, and the next role finds there what isn't in the log.
 */
#pragma once
#include <event2/event.h>
#include <stdbool.h>

#include "supervisor/logs_file.h"

/* Shared by all pipes: a delivery is done in one go. */
struct logs_delivery {
	struct event_base *base;
	int scratch[2]; /* a pipe of our own, empty between deliveries */
	char bytes[65536];
};
int logs_delivery_open(struct logs_delivery *d, struct event_base *base);
void logs_delivery_close(struct logs_delivery *d);

struct logs_pipe;
/* Told after each delivery; ended: the pipe is at its end and closed; it may be freed from within. */
typedef void logs_pipe_fn(void *arg, struct logs_pipe *pipe, bool ended);

/* fd is taken over on success. NULL with e: not a pipe, ENOMEM. */
struct logs_pipe *logs_pipe_open(struct logs_delivery *d, struct logs_file *file, enum log_stream stream, int fd,
				 logs_pipe_fn *told, void *arg, struct err *e);
/* It is the same pipe at its other end. */
bool logs_pipe_is(const struct logs_pipe *p, int fd);
/* Writes what is in it now, at most what a pipe can hold. Doesn't call told. */
void logs_pipe_drain(struct logs_pipe *p);
void logs_pipe_free(struct logs_pipe *p);
