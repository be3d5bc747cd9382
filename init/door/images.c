/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.hull.Images. The work is done by tasks: PID 1 only hands over a descriptor, or copies an upload's chunks into a
 * pipe, each answered when the pipe took it, so that a slow task slows its client and nobody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "init/door/methods.h"
#include "init/task.h"
#include "init/units.h"

#define UPLOADS_MAX 4
#define CHUNK_MAX 40960 /* bytes, decoded */
#define IDLE_S 120 /* an upload whose client went away */
#define PIPE_BYTES (1 << 20)

/* --- List: page after page --- */

struct listing {
	struct call *call; /* NULL once the client went away */
};

static void next_page(struct listing *l, const char *after);

static void listing_cancel(struct call *c)
{
	((struct listing *)c->state)->call = NULL;
}

static void on_page(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds, const struct err *error)
{
	(void)p, (void)fds, (void)n_fds;
	struct listing *l = arg;
	struct call *c = l->call;
	const cJSON *images = result ? json_get(result, "images") : NULL;
	const cJSON *last = cJSON_GetArrayItem(images, cJSON_GetArraySize(images) - 1);
	const cJSON *after = last ? json_get(last, "reference") : NULL;
	if (c && !error && c->more && cJSON_IsString(after) && cJSON_IsTrue(json_get(result, "more"))) {
		cJSON *v = cJSON_CreateObject();
		cJSON_AddItemToObject(v, "images", cJSON_Duplicate(images, true));
		call_reply(c, v, true);
		next_page(l, after->valuestring);
		return;
	}
	free(l);
	if (!c)
		return;
	c->cancel = NULL;
	if (error) {
		call_fail(c, NULL, "%s", error->text);
		return;
	}
	cJSON *v = cJSON_CreateObject();
	cJSON_AddItemToObject(v, "images", cJSON_Duplicate(images, true));
	call_reply(c, v, false);
}

static void next_page(struct listing *l, const char *after)
{
	struct err e;
	cleanup_json cJSON *params = cJSON_CreateObject();
	if (after)
		cJSON_AddStringToObject(params, "after", after);
	if (task_start(l->call->p, "image-list", params, NULL, 0, on_page, l, &e) == 0)
		return;
	struct call *c = l->call;
	free(l);
	c->cancel = NULL;
	call_fail(c, NULL, "%s", e.text);
}

void images_list(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)p, (void)params;
	struct listing *l = calloc(1, sizeof(*l));
	if (!l) {
		call_fail(c, NULL, "out of memory");
		return;
	}
	l->call = c;
	c->state = l;
	c->cancel = listing_cancel;
	next_page(l, NULL);
}

/* --- Remove: never what a unit needs --- */

static bool contains(const cJSON *texts, const char *text)
{
	const cJSON *t;
	cJSON_ArrayForEach(t, texts)
		if (strcmp(t->valuestring, text) == 0)
			return true;
	return false;
}

void images_remove(struct pid1 *p, struct call *c, const cJSON *params)
{
	const cJSON *reference = json_get(params, "reference");
	if (!cJSON_IsString(reference)) {
		call_invalid(c, "reference");
		return;
	}
	cleanup_json cJSON *v = cJSON_CreateObject();
	cJSON_AddStringToObject(v, "reference", reference->valuestring);
	cJSON *in_use = cJSON_AddArrayToObject(v, "in_use");
	for (const struct unit *u = supervisor_first(units_supervisor(p)); u; u = u->next)
		if (!contains(in_use, u->spec.image)) /* many units, few images: it has to fit into a packet */
			cJSON_AddItemToArray(in_use, cJSON_CreateString(u->spec.image));
	method_by_task(c, "image-remove", v, NULL, 0);
}

/* --- uploads --- */

struct upload {
	struct pid1 *p;
	unsigned id;
	int pipe; /* write end; -1 once all was written */
	uint8_t *data; /* the chunk under way */
	size_t len, done;
	bool end; /* it is the last */
	struct call *call; /* of the chunk under way, or of the last one until the task answers */
	bool ended; /* the task answered */
	cJSON *result;
	struct err error;
	struct event *writable, *idle;
	struct upload *next;
};

static struct upload *uploads; /* few, by id; of no other file's concern */
static unsigned next_upload = 1, n_uploads;

static void free_upload(struct upload *u)
{
	for (struct upload **at = &uploads; *at; at = &(*at)->next)
		if (*at == u) {
			*at = u->next;
			n_uploads--;
			break;
		}
	if (u->pipe >= 0)
		close(u->pipe);
	if (u->writable)
		event_free(u->writable);
	if (u->idle)
		event_free(u->idle);
	free(u->data);
	cJSON_Delete(u->result);
	free(u);
}

/* The pipe's end tells the task that the archive is whole, or broken off. */
static void close_pipe(struct upload *u)
{
	event_del(u->writable);
	if (u->pipe >= 0)
		close(u->pipe);
	u->pipe = -1;
}

