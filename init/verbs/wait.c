/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "init/cli/client.h"
#include "init/verbs/print.h"
#include "init/verbs/unit_name.h"
#include "init/verbs/verbs.h"

static int wait_one(struct cli *c, const struct args *a, const char *name)
{
	cleanup_json cJSON *reply = NULL;
	cJSON *params = unit_name_params(name);
	int code = client_call(c, "org.hull.Units.Wait", params, CLIENT_REPEAT, CLIENT_FOR_EVER, &reply);

	(void)a;
	if (code)
		return code;
	printf("%" PRId64 "\n", print_number(json_get(reply, "unit"), "exit_status", -1));
	fflush(stdout);
	return CLI_OK;
}

int verb_wait(struct cli *c, const struct args *a)
{
	return unit_name_each(c, a, wait_one);
}
