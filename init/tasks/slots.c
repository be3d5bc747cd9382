/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>

#include "base/slot.h"
#include "init/tasks/tasks.h"

static int read_slot(const cJSON *params, struct slot *out, struct err *e)
{
	struct {
		const char *disk, *slot;
	} want = {0};
	const struct json_field fields[] = {
		{"disk", JSON_STRING, offsetof(__typeof__(want), disk), true, 0, SLOT_PATH_MAX - 1},
		{"slot", JSON_STRING, offsetof(__typeof__(want), slot), true, 0, 1},
	};

	if (json_read(params, fields, sizeof(fields) / sizeof(fields[0]), 0, "slot", &want, e) < 0)
		return -1;
	return slot_get(want.disk, want.slot[0], out, e);
}

int task_commit_slot(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	struct slot s;

	(void)io;
	(void)result;
	if (read_slot(params, &s, e) < 0)
		return -1;
	return slot_mark_successful(&s, e);
}

int task_distrust_slot(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	struct slot s;
	struct err why;
	bool fallback = true;

	(void)io;
	if (read_slot(params, &s, e) < 0)
		return -1;
	if (slot_distrust(&s, &why) < 0) {
		if (why.code != EBUSY)
			return err_set(e, why.code, "%s", why.text);
		fallback = false;
	}
	cJSON_AddBoolToObject(result, "fallback", fallback);
	return 0;
}
