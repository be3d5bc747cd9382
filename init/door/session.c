/* SPDX-License-Identifier: Apache-2.0 */
#include "init/door/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/varlink.h"
#include "init/clock.h"

#define OUT_MAX (1u << 20) /* a client that lets more pile up is dropped; streams stop far below */
#define OUT_LOW 16384u /* below this streams go on, and the next call of a connection is looked at */
#define READ_CHUNK 16384

static void close_fds(int *fds, size_t *n)
{
	while (*n)
		if (fds[--*n] >= 0)
			close(fds[*n]);
}

/* --- calls --- */

static void free_call(struct call *c)
{
	close_fds(c->fds, &c->n_fds);
	free(c);
}

/* The session's call ends without another word to its client. */
static void cancel_call(struct session *s)
{
	struct call *c = s->call;
	if (!c)
		return;
	s->call = NULL;
	if (c->cancel)
		c->cancel(c);
	free_call(c);
}

static void read_on(struct session *s)
{
	if (s->closed)
		event_del(s->closed);
	event_add(s->readable, NULL);
	event_active(s->readable, EV_READ, 0);
}

static void end_call(struct call *c)
{
	struct session *s = c->session;
	s->call = NULL;
	free_call(c);
	if (!s->in_handler)
		read_on(s); /* the next message, from the loop: no recursion */
}

static void send_text(struct session *s, char *text)
{
	if (text)
		session_write(s, text, strlen(text) + 1);
	free(text);
}

void call_reply(struct call *c, cJSON *params, bool continues)
{
	if (!c->oneway && (c->more || !continues))
		send_text(c->session, varlink_reply_text(params, continues));
	cJSON_Delete(params);
	if (!continues)
		end_call(c);
}

void call_error(struct call *c, const char *error, cJSON *params)
{
	if (!c->oneway)
		send_text(c->session, varlink_error_text(error, params));
	cJSON_Delete(params);
	end_call(c);
}

void call_fail(struct call *c, const char *hint, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX + 128];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cJSON *params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, "message", text);
	if (hint)
		cJSON_AddStringToObject(params, "hint", hint);
	call_error(c, "org.hull.Error", params);
}

void call_invalid(struct call *c, const char *parameter)
{
	cJSON *params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, "parameter", parameter);
	call_error(c, "org.varlink.service.InvalidParameter", params);
}

size_t call_backlog(const struct call *c)
{
	return evbuffer_get_length(c->session->out);
}

static void refuse(struct session *s, const char *error, const char *key, const char *value)
{
	cJSON *params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, key, value);
	send_text(s, varlink_error_text(error, params));
	cJSON_Delete(params);
}

