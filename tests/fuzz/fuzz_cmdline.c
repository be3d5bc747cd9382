/* SPDX-License-Identifier: Apache-2.0 */
/* Any line leaves every key with a value that its accessors take, and complaints of one clean line each. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cmdline.h"
#include "base/utf8.h"

static void check(void *arg, const char *text)
{
	(void)arg;
	if (!utf8_valid(text, strlen(text)) || strchr(text, '\n'))
		abort();
}

static void check_values(const struct cmdline *c)
{
	for (int k = 0; k < CMDLINE_KEYS; k++) {
		const struct cmdline_entry *entry = &cmdline_table[k];
		if (!memchr(c->value[k], '\0', CMDLINE_VALUE_MAX))
			abort();
		if (!c->given[k] && strcmp(c->value[k], entry->default_value) != 0)
			abort();
		int64_t n = cmdline_number(c, (enum cmdline_key)k);
		if (entry->max && (n < entry->min || n > entry->max))
			abort();
		cmdline_bool(c, (enum cmdline_key)k);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cmdline c, again;
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	cmdline_parse(text, &c, check, NULL);
	check_values(&c);
	char *argv[] = { "init", text };
	cmdline_parse_argv(2, argv, &again, check, NULL);
	check_values(&again);
	free(text);
	return 0;
}
