/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The orderly end: a table of phases, each begun when the one before is over or has used up its time. Nothing here
 * waits: a timer looks whether the present phase is over. Whatever hangs is left behind, and the machine ends all
 * the same.
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "init/boot.h"
#include "init/boot/boot_state.h"
#include "init/boot/signals.h"
#include "init/cgroup.h"
#include "init/clock.h"
#include "init/roles.h"
#include "init/task.h"
#include "init/tasks.h"
#include "init/units.h"
#include "init/watchdog.h"

#define LOOK_MS 10
#define SYNC_PANIC_MS 5000
#define GRACE_MARGIN_MS 15000 /* for what follows a unit's own grace: its kill, its last log lines */
#define EXIT_PANIC 70 /* EX_SOFTWARE: what a contained machine's panic looks like from outside */

enum work { WORK_UNITS, WORK_SAVE, WORK_KEXEC, WORK_UNMOUNT, WORK_SYNC, WORK_COUNT };

struct shutdown {
	enum boot_end how;
	size_t phase;
	int64_t due_ms; /* monotonic: the end of the phase's time */
	bool over[WORK_COUNT]; /* done, failed, or never begun */
	bool kexec_loaded;
	struct event *look;
};

struct phase {
	const char *name;
	int limit_ms; /* 0: asked of `limit` */
	bool machine_only; /* skipped when contained */
	int (*limit)(const struct pid1 *p);
	void (*begin)(struct pid1 *p, struct shutdown *s);
	bool (*is_over)(const struct pid1 *p, const struct shutdown *s);
};

/* --- work done by tasks --- */

static void work_done(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds,
			const struct err *error)
{
	struct shutdown *s = p->boot->shutdown;
	enum work w = (enum work)(intptr_t)arg;
	const cJSON *left = error ? NULL : json_get(result, "left"), *mount;

	(void)fds, (void)n_fds;
	s->over[w] = true;
	if (w == WORK_KEXEC)
		s->kexec_loaded = !error;
	cJSON_ArrayForEach(mount, left)
		log_warn("%s could not be unmounted", mount->valuestring);
}

static void start_work(struct pid1 *p, struct shutdown *s, enum work w, const char *task, cJSON *params)
{
	struct err e;

	s->over[w] = false;
	if (task_start(p, task, params, NULL, 0, work_done, (void *)(intptr_t)w, &e) < 0) {
		log_err("%s", e.text);
		s->over[w] = true;
	}
	cJSON_Delete(params);
}

/* --- phases --- */

static void units_stopped(struct pid1 *p)
{
	p->boot->shutdown->over[WORK_UNITS] = true;
}

static int units_limit(const struct pid1 *p)
{
	int64_t longest = 0;

	for (const struct unit *u = supervisor_first(units_supervisor(p)); u; u = u->next)
		longest = u->spec.stop_grace_ms > longest ? u->spec.stop_grace_ms : longest;
	/* The supervisor keeps to each grace; this is for when it does not. */
	return longest > 3600000 ? 3600000 : (int)longest + GRACE_MARGIN_MS;
}

/* Seed, clock and the next kernel meanwhile: they need the disk, the units mostly wait. */
static void stop_units(struct pid1 *p, struct shutdown *s)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddBoolToObject(params, "contained", p->contained);
	start_work(p, s, WORK_SAVE, "save", params);
	s->over[WORK_KEXEC] = true;
	if (s->how == BOOT_KEXEC && !p->contained) {
		params = cJSON_CreateObject();
		cJSON_AddStringToObject(params, "slot", boot_has_slot(p) ? boot_slot_text(p, "slot") : "");
		start_work(p, s, WORK_KEXEC, "kexec-load", params);
	}
	s->over[WORK_UNITS] = false;
	if (p->units)
		units_stop_all(p, units_stopped);
	else
		s->over[WORK_UNITS] = true;
}

static bool units_over(const struct pid1 *p, const struct shutdown *s)
{
	(void)p;
	return s->over[WORK_UNITS];
}

static void kill_units(struct pid1 *p, struct shutdown *s)
{
	struct err e;

	(void)s;
	if (p->cgroups && !cgroup_empty("units") && cgroup_kill("units", &e) < 0)
		log_warn("kill what is left of the units: %s", e.text);
}

static bool units_gone(const struct pid1 *p, const struct shutdown *s)
{
	(void)s;
	return !p->cgroups || cgroup_empty("units");
}

static void stop_roles(struct pid1 *p, struct shutdown *s)
{
	(void)s;
	if (p->roles)
		roles_stop_all(p);
}

static bool roles_gone(const struct pid1 *p, const struct shutdown *s)
{
	(void)s;
	return !p->roles || !roles_running(p);
}

static void nothing(struct pid1 *p, struct shutdown *s)
{
	(void)p, (void)s;
}

static bool saved(const struct pid1 *p, const struct shutdown *s)
{
	(void)p;
	return s->over[WORK_SAVE] && s->over[WORK_KEXEC];
}

/* A slot's bits or a container's removal may be half written; what takes longer, or hangs, is ended with the rest. */
static bool tasks_over(const struct pid1 *p, const struct shutdown *s)
{
	(void)s;
	return !p->tasks || !tasks_running(p);
}