static const struct method *find_method(const char *name)
{
	for (const struct method *m = method_table; m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

/* An interface we have with a method we lack is another error than an interface we lack. */
static void refuse_method(struct session *s, const char *name)
{
	size_t len = (size_t)(strrchr(name, '.') - name);
	for (const struct method *m = method_table; m->name; m++)
		if (strncmp(m->name, name, len + 1) == 0 && !strchr(m->name + len + 1, '.')) {
			refuse(s, "org.varlink.service.MethodNotFound", "method", name);
			return;
		}
	char interface[256];
	snprintf(interface, sizeof(interface), "%.*s", (int)len, name);
	refuse(s, "org.varlink.service.InterfaceNotFound", "interface", interface);
}

/* Not to be read: a call is being answered, or the client has not taken what it asked for. */
static bool is_busy(const struct session *s)
{
	return s->call || (!s->port && evbuffer_get_length(s->out) > OUT_LOW);
}

static bool begin_call(struct session *s, const struct method *m, const struct varlink_call *call)
{
	struct call *c = calloc(1, sizeof(*c));
	if (!c)
		return false;
	*c = (struct call){ .p = s->p, .session = s, .more = call->more, .oneway = call->oneway, .port = s->port };
	memcpy(c->fds, s->fds, sizeof(c->fds));
	c->n_fds = s->n_fds;
	s->n_fds = 0;
	s->call = c;
	s->in_handler = true;
	m->handle(s->p, c, call->parameters);
	s->in_handler = false;
	return true;
}

/* One whole message. False: what came can't be a Varlink call, and the session is to end. */
static bool take_message(struct session *s, const char *text, size_t len)
{
	struct varlink_call call;
	struct err e;
	if (varlink_call_parse(text, len, &call, &e) < 0) {
		cJSON *params = cJSON_CreateObject();
		cJSON_AddStringToObject(params, "message", e.text);
		send_text(s, varlink_error_text("org.hull.Error", params));
		cJSON_Delete(params);
		return false;
	}
	bool ok = true;
	const struct method *m = find_method(call.method);
	if (!m) {
		refuse_method(s, call.method);
	} else if ((m->flags & METHOD_MORE) && !call.more) {
		refuse(s, "org.varlink.service.ExpectedMore", "method", call.method);
	} else {
		ok = begin_call(s, m, &call);
	}
	close_fds(s->fds, &s->n_fds);
	varlink_call_free(&call);
	return ok;
}

/* --- bytes --- */

/* A lone NUL on a port: a new client is at the other end; nothing of the old one's is owed to it. */
static void reset(struct session *s)
{
	cancel_call(s);
	evbuffer_drain(s->out, evbuffer_get_length(s->out));
	session_write(s, "", 1); /* ends what was half sent */
}

/* Drops the rest of a message that was too long, up to the NUL that ends it. True once that has come. */
static bool skip_message(struct session *s)
{
	const char *end = s->in.len ? memchr(s->in.data, '\0', s->in.len) : NULL;
	buf_drop(&s->in, end ? (size_t)(end - s->in.data) + 1 : s->in.len);
	s->skipping = !end;
	return end != NULL;
}

/*
 * Handles the messages that are in; false when that ended the session. While it is busy the session is not read, except
 * a port: its client's leaving shows only in what the next one sends.
 */
static bool process(struct session *s)
{
	for (;;) {
		if (s->skipping && !skip_message(s))
			return true;
		if (s->port && s->in.len && s->in.data[0] == '\0') {
			buf_drop(&s->in, 1);
			reset(s);
			continue;
		}
		if (is_busy(s))
			return true;
		char *text;
		size_t len;
		int got = varlink_take(&s->in, &text, &len);
		if (got == 0)
			return true;
		bool ok = got > 0 && take_message(s, text, len);
		if (got > 0)
			free(text);
		if (got < 0) {
			s->skipping = s->port;
			refuse(s, "org.hull.Error", "message", "a message has at most 64 KiB");
		}
		if (!ok && !s->port) {
			/* One try to say why; then the connection ends. */
			if (evbuffer_get_length(s->out))
				evbuffer_write(s->out, s->fd);
			session_close(s);
			return false;
		}
	}
}

/* A client opens a port with two NULs: one ends what its predecessor left half said, the other asks for the new start.
 * While a call of the predecessor's is pending they are looked for here. */
static void look_for_reset(struct session *s)
{
	for (size_t i = 0; i + 1 < s->in.len; i++)
		if (s->in.data[i] == '\0' && s->in.data[i + 1] == '\0') {
			buf_drop(&s->in, i + 1);
			return;
		}
}

static ssize_t receive(struct session *s, char *chunk, size_t size)
{
	if (s->port)
		return read(s->fd, chunk, size);
	int fds[CALL_FDS_MAX];
	size_t n = CALL_FDS_MAX - s->n_fds;
	ssize_t got = fdpass_recv(s->fd, chunk, size, fds, &n, MSG_DONTWAIT);
	if (got > 0)
		for (size_t i = 0; i < n; i++)
			s->fds[s->n_fds++] = fds[i];
	return got;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct session *s = arg;
	static char chunk[READ_CHUNK];
	s->active_ms = clock_mono_ms();
	/* Whole turns are bounded, so that one client can't keep the loop to itself. */
	for (int turn = 0; turn < 8; turn++) {
		if (!is_busy(s) && !process(s)) /* what was left while it was busy */
			return;
		if (is_busy(s) && !s->port) {
			/* Only a hang-up matters now. */
			char byte;
			ssize_t n = recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
			if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
				session_close(s);
			} else if (n > 0) { /* pipelined; taken up when it is not busy any more */
				event_del(s->readable);
				event_add(s->closed, NULL);
			}
			return;
		}
		ssize_t n = receive(s, chunk, sizeof(chunk));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 && !s->port) {
			session_close(s);
			return;
		}
		if (n <= 0)
			return; /* no host at the port now; edge-triggered: an event tells when there is */
		if (buf_add(&s->in, chunk, (size_t)n) < 0) {
			if (!s->port) {
				session_close(s);
				return;
			}
			buf_drop(&s->in, s->in.len);
		}
		if (s->call)
			look_for_reset(s);
		if (!process(s))
			return;
	}
	event_active(s->readable, EV_READ, 0);
}

