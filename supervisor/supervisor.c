/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/signame.h"
#include "base/utf8.h"
#include "supervisor/state.h"

#define UNITS_MAX 2048
#define KILL_AGAIN_MS 5000
#define LAUNCH_STATUS 125 /* as Docker's: set-up failed */

struct supervisor {
	const struct supervisor_ops *ops;
	void *arg;
	struct unit *first, *last;
	unsigned count;
	int64_t grace_ms; /* of the stop being carried out */
	bool ending; /* the machine goes down: nothing starts any more */
};

struct supervisor *supervisor_new(const struct supervisor_ops *ops, void *arg)
{
	struct supervisor *s = calloc(1, sizeof(*s));

	if (s) {
		s->ops = ops;
		s->arg = arg;
	}
	return s;
}

static void unit_free(struct unit *u)
{
	unit_spec_free(&u->spec);
	free(u);
}

void supervisor_free(struct supervisor *s)
{
	if (!s)
		return;
	for (struct unit *u = s->first, *next; u; u = next) {
		next = u->next;
		unit_free(u);
	}
	free(s);
}

/* What a launcher said goes to terminals and into JSON. */
static void set_reason(struct unit *u, const char *text)
{
	snprintf(u->reason, sizeof(u->reason), "%.*s", (int)sizeof(u->reason) - 1, text);
	utf8_scrub(u->reason);
}

static void arm(struct supervisor *s, struct unit *u, int64_t delay_ms)
{
	int64_t due = s->ops->now_mono_ms(s->arg) + delay_ms;

	u->timer_due_mono_ms = due > 0 ? due : 1;
	s->ops->timer(s->arg, u, delay_ms);
}

static void disarm(struct supervisor *s, struct unit *u)
{
	if (u->timer_due_mono_ms)
		s->ops->timer(s->arg, u, -1);
	u->timer_due_mono_ms = 0;
}

static void act_fresh(struct supervisor *s, struct unit *u)
{
	(void)s;
	u->restarts = 0;
	u->backoff_step = 0;
}

static void act_count_restart(struct supervisor *s, struct unit *u)
{
	(void)s;
	u->restarts++;
}

static void act_begin(struct supervisor *s, struct unit *u)
{
	(void)s;
	u->reason[0] = '\0';
	u->launch_status = 0;
	u->image_stop_signal = 0;
	u->run_began_mono_ms = 0;
}

static void act_ran(struct supervisor *s, struct unit *u)
{
	u->run_began_mono_ms = s->ops->now_mono_ms(s->arg);
	u->started_ms = s->ops->now_wall_ms(s->arg);
}

static void act_end(struct supervisor *s, struct unit *u)
{
	if (u->run_began_mono_ms && s->ops->now_mono_ms(s->arg) - u->run_began_mono_ms >= BACKOFF_GOOD_RUN_MS)
		u->backoff_step = 0;
	u->pid = 0;
	u->launch_status = 0;
	u->run_began_mono_ms = 0;
	u->ended_ms = s->ops->now_wall_ms(s->arg);
}

static void act_arm_backoff(struct supervisor *s, struct unit *u)
{
	arm(s, u, state_backoff_ms(u->backoff_step, s->ops->random(s->arg)));
	if (u->backoff_step < 16)
		u->backoff_step++;
}

static void act_arm_grace(struct supervisor *s, struct unit *u)
{
	arm(s, u, s->grace_ms);
}

static void act_arm_kill(struct supervisor *s, struct unit *u)
{
	arm(s, u, KILL_AGAIN_MS);
}

static void act_signal(struct supervisor *s, struct unit *u)
{
	int sig = u->spec.stop_signal ? u->spec.stop_signal : u->image_stop_signal;

	/* A failure needs no answer: either the exit is on its way, or the grace ends in a kill. */
	s->ops->signal(s->arg, u, sig ? sig : 15);
}

static void act_kill(struct supervisor *s, struct unit *u)
{
	s->ops->kill_all(s->arg, u);
}

typedef void action_fn(struct supervisor *s, struct unit *u);
struct action {
	enum unit_action bit;
	action_fn *run;
};

