/* SPDX-License-Identifier: Apache-2.0 */
/* A session of the door, whatever carries it: a connection to the control socket or a virtio port. */
#pragma once
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdint.h>

#include "base/buf.h"
#include "init/door/door.h"

struct session {
	struct pid1 *p;
	int fd;
	bool port; /* a virtio port: lives on when its client leaves; NUL alone starts anew */
	int port_index;
	struct buf in; /* at most one message and what came with it */
	int fds[CALL_FDS_MAX]; /* received, for the next call */
	size_t n_fds;
	bool skipping; /* a port: in the middle of a message that was too long */
	struct evbuffer *out;
	struct event *readable, *writable;
	struct event *closed; /* a hang-up, while what was sent is left unread; NULL: a port */
	struct call *call; /* being answered */
	bool in_handler; /* the call's handler is on the stack */
	int64_t active_ms; /* last use: the longest idle session gives way */
	struct session *next;
};

struct door {
	int listener; /* not CLOEXEC */
	struct event *accept, *pause; /* connections are not taken for a while: no descriptors */
	struct session *first;
	size_t n_clients; /* connections, ports not counted */
};

/* Takes fd over. NULL: ENOMEM, fd is closed. */
struct session *session_open(struct pid1 *p, int fd, bool port);
void session_close(struct session *s);
/* Queues raw bytes (the lone NUL that tells a port's host of a new start). */
void session_write(struct session *s, const void *data, size_t len);
