/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units on this machine: the supervisor's decisions turned into processes, cgroups, pipes and records, and what happens
 * to those turned into its events.
 */
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"
#include "init/pid1.h"
#include "supervisor/supervisor.h"

#define UNITS_STORE "/var/lib/hull/images"
#define UNITS_CONTAINERS "/var/lib/hull/containers"

/* Makes p->units; after a re-exec every unit is there as it was, its process still our child. */
int units_open(struct pid1 *p, struct err *e);
/* After a re-exec, once exits were looked at: launches that were begun but not recorded are found or begun again. */
void units_reconcile(struct pid1 *p);
/* Reads the unit files (a task) and starts what they tell; loaded(p) afterwards, also when files had errors. */
void units_load(struct pid1 *p, void (*loaded)(struct pid1 *p));
/* After a boot: removes the writable layers that no unit has (a task). */
void units_sweep(struct pid1 *p);
/* A child ended (still a zombie): true when it was a unit's. exit_status: 0-255, or 128 + the signal. */
bool units_exited(struct pid1 *p, int pid, int exit_status);
/* Shutdown: stops all in reverse order with their grace; done once nothing runs. */
void units_stop_all(struct pid1 *p, void (*done)(struct pid1 *p));
/* The logs role (again) listens: it gets every pipe. */
void units_attach_logs(struct pid1 *p);
/* A pipe could not be offered to it: all are again, in a moment. Until then its writer may be held up. */
void units_attach_later(struct pid1 *p);

struct supervisor *units_supervisor(const struct pid1 *p);
/* The Unit object of org.hull.Units. New. */
cJSON *units_describe(const struct unit *u);
/* Whether the unit has come to its end and nothing will start it again by itself. */
bool units_ended(const struct unit *u);
/* Adds and starts a unit of `hull run`. attached: a client follows it, so with `remove` it stays until waited for. */
struct unit *units_run(struct pid1 *p, struct unit_spec *spec, bool attached, struct err *e);
/* Removes what the logs role keeps of this name. */
void units_forget_logs(struct pid1 *p, const char *name);
/* A free name: the image's last part and six digits. */
void units_make_name(const struct pid1 *p, const char *image, char name[UNIT_NAME_MAX + 1]);
/* An attached --rm unit was waited for: it may go now. */
void units_waited(struct pid1 *p, struct unit *u);

/* Told after every change of any unit, and before one is freed. It may remove itself. */
struct units_watch {
	void (*changed)(struct units_watch *w, struct unit *u, bool removed);
	struct units_watch *next;
	void *arg;
};
void units_watch_add(struct pid1 *p, struct units_watch *w);
void units_watch_remove(struct pid1 *p, struct units_watch *w);
