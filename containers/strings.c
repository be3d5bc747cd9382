/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/strings.h"

#include <stdlib.h>
#include <string.h>

char **strings_from_json(const cJSON *array)
{
	size_t n = array ? (size_t)cJSON_GetArraySize(array) : 0, i = 0;
	cleanup_strings char **list = calloc(n + 1, sizeof(*list));
	const cJSON *v;
	char **out;

	if (!list)
		return NULL;
	cJSON_ArrayForEach(v, array) {
		list[i] = strdup(v->valuestring);
		if (!list[i++])
			return NULL;
	}
	out = list;
	list = NULL;
	return out;
}

int strings_add(char ***list, const char *s)
{
	size_t n = *list ? strings_count(*list) : 0;
	char *copy = strdup(s);
	char **bigger = copy ? realloc(*list, (n + 2) * sizeof(**list)) : NULL;

	if (!bigger) {
		free(copy);
		return -1;
	}
	bigger[n] = copy;
	bigger[n + 1] = NULL;
	*list = bigger;
	return 0;
}

size_t strings_count(char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

void strings_free(char ***list)
{
	for (size_t i = 0; *list && (*list)[i]; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
}
