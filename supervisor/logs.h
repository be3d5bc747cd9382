/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the role logs does, apart from being a role: drains containers' pipes into their logs and serves readers.
 *
 * - logs.attach {"name","stream":"stdout"|"stderr"} + the pipe's read end: answered at once; the same pipe may come again.
 *   Another pipe for the stream takes over, what is left in the one before is written first.
 * - logs.detach {"name","streams":[..]?,"force":bool?} + pipes in the order of streams?: answered when all pipes of the unit
 *   are at their end and written; with force what is in them now is written and they are closed. Pipes that come with it are
 *   attached first if the unit's aren't (a role that was restarted in between).
 * - logs.read {"name","cursor":TEXT?,"tail":N?,"follow":bool?,"max":BYTES?} -> as logs_read.h says, and "eof":bool: the end
 *   of the log is reached, and with follow also no pipe attached. With follow answered when there is a line or eof.
 * - logs.cancel {"id"}: a read that waits is answered with no lines and "eof":false. Answered itself with {}.
 * - logs.remove {"name"}: the unit's log is deleted; EBUSY (org.hull.Error) while it is attached.
 *
 * One delivery of at most 64 KiB is read from a pipe that has something, then the next pipe's turn comes: a container that
 * writes faster than it is drained waits in write(2). A line without its end is written as a piece after 50 ms.
 */
#pragma once
#include <event2/event.h>
#include <stdint.h>

#include "base/json.h"
#include "supervisor/logs_file.h"

struct logs_answers {
	void (*done)(void *arg, uint64_t id, const cJSON *result);
	void (*fail)(void *arg, uint64_t id, const char *error, const char *message);
};

struct logs;
/* store is taken over, also on failure (NULL: ENOMEM, EMFILE). */
struct logs *logs_new(struct event_base *base, struct logs_store *store, const struct logs_answers *answers, void *arg);
void logs_free(struct logs *l);
/* fds are borrowed. */
void logs_work(struct logs *l, uint64_t id, const char *op, const cJSON *params, const int *fds, size_t n_fds);
