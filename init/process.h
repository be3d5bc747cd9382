/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init's part of a unit: the process, socket and pipes of its present run, and the record of all that in the snapshot.
 * units.c decides with the supervisor; this does.
 */
#pragma once
#include <event2/event.h>

#include "init/units.h"

#define CONTAINER_ID_HEX 12

struct process {
	struct pid1 *p;
	struct unit *unit;
	char id[CONTAINER_ID_HEX + 1]; /* names the container's directory: a removed unit's may still be going away */
	bool intent; /* a launch was begun; recorded before clone3 */
	bool sent; /* the launcher has its packet */
	bool prepared; /* it answered and was about to execute the image's program */
	bool signalled; /* the stop signal was sent */
	bool attached; /* a client of `hull run` follows it */
	int64_t linger_until_ms; /* monotonic; 0: none */
	int report; /* the launcher's socket; -1 */
	int output[2]; /* read ends of stdout and stderr, also held by the logs role; -1 */
	uint64_t detach; /* asked of the logs role: write what is left in the pipes; 0: not */
	char failure[256]; /* step and reason the launcher gave */
	struct event *readable, *timer;
};

/* The cgroup of a unit, "units/NAME". */
void process_group(const struct unit *u, char out[128]);
/* Writes the unit as it is now into the snapshot. */
void process_record(struct unit *u);
/* Fills g from its record. */
void process_restore(struct process *g, const cJSON *record);

/* Clones and feeds a launcher; what it says comes to the supervisor by itself. */
int process_launch(struct process *g, struct err *e);
/* After a re-exec: a launch that was under way is found, or begun again. */
void process_reconcile(struct process *g);
/* Its first process is a zombie: takes what the launcher said last, hands the pipes' rest to the logs role. True when
 * the image's program had been executed. */
bool process_ended(struct process *g);
int process_signal(struct process *g, int sig);
void process_kill_all(struct process *g);
void process_attach_logs(struct process *g);
/* Closes what is open; g is the caller's to free. */
void process_close(struct process *g);

/* A unit whose launch was begun but whose pid was not recorded, by the cgroup of this (dead) process; or NULL. */
struct unit *process_find_by_cgroup(const struct pid1 *p, int pid);
