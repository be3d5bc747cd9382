/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: moves units through the const transition table (state.h). It makes no system call: whatever touches
 * the machine goes through supervisor_ops, whatever happened comes in as an event, so tests drive it with a fake clock.
 *
 * A step is: move the state, note times and the timer, call changed() (so the intent is on record), and only then act on
 * the machine. After launch() a second changed() records the pid that the glue has put into the unit.
 * No op may call back into the supervisor, save for supervisor_find and its kind.
 */
#pragma once
#include "supervisor/unit.h"

struct unit {
	struct unit_spec spec;
	enum unit_state state;
	bool wanted; /* should run (false after stop) */
	int pid; /* first process; 0: none */
	int image_stop_signal; /* told by the launcher; 0: none */
	int exit_status; /* of the last run: 0-255, 128+signal when killed; -1: never ran */
	unsigned restarts; /* since it was last started by an operator or at boot */
	int64_t started_ms, ended_ms; /* wall clock, ms since 1970; 0: never */
	int64_t run_began_mono_ms; /* monotonic: for resetting the back-off */
	int64_t timer_due_mono_ms; /* 0: no timer armed */
	int launch_status; /* told by supervisor_launch_failed, until the exit comes; 0: none */
	unsigned backoff_step;
	char reason[256]; /* why it failed or is held, for people; "" when fine */
	void *glue; /* init's own part (pipes, cgroup) */
	struct unit *next;
};

struct supervisor;
struct supervisor_ops {
	/* Starts the launcher. 0: events follow (started/launch_failed/exited); -1: treated as a failed launch. */
	int (*launch)(void *arg, struct unit *u, struct err *e);
	int (*signal)(void *arg, struct unit *u, int sig); /* to the first process */
	int (*kill_all)(void *arg, struct unit *u); /* cgroup.kill: everything in it */
	void (*timer)(void *arg, struct unit *u, int64_t delay_ms); /* the unit's one timer; < 0 cancels */
	void (*changed)(void *arg, struct unit *u); /* record it, tell watchers; called after every transition */
	void (*removed)(void *arg, struct unit *u); /* before the unit is freed */
	int64_t (*now_mono_ms)(void *arg);
	int64_t (*now_wall_ms)(void *arg);
	uint32_t (*random)(void *arg); /* jitter */
};

struct supervisor *supervisor_new(const struct supervisor_ops *ops, void *arg);
void supervisor_free(struct supervisor *s);

/* Commands. add takes the spec over (its content, on success); EEXIST when the name is taken. It is no transition:
 * `changed` first hears of the unit at its start. */
struct unit *supervisor_add(struct supervisor *s, struct unit_spec *spec, struct err *e);
int supervisor_start(struct supervisor *s, struct unit *u, struct err *e);
int supervisor_stop(struct supervisor *s, struct unit *u, struct err *e); /* graceful, then killed after the grace */
/* The same with another grace for this once; 0 kills at once; on a unit that is stopping it shortens the wait. */
int supervisor_stop_within(struct supervisor *s, struct unit *u, int64_t grace_ms, struct err *e);
int supervisor_remove(struct supervisor *s, struct unit *u, struct err *e); /* EBUSY while it runs */
void supervisor_stop_all(struct supervisor *s); /* shutdown: nothing restarts any more */
bool supervisor_idle(const struct supervisor *s); /* nothing runs, starts or stops */

/* Events from the machine. */
void supervisor_started(struct supervisor *s, struct unit *u); /* the image's program was executed */
/*
 * What the launcher told. While u->pid is set this only keeps reason and status, and supervisor_exited, which must still
 * come, ends the run with them; with no pid it is the end of the run itself.
 */
void supervisor_launch_failed(struct supervisor *s, struct unit *u, const char *step_and_reason, int status);
void supervisor_exited(struct supervisor *s, struct unit *u, int exit_status); /* the first process ended, its cgroup is empty */
void supervisor_timer(struct supervisor *s, struct unit *u);

struct unit *supervisor_find(const struct supervisor *s, const char *name);
struct unit *supervisor_find_pid(const struct supervisor *s, int pid);
struct unit *supervisor_first(const struct supervisor *s); /* in order of adding; ->next */

/*
 * Snapshot form of a unit, both ways. restore puts the unit into the list as it was, timers re-armed by what is left.
 * Unknown keys are ignored, and an unknown state or restart policy (of a later release) becomes the nearest known one.
 * A unit restored in UNIT_STARTING with no pid was to be launched when PID 1 crashed: the glue looks into its cgroup and
 * calls supervisor_launch_failed when nothing is there.
 */
cJSON *supervisor_unit_to_json(const struct unit *u);
struct unit *supervisor_unit_restore(struct supervisor *s, const cJSON *v, struct err *e);
