/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "base/log.h"
#include "init/boot/clock_floor.h"
#include "init/boot/seed.h"
#include "init/tasks/tasks.h"

int task_save(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	const cJSON *contained = json_get(params, "contained");
	struct err why;

	(void)io;
	(void)result;
	if (cJSON_IsTrue(contained))
		return 0;
	/* Both are tried: either is worth having. */
	if (clock_floor_save(&why) < 0)
		log_warn("%s", why.text);
	return seed_save(e);
}