static void on_closed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	session_close(arg);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct session *s = arg;
	if (evbuffer_get_length(s->out) && evbuffer_write(s->out, fd) < 0 && errno != EAGAIN && errno != EINTR) {
		if (!s->port) {
			session_close(s);
			return;
		}
		evbuffer_drain(s->out, evbuffer_get_length(s->out));
	}
	if (evbuffer_get_length(s->out))
		event_add(s->writable, NULL);
	if (evbuffer_get_length(s->out) > OUT_LOW)
		return;
	if (s->call && s->call->drained)
		s->call->drained(s->call);
	else if (!s->call)
		read_on(s);
}

void session_write(struct session *s, const void *data, size_t len)
{
	if (evbuffer_get_length(s->out) + len > OUT_MAX || evbuffer_add(s->out, data, len) < 0)
		/* Never reads: a connection is hung up from the loop, a port forgets. */
		shutdown(s->fd, SHUT_RDWR);
	event_add(s->writable, NULL);
	event_add(s->readable, NULL);
}

static void free_session(struct session *s)
{
	struct event *events[] = { s->readable, s->writable, s->closed };
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (events[i])
			event_free(events[i]);
	if (s->out)
		evbuffer_free(s->out);
	buf_free(&s->in);
	free(s);
}

struct session *session_open(struct pid1 *p, int fd, bool port)
{
	struct session *s = calloc(1, sizeof(*s));
	if (s) {
		/* A port without a host is always "readable": edge-triggered, or it would spin the loop. */
		short edge = port ? EV_ET : 0;
		*s = (struct session){ .p = p, .fd = fd, .port = port, .in.max = VARLINK_MESSAGE_MAX + READ_CHUNK, .active_ms = clock_mono_ms() };
		s->out = evbuffer_new();
		s->readable = event_new(p->loop, fd, (short)(EV_READ | EV_PERSIST | edge), on_readable, s);
		s->writable = event_new(p->loop, fd, (short)(EV_WRITE | edge), on_writable, s);
		s->closed = port ? NULL : event_new(p->loop, fd, EV_CLOSED, on_closed, s);
	}
	if (!s || !s->out || !s->readable || !s->writable || (!s->closed && !port) || event_add(s->readable, NULL) < 0) {
		if (s)
			free_session(s);
		close(fd);
		return NULL;
	}
	s->next = p->door->first;
	p->door->first = s;
	p->door->n_clients += !port;
	return s;
}

void session_close(struct session *s)
{
	struct door *door = s->p->door;
	for (struct session **at = &door->first; *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			door->n_clients -= !s->port;
			break;
		}
	cancel_call(s);
	close_fds(s->fds, &s->n_fds);
	int fd = s->fd;
	free_session(s); /* its events before its descriptor */
	close(fd);
}
