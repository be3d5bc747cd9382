/* SPDX-License-Identifier: Apache-2.0 */
#include "init/units.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "init/cgroup.h"
#include "init/clock.h"
#include "init/fault.h"
#include "init/process.h"
#include "init/roles.h"
#include "init/snapshot.h"
#include "init/task.h"

#define LINGER_S 60 /* an attached --rm unit whose client never came back */
#define ATTACH_RETRY_S 2
#define LOAD_TRIES 3
#define LOAD_RETRY_S 2
#define UNIT_RECORD_MAX 65536 /* bytes of a unit as the task answers it */

struct units {
	struct supervisor *supervisor;
	struct units_watch *watches;
	struct event *attach; /* offers the logs role the pipes again */
	struct event *again; /* reads the unit files again */
	unsigned load_tries;
	struct event *sweep; /* removes --rm units from the loop, not from within the supervisor */
	void (*stopped)(struct pid1 *p); /* shutdown waits for it */
	void (*loaded)(struct pid1 *p);
	struct pid1 *p;
};

struct supervisor *units_supervisor(const struct pid1 *p)
{
	return p->units->supervisor;
}

static void random_hex(char *out, size_t digits)
{
	uint8_t bytes[16];
	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != sizeof(bytes)) {
		/* Before the pool is ready at early boot: unique is all that is asked of an id. */
		int64_t t = clock_read_ms(CLOCK_BOOTTIME) * 1000003 + clock_wall_ms();
		memcpy(bytes, &t, sizeof(t));
		memcpy(bytes + 8, &t, sizeof(t));
	}
	for (size_t i = 0; i < digits; i++)
		out[i] = "0123456789abcdef"[bytes[i / 2] >> (i % 2 * 4) & 15];
	out[digits] = '\0';
}

cJSON *units_describe(const struct unit *u)
{
	cJSON *v = cJSON_CreateObject();
	cJSON_AddStringToObject(v, "name", u->spec.name);
	cJSON_AddStringToObject(v, "project", u->spec.project);
	cJSON_AddStringToObject(v, "service", u->spec.service);
	cJSON_AddStringToObject(v, "image", u->spec.image);
	cJSON_AddStringToObject(v, "state", unit_state_name(u->state));
	cJSON_AddNumberToObject(v, "pid", u->pid);
	if (u->exit_status >= 0)
		cJSON_AddNumberToObject(v, "exit_status", u->exit_status);
	else
		cJSON_AddNullToObject(v, "exit_status");
	cJSON_AddNumberToObject(v, "restarts", u->restarts);
	cJSON_AddNumberToObject(v, "started_ms", (double)u->started_ms);
	cJSON_AddNumberToObject(v, "ended_ms", (double)u->ended_ms);
	cJSON_AddStringToObject(v, "reason", u->reason);
	return v;
}

bool units_ended(const struct unit *u)
{
	return u->state == UNIT_EXITED || u->state == UNIT_FAILED || u->state == UNIT_INACTIVE;
}

/* Attaching twice is no harm. */
void units_attach_logs(struct pid1 *p)
{
	for (struct unit *u = supervisor_first(p->units->supervisor); u; u = u->next)
		process_attach_logs(u->glue);
}

static void on_attach(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	units_attach_logs(arg);
}

void units_attach_later(struct pid1 *p)
{
	struct timeval delay = { ATTACH_RETRY_S, 0 };
	if (evtimer_pending(p->units->attach, NULL))
		return;
	log_warn("logs: pipes are attached later: the role has too much to do, or there are no descriptors");
	evtimer_add(p->units->attach, &delay);
}

/* --- the supervisor's other hands --- */

static int op_signal(void *arg, struct unit *u, int sig)
{
	(void)arg;
	return process_signal(u->glue, sig);
}

static int op_kill_all(void *arg, struct unit *u)
{
	(void)arg;
	process_kill_all(u->glue);
	return 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct process *g = arg;
	supervisor_timer(units_supervisor(g->p), g->unit);
}

