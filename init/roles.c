/* SPDX-License-Identifier: Apache-2.0 */
#include "init/roles.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/varlink.h"
#include "init/cgroup.h"
#include "init/child.h"
#include "init/clock.h"
#include "init/inherited.h"
#include "init/role_table.h"
#include "init/snapshot.h"
#include "init/spawn.h"

#define WORK_MAX 8192 /* unanswered pieces of work a role: two pipes of each unit, and what clients ask */
#define WORK_FDS_MAX 4
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 30000
#define LISTEN_MS 30000 /* a role that has not called for work by then never will */
#define BACKOFF_RESET_MS 10000 /* a role that ran this long starts again at once */

struct work {
	uint64_t id;
	char *op;
	cJSON *params;
	int fds[WORK_FDS_MAX];
	size_t n_fds;
	bool sent;
	role_answer_fn *answer; /* NULL: nobody listens (any more) */
	void *arg;
	struct work *next;
};

struct role_process {
	struct pid1 *p;
	enum role_id id;
	bool wanted;
	pid_t pid; /* 0: not running */
	int socket; /* not CLOEXEC: it lives on over a re-exec; -1 */
	bool listening; /* its Work call has come */
	unsigned restarts, backoff_ms;
	int64_t started_ms;
	struct event *readable, *writable, *retry;
	struct work *first, **last;
	size_t n_work;
};

struct roles {
	uint64_t next_id;
	struct role_process role[ROLE_COUNT];
};

const char *roles_name(enum role_id id)
{
	return role_table[id].name;
}

static void record(struct role_process *r)
{
	cleanup_json cJSON *v = cJSON_CreateObject();
	char key[64];
	snprintf(key, sizeof(key), "role/%s", roles_name(r->id));
	cJSON_AddNumberToObject(v, "pid", r->pid);
	cJSON_AddNumberToObject(v, "fd", r->socket);
	cJSON_AddBoolToObject(v, "wanted", r->wanted);
	cJSON_AddBoolToObject(v, "listening", r->listening);
	cJSON_AddNumberToObject(v, "restarts", r->restarts);
	cJSON_AddNumberToObject(v, "started_ms", (double)r->started_ms);
	struct err e;
	if (snapshot_put(r->p->snapshot, key, v, &e) < 0)
		log_err("%s", e.text);
}

/* --- work --- */

static void free_work(struct work *w)
{
	for (size_t i = 0; i < w->n_fds; i++)
		close(w->fds[i]);
	free(w->op);
	cJSON_Delete(w->params);
	free(w);
}

static bool has_unsent(const struct role_process *r)
{
	for (const struct work *w = r->first; w; w = w->next)
		if (!w->sent)
			return true;
	return false;
}

static void unlink_work(struct role_process *r, struct work **at)
{
	struct work *w = *at;
	*at = w->next;
	if (!w->next)
		r->last = at;
	r->n_work--;
}

static char *work_text(const struct work *w)
{
	cleanup_json cJSON *v = cJSON_CreateObject();
	cJSON_AddNumberToObject(v, "id", (double)w->id);
	cJSON_AddStringToObject(v, "op", w->op);
	cJSON_AddItemReferenceToObject(v, "params", w->params);
	return varlink_reply_text(v, true);
}

/* Sends what is not yet sent, as far as the socket takes it. */
static void pump(struct role_process *r)
{
	if (r->socket < 0 || !r->listening)
		return;
	for (struct work *w = r->first; w; w = w->next) {
		if (w->sent)
			continue;
		cleanup_free char *text = work_text(w);
		if (!text)
			return;
		if (fdpass_send(r->socket, text, strlen(text), w->fds, w->n_fds, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno == EAGAIN || errno == ENOBUFS)
				event_add(r->writable, NULL);
			return;
		}
		w->sent = true;
	}
}

