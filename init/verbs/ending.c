/* SPDX-License-Identifier: Apache-2.0 */
#include "init/verbs/ending.h"

#include "init/cli/client.h"

int ending_request(struct cli *c, const char *how)
{
	cJSON *params = cJSON_CreateObject();

	if (!cJSON_AddStringToObject(params, "how", how)) {
		cJSON_Delete(params);
		return cli_error(c, CLI_FAILED, NULL, "out of memory");
	}
	/* The machine may be gone before its answer is read. */
	return client_call(c, "org.hull.Machine.End", params, CLIENT_EXPECTED, CLIENT_TIMEOUT_MS, NULL);
}