static struct process *glue(struct pid1 *p, struct unit *u)
{
	if (u->glue)
		return u->glue;
	struct process *g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	*g = (struct process){ .p = p, .unit = u, .report = -1, .output = { -1, -1 } };
	g->timer = evtimer_new(p->loop, on_timer, g);
	if (!g->timer) {
		free(g);
		return NULL;
	}
	random_hex(g->id, CONTAINER_ID_HEX);
	u->glue = g;
	return g;
}

static int op_launch(void *arg, struct unit *u, struct err *e)
{
	struct process *g = glue(arg, u);
	return g ? process_launch(g, e) : err_set(e, ENOMEM, "out of memory");
}

static void op_timer(void *arg, struct unit *u, int64_t delay_ms)
{
	struct process *g = glue(arg, u);
	if (!g)
		return;
	event_del(g->timer);
	if (delay_ms < 0)
		return;
	struct timeval delay = { delay_ms / 1000, delay_ms % 1000 * 1000 };
	event_add(g->timer, &delay);
}

static void tell_watches(struct units *us, struct unit *u, bool removed)
{
	for (struct units_watch *w = us->watches, *next; w; w = next) {
		next = w->next;
		w->changed(w, u, removed);
	}
}

static void sweep_soon(struct units *us, int seconds)
{
	struct timeval delay = { seconds, 0 };
	if (seconds == 0 || !evtimer_pending(us->sweep, NULL))
		event_add(us->sweep, &delay);
}

static void op_changed(void *arg, struct unit *u)
{
	struct pid1 *p = arg;
	struct units *us = p->units;
	struct process *g = glue(p, u);
	if (!g)
		return;
	FAULT(unit_state_name(u->state));
	process_record(u);
	FAULT("recorded");
	if (u->spec.remove && units_ended(u) && u->exit_status >= 0) {
		if (g->attached && !g->linger_until_ms)
			g->linger_until_ms = clock_mono_ms() + LINGER_S * 1000;
		sweep_soon(us, g->attached ? LINGER_S + 1 : 0);
	}
	tell_watches(us, u, false);
	if (us->stopped && supervisor_idle(us->supervisor)) {
		void (*done)(struct pid1 *) = us->stopped;
		us->stopped = NULL;
		done(p);
	}
}

void units_forget_logs(struct pid1 *p, const char *name)
{
	cleanup_json cJSON *params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, "name", name);
	roles_work(p, ROLE_LOGS, "logs.remove", params, NULL, 0, NULL, NULL);
}

static void op_removed(void *arg, struct unit *u)
{
	struct pid1 *p = arg;
	struct process *g = u->glue;
	char key[UNIT_NAME_MAX + 8], path[128];
	tell_watches(p->units, u, true);
	snprintf(key, sizeof(key), "unit/%s", u->spec.name);
	snapshot_delete(p->snapshot, key);
	process_group(u, path);
	if (p->cgroups)
		cgroup_remove(path, NULL);
	units_forget_logs(p, u->spec.name);
	if (!g)
		return;
	cleanup_json cJSON *sweep = cJSON_CreateObject();
	cJSON_AddStringToObject(sweep, "id", g->id);
	struct err e;
	if (task_start(p, "container-remove", sweep, NULL, 0, NULL, NULL, &e) < 0)
		log_warn("%s", e.text); /* the sweep at the next boot finds it */
	process_close(g);
	event_free(g->timer);
	free(g);
	u->glue = NULL;
}

static int64_t op_mono(void *arg)
{
	(void)arg;
	return clock_mono_ms();
}

static int64_t op_wall(void *arg)
{
	(void)arg;
	return clock_wall_ms();
}

static uint32_t op_random(void *arg)
{
	(void)arg;
	uint32_t v = 0;
	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) != sizeof(v))
		v = (uint32_t)clock_read_ms(CLOCK_BOOTTIME) * 2654435761u;
	return v;
}

static const struct supervisor_ops ops = {
	.launch = op_launch,
	.signal = op_signal,
	.kill_all = op_kill_all,
	.timer = op_timer,
	.changed = op_changed,
	.removed = op_removed,
	.now_mono_ms = op_mono,
	.now_wall_ms = op_wall,
	.random = op_random,
};

/* --- exits --- */

