/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor on a machine that is made of counters and a clock that stands until it is moved. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "supervisor/state.h"
#include "supervisor/supervisor.h"

struct machine {
	struct supervisor *s;
	int64_t now;
	int launches, signals, kills, changes, removals;
	int last_signal, next_pid;
	bool launch_fails;
	enum unit_state recorded; /* the state at the last changed() */
	enum unit_state recorded_at_launch;
	int64_t delay; /* the timer as last set; -1: none */
};

static int launch(void *arg, struct unit *u, struct err *e)
{
	struct machine *m = arg;

	m->launches++;
	m->recorded_at_launch = m->recorded;
	if (m->launch_fails)
		return err_set(e, EAGAIN, "clone3: no more processes");
	u->pid = m->next_pid++;
	return 0;
}

static int send_signal(void *arg, struct unit *u, int sig)
{
	struct machine *m = arg;

	(void)u;
	m->signals++;
	m->last_signal = sig;
	return 0;
}

static int kill_all(void *arg, struct unit *u)
{
	(void)u;
	((struct machine *)arg)->kills++;
	return 0;
}

static void timer(void *arg, struct unit *u, int64_t delay_ms)
{
	(void)u;
	((struct machine *)arg)->delay = delay_ms;
}

static void changed(void *arg, struct unit *u)
{
	((struct machine *)arg)->changes++;
	((struct machine *)arg)->recorded = u->state;
}

static void removed(void *arg, struct unit *u)
{
	(void)u;
	((struct machine *)arg)->removals++;
}

static int64_t now_mono(void *arg)
{
	return ((struct machine *)arg)->now;
}

static int64_t now_wall(void *arg)
{
	return 1700000000000 + ((struct machine *)arg)->now;
}

static uint32_t no_jitter(void *arg)
{
	(void)arg;
	return 0;
}

static const struct supervisor_ops ops = { launch, send_signal, kill_all, timer, changed, removed, now_mono, now_wall, no_jitter };

static void machine_init(struct machine *m)
{
	*m = (struct machine){ .next_pid = 100, .delay = -1, .now = 5000 };
	m->s = supervisor_new(&ops, m);
}

static struct unit *add(struct machine *m, const char *name, enum unit_restart restart, int max)
{
	struct unit_spec spec;
	struct unit *u;

	unit_spec_init(&spec);
	snprintf(spec.name, sizeof(spec.name), "%s", name);
	spec.image = strdup("image");
	spec.restart = restart;
	spec.restart_max = max;
	u = supervisor_add(m->s, &spec, NULL);
	assert_non_null(u);
	return u;
}

static struct unit *running(struct machine *m, enum unit_restart restart, int max)
{
	struct unit *u = add(m, "web", restart, max);

	assert_int_equal(supervisor_start(m->s, u, NULL), 0);
	assert_int_equal(u->state, UNIT_STARTING);
	supervisor_started(m->s, u);
	assert_int_equal(u->state, UNIT_RUNNING);
	return u;
}

static void fire(struct machine *m, struct unit *u)
{
	assert_true(m->delay >= 0);
	m->now += m->delay;
	m->delay = -1;
	supervisor_timer(m->s, u);
}

static void runs_once_and_exits(void **st)
{
	struct machine m;
	struct unit *u;

	(void)st;
	machine_init(&m);
	u = running(&m, RESTART_NO, 0);
	assert_int_equal(m.recorded_at_launch, UNIT_STARTING); /* the intent was on record before the launch */
	assert_ptr_equal(supervisor_find_pid(m.s, 100), u);
	m.now += 50;
	supervisor_exited(m.s, u, 0);
	assert_int_equal(u->state, UNIT_EXITED);
	assert_int_equal(u->exit_status, 0);
	assert_int_equal(u->pid, 0);
	assert_int_equal(u->ended_ms - u->started_ms, 50);
	assert_string_equal(u->reason, "");
	assert_true(supervisor_idle(m.s));
	assert_int_equal(supervisor_start(m.s, u, NULL), 0);
	supervisor_exited(m.s, u, 137);
	assert_int_equal(u->state, UNIT_FAILED);
	assert_string_equal(u->reason, "ended with status 137 (SIGKILL)");
	assert_int_equal(m.launches, 2);
	supervisor_free(m.s);
}

