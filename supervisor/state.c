/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/state.h"

#define BEGIN (ACTION_DISARM | ACTION_BEGIN | ACTION_LAUNCH)
#define END (ACTION_DISARM | ACTION_END)
#define GO(state, what) { .valid = true, .next = (state), .actions = (what) }

/* Whatever way a run ends, it goes the same three ways. */
#define ENDS                                                                        \
	[EVENT_END_RETRY] = GO(UNIT_HELD, ACTION_END | ACTION_ARM_BACKOFF),         \
	[EVENT_END_OK] = GO(UNIT_EXITED, END), [EVENT_END_FAILED] = GO(UNIT_FAILED, END)

/* A program that runs; its health makes no difference to how it ends. */
#define RUNS [EVENT_STOP] = GO(UNIT_STOPPING, ACTION_ARM_GRACE | ACTION_SIGNAL), ENDS

/* Nothing runs: it can only be started. Stopping it is no transition, it merely isn't wanted any more. */
#define RESTS [EVENT_START] = GO(UNIT_STARTING, ACTION_FRESH | BEGIN)

const struct unit_transition state_table[UNIT_STATES][UNIT_EVENTS] = {
	[UNIT_INACTIVE] = { RESTS },
	[UNIT_EXITED] = { RESTS },
	[UNIT_FAILED] = { RESTS },
	[UNIT_PULLING] = {
		[EVENT_TIMER] = GO(UNIT_STARTING, BEGIN),
		[EVENT_STOP] = GO(UNIT_EXITED, END),
		ENDS,
	},
	[UNIT_STARTING] = {
		[EVENT_STARTED] = GO(UNIT_RUNNING, ACTION_RAN),
		/* The launcher has no handler for the stop signal, and as a namespace's first process would ignore it. */
		[EVENT_STOP] = GO(UNIT_STOPPING, ACTION_ARM_KILL | ACTION_KILL),
		ENDS,
	},
	[UNIT_RUNNING] = { RUNS },
	[UNIT_HEALTHY] = { RUNS },
	[UNIT_UNHEALTHY] = { RUNS },
	[UNIT_STOPPING] = {
		[EVENT_TIMER] = GO(UNIT_STOPPING, ACTION_ARM_KILL | ACTION_KILL),
		/* Started again while it was stopping: at once, it is no failure that would have to wait. */
		[EVENT_END_RETRY] = GO(UNIT_STARTING, ACTION_END | ACTION_FRESH | BEGIN),
		[EVENT_END_OK] = GO(UNIT_EXITED, END),
		/* What a stop ends has not failed, however it takes it. */
		[EVENT_END_FAILED] = GO(UNIT_EXITED, END),
	},
	[UNIT_HELD] = {
		[EVENT_TIMER] = GO(UNIT_STARTING, ACTION_COUNT_RESTART | BEGIN),
		[EVENT_START] = GO(UNIT_STARTING, ACTION_FRESH | BEGIN),
		[EVENT_STOP] = GO(UNIT_EXITED, ACTION_DISARM),
	},
};

static const char *const event_names[UNIT_EVENTS] = {
	[EVENT_START] = "start",	 [EVENT_STOP] = "stop",		[EVENT_STARTED] = "started",
	[EVENT_END_RETRY] = "end-retry", [EVENT_END_OK] = "end-ok",	[EVENT_END_FAILED] = "end-failed",
	[EVENT_TIMER] = "timer",
};

const char *state_event_name(enum unit_event event)
{
	return (unsigned)event < UNIT_EVENTS ? event_names[event] : "unknown";
}

bool state_is_active(enum unit_state s)
{
	static const bool active[UNIT_STATES] = {
		[UNIT_PULLING] = true, [UNIT_STARTING] = true,	[UNIT_RUNNING] = true,
		[UNIT_HEALTHY] = true, [UNIT_UNHEALTHY] = true, [UNIT_STOPPING] = true,
	};

	return (unsigned)s < UNIT_STATES && active[s];
}

enum unit_event state_end_event(const struct unit_end *end)
{
	bool failed = end->exit_status != 0;
	bool again = false;

	if (end->wanted) {
		switch (end->restart) {
		case RESTART_NO:
			break;
		case RESTART_ALWAYS:
		case RESTART_UNLESS_STOPPED: /* told apart only by what a boot starts */
			again = true;
			break;
		case RESTART_ON_FAILURE:
			again = failed && (end->restart_max == 0 || end->restarts < (unsigned)end->restart_max);
			break;
		}
	}
	if (again)
		return EVENT_END_RETRY;
	return failed ? EVENT_END_FAILED : EVENT_END_OK;
}

int64_t state_backoff_ms(unsigned step, uint32_t random)
{
	int64_t delay = step < 16 ? (int64_t)BACKOFF_FIRST_MS << step : BACKOFF_MAX_MS;

	if (delay > BACKOFF_MAX_MS)
		delay = BACKOFF_MAX_MS;
	/* Units that failed together (a registry or a database went away) must not come back in step. */
	return delay - (int64_t)((uint64_t)(delay / 4) * random / UINT32_MAX);
}
