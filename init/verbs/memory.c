/* SPDX-License-Identifier: Apache-2.0 */
/* `hull memory`: what the machine's own processes cost. */
#include <stdio.h>

#include "init/cli/client.h"
#include "init/cli/table.h"
#include "init/verbs/print.h"
#include "init/verbs/verbs.h"

static int print_processes(struct cli *c, const cJSON *memory)
{
	static const char *const headers[] = { "PROCESS", "PID", "PSS", "PRIVATE DIRTY", "OF IT RELOCATION", NULL };
	cleanup_table struct table t = { 0 };
	char pid[PRINT_CELL], pss[PRINT_CELL], dirty[PRINT_CELL], relocation[PRINT_CELL];
	const cJSON *process;

	if (table_begin(&t, headers) < 0)
		return cli_error(c, CLI_FAILED, NULL, "out of memory");
	cJSON_ArrayForEach(process, json_get(memory, "processes")) {
		const char *cells[] = { print_text(process, "name"), print_count(print_number(process, "pid", 0), 1, pid),
					print_size(print_number(process, "pss_bytes", 0), pss),
					print_size(print_number(process, "private_dirty_bytes", 0), dirty),
					print_size(print_number(process, "relocation_bytes", 0), relocation) };
		if (table_row(&t, cells) < 0)
			return cli_error(c, CLI_FAILED, NULL, "out of memory");
	}
	table_print(&t, stdout);
	printf("\n%s in all; the machine has %s, ", print_size(print_number(memory, "pss_bytes", 0), pss),
	       print_size(print_number(memory, "total_bytes", 0), dirty));
	printf("%s are available\n", print_size(print_number(memory, "available_bytes", 0), relocation));
	return CLI_OK;
}

int verb_memory(struct cli *c, const struct args *a)
{
	cleanup_json cJSON *memory = NULL;

	(void)a;
	int code = client_call(c, "org.hull.Machine.Memory", NULL, CLIENT_REPEAT, CLIENT_TIMEOUT_MS, &memory);
	if (code)
		return code;
	return c->json ? print_json(c, memory) : print_processes(c, memory);
}