static void backs_off_and_recovers(void **st)
{
	static const int64_t delays[] = { 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000, 60000 };
	struct machine m;
	struct unit *u;

	(void)st;
	machine_init(&m);
	u = running(&m, RESTART_ALWAYS, 0);
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		m.now += 9999;
		supervisor_exited(m.s, u, i % 2 ? 1 : 0);
		assert_int_equal(u->state, UNIT_HELD);
		assert_int_equal(m.delay, delays[i]);
		fire(&m, u);
		assert_int_equal(u->restarts, i + 1);
		supervisor_started(m.s, u);
	}
	m.now += BACKOFF_GOOD_RUN_MS;
	supervisor_exited(m.s, u, 1);
	assert_int_equal(m.delay, 100);
	assert_string_equal(u->reason, "ended with status 1");
	/* an operator's start doesn't wait, and counts from zero */
	assert_int_equal(supervisor_start(m.s, u, NULL), 0);
	assert_int_equal(u->state, UNIT_STARTING);
	assert_int_equal(u->restarts, 0);
	assert_int_equal(m.delay, -1);
	supervisor_timer(m.s, u); /* one that was already on its way */
	assert_int_equal(u->state, UNIT_STARTING);
	supervisor_free(m.s);
}

static void gives_up_after_so_many_failures(void **st)
{
	struct machine m;
	struct unit *u;

	(void)st;
	machine_init(&m);
	u = running(&m, RESTART_ON_FAILURE, 2);
	for (int i = 0; i < 2; i++) {
		supervisor_exited(m.s, u, 7);
		assert_int_equal(u->state, UNIT_HELD);
		fire(&m, u);
		supervisor_started(m.s, u);
	}
	supervisor_exited(m.s, u, 7);
	assert_int_equal(u->state, UNIT_FAILED);
	assert_false(u->wanted);
	assert_int_equal(supervisor_start(m.s, u, NULL), 0);
	supervisor_started(m.s, u);
	supervisor_exited(m.s, u, 0);
	assert_int_equal(u->state, UNIT_EXITED);
	supervisor_free(m.s);
}

static void stops_with_grace_then_kills(void **st)
{
	struct machine m;
	struct unit *u;

	(void)st;
	machine_init(&m);
	u = running(&m, RESTART_ALWAYS, 0);
	u->image_stop_signal = 3;
	assert_int_equal(supervisor_stop(m.s, u, NULL), 0);
	assert_int_equal(u->state, UNIT_STOPPING);
	assert_int_equal(m.last_signal, 3);
	assert_int_equal(m.delay, 10000);
	assert_int_equal(supervisor_remove(m.s, u, NULL), -1);
	assert_int_equal(supervisor_stop(m.s, u, NULL), 0); /* again: no second signal */
	assert_int_equal(m.signals, 1);
	assert_int_equal(supervisor_stop_within(m.s, u, 20000, NULL), 0);
	assert_int_equal(m.delay, 10000); /* only ever shorter */
	assert_int_equal(supervisor_stop_within(m.s, u, 100, NULL), 0);
	assert_int_equal(m.delay, 100);
	fire(&m, u);
	assert_int_equal(m.kills, 1);
	fire(&m, u); /* nothing dies: killed again */
	assert_int_equal(m.kills, 2);
	supervisor_exited(m.s, u, 137);
	assert_int_equal(u->state, UNIT_EXITED);
	assert_int_equal(u->exit_status, 137);
	assert_string_equal(u->reason, "");
	assert_int_equal(m.delay, -1);
	assert_int_equal(supervisor_remove(m.s, u, NULL), 0);
	assert_int_equal(m.removals, 1);
	assert_null(supervisor_first(m.s));
	supervisor_free(m.s);
}