static const struct action record_actions[] = {
	{ ACTION_END, act_end }, /* before FRESH and BEGIN: a run may end and the next begin in one step */
	{ ACTION_FRESH, act_fresh },
	{ ACTION_COUNT_RESTART, act_count_restart },
	{ ACTION_DISARM, disarm },
	{ ACTION_BEGIN, act_begin },
	{ ACTION_RAN, act_ran },
	{ ACTION_ARM_BACKOFF, act_arm_backoff },
	{ ACTION_ARM_GRACE, act_arm_grace },
	{ ACTION_ARM_KILL, act_arm_kill },
};

static const struct action machine_actions[] = {
	{ ACTION_SIGNAL, act_signal },
	{ ACTION_KILL, act_kill },
};

static void perform(struct supervisor *s, struct unit *u, unsigned actions, const struct action *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (actions & list[i].bit)
			list[i].run(s, u);
}
#define PERFORM(s, u, actions, list) perform(s, u, actions, list, sizeof(list) / sizeof((list)[0]))

static void end_run(struct supervisor *s, struct unit *u, int status);

static void step(struct supervisor *s, struct unit *u, enum unit_event event)
{
	const struct unit_transition *t = &state_table[u->state][event];
	struct err e = { 0 };

	if (!t->valid)
		return;
	u->state = t->next;
	PERFORM(s, u, t->actions, record_actions);
	s->ops->changed(s->arg, u);
	PERFORM(s, u, t->actions, machine_actions);
	if (!(t->actions & ACTION_LAUNCH))
		return;
	if (s->ops->launch(s->arg, u, &e) < 0) {
		u->pid = 0;
		set_reason(u, e.text);
		end_run(s, u, LAUNCH_STATUS);
		return;
	}
	s->ops->changed(s->arg, u);
}

static void say_status(struct unit *u, int status)
{
	char name[SIGNAME_MAX], text[64];

	if (status > 128 && status <= 128 + 64) {
		signame_format(status - 128, name);
		snprintf(text, sizeof(text), "ended with status %d (%s)", status, name);
	} else {
		snprintf(text, sizeof(text), "ended with status %d", status);
	}
	set_reason(u, text);
}

/* The run of an active unit is over. */
static void end_run(struct supervisor *s, struct unit *u, int status)
{
	enum unit_event event;

	u->exit_status = status;
	if (u->state == UNIT_STOPPING) {
		event = u->wanted ? EVENT_END_RETRY : EVENT_END_OK;
		u->reason[0] = '\0';
	} else {
		event = state_end_event(&(struct unit_end){ u->spec.restart, u->spec.restart_max, u->restarts, u->wanted, status });
		if (status != 0 && u->reason[0] == '\0')
			say_status(u, status);
	}
	/* Wanted says what shall be: a unit that has come to its end by itself is not waited for any more. */
	if (event != EVENT_END_RETRY)
		u->wanted = false;
	step(s, u, event);
}

struct unit *supervisor_find(const struct supervisor *s, const char *name)
{
	for (struct unit *u = s->first; u; u = u->next)
		if (strcmp(u->spec.name, name) == 0)
			return u;
	return NULL;
}

struct unit *supervisor_find_pid(const struct supervisor *s, int pid)
{
	for (struct unit *u = s->first; u && pid > 0; u = u->next)
		if (u->pid == pid)
			return u;
	return NULL;
}

struct unit *supervisor_first(const struct supervisor *s)
{
	return s->first;
}

static struct unit *append(struct supervisor *s, struct unit_spec *spec, struct err *e)
{
	struct unit *u;

	if (supervisor_find(s, spec->name)) {
		err_set(e, EEXIST, "a unit named %s exists already", spec->name);
		return NULL;
	}
	if (s->count >= UNITS_MAX) {
		err_set(e, ENOSPC, "there are %d units already, no more are taken", UNITS_MAX);
		return NULL;
	}
	u = calloc(1, sizeof(*u));
	if (!u) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	u->spec = *spec;
	*spec = (struct unit_spec){ 0 };
	u->state = UNIT_INACTIVE;
	u->exit_status = -1;
	if (s->last)
		s->last->next = u;
	else
		s->first = u;
	s->last = u;
	s->count++;
	return u;
}

struct unit *supervisor_add(struct supervisor *s, struct unit_spec *spec, struct err *e)
{
	return append(s, spec, e);
}

