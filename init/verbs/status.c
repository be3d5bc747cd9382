/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull status`: whatever org.hull.Machine.Info tells, in its order, so that a newer machine's facts show in an older
 * client. Units are in the keys' endings. Lists of objects (the roles) become tables below.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "init/cli/client.h"
#include "init/cli/table.h"
#include "init/verbs/print.h"
#include "init/verbs/verbs.h"

#define TABLES_MAX 8
#define NEST_MAX 4
#define CELL_MAX 512

struct facts {
	struct table table;
	const cJSON *lists[TABLES_MAX]; /* borrowed */
	size_t n_lists;
};

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);
	return a >= b && strcmp(text + a - b, end) == 0;
}

/* A text of several lines (a resolv.conf) in one. */
static void join_lines(const char *text, char *out, size_t size)
{
	size_t len;

	snprintf(out, size, "%s", text);
	for (len = strlen(out); len && out[len - 1] == '\n'; len--)
		out[len - 1] = '\0';
	for (char *p = out; *p; p++) {
		if (*p == '\n')
			*p = ';';
	}
}

/* A value for people; joins a list of plain values. */
static void format_value(const cJSON *v, char *out, size_t size)
{
	const char *key = v->string ? v->string : "";
	char cell[PRINT_CELL];
	const cJSON *item;
	size_t len = 0;

	out[0] = '\0';
	if (cJSON_IsString(v))
		join_lines(v->valuestring, out, size);
	else if (cJSON_IsBool(v))
		snprintf(out, size, "%s", cJSON_IsTrue(v) ? "yes" : "no");
	else if (cJSON_IsNumber(v) && ends_with(key, "_us"))
		snprintf(out, size, "%.3f s", v->valuedouble / 1e6);
	else if (cJSON_IsNumber(v) && ends_with(key, "_bytes"))
		snprintf(out, size, "%s", print_size((int64_t)v->valuedouble, cell));
	else if (cJSON_IsNumber(v) && ends_with(key, "_ms") && v->valuedouble > 1e12)
		snprintf(out, size, "%s", print_time((int64_t)v->valuedouble, cell));
	else if (cJSON_IsNumber(v))
		snprintf(out, size, "%.15g%s", v->valuedouble, ends_with(key, "_ms") ? " ms" : "");
	else if (cJSON_IsArray(v))
		cJSON_ArrayForEach(item, v) {
			char one[CELL_MAX];
			if (cJSON_IsArray(item))
				continue;
			format_value(item, one, sizeof(one));
			len += snprintf(out + len, size - len, "%s%s", len ? ", " : "", one);
			if (len >= size)
				break;
		}
}

/* "boot.stage0_us" -> "boot stage0": what the ending says is in the value. */
static void make_label(const char *prefix, const char *key, char *out, size_t size)
{
	static const char *const endings[] = { "_us", "_ms", "_bytes" };
	int len = (int)strlen(key);

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		if (ends_with(key, endings[i]))
			len -= (int)strlen(endings[i]);
	}
	snprintf(out, size, "%s%s%.*s", prefix, *prefix ? " " : "", len, key);
	for (char *p = out; *p; p++) {
		if (*p == '_')
			*p = ' ';
	}
}

static int add_facts(struct facts *f, const char *prefix, const cJSON *object, int depth)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, object) {
		char label[128], value[CELL_MAX];
		make_label(prefix, v->string, label, sizeof(label));
		if (cJSON_IsObject(v)) {
			if (depth < NEST_MAX && add_facts(f, label, v, depth + 1) < 0)
				return -1;
			continue;
		}
		if (cJSON_IsArray(v) && cJSON_IsObject(v->child)) {
			if (f->n_lists < TABLES_MAX)
				f->lists[f->n_lists++] = v;
			continue;
		}
		format_value(v, value, sizeof(value));
		const char *cells[] = { label, value };
		if (table_row(&f->table, cells) < 0)
			return -1;
	}
	return 0;
}

/* Columns as in the first object. */
static int print_list(const cJSON *list)
{
	char headers[TABLE_COLUMNS_MAX][64];
	const char *header[TABLE_COLUMNS_MAX + 1] = { NULL }, *keys[TABLE_COLUMNS_MAX];
	cleanup_table struct table t = { 0 };
	const cJSON *v, *item;
	size_t n = 0;

	cJSON_ArrayForEach(v, list->child) {
		if (n == TABLE_COLUMNS_MAX)
			break;
		make_label("", v->string, headers[n], sizeof(headers[n]));
		for (char *p = headers[n]; *p; p++) {
			if (*p >= 'a' && *p <= 'z')
				*p -= 'a' - 'A';
		}
		keys[n] = v->string;
		header[n] = headers[n];
		n++;
	}
	if (table_begin(&t, header) < 0)
		return -1;
	cJSON_ArrayForEach(item, list) {
		char values[TABLE_COLUMNS_MAX][CELL_MAX];
		const char *cells[TABLE_COLUMNS_MAX];
		for (size_t i = 0; i < n; i++) {
			v = json_get(item, keys[i]);
			values[i][0] = '\0';
			if (v)
				format_value(v, values[i], sizeof(values[i]));
			cells[i] = values[i];
		}
		if (table_row(&t, cells) < 0)
			return -1;
	}
	printf("\n%s\n", list->string ? list->string : "");
	table_print(&t, stdout);
	return 0;
}

int verb_status(struct cli *c, const struct args *a)
{
	static const char *const headers[] = { "FACT", "VALUE", NULL };
	cleanup_json cJSON *info = NULL;
	struct facts f = { 0 };
	int code = client_call(c, "org.hull.Machine.Info", NULL, CLIENT_REPEAT, CLIENT_TIMEOUT_MS, &info);

	(void)a;
	if (code)
		return code;
	if (c->json)
		return print_json(c, info);
	if (table_begin(&f.table, headers) < 0 || add_facts(&f, "", info, 0) < 0)
		code = cli_error(c, CLI_FAILED, NULL, "out of memory");
	if (!code)
		table_print(&f.table, stdout);
	table_free(&f.table);
	for (size_t i = 0; !code && i < f.n_lists; i++) {
		if (print_list(f.lists[i]) < 0)
			code = cli_error(c, CLI_FAILED, NULL, "out of memory");
	}
	return code;
}