static void signal_of_the_spec_goes_first(void **st)
{
	struct machine m;
	struct unit *u;

	(void)st;
	machine_init(&m);
	u = running(&m, RESTART_NO, 0);
	u->spec.stop_signal = 12;
	u->image_stop_signal = 3;
	assert_int_equal(supervisor_stop_within(m.s, u, 0, NULL), 0);
	assert_int_equal(m.last_signal, 12);
	assert_int_equal(m.delay, 0);
	fire(&m, u);
	assert_int_equal(m.kills, 1);
	supervisor_free(m.s);
}

static void stop_during_start_and_backoff(void **st)
{
	struct machine m;
	struct unit *u;

	(void)st;
	machine_init(&m);
	u = add(&m, "web", RESTART_ALWAYS, 0);
	assert_int_equal(supervisor_start(m.s, u, NULL), 0);
	assert_int_equal(supervisor_stop(m.s, u, NULL), 0);
	assert_int_equal(u->state, UNIT_STOPPING);
	assert_int_equal(m.kills, 1);
	supervisor_started(m.s, u); /* was in time after all; the kill is on its way */
	assert_int_equal(u->state, UNIT_STOPPING);
	supervisor_exited(m.s, u, 137);
	assert_int_equal(u->state, UNIT_EXITED);

	assert_int_equal(supervisor_start(m.s, u, NULL), 0);
	supervisor_exited(m.s, u, 1);
	assert_int_equal(u->state, UNIT_HELD);
	assert_int_equal(supervisor_stop(m.s, u, NULL), 0);
	assert_int_equal(u->state, UNIT_EXITED);
	assert_int_equal(m.delay, -1);
	assert_string_equal(u->reason, "");
	supervisor_free(m.s);
}

static void start_while_stopping(void **st)
{
	struct machine m;
	struct unit *u;

	(void)st;
	machine_init(&m);
	u = running(&m, RESTART_NO, 0);
	assert_int_equal(supervisor_stop(m.s, u, NULL), 0);
	assert_int_equal(supervisor_start(m.s, u, NULL), 0);
	assert_int_equal(u->state, UNIT_STOPPING);
	supervisor_exited(m.s, u, 143);
	assert_int_equal(u->state, UNIT_STARTING);
	assert_int_equal(u->pid, 101);
	assert_int_equal(m.delay, -1);
	supervisor_free(m.s);
}

static void launch_failures(void **st)
{
	struct machine m;
	struct unit *u;

	(void)st;
	machine_init(&m);
	m.launch_fails = true;
	u = add(&m, "web", RESTART_UNLESS_STOPPED, 0);
	assert_int_equal(supervisor_start(m.s, u, NULL), 0);
	assert_int_equal(u->state, UNIT_HELD);
	assert_int_equal(u->exit_status, 125);
	assert_string_equal(u->reason, "clone3: no more processes");
	m.launch_fails = false;
	fire(&m, u);
	assert_string_equal(u->reason, "");
	/* the launcher tells, then ends */
	supervisor_launch_failed(m.s, u, "exec: no such\tfile\n\x1b[31m", 127);
	assert_int_equal(u->state, UNIT_STARTING);
	supervisor_exited(m.s, u, 1);
	assert_int_equal(u->state, UNIT_HELD);
	assert_int_equal(u->exit_status, 127);
	assert_string_equal(u->reason, "exec: no such?file??[31m");
	assert_int_equal(m.delay, 200);
	supervisor_launch_failed(m.s, u, "late", 125); /* after the end: ignored */
	supervisor_exited(m.s, u, 3);
	assert_int_equal(u->exit_status, 127);

	u->spec.restart = RESTART_NO;
	fire(&m, u);
	u->pid = 0; /* the glue saw it end before it read the report */
	supervisor_launch_failed(m.s, u, "image not found", 125);
	assert_int_equal(u->state, UNIT_FAILED);
	supervisor_free(m.s);
}

