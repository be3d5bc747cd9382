/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cli/client.h"
#include "init/verbs/unit_name.h"
#include "init/verbs/verbs.h"

const struct args_option stop_options[] = {
	{ "time", 't', "SECONDS", .help = "grace before what is left is killed, instead of the unit's own" },
	{ 0 },
};

static int stop_one(struct cli *c, const struct args *a, const char *name)
{
	cJSON *params = unit_name_params(name);
	long long seconds;
	struct err e;

	if (args_number(a, "time", 0, 604800, -1, &seconds, &e) < 0) {
		cJSON_Delete(params);
		return cli_error(c, CLI_USAGE, NULL, "%s", e.text);
	}
	if (seconds >= 0)
		cJSON_AddNumberToObject(params, "grace_ms", (double)seconds * 1000);
	return client_call(c, "org.hull.Units.Stop", params, CLIENT_REPEAT, CLIENT_FOR_EVER, NULL);
}

int verb_stop(struct cli *c, const struct args *a)
{
	return unit_name_each(c, a, stop_one);
}
