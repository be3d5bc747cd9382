/* SPDX-License-Identifier: Apache-2.0 */
#ifdef HULL_FAULTS
#include "init/fault.h"

#include <stdlib.h>
#include <string.h>

#include "init/task.h"

static struct {
	char point[64], kind[16];
	long after;
} armed;

static volatile int sink;
static volatile int for_ever = 1;
static int *volatile bad_pointer = (int *)16;

/* Not a tail call, and the frame is used: the compiler can't make a loop of it. */
static __attribute__((noinline)) int overflow(volatile char *above)
{
	volatile char frame[4096];
	frame[0] = *above;
	frame[4095] = 1;
	return (for_ever ? overflow(frame) : 0) + frame[4095];
}

void fault_hit(const char *point)
{
	if (!armed.point[0] || (strcmp(armed.point, "*") != 0 && strcmp(armed.point, point) != 0) || armed.after-- > 0)
		return;
	armed.point[0] = '\0';
	if (strcmp(armed.kind, "abort") == 0)
		abort();
	while (strcmp(armed.kind, "hang") == 0) /* the watchdog's turn */
		sink = for_ever;
	if (strcmp(armed.kind, "stack") == 0) {
		volatile char first = 0;
		sink = overflow(&first);
	}
	*bad_pointer = 1;
}

void fault_method_arm(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)p;
	const cJSON *point = json_get(params, "point"), *kind = json_get(params, "kind"), *after = json_get(params, "after");
	if (!cJSON_IsString(point) || !cJSON_IsString(kind)) {
		call_invalid(c, "point");
		return;
	}
	strncpy(armed.point, point->valuestring, sizeof(armed.point) - 1);
	strncpy(armed.kind, kind->valuestring, sizeof(armed.kind) - 1);
	armed.after = cJSON_IsNumber(after) ? (long)after->valuedouble : 0;
	call_reply(c, NULL, false);
}

void fault_method_hang(struct pid1 *p, struct call *c, const cJSON *params)
{
	struct err e;
	if (task_start(p, "hang", params, NULL, 0, NULL, NULL, &e) < 0)
		call_fail(c, NULL, "%s", e.text);
	else
		call_reply(c, NULL, false);
}
#else
typedef int fault_not_built; /* ISO C forbids an empty translation unit */
#endif