uint64_t roles_work(struct pid1 *p, enum role_id id, const char *op, const cJSON *params, const int *fds, size_t n_fds,
		    role_answer_fn *answer, void *arg)
{
	struct role_process *r = &p->roles->role[id];
	if (r->n_work >= WORK_MAX || n_fds > WORK_FDS_MAX)
		return 0;
	struct work *w = calloc(1, sizeof(*w));
	if (!w)
		return 0;
	w->op = strdup(op);
	w->params = params ? cJSON_Duplicate(params, true) : cJSON_CreateObject();
	for (; w->n_fds < n_fds; w->n_fds++)
		if ((w->fds[w->n_fds] = fcntl(fds[w->n_fds], F_DUPFD_CLOEXEC, 3)) < 0)
			break;
	if (!w->op || !w->params || w->n_fds < n_fds) {
		free_work(w);
		return 0;
	}
	w->id = p->roles->next_id++;
	w->answer = answer;
	w->arg = arg;
	*r->last = w;
	r->last = &w->next;
	r->n_work++;
	pump(r);
	return w->id;
}

void roles_forget(struct pid1 *p, uint64_t work_id)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		for (struct work *w = p->roles->role[i].first; w; w = w->next)
			if (w->id == work_id)
				w->answer = NULL;
}

/* --- what roles say --- */

/* False: it was no answer. */
static bool take_done(struct role_process *r, const cJSON *params)
{
	const cJSON *id = json_get(params, "id"), *error = json_get(params, "error");
	if (!cJSON_IsNumber(id) || (error && !cJSON_IsObject(error)))
		return false;
	for (struct work **at = &r->first; *at; at = &(*at)->next) {
		struct work *w = *at;
		if ((double)w->id != id->valuedouble)
			continue;
		unlink_work(r, at);
		const cJSON *name = error ? json_get(error, "name") : NULL, *message = error ? json_get(error, "message") : NULL;
		if (w->answer)
			w->answer(r->p, w->arg, json_get(params, "result"),
				  error ? (cJSON_IsString(name) ? name->valuestring : "org.hull.Error") : NULL,
				  cJSON_IsString(message) ? message->valuestring : "");
		free_work(w);
		if (has_unsent(r)) /* a failure that was no full buffer is tried again here */
			pump(r);
		return true;
	}
	return true; /* asked before a re-exec of PID 1: nobody waits for it any more */
}

/* In a fixed order: who, how big, what. False ends the role. */
static bool take_call(struct role_process *r, const char *text, size_t len)
{
	struct varlink_call call;
	struct err e;
	if (varlink_call_parse(text, len, &call, &e) < 0) {
		log_err("role %s: %s", roles_name(r->id), e.text);
		return false;
	}
	bool ok = false;
	if (strcmp(call.method, "org.hull.Role.Work") == 0 && call.more && !r->listening) {
		r->listening = true;
		event_del(r->retry);
		record(r);
		pump(r);
		if (role_table[r->id].started)
			role_table[r->id].started(r->p);
		ok = true;
	} else if (strcmp(call.method, "org.hull.Role.Done") == 0) {
		ok = take_done(r, call.parameters);
	} else {
		for (const struct role_request *q = role_table[r->id].requests; q && q->method; q++)
			if (strcmp(q->method, call.method) == 0)
				ok = len <= q->max_bytes && q->handle(r->p, r->id, call.parameters);
	}
	if (!ok)
		log_err("role %s: may not call %s so", roles_name(r->id), call.method);
	varlink_call_free(&call);
	return ok;
}

