/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door: PID 1's one protocol, Varlink, on the control socket and on virtio ports. A session carries one call at a
 * time; a further message waits in the kernel until the call is answered. Every session's input and output is bounded,
 * and so is their number: the longest idle one gives way to a new one. Nothing here waits.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "init/pid1.h"

#define DOOR_SOCKET "/run/hull/control"
#define CALL_FDS_MAX 4

struct session;

/* One call that is being answered. It lives until its last reply or error, or until its client goes away. */
struct call {
	struct pid1 *p;
	struct session *session; /* the door's */
	bool more, oneway;
	bool port; /* came over a virtio port: can't carry descriptors */
	int fds[CALL_FDS_MAX]; /* passed with the call; closed with it (take_fd to keep one) */
	size_t n_fds;
	void *state; /* the handler's */
	/* The client went away, or its session was reset: the handler forgets the call, frees its state; no reply any more. */
	void (*cancel)(struct call *c);
	/* A streaming handler is asked for more once the client took what was sent. */
	void (*drained)(struct call *c);
};

/* params is borrowed and valid during the call only. Answers now or later, exactly once for the last time. */
typedef void method_fn(struct pid1 *p, struct call *c, const cJSON *params);

#define METHOD_MORE 1u /* only as a `more` call */
struct method {
	const char *name; /* "org.hull.Units.List" */
	method_fn *handle;
	unsigned flags;
};
extern const struct method method_table[]; /* method_table.c; ended by a NULL name */

/* Sends a reply. params is taken (NULL: empty). Without `continues` it is the last and ends the call: c is gone. */
void call_reply(struct call *c, cJSON *params, bool continues);
/* Ends the call with org.hull.Error {message, hint}; hint may be NULL. */
void call_fail(struct call *c, const char *hint, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Ends the call with any error; params is taken. */
void call_error(struct call *c, const char *error, cJSON *params);
/* org.varlink.service.InvalidParameter */
void call_invalid(struct call *c, const char *parameter);
/* Bytes sent that the client has not taken yet. */
size_t call_backlog(const struct call *c);

int door_open(struct pid1 *p, struct err *e); /* the control socket, also after a re-exec */
/* With hull.control=virtio: opens ports that have appeared. Called at start and at each uevent of virtio-ports. */
void door_scan_ports(struct pid1 *p);
