/* SPDX-License-Identifier: Apache-2.0 */
/* A unit: one supervised container, what is wanted of it and what it is. Pure data; see supervisor.h for what moves it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

#define UNIT_NAME_MAX 64 /* [a-z0-9][a-zA-Z0-9_.-]*, no longer */

enum unit_state {
	UNIT_INACTIVE, UNIT_PULLING, UNIT_STARTING, UNIT_RUNNING, UNIT_HEALTHY, UNIT_UNHEALTHY,
	UNIT_STOPPING, UNIT_EXITED, UNIT_FAILED, UNIT_HELD /* waits for its back-off before a restart */, UNIT_STATES
};
enum unit_restart { RESTART_NO, RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_UNLESS_STOPPED };

struct unit_spec {
	char name[UNIT_NAME_MAX + 1]; /* PROJECT-SERVICE, or --name of `hull run` */
	char project[UNIT_NAME_MAX + 1], service[UNIT_NAME_MAX + 1]; /* "" for `hull run` */
	char *image; /* owned */
	char **command, **entrypoint; /* owned, NULL-ended; NULL pointer: the image's own; no words: none, not even that */
	char **environment; /* owned, NULL-ended "K=V"; NULL: none */
	char *hostname; /* owned; NULL: unit name */
	enum unit_restart restart;
	int restart_max; /* for on-failure:N; 0: no limit */
	int stop_signal; /* 0: the image's, else SIGTERM */
	int64_t stop_grace_ms; /* default 10,000 */
	bool network_host;
	bool remove; /* --rm */
};

#define UNIT_STOP_GRACE_MS 10000
#define UNIT_STOP_GRACE_MAX_MS (7 * 86400000LL)
#define UNIT_SPEC_JSON_MAX 32768 /* bytes of a spec's JSON: what passes from a task and into the snapshot */

int unit_name_check(const char *name, struct err *e);
/* A host name: labels of letters, digits and '-' with dots between, at most 64 bytes (what the kernel takes). */
int unit_hostname_check(const char *name, struct err *e);
/* "no", "always", "unless-stopped", "on-failure", "on-failure:N" (up to 1,000,000; 0: no limit). The error says what is allowed. */
int unit_restart_parse(const char *text, enum unit_restart *restart, int *max, struct err *e);
#define UNIT_RESTART_TEXT_MAX 24
void unit_restart_format(enum unit_restart restart, int max, char out[UNIT_RESTART_TEXT_MAX]);
/* All zero but what has a default: stop_grace_ms. */
void unit_spec_init(struct unit_spec *s);
/* Frees the content and leaves all zero; the struct is the caller's. */
void unit_spec_free(struct unit_spec *s);
/*
 * The form kept in the snapshot and passed from tasks; readable by the release before (unknown keys are ignored; only
 * name and image are required). Also takes org.hull.Units.Run's spec once it has a name. restart: as unit_restart_parse.
 */
cJSON *unit_spec_to_json(const struct unit_spec *s);
/* E2BIG when its JSON takes UNIT_SPEC_JSON_MAX or more; unit_spec_from_json looks as well. */
int unit_spec_check_size(const struct unit_spec *s, struct err *e);
int unit_spec_from_json(const cJSON *v, struct unit_spec *out, struct err *e);
const char *unit_state_name(enum unit_state s);
int unit_state_parse(const char *name, enum unit_state *out);