/* Recorded before the number of the socket may become another's. */
static void hang_up(struct role_process *r)
{
	int socket = r->socket;
	if (r->readable)
		event_free(r->readable);
	if (r->writable)
		event_free(r->writable);
	r->readable = r->writable = NULL;
	r->socket = -1;
	r->listening = false;
	if (socket < 0)
		return;
	record(r);
	close(socket);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct role_process *r = arg;
	static char packet[VARLINK_MESSAGE_MAX + 1];
	/* A few packets a turn: a chatty role must not keep the loop to itself. */
	for (int i = 0; i < 16; i++) {
		size_t n_fds = 0;
		ssize_t n = fdpass_recv(fd, packet, VARLINK_MESSAGE_MAX, NULL, &n_fds, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || !take_call(r, packet, (size_t)n)) {
			hang_up(r);
			if (r->pid)
				kill(r->pid, SIGKILL); /* its exit brings the restart */
			return;
		}
		if (r->socket < 0)
			return;
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	pump(arg);
}

/* --- processes --- */

/* Without memory for it the role is ended, and starts again in a while. */
static void watch(struct role_process *r)
{
	struct timeval limit = { LISTEN_MS / 1000, 0 };
	r->readable = event_new(r->p->loop, r->socket, EV_READ | EV_PERSIST, on_readable, r);
	r->writable = event_new(r->p->loop, r->socket, EV_WRITE, on_writable, r);
	if (!r->readable || !r->writable || event_add(r->readable, NULL) < 0) {
		hang_up(r);
		kill(r->pid, SIGKILL);
	} else if (!r->listening) {
		event_add(r->retry, &limit);
	}
}

static int spawn_role(struct role_process *r, struct err *e)
{
	int pair[2];
	char group[64];
	if (spawn_socketpair(pair, e) < 0)
		return -1;
	snprintf(group, sizeof(group), "hull/roles/%s", roles_name(r->id));
	cleanup_close int cgroup = r->p->cgroups ? cgroup_open(group, NULL) : -1;
	struct spawn s = { .argv = { "hull", "--role", roles_name(r->id) }, .socket = pair[1], .stdio = { -1, -1, -1 }, .cgroup_fd = cgroup };
	r->pid = spawn_hull(r->p, &s, e);
	close(pair[1]);
	if (r->pid < 0) {
		r->pid = 0;
		close(pair[0]);
		return -1;
	}
	fcntl(pair[0], F_SETFD, 0);
	r->socket = pair[0];
	r->started_ms = clock_mono_ms();
	watch(r);
	return 0;
}

static void retry_later(struct role_process *r)
{
	struct timeval delay = { r->backoff_ms / 1000, r->backoff_ms % 1000 * 1000 };
	event_add(r->retry, &delay);
	r->backoff_ms = r->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : r->backoff_ms * 2;
}

static void start(struct role_process *r)
{
	struct err e;
	if (r->pid || !r->wanted)
		return;
	if (spawn_role(r, &e) < 0) {
		log_err("role %s: %s", roles_name(r->id), e.text);
		retry_later(r);
	}
	record(r);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct role_process *r = arg;
	if (!r->pid) {
		start(r);
	} else if (!r->listening) {
		log_err("role %s: has not called for work within %d s; killed", roles_name(r->id), LISTEN_MS / 1000);
		kill(r->pid, SIGKILL);
	}
}

bool roles_exited(struct pid1 *p, int pid, int status)
{
	for (int i = 0; i < ROLE_COUNT; i++) {
		struct role_process *r = &p->roles->role[i];
		if (r->pid != pid)
			continue;
		r->pid = 0;
		if (r->socket >= 0)
			on_readable(r->socket, EV_READ, r); /* what it said last */
		hang_up(r);
		for (struct work *w = r->first; w; w = w->next)
			w->sent = false;
		if (!r->wanted) {
			event_del(r->retry);
			record(r);
			return true;
		}
		int64_t ran = clock_mono_ms() - r->started_ms;
		if (ran >= BACKOFF_RESET_MS || !r->backoff_ms)
			r->backoff_ms = BACKOFF_FIRST_MS;
		log_warn("role %s ended with status %d after %lld ms; starts again in %u ms", roles_name(r->id), status, (long long)ran,
			 r->backoff_ms);
		r->restarts++;
		record(r);
		retry_later(r);
		return true;
	}
	return false;
}

static double number(const cJSON *v, const char *key, double max)
{
	const cJSON *n = json_get(v, key);
	return cJSON_IsNumber(n) && n->valuedouble >= 0 && n->valuedouble <= max ? n->valuedouble : 0;
}

/* Takes a role up as the image before left it: the process runs on, its socket is here. */
static void resume_role(struct role_process *r)
{
	char key[64];
	snprintf(key, sizeof(key), "role/%s", roles_name(r->id));
	cleanup_json cJSON *v = snapshot_get(r->p->snapshot, key);
	if (!v)
		return;
	r->wanted = cJSON_IsTrue(json_get(v, "wanted"));
	r->restarts = (unsigned)number(v, "restarts", UINT32_MAX);
	r->started_ms = (int64_t)number(v, "started_ms", 1e15);
	int pid = (int)number(v, "pid", INT32_MAX);
	r->pid = child_is_ours(pid) ? pid : 0; /* one that ended meanwhile is a zombie, and is reaped as ours */
	r->socket = inherited_take(r->p, (int)number(v, "fd", INT32_MAX));
	r->listening = r->socket >= 0 && cJSON_IsTrue(json_get(v, "listening"));
	if (!r->pid) {
		hang_up(r);
		start(r);
	} else if (r->socket >= 0) {
		watch(r);
	} else {
		kill(r->pid, SIGKILL); /* nobody can talk to it any more; its exit brings the next */
	}
}

int roles_open(struct pid1 *p, struct err *e)
{
	p->roles = calloc(1, sizeof(*p->roles));
	if (!p->roles)
		return err_sys(e, "roles");
	/* Ids of work must not come again after a re-exec: an old answer would be taken for a new one. */
	cleanup_json cJSON *old = snapshot_get(p->snapshot, "roles");
	double epoch = old ? number(old, "epoch", 1 << 20) + 1 : 1; /* ids stay below 2^53 */
	cleanup_json cJSON *now = cJSON_CreateObject();
	cJSON_AddNumberToObject(now, "epoch", epoch);
	if (snapshot_put(p->snapshot, "roles", now, e) < 0)
		return -1;
	p->roles->next_id = ((uint64_t)epoch << 32) + 1;
	for (int i = 0; i < ROLE_COUNT; i++) {
		struct role_process *r = &p->roles->role[i];
		*r = (struct role_process){ .p = p, .id = (enum role_id)i, .socket = -1, .backoff_ms = BACKOFF_FIRST_MS, .last = &r->first };
		r->retry = evtimer_new(p->loop, on_retry, r);
		if (!r->retry)
			return err_set(e, ENOMEM, "roles: out of memory");
	}
	if (p->resumed)
		for (int i = 0; i < ROLE_COUNT; i++)
			resume_role(&p->roles->role[i]);
	return 0;
}

void roles_resumed(struct pid1 *p)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (p->roles->role[i].listening && role_table[i].started)
			role_table[i].started(p);
}

