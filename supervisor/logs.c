/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/logs_pipe.h"
#include "supervisor/logs_read.h"
#include "supervisor/unit.h"

#define READERS_MAX 256
#define UNITS_MAX 4096
#define KEPT_MAX 32 /* units whose end is only in memory, 64 KiB each */
#define DETACHES_MAX 8 /* of a unit at once: more are answered as busy */

/* A unit with a pipe or a waiting reader. */
struct log_unit {
	char name[UNIT_NAME_MAX + 1];
	struct logs *logs;
	struct logs_file *file;
	struct logs_pipe *pipes[LOG_STREAMS];
	uint64_t detaches[DETACHES_MAX]; /* ids that wait for the pipes' end */
	size_t n_detaches;
	unsigned readers;
	struct log_unit *next;
};

/* A follower at the end of a log. */
struct log_reader {
	uint64_t id;
	struct log_unit *unit;
	char cursor[LOGS_CURSOR_MAX];
	size_t max;
	struct log_reader *next;
};

struct logs {
	struct logs_store *store;
	const struct logs_answers *answers;
	void *arg;
	struct log_unit *units;
	unsigned n_units;
	struct log_reader *readers;
	unsigned n_readers;
	struct logs_delivery delivery;
};

struct logs *logs_new(struct event_base *base, struct logs_store *store, const struct logs_answers *answers, void *arg)
{
	struct logs *l = calloc(1, sizeof(*l));

	if (!l || logs_delivery_open(&l->delivery, base) < 0) {
		free(l);
		logs_store_free(store);
		return NULL;
	}
	l->store = store;
	l->answers = answers;
	l->arg = arg;
	return l;
}

static void fail(struct logs *l, uint64_t id, const char *message)
{
	l->answers->fail(l->arg, id, "org.hull.Error", message);
}

static void done(struct logs *l, uint64_t id)
{
	l->answers->done(l->arg, id, NULL);
}

/* --- units --- */

static struct log_unit *find_unit(struct logs *l, const char *name)
{
	for (struct log_unit *u = l->units; u; u = u->next)
		if (strcmp(u->name, name) == 0)
			return u;
	return NULL;
}

static struct log_unit *get_unit(struct logs *l, const char *name, struct err *e)
{
	struct log_unit *u = find_unit(l, name);

