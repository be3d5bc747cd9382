/* SPDX-License-Identifier: Apache-2.0 */
/* How answers of a machine are put before people and programs: JSON, and the cells of tables. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "init/cli/cli.h"

/* Indented JSON and a newline on standard output. Returns an exit code. */
int print_json(const struct cli *c, const cJSON *v);

/* A member's text, "" when it is absent or no string. Borrowed. */
const char *print_text(const cJSON *object, const char *key);
/* A member's number, or fallback. */
int64_t print_number(const cJSON *object, const char *key, int64_t fallback);

#define PRINT_CELL 32
/* A cell of a number; "" when it is below least. */
const char *print_count(int64_t n, int64_t least, char out[PRINT_CELL]);
/* UTC, "2026-11-22T15:00:00Z"; "" for 0 and below. */
const char *print_time(int64_t ms_since_1970, char out[PRINT_CELL]);
/* "12.3 MiB". */
const char *print_size(int64_t bytes, char out[PRINT_CELL]);
