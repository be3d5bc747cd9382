/* SPDX-License-Identifier: Apache-2.0 */
#include "init/units.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/fs.h"
#include "base/log.h"
#include "containers/launch.h"
#include "init/cgroup.h"
#include "init/clock.h"
#include "init/fault.h"
#include "init/roles.h"
#include "init/snapshot.h"
#include "init/spawn.h"
#include "init/task.h"

#define REPORT_MAX 4096 /* bytes of a launcher's report */
#define LINGER_S 60 /* an attached --rm unit whose client never came back */
#define ID_HEX 12
#define UNIT_RECORD_MAX 65536 /* bytes of a unit as the task answers it */

struct units {
	struct supervisor *supervisor;
	struct units_watch *watches;
	struct event *sweep; /* removes --rm units from the loop, not from within the supervisor */
	void (*stopped)(struct pid1 *p); /* shutdown waits for it */
	void (*loaded)(struct pid1 *p);
	struct pid1 *p;
};

/* init's part of a unit. */
struct process {
	struct units *units;
	struct unit *unit;
	char id[ID_HEX + 1]; /* names the container's directory: a removed unit's may still be going away */
	bool intent; /* a launch was begun; recorded before clone3 */
	bool sent; /* the launcher has its packet */
	bool prepared; /* it answered and was about to execute the image's program */
	bool attached;
	int64_t linger_until_ms; /* monotonic; 0: none */
	int report; /* the launcher's socket; -1 */
	int output[2]; /* read ends of stdout and stderr, also held by the logs role; -1 */
	char failure[256]; /* step and reason the launcher gave */
	struct event *readable, *timer;
};

static const char *const stream_names[2] = { "stdout", "stderr" };

struct supervisor *units_supervisor(const struct pid1 *p)
{
	return p->units->supervisor;
}

