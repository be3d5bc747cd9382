/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever json_parse takes, json_print must write so that it is taken again and means the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *v = json_parse((const char *)data, size, &JSON_MESSAGE, NULL);
	if (!v)
		return 0;
	char *text = json_print(v);
	if (!text)
		abort();
	cJSON *again = json_parse(text, strlen(text), &JSON_DOCUMENT, NULL);
	if (!again)
		abort();
	char *text2 = json_print(again);
	if (!text2 || strcmp(text, text2) != 0)
		abort();
	free(text);
	free(text2);
	cJSON_Delete(v);
	cJSON_Delete(again);
	return 0;
}