void roles_start(struct pid1 *p, enum role_id id)
{
	p->roles->role[id].wanted = true;
	start(&p->roles->role[id]);
}

void roles_stop_all(struct pid1 *p)
{
	for (int i = 0; i < ROLE_COUNT; i++) {
		struct role_process *r = &p->roles->role[i];
		r->wanted = false;
		event_del(r->retry);
		/* The end of its socket tells a role to finish what it has and exit. */
		if (r->socket >= 0)
			shutdown(r->socket, SHUT_WR);
		record(r);
	}
}

bool roles_running(const struct pid1 *p)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (p->roles->role[i].pid)
			return true;
	return false;
}

cJSON *roles_info(const struct pid1 *p)
{
	cJSON *all = cJSON_CreateArray();
	for (int i = 0; i < ROLE_COUNT; i++) {
		const struct role_process *r = &p->roles->role[i];
		cJSON *v = cJSON_CreateObject();
		cJSON_AddStringToObject(v, "name", roles_name(r->id));
		cJSON_AddNumberToObject(v, "pid", r->pid);
		cJSON_AddStringToObject(v, "state", r->pid ? (r->listening ? "running" : "starting") : r->wanted ? "waiting" : "stopped");
		cJSON_AddNumberToObject(v, "restarts", r->restarts);
		cJSON_AddNumberToObject(v, "uid", role_table[i].sandbox->uid);
		cJSON_AddItemToArray(all, v);
	}
	return all;
}