/* The task has answered and a call waits for it: the upload's end. */
static void answer(struct upload *u)
{
	struct call *c = u->call;
	if (!u->ended || !c)
		return;
	c->cancel = NULL;
	u->call = NULL;
	if (u->error.code)
		call_fail(c, NULL, "%s", u->error.text);
	else if (u->end)
		call_reply(c, cJSON_Duplicate(u->result, true), false);
	else
		call_fail(c, NULL, "the archive ended before the upload did");
	free_upload(u);
}

static void on_loaded(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds, const struct err *error)
{
	(void)p, (void)fds, (void)n_fds;
	struct upload *u = arg;
	u->ended = true;
	if (error)
		u->error = *error;
	else
		u->result = cJSON_Duplicate(result, true);
	close_pipe(u);
	answer(u);
	/* Without a call under way the next chunk, or the idle timer, finds it. */
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct upload *u = arg;
	if (u->ended && !u->call) {
		free_upload(u);
		return;
	}
	if (!u->call)
		close_pipe(u); /* the task fails, which brings us back here */
	struct timeval again = { IDLE_S, 0 };
	event_add(u->idle, &again);
}

static void chunk_cancel(struct call *c)
{
	((struct upload *)c->state)->call = NULL;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct upload *u = arg;
	while (u->done < u->len) {
		ssize_t n = write(fd, u->data + u->done, u->len - u->done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			event_add(u->writable, NULL);
			return;
		}
		if (n < 0) { /* the task is gone: its answer says why */
			close_pipe(u);
			return;
		}
		u->done += (size_t)n;
	}
	if (u->end) {
		close_pipe(u);
		return;
	}
	struct call *c = u->call;
	u->call = NULL;
	if (c) {
		c->cancel = NULL;
		call_reply(c, NULL, false);
	}
}

static int open_upload(struct pid1 *p, struct upload *u, const cJSON *params, struct err *e)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "upload");
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
	u->pipe = ends[1];
	u->writable = event_new(p->loop, ends[1], EV_WRITE, on_writable, u);
	u->idle = evtimer_new(p->loop, on_idle, u);
	int ret = u->writable && u->idle ? task_start(p, "image-load", params, &ends[0], 1, on_loaded, u, e) :
					   err_set(e, ENOMEM, "upload: out of memory");
	close(ends[0]);
	return ret;
}

void images_load(struct pid1 *p, struct call *c, const cJSON *params)
{
	struct err e;
	const cJSON *name = json_get(params, "name");
	if (name && !cJSON_IsNull(name) && !cJSON_IsString(name)) {
		call_invalid(c, "name");
		return;
	}
	if (c->n_fds == 1) {
		method_by_task(c, "image-load", params, c->fds, 1);
		return;
	}
	struct upload *u = n_uploads < UPLOADS_MAX ? calloc(1, sizeof(*u)) : NULL;
	if (!u) {
		call_fail(c, "try again when one is done", "%d uploads are under way", UPLOADS_MAX);
		return;
	}
	*u = (struct upload){ .p = p, .id = next_upload++, .pipe = -1 };
	if (open_upload(p, u, params, &e) < 0) {
		free_upload(u);
		call_fail(c, NULL, "%s", e.text);
		return;
	}
	struct timeval idle = { IDLE_S, 0 };
	event_add(u->idle, &idle);
	u->next = uploads;
	uploads = u;
	n_uploads++;
	char id[16];
	snprintf(id, sizeof(id), "%u", u->id);
	cJSON *v = cJSON_CreateObject();
	cJSON_AddStringToObject(v, "upload", id);
	call_reply(c, v, false);
}

static struct upload *find_upload(const cJSON *id)
{
	for (struct upload *u = uploads; u && cJSON_IsString(id); u = u->next) {
		char text[16];
		snprintf(text, sizeof(text), "%u", u->id);
		if (strcmp(text, id->valuestring) == 0)
			return u;
	}
	return NULL;
}

void images_load_chunk(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)p;
	const cJSON *data = json_get(params, "data");
	struct upload *u = find_upload(json_get(params, "upload"));
	if (!u || u->call || (u->pipe < 0 && !u->ended)) {
		call_invalid(c, "upload");
		return;
	}
	size_t len = 0;
	uint8_t *bytes = cJSON_IsString(data) ? base64_decode(data->valuestring, strlen(data->valuestring), &len) : NULL;
	if (!bytes || len > CHUNK_MAX) {
		free(bytes);
		call_invalid(c, "data");
		return;
	}
	free(u->data);
	u->data = bytes;
	u->len = len;
	u->done = 0;
	u->end = cJSON_IsTrue(json_get(params, "end"));
	u->call = c;
	c->state = u;
	c->cancel = chunk_cancel;
	struct timeval idle = { IDLE_S, 0 };
	event_add(u->idle, &idle);
	if (u->ended)
		answer(u);
	else
		on_writable(u->pipe, EV_WRITE, u);
}
