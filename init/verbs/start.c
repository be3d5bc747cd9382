/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cli/client.h"
#include "init/verbs/unit_name.h"
#include "init/verbs/verbs.h"

static int start_one(struct cli *c, const struct args *a, const char *name)
{
	(void)a;
	return client_call(c, "org.hull.Units.Start", unit_name_params(name), CLIENT_REPEAT, CLIENT_TIMEOUT_MS, NULL);
}

int verb_start(struct cli *c, const struct args *a)
{
	return unit_name_each(c, a, start_one);
}
