/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a unit as one const table: state x event -> next state and what to do. Pure data and pure functions;
 * supervisor.c carries the actions out. An event that a state has no entry for changes nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "supervisor/unit.h"

enum unit_event {
	EVENT_START, /* an operator, or the boot, wants it to run */
	EVENT_STOP, /* an operator, or the shutdown, wants it to end */
	EVENT_STARTED, /* the image's program was executed */
	EVENT_END_RETRY, /* the run ended (or never began) and the policy wants another: see state_end_event */
	EVENT_END_OK, /* it ended with status 0, or because it was asked to, and stays ended */
	EVENT_END_FAILED, /* it ended badly and stays ended */
	EVENT_TIMER, /* the unit's one timer */
	UNIT_EVENTS
};

/* In the order in which they are carried out: the first group only touches the record, the second the machine. */
enum unit_action {
	ACTION_FRESH = 1 << 0, /* an operator's start: restarts and back-off begin anew */
	ACTION_COUNT_RESTART = 1 << 1,
	ACTION_BEGIN = 1 << 2, /* a run begins: note the time, forget the reason of the last one */
	ACTION_RAN = 1 << 3, /* the program runs */
	ACTION_END = 1 << 4, /* the run is over: no pid, note the time */
	ACTION_DISARM = 1 << 5,
	ACTION_ARM_BACKOFF = 1 << 6,
	ACTION_ARM_GRACE = 1 << 7,
	ACTION_ARM_KILL = 1 << 8, /* look again whether a kill was enough */

	ACTION_LAUNCH = 1 << 9,
	ACTION_SIGNAL = 1 << 10, /* the stop signal to the first process */
	ACTION_KILL = 1 << 11, /* everything in the unit's cgroup */
};

struct unit_transition {
	bool valid;
	enum unit_state next;
	unsigned actions; /* bit set of enum unit_action */
};
extern const struct unit_transition state_table[UNIT_STATES][UNIT_EVENTS];
const char *state_event_name(enum unit_event event);

/* The run of a unit is on its way or under way: it has, or is about to have, a process. */
bool state_is_active(enum unit_state s);

/* What the end of a run means. restarts: how often it was restarted so far. */
struct unit_end {
	enum unit_restart restart;
	int restart_max;
	unsigned restarts;
	bool wanted;
	int exit_status;
};
enum unit_event state_end_event(const struct unit_end *end);

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 60000
#define BACKOFF_GOOD_RUN_MS 10000 /* a run of this length starts the series anew */
/* 100 ms doubled step times, 60 s at most, less up to a quarter of it by the random number (never more than the nominal). */
int64_t state_backoff_ms(unsigned step, uint32_t random);
