/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "init/cli/client.h"
#include "init/cli/table.h"
#include "init/verbs/print.h"
#include "init/verbs/verbs.h"

const struct args_option ps_options[] = {
	{ "all", 'a', NULL, .help = "units in every state (they are always shown)" },
	{ "quiet", 'q', NULL, .help = "names alone, one a line" },
	{ 0 },
};

static int add_unit(struct table *t, const cJSON *unit)
{
	char pid[PRINT_CELL], started[PRINT_CELL], restarts[PRINT_CELL], status[PRINT_CELL];
	const char *cells[] = {
		print_text(unit, "name"),
		print_text(unit, "image"),
		print_text(unit, "state"),
		print_count(print_number(unit, "pid", 0), 1, pid),
		print_time(print_number(unit, "started_ms", 0), started),
		print_count(print_number(unit, "restarts", 0), 0, restarts),
		print_count(print_number(unit, "exit_status", -1), 0, status),
	};
	return table_row(t, cells);
}

int verb_ps(struct cli *c, const struct args *a)
{
	static const char *const headers[] = { "NAME", "IMAGE", "STATE", "PID", "STARTED", "RESTARTS", "EXIT", NULL };
	cleanup_json cJSON *units = NULL;
	cleanup_table struct table t = { 0 };
	const cJSON *unit;
	int code = client_list(c, "org.hull.Units.List", "units", &units);

	if (code)
		return code;
	if (c->json)
		return print_json(c, units);
	if (args_has(a, "quiet")) {
		cJSON_ArrayForEach(unit, units)
			puts(print_text(unit, "name"));
		return CLI_OK;
	}
	if (table_begin(&t, headers) < 0)
		return cli_error(c, CLI_FAILED, NULL, "out of memory");
	cJSON_ArrayForEach(unit, units) {
		if (add_unit(&t, unit) < 0)
			return cli_error(c, CLI_FAILED, NULL, "out of memory");
	}
	table_print(&t, stdout);
	return CLI_OK;
}