int supervisor_start(struct supervisor *s, struct unit *u, struct err *e)
{
	if (s->ending)
		return err_set(e, ESHUTDOWN, "the machine is shutting down, %s is not started", u->spec.name);
	u->wanted = true;
	if (state_table[u->state][EVENT_START].valid)
		step(s, u, EVENT_START);
	else
		s->ops->changed(s->arg, u); /* runs already, or starts again when it has stopped */
	return 0;
}

int supervisor_stop(struct supervisor *s, struct unit *u, struct err *e)
{
	return supervisor_stop_within(s, u, u->spec.stop_grace_ms, e);
}

int supervisor_stop_within(struct supervisor *s, struct unit *u, int64_t grace_ms, struct err *e)
{
	if (grace_ms < 0 || grace_ms > UNIT_STOP_GRACE_MAX_MS)
		return err_set(e, EINVAL, "a grace of %lld ms is out of range", (long long)grace_ms);
	u->wanted = false;
	s->grace_ms = grace_ms;
	if (u->state == UNIT_HELD)
		u->reason[0] = '\0';
	if (state_table[u->state][EVENT_STOP].valid) {
		step(s, u, EVENT_STOP);
		return 0;
	}
	if (u->state == UNIT_STOPPING && s->ops->now_mono_ms(s->arg) + grace_ms < u->timer_due_mono_ms)
		arm(s, u, grace_ms);
	s->ops->changed(s->arg, u);
	return 0;
}

int supervisor_remove(struct supervisor *s, struct unit *u, struct err *e)
{
	struct unit **link = &s->first, *before = NULL;

	if (state_is_active(u->state))
		return err_set(e, EBUSY, "%s is %s: stop it first", u->spec.name, unit_state_name(u->state));
	disarm(s, u);
	while (*link && *link != u) {
		before = *link;
		link = &before->next;
	}
	if (!*link)
		return err_set(e, ENOENT, "no such unit");
	*link = u->next;
	if (s->last == u)
		s->last = before;
	s->count--;
	s->ops->removed(s->arg, u);
	unit_free(u);
	return 0;
}

void supervisor_stop_all(struct supervisor *s)
{
	s->ending = true;
	for (struct unit *u = s->first; u; u = u->next)
		supervisor_stop(s, u, NULL);
}

bool supervisor_idle(const struct supervisor *s)
{
	for (const struct unit *u = s->first; u; u = u->next)
		if (state_is_active(u->state))
			return false;
	return true;
}

void supervisor_started(struct supervisor *s, struct unit *u)
{
	step(s, u, EVENT_STARTED);
}

void supervisor_launch_failed(struct supervisor *s, struct unit *u, const char *step_and_reason, int status)
{
	if (!state_is_active(u->state))
		return;
	set_reason(u, step_and_reason);
	u->launch_status = status > 0 && status < 256 ? status : LAUNCH_STATUS;
	if (u->pid == 0)
		end_run(s, u, u->launch_status);
	else
		s->ops->changed(s->arg, u);
}

void supervisor_exited(struct supervisor *s, struct unit *u, int exit_status)
{
	if (!state_is_active(u->state))
		return;
	end_run(s, u, u->launch_status ? u->launch_status : exit_status);
}

void supervisor_timer(struct supervisor *s, struct unit *u)
{
	if (u->timer_due_mono_ms == 0)
		return; /* cancelled while it was on its way */
	u->timer_due_mono_ms = 0;
	step(s, u, EVENT_TIMER);
}

cJSON *supervisor_unit_to_json(const struct unit *u)
{
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = {
		{ "pid", u->pid },
		{ "image_stop_signal", u->image_stop_signal },
		{ "exit_status", u->exit_status },
		{ "restarts", u->restarts },
		{ "started_ms", u->started_ms },
		{ "ended_ms", u->ended_ms },
		{ "run_began_mono_ms", u->run_began_mono_ms },
		{ "timer_due_mono_ms", u->timer_due_mono_ms },
		{ "launch_status", u->launch_status },
		{ "backoff_step", u->backoff_step },
	};
	cJSON *v = cJSON_CreateObject(), *spec = unit_spec_to_json(&u->spec);

	if (!v || !spec || !cJSON_AddItemToObject(v, "spec", spec)) {
		cJSON_Delete(spec);
		cJSON_Delete(v);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!cJSON_AddNumberToObject(v, numbers[i].key, (double)numbers[i].value))
			goto fail;
	if (cJSON_AddStringToObject(v, "state", unit_state_name(u->state)) && cJSON_AddBoolToObject(v, "wanted", u->wanted) &&
	    cJSON_AddStringToObject(v, "reason", u->reason))
		return v;
fail:
	cJSON_Delete(v);
	return NULL;
}

