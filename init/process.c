/* SPDX-License-Identifier: Apache-2.0 */
#include "init/process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/fs.h"
#include "base/log.h"
#include "containers/launch.h"
#include "init/boot.h"
#include "init/cgroup.h"
#include "init/child.h"
#include "init/fault.h"
#include "init/inherited.h"
#include "init/roles.h"
#include "init/snapshot.h"
#include "init/spawn.h"

#define REPORT_MAX 4096 /* bytes of a launcher's report */
#define REPORTS_A_TURN 8 /* an honest one sends two */

static const char *const stream_names[2] = { "stdout", "stderr" };

void process_group(const struct unit *u, char out[128])
{
	snprintf(out, 128, "units/%s", u->spec.name);
}

/* --- records --- */

void process_record(struct unit *u)
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
	cJSON_AddBoolToObject(v, "signalled", g->signalled);
	cJSON_AddBoolToObject(v, "attached", g->attached);
	cJSON_AddNumberToObject(v, "linger_until_ms", (double)g->linger_until_ms);
	cJSON_AddNumberToObject(v, "report", g->report);
	cJSON_AddNumberToObject(v, "stdout", g->output[0]);
	cJSON_AddNumberToObject(v, "stderr", g->output[1]);
	cJSON_AddStringToObject(v, "failure", g->failure);
	struct err e;
	if (snapshot_put(g->p->snapshot, key, v, &e) < 0)
		log_err("%s", e.text);
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

void process_attach_logs(struct process *g)
{
	for (int i = 0; i < 2; i++) {
		if (g->output[i] < 0)
			continue;
		cleanup_json cJSON *params = cJSON_CreateObject();
		cJSON_AddStringToObject(params, "name", g->unit->spec.name);
		cJSON_AddStringToObject(params, "stream", stream_names[i]);
		if (roles_work(g->p, ROLE_LOGS, "logs.attach", params, &g->output[i], 1, NULL, NULL))
			continue;
		units_attach_later(g->p);
	}
}

/* The role has written all that was in the pipes: our copies have done their duty. */
static void on_detached(struct pid1 *p, void *arg, const cJSON *result, const char *error, const char *message)
{
	(void)p, (void)result;
	struct process *g = arg;
	g->detach = 0;
	if (error)
		log_warn("logs: %s", message);
	close_output(g);
	process_record(g->unit);
}

/* The processes are gone; what they wrote last is still in the pipes, which go along for a role that has none. */
static void detach_logs(struct process *g)
{
	if (g->detach || g->output[0] < 0 || g->output[1] < 0)
		return;
	cleanup_json cJSON *params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, "name", g->unit->spec.name);
	cJSON_AddBoolToObject(params, "force", true);
	cJSON_AddItemToObject(params, "streams", cJSON_CreateStringArray(stream_names, 2));
	g->detach = roles_work(g->p, ROLE_LOGS, "logs.detach", params, g->output, 2, on_detached, g);
	if (!g->detach)
		close_output(g);
}

/* A new run: the old one's pipes are with the role, in its queue at least. */
static void forget_output(struct process *g)
{
	if (g->detach)
		roles_forget(g->p, g->detach);
	g->detach = 0;
	close_output(g);
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
	cJSON_AddBoolToObject(v, "state_readonly", boot_state_readonly(g->p));
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
	process_record(g->unit);
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
		process_record(g->unit);
	} else if (cJSON_IsObject(error)) {
		const cJSON *step = json_get(error, "step"), *message = json_get(error, "message");
		snprintf(g->failure, sizeof(g->failure), "%s: %s", cJSON_IsString(step) ? step->valuestring : "launch",
			 cJSON_IsString(message) ? message->valuestring : "failed");
		g->prepared = false;
		process_record(g->unit);
	}
}

static void on_report(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct process *g = arg;
	static char packet[REPORT_MAX];
	for (int i = 0; i < REPORTS_A_TURN; i++) {
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
		process_record(g->unit);
		if (g->prepared && g->unit->state == UNIT_STARTING) {
			FAULT("started");
			boot_mark(g->p, "first_unit_us");
			supervisor_started(units_supervisor(g->p), g->unit);
		}
		return;
	}
}

static int watch_report(struct process *g, struct err *e)
{
	g->readable = event_new(g->p->loop, g->report, EV_READ | EV_PERSIST, on_report, g);
	if (!g->readable || event_add(g->readable, NULL) < 0)
		return err_set(e, ENOMEM, "launch: out of memory");
	return 0;
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
	return watch_report(g, e);
}

static int spawn_launcher(struct process *g, const int child[3], struct err *e)
{
	struct pid1 *p = g->p;
	char path[128];
	process_group(g->unit, path);
	/* Always a new one: a clone into a cgroup that was once killed is killed too (Linux 6.18 compares the kill count of
	 * the parent's own cgroup). What can't be removed holds a process that doesn't die; then this is the best there is. */
	if (p->cgroups)
		cgroup_remove(path, NULL);
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
	process_record(g->unit);
	return 0;
}