static void group_path(const struct unit *u, char out[128])
{
	snprintf(out, 128, "units/%s", u->spec.name);
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

/* --- records --- */

static void record(struct unit *u)
{
	struct process *g = u->glue;
	char key[UNIT_NAME_MAX + 8];
	snprintf(key, sizeof(key), "unit/%s", u->spec.name);
	cleanup_json cJSON *v = cJSON_CreateObject();
	cJSON_AddItemToObject(v, "unit", supervisor_unit_to_json(u));
	cJSON_AddStringToObject(v, "id", g->id);
	cJSON_AddBoolToObject(v, "intent", g->intent);
	cJSON_AddBoolToObject(v, "sent", g->sent);
	cJSON_AddBoolToObject(v, "prepared", g->prepared);
	cJSON_AddBoolToObject(v, "attached", g->attached);
	cJSON_AddNumberToObject(v, "linger_until_ms", (double)g->linger_until_ms);
	cJSON_AddNumberToObject(v, "report", g->report);
	cJSON_AddNumberToObject(v, "stdout", g->output[0]);
	cJSON_AddNumberToObject(v, "stderr", g->output[1]);
	cJSON_AddStringToObject(v, "failure", g->failure);
	struct err e;
	if (snapshot_put(g->units->p->snapshot, key, v, &e) < 0)
		log_err("%s", e.text);
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

/* --- descriptors of a run --- */

static void close_report(struct process *g)
{
	if (g->readable)
		event_free(g->readable);
	g->readable = NULL;
	if (g->report >= 0)
		close(g->report);
	g->report = -1;
}

static void close_output(struct process *g)
{
	for (int i = 0; i < 2; i++) {
		if (g->output[i] >= 0)
			close(g->output[i]);
		g->output[i] = -1;
	}
}

static void attach_logs(struct process *g)
{
	for (int i = 0; i < 2; i++) {
		if (g->output[i] < 0)
			continue;
		cleanup_json cJSON *params = cJSON_CreateObject();
		cJSON_AddStringToObject(params, "name", g->unit->spec.name);
		cJSON_AddStringToObject(params, "stream", stream_names[i]);
		if (!roles_work(g->units->p, ROLE_LOGS, "logs.attach", params, &g->output[i], 1, NULL, NULL))
			log_err("unit %s: the logs role has too much to do; %s waits for its restart", g->unit->spec.name, stream_names[i]);
	}
}

void units_attach_logs(struct pid1 *p)
{
	for (struct unit *u = supervisor_first(p->units->supervisor); u; u = u->next)
		attach_logs(u->glue);
}

/* The role has written all that was in the pipes: our copies have done their duty. arg: a malloc'ed pair of fds. */
static void on_detached(struct pid1 *p, void *arg, const cJSON *result, const char *error, const char *message)
{
	(void)p, (void)result;
	int *fds = arg;
	if (error)
		log_warn("logs: %s", message);
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
}

/* The processes are gone; what they wrote last is still in the pipes. */
static void detach_logs(struct process *g)
{
	int *fds = malloc(2 * sizeof(int));
	cleanup_json cJSON *params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, "name", g->unit->spec.name);
	cJSON_AddBoolToObject(params, "force", true);
	if (!fds) {
		close_output(g);
		return;
	}
	memcpy(fds, g->output, sizeof(g->output));
	if (!roles_work(g->units->p, ROLE_LOGS, "logs.detach", params, NULL, 0, on_detached, fds)) {
		free(fds);
		close_output(g);
		return;
	}
	g->output[0] = g->output[1] = -1;
}

/* --- launching --- */

static void add_strings(cJSON *to, const char *key, char *const *list)
{
	if (!list)
		return;
	cJSON *a = cJSON_AddArrayToObject(to, key);
	for (; *list; list++)
		cJSON_AddItemToArray(a, cJSON_CreateString(*list));
}

static char *launch_packet(const struct process *g)
{
	const struct unit_spec *s = &g->unit->spec;
	char directory[128];
	snprintf(directory, sizeof(directory), UNITS_CONTAINERS "/%s", g->id);
	cleanup_json cJSON *v = cJSON_CreateObject();
	cJSON_AddStringToObject(v, "name", s->name);
	cJSON_AddStringToObject(v, "image", s->image);
	cJSON_AddStringToObject(v, "store", UNITS_STORE);
	cJSON_AddStringToObject(v, "directory", directory);
	cJSON_AddStringToObject(v, "hostname", s->hostname ? s->hostname : s->name);
	add_strings(v, "command", s->command);
	add_strings(v, "entrypoint", s->entrypoint);
	add_strings(v, "environment", s->environment);
	return json_print(v);
}

static void send_packet(struct process *g)
{
	cleanup_free char *text = launch_packet(g);
	if (!text || fdpass_send(g->report, text, strlen(text), NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		snprintf(g->failure, sizeof(g->failure), "launch: %s", strerror(text ? errno : ENOMEM));
		kill(g->unit->pid, SIGKILL);
	}
	g->sent = true;
	record(g->unit);
}

static void take_report(struct process *g, const char *packet, size_t len)
{
	cleanup_json cJSON *v = json_parse(packet, len, &JSON_MESSAGE, NULL);
	const cJSON *prepared = v ? json_get(v, "prepared") : NULL, *error = v ? json_get(v, "error") : NULL;
	if (cJSON_IsObject(prepared)) {
		const cJSON *sig = json_get(prepared, "stop_signal");
		if (cJSON_IsNumber(sig) && sig->valueint > 0 && sig->valueint < 65)
			g->unit->image_stop_signal = sig->valueint;
		g->prepared = true;
		record(g->unit);
	} else if (cJSON_IsObject(error)) {
		const cJSON *step = json_get(error, "step"), *message = json_get(error, "message");
		snprintf(g->failure, sizeof(g->failure), "%s: %s", cJSON_IsString(step) ? step->valuestring : "launch",
			 cJSON_IsString(message) ? message->valuestring : "failed");
		g->prepared = false;
		record(g->unit);
	}
}

static void on_report(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct process *g = arg;
	static char packet[REPORT_MAX];
	for (;;) {
		size_t n_fds = 0;
		ssize_t n = fdpass_recv(fd, packet, sizeof(packet), NULL, &n_fds, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0) {
			take_report(g, packet, (size_t)n);
			continue;
		}
		/* Its end: execve closed it, or the launcher died, which its exit will tell. */
		close_report(g);
		record(g->unit);
		if (g->prepared && g->unit->state == UNIT_STARTING) {
			FAULT("started");
			supervisor_started(g->units->supervisor, g->unit);
		}
		return;
	}
}

static void watch_report(struct process *g)
{
	g->readable = event_new(g->units->p->loop, g->report, EV_READ | EV_PERSIST, on_report, g);
	event_add(g->readable, NULL);
}

/* Pipes and socket; the children's ends in child[0..2] are CLOEXEC, ours live on over a re-exec. */
static int open_channels(struct process *g, int child[3], struct err *e)
{
	int pair[2];
	child[0] = child[1] = child[2] = -1;
	if (spawn_socketpair(pair, e) < 0)
		return -1;
	g->report = pair[0];
	child[2] = pair[1];
	fcntl(pair[0], F_SETFD, 0);
	for (int i = 0; i < 2; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_sys(e, "pipe");
		fcntl(ends[0], F_SETFD, 0);
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
		g->output[i] = ends[0];
		child[i] = ends[1];
	}
	return 0;
}

static int spawn_launcher(struct process *g, const int child[3], struct err *e)
{
	struct pid1 *p = g->units->p;
	char path[128];
	group_path(g->unit, path);
	cleanup_close int cgroup = p->cgroups ? cgroup_open(path, e) : -1;
	if (p->cgroups && cgroup < 0)
		return -1;
	struct spawn s = { .argv = { "hull", "--launch" }, .socket = child[2], .stdio = { -1, child[0], child[1] },
		.clone_flags = launch_clone_flags(g->unit->spec.network_host), .cgroup_fd = cgroup };
	FAULT("before-clone");
	pid_t pid = spawn_hull(p, &s, e);
	if (pid < 0)
		return -1;
	FAULT("after-clone");
	g->unit->pid = pid;
	record(g->unit);
	return 0;
}

static int op_launch(void *arg, struct unit *u, struct err *e)
{
	(void)arg;
	struct process *g = u->glue;
	int child[3];
	close_report(g);
	close_output(g);
	g->prepared = g->sent = false;
	g->failure[0] = '\0';
	int ret = open_channels(g, child, e);
	if (ret == 0) {
		g->intent = true;
		record(u); /* before clone3: a crash in between finds the process in the unit's cgroup */
		ret = spawn_launcher(g, child, e);
	}
	for (int i = 0; i < 3; i++)
		if (child[i] >= 0)
			close(child[i]);
	if (ret < 0) {
		close_report(g);
		close_output(g);
		g->intent = false;
		return -1;
	}
	attach_logs(g);
	watch_report(g);
	send_packet(g);
	FAULT("launched");
	return 0;
}

/* --- the supervisor's other hands --- */

static int op_signal(void *arg, struct unit *u, int sig)
{
	(void)arg;
	return u->pid > 0 ? kill(u->pid, sig) : -1;
}

static int op_kill_all(void *arg, struct unit *u)
{
	struct pid1 *p = arg;
	char path[128];
	group_path(u, path);
	struct err e;
	if (p->cgroups && cgroup_kill(path, &e) == 0)
		return 0;
	return u->pid > 0 ? kill(u->pid, SIGKILL) : -1;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct process *g = arg;
	supervisor_timer(g->units->supervisor, g->unit);
}

static struct process *glue(struct pid1 *p, struct unit *u)
{
	if (u->glue)
		return u->glue;
	struct process *g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	*g = (struct process){ .units = p->units, .unit = u, .report = -1, .output = { -1, -1 } };
	g->timer = evtimer_new(p->loop, on_timer, g);
	random_hex(g->id, ID_HEX);
	u->glue = g;
	return g;
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
	record(u);
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

static void op_removed(void *arg, struct unit *u)
{
	struct pid1 *p = arg;
	struct process *g = u->glue;
	char key[UNIT_NAME_MAX + 8], path[128];
	tell_watches(p->units, u, true);
	snprintf(key, sizeof(key), "unit/%s", u->spec.name);
	snapshot_delete(p->snapshot, key);
	group_path(u, path);
	if (p->cgroups)
		cgroup_remove(path, NULL);
	cleanup_json cJSON *params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, "name", u->spec.name);
	roles_work(p, ROLE_LOGS, "logs.remove", params, NULL, 0, NULL, NULL);
	cleanup_json cJSON *sweep = cJSON_CreateObject();
	cJSON_AddStringToObject(sweep, "id", g->id);
	struct err e;
	if (task_start(p, "container-remove", sweep, NULL, 0, NULL, NULL, &e) < 0)
		log_warn("%s", e.text); /* the sweep at the next boot finds it */
	close_report(g);
	close_output(g);
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

/* A child that ended before its pid was recorded: its cgroup names its unit. */
static struct unit *find_by_cgroup(const struct pid1 *p, int pid)
{
	char path[64], *text;
	size_t len;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	if (fs_read(AT_FDCWD, path, 16384, &text, &len, NULL) < 0)
		return NULL;
	struct unit *found = NULL;
	const char *line = strstr(text, "0::/units/");
	if (line) {
		line += strlen("0::/units/");
		size_t n = strcspn(line, "/\n");
		for (struct unit *u = supervisor_first(p->units->supervisor); u && !found; u = u->next)
			if (strlen(u->spec.name) == n && strncmp(u->spec.name, line, n) == 0 && !u->pid && ((struct process *)u->glue)->intent)
				found = u;
	}
	free(text);
	return found;
}

bool units_exited(struct pid1 *p, int pid, int exit_status)
{
	struct unit *u = supervisor_find_pid(p->units->supervisor, pid);
	if (!u && p->resumed)
		u = find_by_cgroup(p, pid);
	if (!u)
		return false;
	struct process *g = u->glue;
	if (g->report >= 0)
		on_report(g->report, EV_READ, g);
	FAULT("exit-seen");
	close_report(g);
	op_kill_all(p, u); /* whatever escaped the pid namespace's end (there should be nothing) */
	u->pid = 0;
	g->intent = false;
	detach_logs(g);
	if (u->state == UNIT_STARTING && !g->prepared)
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
		bool lingers = g->attached && g->linger_until_ms > clock_mono_ms();
		if (u->spec.remove && units_ended(u) && u->exit_status >= 0 && !lingers)
			supervisor_remove(us->supervisor, u, NULL);
	}
}

static int number(const cJSON *v, const char *key)
{
	const cJSON *n = json_get(v, key);
	return cJSON_IsNumber(n) ? n->valueint : -1;
}

static int usable_fd(int fd)
{
	return fd > 2 && fcntl(fd, F_GETFD) >= 0 ? fd : -1;
}

static void resume_unit(void *arg, const char *key, const cJSON *v)
{
	struct pid1 *p = arg;
	struct err e;
	struct unit *u = supervisor_unit_restore(p->units->supervisor, json_get(v, "unit"), &e);
	struct process *g = u ? glue(p, u) : NULL;
	if (!g) {
		log_err("%s is lost: %s", key, u ? "out of memory" : e.text);
		return;
	}
	const cJSON *id = json_get(v, "id"), *failure = json_get(v, "failure");
	if (cJSON_IsString(id))
		snprintf(g->id, sizeof(g->id), "%s", id->valuestring);
	if (cJSON_IsString(failure))
		snprintf(g->failure, sizeof(g->failure), "%s", failure->valuestring);
	g->intent = cJSON_IsTrue(json_get(v, "intent"));
	g->sent = cJSON_IsTrue(json_get(v, "sent"));
	g->prepared = cJSON_IsTrue(json_get(v, "prepared"));
	g->attached = cJSON_IsTrue(json_get(v, "attached"));
	g->linger_until_ms = (int64_t)cJSON_GetNumberValue(json_get(v, "linger_until_ms"));
	g->report = usable_fd(number(v, "report"));
	g->output[0] = usable_fd(number(v, "stdout"));
	g->output[1] = usable_fd(number(v, "stderr"));
	if (g->report >= 0)
		watch_report(g);
}

/* Our own child in the unit's cgroup: the launcher that was cloned but not recorded. */
static pid_t find_child(const struct unit *u)
{
	char path[128], stat[64], *text;
	pid_t pids[64];
	size_t len, n;
	group_path(u, path);
	n = cgroup_pids(path, pids, sizeof(pids) / sizeof(*pids));
	for (size_t i = 0; i < n && i < sizeof(pids) / sizeof(*pids); i++) {
		snprintf(stat, sizeof(stat), "/proc/%d/stat", pids[i]);
		if (fs_read(AT_FDCWD, stat, 4096, &text, &len, NULL) < 0)
			continue;
		const char *behind_name = strrchr(text, ')');
		int parent = 0;
		if (behind_name)
			sscanf(behind_name + 1, " %*c %d", &parent);
		free(text);
		if (parent == getpid())
			return pids[i];
	}
	return 0;
}

void units_reconcile(struct pid1 *p)
{
	for (struct unit *u = supervisor_first(p->units->supervisor), *next; u; u = next) {
		next = u->next;
		struct process *g = u->glue;
		if (g->intent && !u->pid) {
			u->pid = find_child(u);
			record(u);
		}
		if (g->intent && !u->pid) {
			/* It was never cloned: begin again, as the supervisor had decided. */
			struct err e;
			if (op_launch(p, u, &e) < 0)
				supervisor_launch_failed(p->units->supervisor, u, e.text, 125);
		} else if (u->pid && !g->sent && g->report >= 0) {
			send_packet(g);
		} else if (u->state == UNIT_STARTING && u->pid && g->report < 0 && g->prepared) {
			supervisor_started(p->units->supervisor, u);
		}
	}
	if (supervisor_first(p->units->supervisor))
		sweep_soon(p->units, LINGER_S + 1);
}

int units_open(struct pid1 *p, struct err *e)
{
	struct units *us = calloc(1, sizeof(*us));
	if (!us)
		return err_sys(e, "units");
	p->units = us;
	us->p = p;
	us->sweep = evtimer_new(p->loop, on_sweep, us);
	us->supervisor = supervisor_new(&ops, p);
	if (!us->supervisor || !us->sweep)
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
	record(u);
	return supervisor_start(p->units->supervisor, u, e) < 0 ? NULL : u;
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

static void on_loaded(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds, const struct err *error)
{
	(void)arg;
	const cJSON *text, *errors = result ? json_get(result, "errors") : NULL;
	cJSON_ArrayForEach(text, errors)
		if (cJSON_IsString(text))
			log_err("%s", text->valuestring);
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
	if (p->units->loaded)
		p->units->loaded(p);
}

void units_load(struct pid1 *p, void (*loaded)(struct pid1 *p))
{
	p->units->loaded = loaded;
	struct err e;
	if (task_start(p, "units", NULL, NULL, 0, on_loaded, NULL, &e) < 0) {
		log_err("%s", e.text);
		loaded(p);
	}
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
