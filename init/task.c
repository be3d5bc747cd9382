/* SPDX-License-Identifier: Apache-2.0 */
#include "init/task.h"

#include <errno.h>
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
#include "init/cgroup.h"
#include "init/pid1.h"
#include "init/spawn.h"
#include "init/tasks.h"
#include "init/tasks/fault.h"

#define TASKS_MAX 256

/* --- the child's side --- */

static const struct task_spec *find_spec(const char *name)
{
	for (const struct task_spec *t = task_table; t->name; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

static int run_task(const struct task_spec *spec, struct task_io *io, cJSON *result, struct err *e)
{
	static char packet[TASK_RESULT_MAX + 1];
	int fds[TASK_FDS_MAX];
	size_t n_fds = TASK_FDS_MAX;
	ssize_t n = fdpass_recv(3, packet, TASK_RESULT_MAX, fds, &n_fds, 0);
	if (n <= 0)
		return err_set(e, n ? errno : EPIPE, "no parameters");
	cleanup_json cJSON *params = json_parse(packet, (size_t)n, &JSON_DOCUMENT, e);
	if (!params)
		return -1;
	io->fds = fds;
	io->n_fds = n_fds;
	task_fault(spec->name);
	if (spec->sandbox && sandbox_enter(spec->sandbox, e) < 0)
		return -1;
	return spec->run(io, params, result, e);
}

_Noreturn void task_main(const char *name)
{
	char log_name[64];
	snprintf(log_name, sizeof(log_name), "hull-%s", name);
	log_use_fd(log_name, 2, getenv("HULL_KMSG") != NULL);
	/* A task's work outlives no PID 1, but a re-exec isn't its death: no PDEATHSIG. */
	const struct task_spec *spec = find_spec(name);
	struct err e = { 0 };
	struct task_io io = { 0 };
	cleanup_json cJSON *answer = cJSON_CreateObject();
	cJSON *result = cJSON_CreateObject();
	int ret = spec ? run_task(spec, &io, result, &e) : err_set(&e, ENOENT, "no such task");
	if (ret == 0) {
		cJSON_AddItemToObject(answer, "result", result);
	} else {
		cJSON *error = cJSON_AddObjectToObject(answer, "error");
		cJSON_AddNumberToObject(error, "code", e.code);
		cJSON_AddStringToObject(error, "message", e.text);
	}
	cleanup_free char *text = json_print(answer);
	if (!text || strlen(text) > TASK_RESULT_MAX ||
	    fdpass_send(3, text, strlen(text), io.out_fds, ret == 0 ? io.n_out_fds : 0, MSG_NOSIGNAL) < 0)
		_exit(2);
	_exit(ret == 0 ? 0 : 1);
}

/* --- PID 1's side --- */

struct task {
	struct pid1 *p;
	const struct task_spec *spec;
	pid_t pid;
	int socket;
	struct event *readable, *deadline;
	task_done_fn *done;
	void *arg;
	struct task *next;
};

struct tasks {
	struct task *first;
	size_t n;
	int cgroup_fd;
};

int tasks_open(struct pid1 *p, struct err *e)
{
	p->tasks = calloc(1, sizeof(*p->tasks));
	if (!p->tasks)
		return err_sys(e, "tasks");
	p->tasks->cgroup_fd = -1;
	return 0;
}

static void close_channels(struct task *t)
{
	if (t->readable)
		event_free(t->readable);
	if (t->deadline)
		event_free(t->deadline);
	if (t->socket >= 0)
		close(t->socket);
}

/* Ends the task's part in PID 1: the callback is the last that hears of it. A process that lives on is reaped whenever
 * it ends; nothing waits for it. */
static void finish(struct task *t, const cJSON *result, const int *fds, size_t n_fds, const struct err *error)
{
	for (struct task **at = &t->p->tasks->first; *at; at = &(*at)->next)
		if (*at == t) {
			*at = t->next;
			t->p->tasks->n--;
			break;
		}
	close_channels(t);
	if (error)
		log_warn("task %s: %s", t->spec->name, error->text);
	if (t->done)
		t->done(t->p, t->arg, result, fds, n_fds, error);
	free(t);
}

static void fail(struct task *t, int code, const char *text)
{
	struct err e;
	err_set(&e, code, "%s", text);
	finish(t, NULL, NULL, 0, &e);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct task *t = arg;
	char text[96];
	snprintf(text, sizeof(text), "not done within %d ms; killed", t->spec->deadline_ms);
	if (t->pid)
		kill(t->pid, SIGKILL);
	fail(t, ETIMEDOUT, text);
}

static void take_answer(struct task *t, const char *packet, size_t len, const int *fds, size_t n_fds)
{
	struct err e = { 0 };
	cleanup_json cJSON *answer = json_parse(packet, len, &JSON_MESSAGE, &e);
	const cJSON *result = answer ? json_get(answer, "result") : NULL;
	const cJSON *error = answer ? json_get(answer, "error") : NULL;
	if (cJSON_IsObject(result)) {
		finish(t, result, fds, n_fds, NULL);
		return;
	}
	const cJSON *message = error ? json_get(error, "message") : NULL, *code = error ? json_get(error, "code") : NULL;
	err_set(&e, cJSON_IsNumber(code) ? code->valueint : EPROTO, "%s",
		cJSON_IsString(message) ? message->valuestring : "an answer that can't be read");
	finish(t, NULL, NULL, 0, &e);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct task *t = arg;
	static char packet[TASK_RESULT_MAX + 1]; /* static: PID 1's stack stays small; used by one call at a time */
	int fds[TASK_FDS_MAX];
	size_t n_fds = TASK_FDS_MAX;
	ssize_t n = fdpass_recv(fd, packet, TASK_RESULT_MAX, fds, &n_fds, MSG_DONTWAIT);
	/* Of a process that ended nothing more comes, even if another one of its making has the socket. */
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && t->pid)
		return;
	if (n <= 0) {
		fail(t, EPIPE, "ended without an answer");
		return;
	}
	take_answer(t, packet, (size_t)n, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
}

void tasks_exited(struct pid1 *p, int pid)
{
	for (struct task *t = p->tasks->first; t; t = t->next)
		if (t->pid == pid) {
			t->pid = 0; /* the number may be another's from now on */
			on_readable(t->socket, EV_READ, t);
			return;
		}
}

static int launch_task(struct task *t, const char *params, const int *fds, size_t n_fds, struct err *e)
{
	int pair[2];
	if (spawn_socketpair(pair, e) < 0)
		return -1;
	t->socket = pair[0];
	struct spawn s = { .argv = { "hull", "--task", t->spec->name }, .socket = pair[1], .stdio = { -1, -1, -1 }, .cgroup_fd = -1 };
	if (fdpass_send(pair[0], params, strlen(params), fds, n_fds, MSG_NOSIGNAL) < 0) {
		err_sys(e, "task %s: parameters", t->spec->name);
	} else {
		cleanup_close int cgroup = t->p->cgroups ? cgroup_open("hull/tasks", NULL) : -1;
		s.cgroup_fd = cgroup;
		t->pid = spawn_hull(t->p, &s, e);
	}
	close(pair[1]);
	return t->pid > 0 ? 0 : -1;
}

static int watch(struct task *t, struct err *e)
{
	struct timeval limit = { t->spec->deadline_ms / 1000, t->spec->deadline_ms % 1000 * 1000 };
	t->readable = event_new(t->p->loop, t->socket, EV_READ | EV_PERSIST, on_readable, t);
	t->deadline = evtimer_new(t->p->loop, on_deadline, t);
	if (t->readable && t->deadline && event_add(t->readable, NULL) == 0 && event_add(t->deadline, &limit) == 0)
		return 0;
	kill(t->pid, SIGKILL);
	return err_set(e, ENOMEM, "task %s: out of memory", t->spec->name);
}

int task_start(struct pid1 *p, const char *name, const cJSON *params, const int *fds, size_t n_fds, task_done_fn *done,
	       void *arg, struct err *e)
{
	const struct task_spec *spec = find_spec(name);
	if (!spec)
		return err_set(e, ENOENT, "task %s: not in the table", name);
	if (p->tasks->n >= TASKS_MAX)
		return err_set(e, EAGAIN, "task %s: %d tasks run already", name, TASKS_MAX);
	cleanup_free char *text = params ? json_print(params) : strdup("{}");
	struct task *t = calloc(1, sizeof(*t));
	if (!text || !t) {
		free(t);
		return err_set(e, ENOMEM, "task %s: out of memory", name);
	}
	*t = (struct task){ .p = p, .spec = spec, .socket = -1, .done = done, .arg = arg };
	if (launch_task(t, text, fds, n_fds, e) < 0 || watch(t, e) < 0) {
		close_channels(t);
		free(t);
		return -1;
	}
	t->next = p->tasks->first;
	p->tasks->first = t;
	p->tasks->n++;
	return 0;
}

bool tasks_running(const struct pid1 *p)
{
	return p->tasks->n > 0;
}