int process_launch(struct process *g, struct err *e)
{
	int child[3];
	close_report(g);
	forget_output(g);
	g->prepared = g->sent = g->signalled = false;
	g->failure[0] = '\0';
	int ret = open_channels(g, child, e);
	if (ret == 0) {
		g->intent = true;
		process_record(g->unit); /* before clone3: a crash in between finds the process in the unit's cgroup */
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
	process_attach_logs(g);
	send_packet(g);
	FAULT("launched");
	return 0;
}

static bool is_searched(const struct unit *u)
{
	return !u->pid && ((const struct process *)u->glue)->intent;
}

static bool any_searched(const struct pid1 *p)
{
	for (const struct unit *u = supervisor_first(units_supervisor(p)); u; u = u->next)
		if (is_searched(u))
			return true;
	return false;
}

/* A child that ended before its pid was recorded: its cgroup names its unit. */
struct unit *process_find_by_cgroup(const struct pid1 *p, int pid)
{
	char path[64], *text;
	size_t len;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	/* Orphans end by the thousand; a file is read for them only while it could matter. */
	if (!any_searched(p) || fs_read(AT_FDCWD, path, 16384, &text, &len, NULL) < 0)
		return NULL;
	struct unit *found = NULL;
	const char *line = strstr(text, "0::/units/");
	if (line) {
		line += strlen("0::/units/");
		size_t n = strcspn(line, "/\n");
		for (struct unit *u = supervisor_first(units_supervisor(p)); u && !found; u = u->next)
			if (strlen(u->spec.name) == n && strncmp(u->spec.name, line, n) == 0 && is_searched(u))
				found = u;
	}
	free(text);
	return found;
}

/* Our own child in the unit's cgroup: the launcher that was cloned but not recorded. */
static pid_t find_child(const struct unit *u)
{
	char path[128], stat[64], *text;
	pid_t pids[64];
	size_t len, n;
	process_group(u, path);
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

void process_kill_all(struct process *g)
{
	char path[128];
	process_group(g->unit, path);
	struct err e;
	if (g->p->cgroups && cgroup_empty(path))
		return;
	if ((!g->p->cgroups || cgroup_kill(path, &e) < 0) && g->unit->pid > 0)
		kill(g->unit->pid, SIGKILL);
}

bool process_ended(struct process *g)
{
	if (g->report >= 0)
		on_report(g->report, EV_READ, g);
	FAULT("exit-seen");
	close_report(g);
	process_kill_all(g); /* whatever outlived the pid namespace's end (there should be nothing) */
	g->unit->pid = 0;
	g->intent = false;
	detach_logs(g);
	return g->prepared;
}

void process_close(struct process *g)
{
	close_report(g);
	forget_output(g);
}

int process_signal(struct process *g, int sig)
{
	if (g->unit->pid <= 0)
		return -1;
	int ret = kill(g->unit->pid, sig);
	g->signalled = true;
	process_record(g->unit);
	return ret;
}

/* A damaged record can name a process that ended long ago; its exit was told to that record. */
static void lost_exit(struct process *g)
{
	struct unit *u = g->unit;
	log_err("unit %s: process %d is no child any more; its exit status is lost", u->spec.name, u->pid);
	process_ended(g);
	supervisor_exited(units_supervisor(g->p), u, 255);
}

void process_reconcile(struct process *g)
{
	struct unit *u = g->unit;
	struct err e;
	if (u->pid && !child_is_ours(u->pid)) {
		lost_exit(g);
		return;
	}
	if (g->intent && !u->pid) {
		u->pid = find_child(u);
		process_record(u);
	}
	if (u->state == UNIT_STARTING && !u->pid) {
		/* It was never cloned: begin, as the supervisor had decided. */
		if (process_launch(g, &e) < 0)
			supervisor_launch_failed(units_supervisor(g->p), u, e.text, 125);
	} else if (u->state == UNIT_STOPPING && !u->pid) {
		/* Nor this one, and it was stopped since: by a shutdown that goes on after the crash. */
		supervisor_exited(units_supervisor(g->p), u, 128 + SIGKILL);
	} else if (u->state == UNIT_STOPPING && u->pid && !g->signalled) {
		int sig = u->spec.stop_signal ? u->spec.stop_signal : u->image_stop_signal;
		process_signal(g, sig ? sig : SIGTERM);
	} else if (!u->pid) {
		detach_logs(g);
	} else if (u->pid && !g->sent && g->report >= 0) {
		send_packet(g);
	} else if (u->state == UNIT_STARTING && u->pid && g->report < 0 && g->prepared) {
		supervisor_started(units_supervisor(g->p), u);
	}
}

static int number(const cJSON *v, const char *key)
{
	const cJSON *n = json_get(v, key);
	return cJSON_IsNumber(n) ? n->valueint : -1;
}

static void copy_text(const cJSON *v, const char *key, char *out, size_t size)
{
	const cJSON *text = json_get(v, key);
	if (cJSON_IsString(text))
		snprintf(out, size, "%s", text->valuestring);
}

void process_restore(struct process *g, const cJSON *v)
{
	copy_text(v, "id", g->id, sizeof(g->id));
	copy_text(v, "failure", g->failure, sizeof(g->failure));
	g->intent = cJSON_IsTrue(json_get(v, "intent"));
	g->sent = cJSON_IsTrue(json_get(v, "sent"));
	g->prepared = cJSON_IsTrue(json_get(v, "prepared"));
	g->signalled = cJSON_IsTrue(json_get(v, "signalled"));
	g->attached = cJSON_IsTrue(json_get(v, "attached"));
	const cJSON *linger = json_get(v, "linger_until_ms");
	g->linger_until_ms = cJSON_IsNumber(linger) && fabs(linger->valuedouble) < 9e15 ? (int64_t)linger->valuedouble : 0;
	g->report = inherited_take(g->p, number(v, "report"));
	g->output[0] = inherited_take(g->p, number(v, "stdout"));
	g->output[1] = inherited_take(g->p, number(v, "stderr"));
	struct err e;
	if (g->report >= 0 && watch_report(g, &e) < 0)
		log_err("unit %s: %s", g->unit->spec.name, e.text);
}