/* A record may be of another release: what is missing or out of range gets the default instead of losing the unit. */
static int64_t number(const cJSON *v, const char *key, int64_t min, int64_t max, int64_t otherwise)
{
	const cJSON *n = json_get(v, key);

	if (!cJSON_IsNumber(n) || n->valuedouble < (double)min || n->valuedouble > (double)max)
		return otherwise;
	return (int64_t)n->valuedouble;
}

static const char *text(const cJSON *v, const char *key)
{
	const cJSON *t = json_get(v, key);

	return cJSON_IsString(t) ? t->valuestring : "";
}

static int restore_spec(const cJSON *v, struct unit_spec *out, struct err *e)
{
	const cJSON *spec = json_get(v, "spec");
	cleanup_json cJSON *copy = NULL;
	enum unit_restart restart;
	int max;

	if (!cJSON_IsObject(spec))
		return err_set(e, EINVAL, "a unit's record has no spec");
	if (unit_restart_parse(text(spec, "restart"), &restart, &max, NULL) == 0)
		return unit_spec_from_json(spec, out, e);
	/* A policy of a later release: keep what runs running. */
	copy = cJSON_Duplicate(spec, true);
	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	cJSON_DeleteItemFromObjectCaseSensitive(copy, "restart");
	if (!cJSON_AddStringToObject(copy, "restart", "unless-stopped"))
		return err_set(e, ENOMEM, "out of memory");
	return unit_spec_from_json(copy, out, e);
}

static enum unit_state restore_state(const struct unit *u, const char *name)
{
	enum unit_state state;

	if (unit_state_parse(name, &state) == 0)
		return state;
	if (u->pid > 0)
		return UNIT_RUNNING;
	return u->wanted ? UNIT_HELD : UNIT_INACTIVE;
}

struct unit *supervisor_unit_restore(struct supervisor *s, const cJSON *v, struct err *e)
{
	const int64_t ms_max = 1LL << 53;
	struct unit_spec spec;
	int64_t now = s->ops->now_mono_ms(s->arg);
	struct unit *u;

	if (restore_spec(v, &spec, e) < 0)
		return NULL;
	u = append(s, &spec, e);
	if (!u) {
		unit_spec_free(&spec);
		return NULL;
	}
	u->wanted = cJSON_IsTrue(json_get(v, "wanted"));
	u->pid = (int)number(v, "pid", 0, INT_MAX, 0);
	u->image_stop_signal = (int)number(v, "image_stop_signal", 0, 64, 0);
	u->exit_status = (int)number(v, "exit_status", -1, 255, -1);
	u->restarts = (unsigned)number(v, "restarts", 0, UINT_MAX, 0);
	u->started_ms = number(v, "started_ms", 0, ms_max, 0);
	u->ended_ms = number(v, "ended_ms", 0, ms_max, 0);
	u->run_began_mono_ms = number(v, "run_began_mono_ms", 0, ms_max, 0);
	u->launch_status = (int)number(v, "launch_status", 0, 255, 0);
	u->backoff_step = (unsigned)number(v, "backoff_step", 0, 16, 0);
	set_reason(u, text(v, "reason"));
	u->state = restore_state(u, text(v, "state"));
	u->timer_due_mono_ms = number(v, "timer_due_mono_ms", 0, ms_max, 0);
	/* These states end by their timer alone (nobody pulls in this release): one that got lost must not strand them. */
	if (u->timer_due_mono_ms == 0 && (u->state == UNIT_HELD || u->state == UNIT_STOPPING || u->state == UNIT_PULLING))
		u->timer_due_mono_ms = now;
	if (u->timer_due_mono_ms != 0)
		arm(s, u, u->timer_due_mono_ms > now ? u->timer_due_mono_ms - now : 0);
	return u;
}
