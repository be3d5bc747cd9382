/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cli/client.h"
#include "init/verbs/unit_name.h"
#include "init/verbs/verbs.h"

const struct args_option rm_options[] = {
	{ "force", 'f', NULL, .help = "stop it first if it runs" },
	{ 0 },
};

static int remove_one(struct cli *c, const struct args *a, const char *name)
{
	cJSON *params = unit_name_params(name);

	if (args_has(a, "force"))
		cJSON_AddTrueToObject(params, "force");
	return client_call(c, "org.hull.Units.Remove", params, CLIENT_FAIL, CLIENT_FOR_EVER, NULL);
}

int verb_rm(struct cli *c, const struct args *a)
{
	return unit_name_each(c, a, remove_one);
}
