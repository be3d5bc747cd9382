/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a unit's log piece by piece, from a cursor that outlives rotation, this process and the reader. */
#pragma once
#include <stdbool.h>

#include "base/json.h"
#include "supervisor/logs_file.h"

#define LOGS_CURSOR_MAX 48
#define LOGS_PIECE_MAX 32768 /* bytes of JSON in one answer */

struct logs_query {
	const char *cursor; /* "": from the oldest record */
	int64_t tail; /* >= 0: from so many records before the end, whatever the cursor says */
	size_t max; /* bytes of JSON wanted, about; at least one record comes, if there is one */
};
/*
 * Adds to result "lines": [{"time","stream","text" | "data" (base64, when the text isn't UTF-8),"partial":true?}] and
 * "cursor" for the next call. partial: the line goes on with the next one of its stream. *end: nothing is left to read now.
 * Where a cursor's records have been rotated away, a first line of ours says so.
 * EINVAL: not a cursor.
 */
int logs_read(struct logs_file *f, const struct logs_query *q, cJSON *result, bool *end, struct err *e);
