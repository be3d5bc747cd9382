/* SPDX-License-Identifier: Apache-2.0 */
#include "init/client.h"
#include "init/verbs/unit_name.h"
#include "init/verbs/verbs.h"

static int stop_one(struct cli *c, const struct args *a, const char *name)
{
	(void)a;
	return client_call(c, "org.hull.Units.Stop", unit_name_params(name), CLIENT_REPEAT, CLIENT_FOR_EVER, NULL);
}

int verb_stop(struct cli *c, const struct args *a)
{
	return unit_name_each(c, a, stop_one);
}