	if (u)
		return u;
	if (l->n_units >= UNITS_MAX) {
		err_set(e, ENOSPC, "more than %d units have logs open", UNITS_MAX);
		return NULL;
	}
	u = calloc(1, sizeof(*u));
	if (u)
		u->file = logs_file_open(l->store, name);
	if (!u || !u->file) {
		free(u);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	snprintf(u->name, sizeof(u->name), "%s", name);
	u->logs = l;
	u->next = l->units;
	l->units = u;
	l->n_units++;
	return u;
}

static bool unit_attached(const struct log_unit *u)
{
	return u->pipes[LOG_STDOUT] || u->pipes[LOG_STDERR];
}

static bool unit_held(const struct log_unit *u)
{
	return unit_attached(u) || u->readers > 0 || u->n_detaches > 0;
}

static void free_unit(struct log_unit *u)
{
	struct logs *l = u->logs;

	for (struct log_unit **link = &l->units; *link; link = &(*link)->next)
		if (*link == u) {
			*link = u->next;
			break;
		}
	logs_file_close(u->file);
	free(u);
	l->n_units--;
}

/* Frees a unit that nothing holds. One whose last words could not be stored keeps them, as long as few do: the oldest go. */
static void put_unit(struct log_unit *u)
{
	struct log_unit *oldest = NULL;
	size_t kept = 0;

	if (unit_held(u))
		return;
	if (!logs_file_in_memory(u->file)) {
		free_unit(u);
		return;
	}
	for (struct log_unit *other = u->logs->units; other; other = other->next)
		if (!unit_held(other)) {
			oldest = other; /* newer ones come first */
			kept++;
		}
	if (kept > KEPT_MAX)
		free_unit(oldest);
}

/* --- readers --- */

/* 1: answered, 0: nothing to say yet. On an error it is answered as well. */
static int answer_read(struct log_unit *u, uint64_t id, const struct logs_query *q, bool follow)
{
	struct logs *l = u->logs;
	struct err e = { 0 };
	bool end = false, eof;
	cJSON *result = cJSON_CreateObject();

	if (!result || logs_read(u->file, q, result, &end, &e) < 0) {
		fail(l, id, result ? e.text : "out of memory");
		cJSON_Delete(result);
		return 1;
	}
	eof = end && (!follow || !unit_attached(u));
	if (follow && !eof && cJSON_GetArraySize(json_get(result, "lines")) == 0) {
		cJSON_Delete(result);
		return 0;
	}
	cJSON_AddBoolToObject(result, "eof", eof);
	l->answers->done(l->arg, id, result);
	cJSON_Delete(result);
	return 1;
}

/* Takes a reader off the list; its unit may be freed with it. */
static void drop_reader(struct logs *l, struct log_reader **link)
{
	struct log_reader *r = *link;

	*link = r->next;
	l->n_readers--;
	r->unit->readers--;
	free(r);
}

/* Something was appended, or the pipes have ended. The unit stays. */
static void wake_readers(struct log_unit *u)
{
	struct logs *l = u->logs;

	for (struct log_reader **link = &l->readers; *link && u->readers > 0;) {
		struct log_reader *r = *link;
		struct logs_query q = { r->cursor, -1, r->max };

		if (r->unit == u && answer_read(u, r->id, &q, true))
			drop_reader(l, link);
		else
			link = &r->next;
	}
}

/* A follower waits at the end of the log as it is now, also when it asked for a tail. */
static int wait_for_more(struct log_unit *u, uint64_t id, const struct logs_query *q, struct err *e)
{
	struct logs *l = u->logs;
	struct logs_query now = *q;
	cJSON *nothing = cJSON_CreateObject();
	struct log_reader *r = l->n_readers < READERS_MAX ? calloc(1, sizeof(*r)) : NULL;
	bool end;

	if (!nothing || !r) {
		free(r);
		cJSON_Delete(nothing);
		return err_set(e, EBUSY, "too many readers follow logs");
	}
	if (logs_read(u->file, &now, nothing, &end, e) < 0) {
		free(r);
		cJSON_Delete(nothing);
		return -1;
	}
	snprintf(r->cursor, sizeof(r->cursor), "%s", cJSON_GetStringValue(json_get(nothing, "cursor")));
	cJSON_Delete(nothing);
	r->id = id;
	r->unit = u;
	r->max = q->max;
	r->next = l->readers;
	l->readers = r;
	l->n_readers++;
	u->readers++;
	return 0;
}

/* --- pipes --- */

static void answer_detaches(struct log_unit *u)
{
	if (unit_attached(u))
		return;
	for (size_t i = 0; i < u->n_detaches; i++)
		done(u->logs, u->detaches[i]);
	u->n_detaches = 0;
}

static void on_delivery(void *arg, struct logs_pipe *pipe, bool ended)
{
	struct log_unit *u = arg;

	for (int i = 0; ended && i < LOG_STREAMS; i++)
		if (u->pipes[i] == pipe) {
			logs_pipe_free(pipe);
			u->pipes[i] = NULL;
		}
	wake_readers(u);
	answer_detaches(u);
	put_unit(u);
}

static void close_pipe(struct log_unit *u, enum log_stream stream)
{
	if (!u->pipes[stream])
		return;
	logs_pipe_drain(u->pipes[stream]);
	logs_pipe_free(u->pipes[stream]);
	u->pipes[stream] = NULL;
}

static int attach(struct log_unit *u, enum log_stream stream, int fd, struct err *e)
{
	struct logs_pipe *pipe;
	int own;

	if (u->pipes[stream] && logs_pipe_is(u->pipes[stream], fd))
		return 0; /* issued again */
	own = fcntl(fd, F_DUPFD_CLOEXEC, 4);
	if (own < 0)
		return err_sys(e, "dup");
	close_pipe(u, stream); /* of the run before */
	pipe = logs_pipe_open(&u->logs->delivery, u->file, stream, own, on_delivery, u, e);
	if (!pipe) {
		close(own);
		return -1;
	}
	u->pipes[stream] = pipe;
	return 0;
}

/* --- operations --- */

struct request {
	struct logs *logs;
	uint64_t id;
	const char *name; /* checked */
	const cJSON *params;
	const int *fds;
	size_t n_fds;
};

static const char *text_param(const struct request *r, const char *key)
{
	const cJSON *v = json_get(r->params, key);

	return cJSON_IsString(v) ? v->valuestring : "";
}

static int64_t number_param(const struct request *r, const char *key, int64_t min, int64_t max, int64_t otherwise)
{
	const cJSON *v = json_get(r->params, key);

	if (!cJSON_IsNumber(v))
		return otherwise;
	if (v->valuedouble < (double)min)
		return min;
	return v->valuedouble > (double)max ? max : (int64_t)v->valuedouble;
}

static int op_attach(const struct request *r, struct err *e)
{
	enum log_stream stream;
	struct log_unit *u;
	int rc;

	if (log_stream_parse(text_param(r, "stream"), &stream) < 0 || r->n_fds != 1)
		return err_set(e, EINVAL, "attach wants a stream and its pipe");
	u = get_unit(r->logs, r->name, e);
	if (!u)
		return -1;
	rc = attach(u, stream, r->fds[0], e);
	if (rc == 0)
		done(r->logs, r->id);
	put_unit(u);
	return rc;
}

/* The pipes that came with a detach. */
static int attach_missing(const struct request *r, struct log_unit *u, struct err *e)
{
	const cJSON *streams = json_get(r->params, "streams"), *name;
	enum log_stream stream;
	size_t i = 0;

	if (r->n_fds == 0)
		return 0;
	if (cJSON_GetArraySize(streams) != (int)r->n_fds)
		return err_set(e, EINVAL, "detach wants a stream for each pipe");
	cJSON_ArrayForEach(name, streams) {
		if (!cJSON_IsString(name) || log_stream_parse(name->valuestring, &stream) < 0)
			return err_set(e, EINVAL, "detach: no such stream");
		if (attach(u, stream, r->fds[i++], e) < 0)
			return -1;
	}
	return 0;
}

static int op_detach(const struct request *r, struct err *e)
{
	struct log_unit *u = get_unit(r->logs, r->name, e);
	int rc;

	if (!u)
		return -1;
	rc = attach_missing(r, u, e);
	if (rc == 0 && cJSON_IsTrue(json_get(r->params, "force")))
		for (int i = 0; i < LOG_STREAMS; i++)
			close_pipe(u, (enum log_stream)i);
	if (rc == 0 && u->n_detaches == DETACHES_MAX)
		rc = err_set(e, EBUSY, "too many requests to detach");
	if (rc == 0)
		u->detaches[u->n_detaches++] = r->id;
	wake_readers(u);
	answer_detaches(u);
	put_unit(u);
	return rc;
}

static int op_read(const struct request *r, struct err *e)
{
	struct logs_query q = { text_param(r, "cursor"), number_param(r, "tail", 0, INT32_MAX, -1),
				(size_t)number_param(r, "max", 1, LOGS_PIECE_MAX, LOGS_PIECE_MAX) };
	bool follow = cJSON_IsTrue(json_get(r->params, "follow"));
	struct log_unit *u = get_unit(r->logs, r->name, e);
	int rc = 0;

	if (!u)
		return -1;
	if (!answer_read(u, r->id, &q, follow))
		rc = wait_for_more(u, r->id, &q, e);
	put_unit(u);
	return rc;
}

static int op_cancel(const struct request *r, struct err *e)
{
	uint64_t id = (uint64_t)number_param(r, "id", 0, 1LL << 53, 0);
	struct logs *l = r->logs;

	(void)e;
	for (struct log_reader **link = &l->readers; *link; link = &(*link)->next)
		if ((*link)->id == id) {
			struct log_unit *u = (*link)->unit;
			cJSON *result = cJSON_CreateObject();

			cJSON_AddArrayToObject(result, "lines");
			cJSON_AddStringToObject(result, "cursor", (*link)->cursor);
			cJSON_AddBoolToObject(result, "eof", false);
			l->answers->done(l->arg, id, result);
			cJSON_Delete(result);
			drop_reader(l, link);
			put_unit(u);
			break;
		}
	done(l, r->id);
	return 0;
}

static int op_remove(const struct request *r, struct err *e)
{
	struct log_unit *u = find_unit(r->logs, r->name);

	if (u && unit_attached(u))
		return err_set(e, EBUSY, "the log of %s is being written", r->name);
	if (u)
		wake_readers(u); /* not attached: each gets its end, and with the last the unit is free to go */
	u = find_unit(r->logs, r->name);
	if (u && !unit_held(u))
		free_unit(u);
	if (logs_store_remove(r->logs->store, r->name, e) < 0)
		return -1;
	done(r->logs, r->id);
	return 0;
}

static const struct {
	const char *op;
	bool named;
	int (*run)(const struct request *r, struct err *e);
} operations[] = {
	{ "logs.attach", true, op_attach }, { "logs.detach", true, op_detach }, { "logs.read", true, op_read },
	{ "logs.cancel", false, op_cancel }, { "logs.remove", true, op_remove },
};

void logs_work(struct logs *l, uint64_t id, const char *op, const cJSON *params, const int *fds, size_t n_fds)
{
	struct request r = { .logs = l, .id = id, .params = params, .fds = fds, .n_fds = n_fds };
	struct err e = { 0 };

	r.name = text_param(&r, "name");
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(operations[i].op, op) != 0)
			continue;
		if ((operations[i].named && unit_name_check(r.name, &e) < 0) || operations[i].run(&r, &e) < 0)
			fail(l, id, e.text);
		return;
	}
	fail(l, id, "no such operation");
}

void logs_free(struct logs *l)
{
	if (!l)
		return;
	while (l->readers)
		drop_reader(l, &l->readers);
	for (struct log_unit *u = l->units, *next; u; u = next) {
		next = u->next;
		for (int i = 0; i < LOG_STREAMS; i++)
			if (u->pipes[i])
				logs_pipe_free(u->pipes[i]);
		logs_file_close(u->file);
		free(u);
	}
	logs_delivery_close(&l->delivery);
	logs_store_free(l->store);
	free(l);
}
