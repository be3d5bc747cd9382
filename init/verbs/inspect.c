/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "init/cli/client.h"
#include "init/verbs/print.h"
#include "init/verbs/unit_name.h"
#include "init/verbs/verbs.h"

/* An array with one object a unit, so that one shape serves one and many. */
int verb_inspect(struct cli *c, const struct args *a)
{
	cleanup_json cJSON *all = cJSON_CreateArray();

	for (int i = 0; i < a->n_operands; i++) {
		cleanup_json cJSON *reply = NULL;
		char name[UNIT_NAME_MAX + 1];
		int code = unit_name_resolve(c, a->operands[i], name);
		if (!code)
			code = client_call(c, "org.hull.Units.Get", unit_name_params(name), CLIENT_REPEAT,
					   CLIENT_TIMEOUT_MS, &reply);
		if (code)
			return code;
		cJSON_AddItemToArray(all, cJSON_DetachItemFromObjectCaseSensitive(reply, "unit"));
	}
	return print_json(c, all);
}
