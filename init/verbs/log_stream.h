/* SPDX-License-Identifier: Apache-2.0 */
/* A unit's output, from the machine to this process's standard output and standard error. */
#pragma once
#include <stdbool.h>

#include "init/cli/cli.h"

struct log_stream {
	const char *unit;
	bool follow; /* until the unit has ended and all is read */
	bool timestamps;
	long long tail; /* the last lines only; < 0: all */
	int interrupt_fd; /* signalfd; -1: none */
	/* Told when interrupt_fd is readable; reads it. Returns -1 to go on, else the exit code to end with. */
	int (*interrupted)(struct cli *c, void *arg);
	void *arg;
};

/*
 * 0 at the end of the output, else an exit code with the error told. A restart of PID 1 in between is bridged by the
 * cursor that comes with every reply: no line is lost or printed twice.
 */
int log_stream_run(struct cli *c, const struct log_stream *s);