static void shutdown_ends_everything(void **st)
{
	struct machine m;
	struct unit *a, *b, *c;

	(void)st;
	machine_init(&m);
	a = running(&m, RESTART_ALWAYS, 0);
	b = add(&m, "b", RESTART_ALWAYS, 0);
	c = add(&m, "c", RESTART_ALWAYS, 0);
	supervisor_start(m.s, c, NULL);
	supervisor_exited(m.s, c, 1);
	assert_int_equal(c->state, UNIT_HELD);
	supervisor_stop_all(m.s);
	assert_false(supervisor_idle(m.s));
	assert_int_equal(c->state, UNIT_EXITED);
	assert_int_equal(b->state, UNIT_INACTIVE);
	supervisor_exited(m.s, a, 0);
	assert_true(supervisor_idle(m.s));
	assert_int_equal(supervisor_start(m.s, a, NULL), -1);
	supervisor_free(m.s);
}

static void names_are_unique(void **st)
{
	struct machine m;
	struct unit_spec spec;
	struct err e = { 0 };

	(void)st;
	machine_init(&m);
	add(&m, "web", RESTART_NO, 0);
	unit_spec_init(&spec);
	strcpy(spec.name, "web");
	spec.image = strdup("other");
	assert_null(supervisor_add(m.s, &spec, &e));
	assert_int_equal(e.code, EEXIST);
	assert_non_null(spec.image); /* still the caller's */
	unit_spec_free(&spec);
	supervisor_free(m.s);
}

static struct unit *reborn(struct machine *to, const struct unit *u)
{
	cJSON *v = supervisor_unit_to_json(u);
	char *text = json_print(v);
	cJSON *back = json_parse(text, strlen(text), &JSON_MESSAGE, NULL);
	struct unit *r;

	machine_init(to);
	to->now = 7000;
	r = supervisor_unit_restore(to->s, back, NULL);
	assert_non_null(r);
	cJSON_Delete(v);
	cJSON_Delete(back);
	free(text);
	return r;
}

static void snapshot_round_trip(void **st)
{
	struct machine m, n;
	struct unit *u, *r;

	(void)st;
	machine_init(&m);
	u = running(&m, RESTART_ON_FAILURE, 5);
	u->image_stop_signal = 3;
	r = reborn(&n, u);
	assert_int_equal(r->state, UNIT_RUNNING);
	assert_int_equal(r->pid, 100);
	assert_true(r->wanted);
	assert_int_equal(r->image_stop_signal, 3);
	assert_int_equal(r->started_ms, u->started_ms);
	assert_int_equal(r->spec.restart_max, 5);
	assert_int_equal(n.delay, -1);
	assert_int_equal(n.launches, 0);
	supervisor_exited(n.s, r, 1);
	assert_int_equal(r->state, UNIT_HELD);
	supervisor_free(n.s);

	supervisor_stop(m.s, u, NULL); /* at 5000, due at 15000 */
	r = reborn(&n, u);
	assert_int_equal(r->state, UNIT_STOPPING);
	assert_int_equal(n.delay, 8000);
	supervisor_free(n.s);
	supervisor_free(m.s);
}

/* Written by hand as another release might: more, less, and unknown words. */
static void snapshot_of_other_releases(void **st)
{
	static const struct {
		const char *text;
		enum unit_state state;
		int64_t delay;
	} cases[] = {
		{ "{\"spec\":{\"name\":\"a\",\"image\":\"i\"},\"state\":\"checkpointed\",\"pid\":7,\"wanted\":true,\"new\":[]}", UNIT_RUNNING, -1 },
		{ "{\"spec\":{\"name\":\"a\",\"image\":\"i\"},\"state\":\"queued\",\"wanted\":true}", UNIT_HELD, 0 },
		{ "{\"spec\":{\"name\":\"a\",\"image\":\"i\"},\"state\":\"queued\"}", UNIT_INACTIVE, -1 },
		{ "{\"spec\":{\"name\":\"a\",\"image\":\"i\"}}", UNIT_INACTIVE, -1 },
		{ "{\"spec\":{\"name\":\"a\",\"image\":\"i\"},\"state\":\"healthy\",\"pid\":7}", UNIT_HEALTHY, -1 },
		{ "{\"spec\":{\"name\":\"a\",\"image\":\"i\"},\"state\":\"pulling\"}", UNIT_PULLING, 0 },
		{ "{\"spec\":{\"name\":\"a\",\"image\":\"i\"},\"state\":\"held\",\"timer_due_mono_ms\":1}", UNIT_HELD, 0 },
		{ "{\"spec\":{\"name\":\"a\",\"image\":\"i\",\"restart\":\"on-tuesdays\"},\"state\":\"running\",\"pid\":-3,\"exit_status\":999,"
		  "\"backoff_step\":99,\"restarts\":\"x\"}", UNIT_RUNNING, -1 },
	};

	(void)st;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *v = json_parse(cases[i].text, strlen(cases[i].text), &JSON_MESSAGE, NULL);
		struct machine m;
		struct unit *u;

		machine_init(&m);
		u = supervisor_unit_restore(m.s, v, NULL);
		assert_non_null(u);
		assert_int_equal(u->state, cases[i].state);
		assert_int_equal(m.delay, cases[i].delay);
		assert_true(u->pid >= 0 && u->backoff_step <= 16 && u->exit_status <= 255);
		cJSON_Delete(v);
		supervisor_free(m.s);
	}
}

