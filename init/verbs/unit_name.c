/* SPDX-License-Identifier: Apache-2.0 */
#include "init/verbs/unit_name.h"

#include <stdio.h>
#include <string.h>

#include "init/cli/client.h"
#include "init/verbs/print.h"

int unit_name_resolve(struct cli *c, const char *given, char name[UNIT_NAME_MAX + 1])
{
	cleanup_json cJSON *units = NULL;
	const cJSON *unit;
	const char *found = NULL;
	char several[256] = "";
	int code = client_list(c, "org.hull.Units.List", "units", &units);

	if (code)
		return code;
	cJSON_ArrayForEach(unit, units) {
		const char *full = print_text(unit, "name");
		size_t len = strlen(several);
		if (strcmp(full, given) == 0) {
			snprintf(name, UNIT_NAME_MAX + 1, "%s", full);
			return 0;
		}
		if (*given == '\0' || strcmp(print_text(unit, "service"), given) != 0)
			continue;
		snprintf(several + len, sizeof(several) - len, "%s%s", len ? ", " : "", full);
		found = found ? "" : full;
	}
	if (!found)
		return cli_error(c, CLI_FAILED, "hull ps lists the units", "no unit and no service is named \"%s\"",
				 given);
	if (!*found)
		return cli_error(c, CLI_FAILED, "give the unit's name", "several units have this service: %s", several);
	snprintf(name, UNIT_NAME_MAX + 1, "%s", found);
	return 0;
}

int unit_name_each(struct cli *c, const struct args *a, unit_name_fn *fn)
{
	int worst = 0;

	for (int i = 0; i < a->n_operands; i++) {
		char name[UNIT_NAME_MAX + 1];
		snprintf(c->doing, sizeof(c->doing), "%s %s", c->verb->name, a->operands[i]);
		int code = unit_name_resolve(c, a->operands[i], name);
		if (!code)
			code = fn(c, a, name);
		if (code == CLI_UNREACHABLE)
			return code;
		if (code)
			worst = code;
	}
	return worst;
}

cJSON *unit_name_params(const char *name)
{
	cJSON *params = cJSON_CreateObject();

	if (!cJSON_AddStringToObject(params, "name", name)) {
		cJSON_Delete(params);
		return NULL;
	}
	return params;
}