bool units_exited(struct pid1 *p, int pid, int exit_status)
{
	struct unit *u = supervisor_find_pid(p->units->supervisor, pid);
	if (!u && p->resumed)
		u = process_find_by_cgroup(p, pid);
	if (!u)
		return false;
	struct process *g = u->glue;
	bool ran = process_ended(g);
	if (u->state == UNIT_STARTING && !ran)
		supervisor_launch_failed(p->units->supervisor, u, g->failure[0] ? g->failure : "the launcher died", exit_status);
	else
		supervisor_exited(p->units->supervisor, u, exit_status);
	FAULT("exit-recorded");
	return true;
}

/* --- start, resume, load, stop --- */

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct units *us = arg;
	for (struct unit *u = supervisor_first(us->supervisor), *next; u; u = next) {
		next = u->next;
		struct process *g = u->glue;
		bool lingers = g && g->attached && g->linger_until_ms > clock_mono_ms();
		if (u->spec.remove && units_ended(u) && u->exit_status >= 0 && !lingers)
			supervisor_remove(us->supervisor, u, NULL);
	}
}

static void resume_unit(void *arg, const char *key, const cJSON *v)
{
	struct pid1 *p = arg;
	struct err e;
	struct unit *u = supervisor_unit_restore(p->units->supervisor, json_get(v, "unit"), &e);
	struct process *g = u ? glue(p, u) : NULL;
	if (!g) {
		log_err("%s is lost: %s", key, u ? "out of memory" : e.text);
		if (u)
			abort(); /* another image has better chances, and no unit is without its process */
		return;
	}
	process_restore(g, v);
}

void units_reconcile(struct pid1 *p)
{
	for (struct unit *u = supervisor_first(p->units->supervisor), *next; u; u = next) {
		next = u->next;
		process_reconcile(u->glue);
		/* Added and wanted, but the crash came before its start. */
		if (u->state == UNIT_INACTIVE && u->wanted)
			supervisor_start(p->units->supervisor, u, NULL);
	}
	if (supervisor_first(p->units->supervisor))
		sweep_soon(p->units, LINGER_S + 1);
}

static void on_again(evutil_socket_t fd, short what, void *arg);

int units_open(struct pid1 *p, struct err *e)
{
	struct units *us = calloc(1, sizeof(*us));
	if (!us)
		return err_sys(e, "units");
	p->units = us;
	us->p = p;
	us->sweep = evtimer_new(p->loop, on_sweep, us);
	us->supervisor = supervisor_new(&ops, p);
	us->again = evtimer_new(p->loop, on_again, p);
	us->attach = evtimer_new(p->loop, on_attach, p);
	if (!us->supervisor || !us->sweep || !us->again || !us->attach)
		return err_set(e, ENOMEM, "units: out of memory");
	if (p->resumed)
		snapshot_each(p->snapshot, "unit/", resume_unit, p);
	return 0;
}

void units_make_name(const struct pid1 *p, const char *image, char name[UNIT_NAME_MAX + 1])
{
	const char *base = strrchr(image, '/');
	base = base ? base + 1 : image;
	int n = (int)strcspn(base, ":@");
	char digits[7];
	do {
		random_hex(digits, 6);
		snprintf(name, UNIT_NAME_MAX + 1, "%.*s-%s", n > 40 ? 40 : n, base, digits);
	} while (supervisor_find(p->units->supervisor, name));
}

struct unit *units_run(struct pid1 *p, struct unit_spec *spec, bool attached, struct err *e)
{
	struct unit *u = supervisor_add(p->units->supervisor, spec, e);
	if (!u)
		return NULL;
	struct process *g = glue(p, u);
	if (!g) {
		err_set(e, ENOMEM, "out of memory");
		supervisor_remove(p->units->supervisor, u, NULL);
		return NULL;
	}
	g->attached = attached;
	u->wanted = true; /* recorded before its start: see units_reconcile */
	process_record(u);
	if (supervisor_start(p->units->supervisor, u, e) == 0)
		return u;
	supervisor_remove(p->units->supervisor, u, NULL);
	return NULL;
}

void units_waited(struct pid1 *p, struct unit *u)
{
	struct process *g = u->glue;
	if (!u->spec.remove)
		return;
	g->attached = false;
	sweep_soon(p->units, 0);
}

