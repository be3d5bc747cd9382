/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit file is a Compose application in JSON, what `docker compose config --format json` prints
 * (https://github.com/compose-spec/compose-spec). One unit_spec comes out for each service, in the file's order.
 *
 * Taken: top level `name`, `services`, `networks` (the unused default alone); of a service `image`, `command`,
 * `entrypoint`, `environment`, `restart`, `stop_signal`, `stop_grace_period`, `network_mode: host` (required),
 * `networks` (null or the default), `hostname`, `container_name`; `x-*` anywhere is skipped; null is absent; `$$` is `$`.
 * Anything else is an error that names file and JSON path: "web.json: services.web.ports: ...".
 */
#pragma once
#include <stddef.h>

#include "supervisor/unit.h"

#define COMPOSE_FILE_MAX (1024 * 1024)
#define COMPOSE_SERVICES_MAX 256

/*
 * file: the file's name for errors, whose base name without ".json" becomes the project's when the text gives none.
 * On success *specs is an array of *n (each freed with unit_spec_free, the array with free); a unit's name is
 * PROJECT-SERVICE, or container_name.
 */
int compose_parse(const char *file, const char *text, size_t len, struct unit_spec **specs, size_t *n, struct err *e);
void compose_free(struct unit_spec *specs, size_t n);

/* "10s", "1m30s", "1.5h", "0": Go's durations and Compose's d and w; in ms, rounded up. */
int compose_duration(const char *text, int64_t *ms, struct err *e);
/* Splits a command as Compose does: quotes and backslashes, no expansion. *words is NULL-ended and owned. */
int compose_words(const char *text, char ***words, struct err *e);