static void snapshot_refused(void **st)
{
	static const char *const cases[] = { "{}", "[]", "{\"spec\":{}}", "{\"spec\":{\"name\":\"A/b\",\"image\":\"i\"}}" };
	struct machine m;

	(void)st;
	machine_init(&m);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *v = json_parse(cases[i], strlen(cases[i]), &JSON_MESSAGE, NULL);

		assert_null(supervisor_unit_restore(m.s, v, NULL));
		cJSON_Delete(v);
	}
	assert_null(supervisor_first(m.s));
	supervisor_free(m.s);
}

/* Random events in any order: the invariants hold after each, and a stop always ends it. */
static void no_order_of_events_breaks_it(void **st)
{
	uint32_t seed = 12345;

	(void)st;
	for (int round = 0; round < 300; round++) {
		struct machine m;
		struct unit *u;

		machine_init(&m);
		u = add(&m, "web", (enum unit_restart)(round % 4), round % 3);
		for (int i = 0; i < 100; i++) {
			seed = seed * 1664525 + 1013904223;
			m.launch_fails = (seed >> 28) == 0;
			switch ((seed >> 16) % 8) {
			case 0: supervisor_start(m.s, u, NULL); break;
			case 1: supervisor_stop(m.s, u, NULL); break;
			case 2: supervisor_started(m.s, u); break;
			case 3: supervisor_launch_failed(m.s, u, "x", 126); break;
			case 4: if (u->pid) supervisor_exited(m.s, u, (int)(seed & 1)); break;
			case 5: if (m.delay >= 0) fire(&m, u); break;
			case 6: m.now += 4000; break;
			default: supervisor_stop_within(m.s, u, 500, NULL); break;
			}
			assert_int_equal(u->state, m.recorded);
			assert_int_equal(state_is_active(u->state), u->pid != 0);
			assert_int_equal(m.delay >= 0, u->timer_due_mono_ms != 0);
			assert_int_equal(u->timer_due_mono_ms != 0, u->state == UNIT_HELD || u->state == UNIT_STOPPING);
		}
		supervisor_stop(m.s, u, NULL);
		if (u->pid)
			supervisor_exited(m.s, u, 0);
		assert_true(supervisor_idle(m.s) && u->state != UNIT_HELD);
		assert_int_equal(supervisor_remove(m.s, u, NULL), 0);
		supervisor_free(m.s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_once_and_exits),		 cmocka_unit_test(backs_off_and_recovers),
		cmocka_unit_test(gives_up_after_so_many_failures), cmocka_unit_test(stops_with_grace_then_kills),
		cmocka_unit_test(signal_of_the_spec_goes_first), cmocka_unit_test(stop_during_start_and_backoff),
		cmocka_unit_test(start_while_stopping),		 cmocka_unit_test(launch_failures),
		cmocka_unit_test(shutdown_ends_everything),	 cmocka_unit_test(names_are_unique),
		cmocka_unit_test(snapshot_round_trip),		 cmocka_unit_test(snapshot_of_other_releases),
		cmocka_unit_test(snapshot_refused),		 cmocka_unit_test(no_order_of_events_breaks_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