static void add_record(struct pid1 *p, const char *text, size_t len)
{
	struct err e = { 0 };
	struct unit_spec spec = { 0 };
	cleanup_json cJSON *v = json_parse(text, len, &JSON_MESSAGE, &e);
	if (!v || unit_spec_from_json(v, &spec, &e) < 0) {
		log_err("unit: %s", e.text);
		return;
	}
	if (supervisor_find(p->units->supervisor, spec.name))
		unit_spec_free(&spec); /* it runs already: a resumed load */
	else if (!units_run(p, &spec, false, &e)) {
		log_err("unit %s: %s", spec.name, e.text);
		unit_spec_free(&spec);
	}
}

/* No process for the task, or a disk that is slow to wake: it may pass, and without units the machine is of no use. */
static void load_again(struct pid1 *p)
{
	struct timeval delay = { LOAD_RETRY_S, 0 };
	if (p->shutting_down)
		return;
	if (++p->units->load_tries < LOAD_TRIES)
		evtimer_add(p->units->again, &delay);
	else
		p->units->loaded(p);
}

static void on_loaded(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds, const struct err *error)
{
	(void)arg;
	const cJSON *text, *errors = result ? json_get(result, "errors") : NULL, *notes = result ? json_get(result, "notes") : NULL;
	cJSON_ArrayForEach(text, errors)
		if (cJSON_IsString(text))
			log_err("%s", text->valuestring);
	cJSON_ArrayForEach(text, notes)
		if (cJSON_IsString(text))
			log_info("%s", text->valuestring);
	/* A memfd of the task: records ended by NUL, read piece by piece. */
	cleanup_free char *record_text = malloc(UNIT_RECORD_MAX);
	off_t at = 0;
	while (!error && n_fds == 1 && record_text) {
		ssize_t n = pread(fds[0], record_text, UNIT_RECORD_MAX, at);
		char *end = n > 0 ? memchr(record_text, '\0', (size_t)n) : NULL;
		if (!end)
			break;
		add_record(p, record_text, (size_t)(end - record_text));
		at += end - record_text + 1;
	}
	if (error)
		load_again(p);
	else
		p->units->loaded(p);
}

static void load(struct pid1 *p)
{
	static const char *const directories[] = { "/etc/hull/units", "/var/lib/hull/units" };
	struct err e;
	cleanup_json cJSON *params = cJSON_CreateObject();
	cJSON_AddItemToObject(params, "directories", cJSON_CreateStringArray(directories, 2));
	if (task_start(p, "units", params, NULL, 0, on_loaded, NULL, &e) == 0)
		return;
	log_err("%s", e.text);
	load_again(p);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	load(arg);
}

void units_load(struct pid1 *p, void (*loaded)(struct pid1 *p))
{
	p->units->loaded = loaded;
	load(p);
}

void units_sweep(struct pid1 *p)
{
	cleanup_json cJSON *v = cJSON_CreateObject();
	cJSON *keep = cJSON_AddArrayToObject(v, "keep");
	for (struct unit *u = supervisor_first(p->units->supervisor); u; u = u->next)
		if (u->glue)
			cJSON_AddItemToArray(keep, cJSON_CreateString(((struct process *)u->glue)->id));
	struct err e;
	if (task_start(p, "container-sweep", v, NULL, 0, NULL, NULL, &e) < 0)
		log_warn("%s", e.text);
}

void units_stop_all(struct pid1 *p, void (*done)(struct pid1 *p))
{
	p->units->stopped = done;
	supervisor_stop_all(p->units->supervisor);
	if (p->units->stopped && supervisor_idle(p->units->supervisor)) {
		p->units->stopped = NULL;
		done(p);
	}
}

void units_watch_add(struct pid1 *p, struct units_watch *w)
{
	w->next = p->units->watches;
	p->units->watches = w;
}

void units_watch_remove(struct pid1 *p, struct units_watch *w)
{
	for (struct units_watch **at = &p->units->watches; *at; at = &(*at)->next)
		if (*at == w) {
			*at = w->next;
			return;
		}
}
