/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cmdline.h"
#include "init/cli/client.h"
#include "init/cli/table.h"
#include "init/verbs/print.h"
#include "init/verbs/verbs.h"

/* The table of this program, in the form of org.hull.Machine.CommandLine, nothing given. NULL: out of memory. */
static cJSON *own_table(void)
{
	cleanup_json cJSON *keys = cJSON_CreateArray();

	for (int i = 0; i < CMDLINE_KEYS; i++) {
		const struct cmdline_entry *entry = &cmdline_table[i];
		cJSON *key = cJSON_CreateObject();
		if (!cJSON_AddItemToArray(keys, key) || !cJSON_AddStringToObject(key, "name", entry->name) ||
		    !cJSON_AddStringToObject(key, "type", entry->type) ||
		    !cJSON_AddStringToObject(key, "default", entry->default_value) ||
		    !cJSON_AddStringToObject(key, "help", entry->help) ||
		    !cJSON_AddStringToObject(key, "value", entry->default_value) ||
		    !cJSON_AddFalseToObject(key, "given"))
			return NULL;
	}
	return take_ptr(keys);
}

static int print_keys(struct cli *c, const cJSON *keys)
{
	static const char *const headers[] = { "KEY", "TYPE", "DEFAULT", "VALUE", "GIVEN", "MEANING", NULL };
	cleanup_table struct table t = { 0 };
	const cJSON *key;

	if (table_begin(&t, headers) < 0)
		return cli_error(c, CLI_FAILED, NULL, "out of memory");
	cJSON_ArrayForEach(key, keys) {
		const char *cells[] = { print_text(key, "name"), print_text(key, "type"), print_text(key, "default"),
					print_text(key, "value"), cJSON_IsTrue(json_get(key, "given")) ? "yes" : "no",
					print_text(key, "help") };
		if (table_row(&t, cells) < 0)
			return cli_error(c, CLI_FAILED, NULL, "out of memory");
	}
	table_print(&t, stdout);
	return CLI_OK;
}

int verb_cmdline(struct cli *c, const struct args *a)
{
	cleanup_json cJSON *keys = NULL, *reply = NULL;

	(void)a;
	if (!c->target_given && access(c->target, F_OK) < 0) {
		fprintf(stderr, "hull: %s: no machine here; these are the defaults\n", c->doing);
		keys = own_table();
		if (!keys)
			return cli_error(c, CLI_FAILED, NULL, "out of memory");
	} else {
		int code = client_call(c, "org.hull.Machine.CommandLine", NULL, CLIENT_REPEAT, CLIENT_TIMEOUT_MS,
				       &reply);
		if (code)
			return code;
		keys = cJSON_DetachItemFromObjectCaseSensitive(reply, "keys");
	}
	return c->json ? print_json(c, keys) : print_keys(c, keys);
}
