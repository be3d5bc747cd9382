/* SPDX-License-Identifier: Apache-2.0 */
#include "base/role.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/varlink.h"

#define ROLE_SOCKET 3
#define PACKETS_A_TURN 16 /* then the loop looks after the role's other events */
#define QUEUE_MAX (8u << 20) /* bytes that PID 1 has not taken yet; beyond, this role is of no use any more */

/* One message that PID 1 had no room for yet. */
struct packet {
	struct packet *next;
	size_t len;
	char text[];
};

struct role {
	const struct role_ops *ops;
	void *state;
	struct event_base *base;
	struct event *readable, *writable;
	char *chunk; /* VARLINK_MESSAGE_MAX + 1 bytes: one packet */
	struct packet *first, **last; /* the queue */
	size_t queued;
};

static _Noreturn void fatal(const struct err *e)
{
	log_err("%s", e->text);
	_exit(1);
}

static void enqueue(struct role *r, const char *text, size_t len)
{
	struct packet *p = r->queued + len <= QUEUE_MAX ? malloc(sizeof(*p) + len) : NULL;
	if (!p) {
		struct err e;
		err_set(&e, ENOMEM, "PID 1 takes no answers");
		fatal(&e);
	}
	p->next = NULL;
	p->len = len;
	memcpy(p->text, text, len);
	*r->last = p;
	r->last = &p->next;
	r->queued += len;
	event_add(r->writable, NULL);
}

/* 0 sent, -1 later; the end of the connection ends the process. */
static int try_send(const char *text, size_t len)
{
	if (fdpass_send(ROLE_SOCKET, text, len, NULL, 0, MSG_DONTWAIT) == 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS)
		return -1;
	if (errno == EPIPE || errno == ECONNRESET)
		_exit(0);
	struct err e;
	err_sys(&e, "send to PID 1");
	fatal(&e);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct role *r = arg;
	while (r->first) {
		struct packet *p = r->first;
		if (try_send(p->text, p->len) < 0) {
			event_add(r->writable, NULL);
			return;
		}
		r->first = p->next;
		r->queued -= p->len;
		free(p);
	}
	r->last = &r->first;
}

/* text NULL: no memory. */
static void send_text(struct role *r, char *text)
{
	if (!text) {
		struct err e;
		err_set(&e, ENOMEM, "out of memory");
		fatal(&e);
	}
	size_t len = strlen(text);
	if (r->first || try_send(text, len) < 0)
		enqueue(r, text, len);
	free(text);
}

static char *done_text(uint64_t id, const cJSON *result, const cJSON *error)
{
	cleanup_json cJSON *p = cJSON_CreateObject(), *empty = cJSON_CreateObject();
	if (!p || !empty || !cJSON_AddNumberToObject(p, "id", (double)id))
		return NULL;
	const cJSON *value = error ? error : result ? result : empty;
	if (!cJSON_AddItemReferenceToObject(p, error ? "error" : "result", (cJSON *)value))
		return NULL;
	return varlink_call_text("org.hull.Role.Done", p, false, true);
}

void role_done(struct role *r, uint64_t id, const cJSON *result)
{
	char *text = done_text(id, result, NULL);
	if (text && strlen(text) > VARLINK_MESSAGE_MAX) {
		free(text);
		role_fail(r, id, "org.hull.Role.TooLarge", "the answer has more than 64 KiB");
		return;
	}
	send_text(r, text);
}

void role_fail(struct role *r, uint64_t id, const char *error, const char *message)
{
	char cut[4096];
	size_t len = strnlen(message, sizeof(cut) - 1);
	memcpy(cut, message, len);
	cut[len] = '\0';
	cleanup_json cJSON *e = cJSON_CreateObject();
	if (!e || !cJSON_AddStringToObject(e, "name", error) || !cJSON_AddStringToObject(e, "message", cut))
		send_text(r, NULL);
	send_text(r, done_text(id, NULL, e));
}

void role_call(struct role *r, const char *method, const cJSON *parameters)
{
	char *text = varlink_call_text(method, parameters, false, true);
	if (text && strlen(text) > VARLINK_MESSAGE_MAX) {
		log_err("a call of %s with more than 64 KiB was dropped", method);
		free(text);
		return;
	}
	send_text(r, text);
}

struct work {
	int64_t id;
	const char *op;
	const cJSON *params;
};