/* Every process has become our child by now, except what the kernel starts itself. Zombies are the loop's to reap. */
static bool no_children(const struct pid1 *p, const struct shutdown *s)
{
	siginfo_t info;

	(void)p, (void)s;
	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

static void terminate_rest(struct pid1 *p, struct shutdown *s)
{
	if (no_children(p, s))
		return;
	kill(-1, SIGTERM);
	kill(-1, SIGCONT); /* a stopped process takes no SIGTERM */
}

static void kill_rest(struct pid1 *p, struct shutdown *s)
{
	if (!no_children(p, s))
		kill(-1, SIGKILL);
}

static void unmount(struct pid1 *p, struct shutdown *s)
{
	start_work(p, s, WORK_UNMOUNT, "unmount", cJSON_CreateObject());
}

static bool unmounted(const struct pid1 *p, const struct shutdown *s)
{
	(void)p;
	return s->over[WORK_UNMOUNT];
}

static void flush(struct pid1 *p, struct shutdown *s)
{
	cJSON *params = cJSON_CreateObject();

	if (p->contained)
		cJSON_AddStringToObject(params, "directory", BOOT_STATE_DIR);
	start_work(p, s, WORK_SYNC, "sync", params);
}

static bool flushed(const struct pid1 *p, const struct shutdown *s)
{
	(void)p;
	return s->over[WORK_SYNC];
}

static const struct phase phases[] = {
	{"stop the units", 0, false, units_limit, stop_units, units_over},
	{"kill what is left of the units", 2000, false, NULL, kill_units, units_gone},
	{"save seed and clock, load the next kernel", 30000, false, NULL, nothing, saved},
	{"stop the roles", 5000, false, NULL, stop_roles, roles_gone},
	{"let tasks finish", 5000, false, NULL, nothing, tasks_over},
	{"end other processes", 2000, false, NULL, terminate_rest, no_children},
	{"kill other processes", 2000, false, NULL, kill_rest, no_children},
	{"unmount", 20000, true, NULL, unmount, unmounted},
	{"flush", 10000, false, NULL, flush, flushed},
};
#define PHASES (sizeof(phases) / sizeof(phases[0]))

/* --- the end --- */

static _Noreturn void end_machine(enum boot_end how)
{
	static const int commands[] = {
		[BOOT_POWEROFF] = RB_POWER_OFF, [BOOT_REBOOT] = RB_AUTOBOOT, [BOOT_KEXEC] = RB_KEXEC,
	};

	reboot(commands[how]);
	log_err("%s: %s", boot_end_name(how), strerror(errno));
	reboot(RB_AUTOBOOT);
	/* No reboot at all: the watchdog's turn, and PID 1 may not end. */
	for (;;)
		pause();
}

static void finish(struct pid1 *p, struct shutdown *s)
{
	if (s->how == BOOT_KEXEC && !s->kexec_loaded && !p->contained) {
		log_err("kexec: no kernel is loaded, so the machine reboots");
		s->how = BOOT_REBOOT;
	}
	log_info("%s", boot_end_name(s->how));
	if (p->contained)
		_exit(0);
	/* What must come back is guarded until it has; what is to stay off may not be reset. */
	if (s->how == BOOT_POWEROFF)
		watchdog_disarm(p);
	else
		watchdog_leave_armed(p);
	end_machine(s->how);
}

static void enter_phase(struct pid1 *p, struct shutdown *s)
{
	while (s->phase < PHASES && p->contained && phases[s->phase].machine_only)
		s->phase++;
	if (s->phase == PHASES)
		finish(p, s);
	const struct phase *ph = &phases[s->phase];
	s->due_ms = clock_mono_ms() + (ph->limit ? ph->limit(p) : ph->limit_ms);
	log_debug("shutdown: %s", ph->name);
	ph->begin(p, s);
}

static void look_again(struct shutdown *s)
{
	struct timeval t = {0, LOOK_MS * 1000};

	evtimer_add(s->look, &t);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct pid1 *p = arg;
	struct shutdown *s = p->boot->shutdown;

	(void)fd, (void)what;
	for (;;) {
		const struct phase *ph = &phases[s->phase];

		if (!ph->is_over(p, s)) {
			if (clock_mono_ms() < s->due_ms)
				break;
			log_warn("shutdown: time is up to %s; going on", ph->name);
		}
		s->phase++;
		enter_phase(p, s);
	}
	look_again(s);
}

void shutdown_start(struct pid1 *p, enum boot_end how)
{
	struct shutdown *s = p->boot->shutdown;

	boot_record_set(p, "ending", cJSON_CreateString(boot_end_name(how)));
	if (s) {
		/* Too late to load a kernel for kexec: finish() makes a reboot of it. */
		s->how = how;
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s || !(s->look = evtimer_new(p->loop, on_look, p)))
		panic_now(p, "shutdown: out of memory");
	p->shutting_down = true;
	p->boot->shutdown = s;
	s->how = how;
	log_info("%s asked for", boot_end_name(how));
	enter_phase(p, s);
	look_again(s);
}

void shutdown_signal(struct pid1 *p, int signo)
{
	enum boot_end how;

	if (signals_end_asked(signo, p->contained, &how)) {
		log_info("signal %d", signo);
		shutdown_start(p, how);
	}
}

/* --- panic --- */

/* No heap, no locks of libc: the process may be in any state. */
static pid_t bare_fork(void)
{
	struct clone_args args = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

_Noreturn void panic_now(struct pid1 *p, const char *reason)
{
	struct timespec nap = {0, 20000000};
	int64_t due = clock_mono_ms() + SYNC_PANIC_MS;
	pid_t pid;

	log_err("panic: %s", reason);
	if (p->contained)
		_exit(EXIT_PANIC);
	pid = bare_fork();
	if (pid == 0) {
		sync();
		_exit(0);
	}
	while (pid > 0 && clock_mono_ms() < due && waitpid(pid, NULL, WNOHANG) == 0)
		nanosleep(&nap, NULL);
	end_machine(BOOT_REBOOT);
}
