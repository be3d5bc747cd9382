/* SPDX-License-Identifier: Apache-2.0 */
#include "init/verbs/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"

int print_json(const struct cli *c, const cJSON *v)
{
	cleanup_free char *text = cJSON_Print(v);

	if (!text)
		return cli_error(c, CLI_FAILED, NULL, "out of memory");
	puts(text);
	return CLI_OK;
}

const char *print_text(const cJSON *object, const char *key)
{
	const cJSON *v = object ? json_get(object, key) : NULL;
	return cJSON_IsString(v) ? v->valuestring : "";
}

int64_t print_number(const cJSON *object, const char *key, int64_t fallback)
{
	const cJSON *v = object ? json_get(object, key) : NULL;
	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : fallback;
}

const char *print_count(int64_t n, int64_t least, char out[PRINT_CELL])
{
	out[0] = '\0';
	if (n >= least)
		snprintf(out, PRINT_CELL, "%" PRId64, n);
	return out;
}

const char *print_time(int64_t ms_since_1970, char out[PRINT_CELL])
{
	time_t seconds = ms_since_1970 / 1000;
	struct tm tm;

	out[0] = '\0';
	if (ms_since_1970 > 0 && gmtime_r(&seconds, &tm))
		strftime(out, PRINT_CELL, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

const char *print_size(int64_t bytes, char out[PRINT_CELL])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes;
	size_t u = 0;

	for (; n >= 1024 && u < 4; u++)
		n /= 1024;
	snprintf(out, PRINT_CELL, u ? "%.1f %s" : "%.0f %s", n, units[u]);
	return out;
}