static const struct json_field work_fields[] = {
	{ .key = "id",
	  .type = JSON_INT,
	  .offset = offsetof(struct work, id),
	  .required = true,
	  .min = 1,
	  .max = INT64_C(1) << 53 },
	{ .key = "op", .type = JSON_STRING, .offset = offsetof(struct work, op), .required = true, .max = 64 },
	{ .key = "params", .type = JSON_OBJECT, .offset = offsetof(struct work, params) },
};

/* A reply to our Work call. */
static int take_work(struct role *r, const char *text, size_t len, const int *fds, size_t n_fds, struct err *e)
{
	struct varlink_reply reply;
	if (varlink_reply_parse(text, len, &reply, e) < 0)
		return -1;
	if (reply.error) {
		err_set(e, EREMOTEIO, "PID 1 refused the call for work: %s", reply.error);
		varlink_reply_free(&reply);
		return -1;
	}
	if (!reply.continues) /* the last reply: there will be no more work */
		_exit(0);
	struct work w = { 0 };
	cleanup_json cJSON *none = NULL;
	int result = json_read(reply.parameters, work_fields, sizeof(work_fields) / sizeof(work_fields[0]), 0, "work",
			       &w, e);
	if (result == 0 && !w.params && !(w.params = none = cJSON_CreateObject()))
		result = err_set(e, ENOMEM, "out of memory");
	if (result == 0)
		r->ops->work(r, r->state, (uint64_t)w.id, w.op, w.params, fds, n_fds);
	varlink_reply_free(&reply);
	return result;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct role *r = arg;
	struct err e;
	for (int i = 0; i < PACKETS_A_TURN; i++) {
		int fds[FDPASS_MAX];
		size_t n_fds = FDPASS_MAX;
		ssize_t n = fdpass_recv(fd, r->chunk, VARLINK_MESSAGE_MAX, fds, &n_fds, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			_exit(0); /* PID 1 wants us to end, or has ended */
		if (n < 0) {
			err_sys(&e, "receive from PID 1");
			fatal(&e);
		}
		int result = take_work(r, r->chunk, (size_t)n, fds, n_fds, &e);
		for (size_t k = 0; k < n_fds; k++)
			close(fds[k]);
		if (result < 0)
			fatal(&e);
	}
}

/* Everything before the sandbox. */
static int open_role(struct role *r, struct err *e)
{
	/* Not from the environment, and no signals: PID 1 ends a role by closing the socket, or by SIGKILL. */
	struct event_config *config = event_config_new();
	if (config) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
		r->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	r->chunk = malloc(VARLINK_MESSAGE_MAX + 1);
	if (!r->base || !r->chunk)
		return err_set(e, ENOMEM, "out of memory");
	r->readable = event_new(r->base, ROLE_SOCKET, EV_READ | EV_PERSIST, on_readable, r);
	r->writable = event_new(r->base, ROLE_SOCKET, EV_WRITE, on_writable, r);
	if (!r->readable || !r->writable || event_add(r->readable, NULL) < 0)
		return err_set(e, ENOMEM, "out of memory");
	if (fcntl(ROLE_SOCKET, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(e, "no socket to PID 1 on descriptor %d", ROLE_SOCKET);
	return r->ops->acquire ? r->ops->acquire(r, r->state, e) : 0;
}

void role_run(const struct role_ops *ops, const struct sandbox *sandbox, void *state)
{
	/* Lives as long as the process; not on the stack, so that a leak checker sees what hangs off it. */
	static struct role role;
	struct role *r = &role;
	static char name[40];
	struct err e;
	*r = (struct role){ .ops = ops, .state = state, .last = &r->first };
	snprintf(name, sizeof(name), "hull-%s", ops->name);
	log_open(name, false); /* stderr, or the /dev/kmsg that PID 1 put there */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (open_role(r, &e) < 0 || (sandbox && sandbox_enter(sandbox, &e) < 0))
		fatal(&e);
	malloc_trim(0); /* building the filter took memory that isn't needed again */
	if (ops->start && ops->start(r, state, &e) < 0)
		fatal(&e);
	send_text(r, varlink_call_text("org.hull.Role.Work", NULL, true, false));
	event_base_dispatch(r->base);
	err_set(&e, EIO, "the event loop ended");
	fatal(&e);
}

struct event_base *role_base(struct role *r)
{
	return r->base;
}
