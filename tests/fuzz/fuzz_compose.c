/* SPDX-License-Identifier: Apache-2.0 */
/* A unit file of anyone: what comes out must be whole, and survive the way through a record. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/compose.h"

static void same(const struct unit_spec *s)
{
	cJSON *v = unit_spec_to_json(s), *again;
	char *text = v ? json_print(v) : NULL, *text2;
	struct unit_spec back;

	if (!text || strlen(text) >= UNIT_SPEC_JSON_MAX)
		abort();
	again = json_parse(text, strlen(text), &JSON_MESSAGE, NULL);
	if (!again || unit_spec_from_json(again, &back, NULL) < 0)
		abort();
	cJSON_Delete(again);
	again = unit_spec_to_json(&back);
	text2 = again ? json_print(again) : NULL;
	if (!text2 || strcmp(text, text2) != 0)
		abort();
	cJSON_Delete(v);
	cJSON_Delete(again);
	free(text);
	free(text2);
	unit_spec_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unit_spec *specs;
	struct err e = { 0 };
	size_t n;

	if (compose_parse("fuzz.json", (const char *)data, size, &specs, &n, &e) < 0) {
		if (e.code == 0 || strncmp(e.text, "fuzz.json: ", 11) != 0)
			abort();
		return 0;
	}
	if (n == 0)
		abort();
	for (size_t i = 0; i < n; i++)
		same(&specs[i]);
	compose_free(specs, n);
	return 0;
}
