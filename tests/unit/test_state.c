/* SPDX-License-Identifier: Apache-2.0 */
/* The transition table: every property for every state and event, and the two pure functions beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "supervisor/state.h"

#define EACH_STATE(s) for (enum unit_state s = 0; s < UNIT_STATES; s++)
#define EACH_EVENT(e) for (enum unit_event e = 0; e < UNIT_EVENTS; e++)

static bool is_end(enum unit_event e)
{
	return e == EVENT_END_RETRY || e == EVENT_END_OK || e == EVENT_END_FAILED;
}

static void every_active_state_can_end_and_stop(void **st)
{
	(void)st;
	EACH_STATE(s) {
		EACH_EVENT(e)
			if (is_end(e))
				assert_int_equal(state_table[s][e].valid, state_is_active(s));
		if (state_is_active(s) && s != UNIT_STOPPING)
			assert_true(state_table[s][EVENT_STOP].valid);
	}
}

static void a_launch_happens_only_on_the_way_to_starting(void **st)
{
	(void)st;
	EACH_STATE(s) EACH_EVENT(e) {
		const struct unit_transition *t = &state_table[s][e];

		if (!t->valid)
			continue;
		assert_int_equal(t->next == UNIT_STARTING, (t->actions & ACTION_LAUNCH) != 0);
		assert_int_equal((t->actions & ACTION_LAUNCH) != 0, (t->actions & ACTION_BEGIN) != 0);
		/* nothing runs twice: a launch comes from rest, or with the end of what ran */
		if (t->actions & ACTION_LAUNCH)
			assert_true(!state_is_active(s) || s == UNIT_PULLING || (t->actions & ACTION_END));
	}
}

static void leaving_an_active_state_for_rest_ends_the_run(void **st)
{
	(void)st;
	EACH_STATE(s) EACH_EVENT(e) {
		const struct unit_transition *t = &state_table[s][e];

		if (t->valid && state_is_active(s) && !state_is_active(t->next))
			assert_true(t->actions & ACTION_END);
		if (t->valid && !state_is_active(s) && !state_is_active(t->next))
			assert_false(t->actions & ACTION_END);
	}
}

static void states_that_wait_have_a_timer_and_others_none(void **st)
{
	const unsigned arms = ACTION_ARM_BACKOFF | ACTION_ARM_GRACE | ACTION_ARM_KILL;

	(void)st;
	EACH_STATE(s) EACH_EVENT(e) {
		const struct unit_transition *t = &state_table[s][e];
		bool waits = t->next == UNIT_HELD || t->next == UNIT_STOPPING;

		if (!t->valid)
			continue;
		assert_int_equal((t->actions & arms) != 0, waits);
		/* an armed timer is either used up by its event, armed anew, or disarmed */
		if ((s == UNIT_HELD || s == UNIT_STOPPING) && e != EVENT_TIMER && !waits)
			assert_true(t->actions & ACTION_DISARM);
	}
	assert_true(state_table[UNIT_HELD][EVENT_TIMER].valid);
	assert_true(state_table[UNIT_STOPPING][EVENT_TIMER].valid);
}

static void every_state_is_reachable_or_a_later_release_s(void **st)
{
	bool reached[UNIT_STATES] = { [UNIT_INACTIVE] = true };

	(void)st;
	for (int round = 0; round < UNIT_STATES; round++)
		EACH_STATE(s) EACH_EVENT(e)
			if (reached[s] && state_table[s][e].valid)
				reached[state_table[s][e].next] = true;
	EACH_STATE(s)
		assert_int_equal(reached[s], s != UNIT_PULLING && s != UNIT_HEALTHY && s != UNIT_UNHEALTHY);
}

/* From anywhere, a stop and then whatever comes leads to rest, and no timer brings it back to life. */
static void a_stopped_unit_comes_to_rest(void **st)
{
	(void)st;
	EACH_STATE(s) {
		enum unit_state now = s;

		if (state_table[now][EVENT_STOP].valid)
			now = state_table[now][EVENT_STOP].next;
		assert_int_not_equal(now, UNIT_HELD);
		if (state_table[now][EVENT_TIMER].valid)
			now = state_table[now][EVENT_TIMER].next;
		if (state_table[now][EVENT_END_OK].valid)
			now = state_table[now][EVENT_END_OK].next;
		assert_false(state_is_active(now) || now == UNIT_HELD);
	}
}

static void every_event_has_a_name(void **st)
{
	(void)st;
	EACH_EVENT(e) assert_non_null(state_event_name(e));
	EACH_STATE(s) assert_non_null(unit_state_name(s));
	assert_string_equal(state_event_name(UNIT_EVENTS), "unknown");
}

static enum unit_event end(enum unit_restart r, int max, unsigned restarts, bool wanted, int status)
{
	return state_end_event(&(struct unit_end){ r, max, restarts, wanted, status });
}

static void policies(void **st)
{
	(void)st;
	/* not wanted: never again, whatever the policy */
	for (enum unit_restart r = RESTART_NO; r <= RESTART_UNLESS_STOPPED; r++) {
		assert_int_equal(end(r, 0, 0, false, 0), EVENT_END_OK);
		assert_int_equal(end(r, 0, 0, false, 3), EVENT_END_FAILED);
	}
	assert_int_equal(end(RESTART_NO, 0, 0, true, 0), EVENT_END_OK);
	assert_int_equal(end(RESTART_NO, 0, 0, true, 125), EVENT_END_FAILED);
	for (int status = 0; status < 256; status++) {
		assert_int_equal(end(RESTART_ALWAYS, 0, 100000, true, status), EVENT_END_RETRY);
		assert_int_equal(end(RESTART_UNLESS_STOPPED, 0, 100000, true, status), EVENT_END_RETRY);
		assert_int_equal(end(RESTART_ON_FAILURE, 0, 100000, true, status), status ? EVENT_END_RETRY : EVENT_END_OK);
	}
	assert_int_equal(end(RESTART_ON_FAILURE, 3, 2, true, 1), EVENT_END_RETRY);
	assert_int_equal(end(RESTART_ON_FAILURE, 3, 3, true, 1), EVENT_END_FAILED);
	assert_int_equal(end(RESTART_ON_FAILURE, 3, 0, true, 0), EVENT_END_OK);
}

static void backoff(void **st)
{
	int64_t nominal = BACKOFF_FIRST_MS;

	(void)st;
	for (unsigned step = 0; step < 1000; step++) {
		assert_int_equal(state_backoff_ms(step, 0), nominal);
		assert_int_equal(state_backoff_ms(step, UINT32_MAX), nominal - nominal / 4);
		assert_in_range(state_backoff_ms(step, 0x12345678), nominal - nominal / 4, nominal);
		nominal = nominal * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : nominal * 2;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_active_state_can_end_and_stop),
		cmocka_unit_test(a_launch_happens_only_on_the_way_to_starting),
		cmocka_unit_test(leaving_an_active_state_for_rest_ends_the_run),
		cmocka_unit_test(states_that_wait_have_a_timer_and_others_none),
		cmocka_unit_test(every_state_is_reachable_or_a_later_release_s),
		cmocka_unit_test(a_stopped_unit_comes_to_rest),
		cmocka_unit_test(every_event_has_a_name),
		cmocka_unit_test(policies),
		cmocka_unit_test(backoff),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
