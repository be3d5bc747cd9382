/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "init/cli/client.h"
#include "init/verbs/verbs.h"

int verb_image_rm(struct cli *c, const struct args *a)
{
	int worst = 0;

	for (int i = 0; i < a->n_operands; i++) {
		cJSON *params = cJSON_CreateObject();
		cJSON_AddStringToObject(params, "reference", a->operands[i]);
		snprintf(c->doing, sizeof(c->doing), "%s %s", c->verb->name, a->operands[i]);
		int code = client_call(c, "org.hull.Images.Remove", params, CLIENT_FAIL, CLIENT_FOR_EVER, NULL);
		if (code == CLI_UNREACHABLE)
			return code;
		if (code)
			worst = code;
	}
	return worst;
}
