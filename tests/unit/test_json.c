/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static cJSON *parse(const char *text, struct err *e)
{
	/* An exact copy: reading one byte too far shows under ASan. */
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	cJSON *v = json_parse(copy, len, &JSON_MESSAGE, e);
	free(copy);
	return v;
}

static void test_takes_what_is_good(void **state)
{
	(void)state;
	static const char *const good[] = {
		"{}",
		"[]",
		" null ",
		"true",
		"false",
		"0",
		"-0",
		"1.5e-3",
		"1E+2",
		"\"\"",
		"\"\\ud83d\\ude00 \\u00e4 \xc3\xa4\"",
		"9007199254740992",
		"-9007199254740992",
		"[1,2,[3,{\"a\":[]}]]",
		"\t{\n\"a\" : \"\\\"\\\\\\/\\b\\f\\n\\r\\t\"\r}",
		"{\"a\":1,\"A\":2}",
		"{\"\":1}",
		"1e-999",
		"\"\x7f\"",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err e = { 0 };
		cJSON *v = parse(good[i], &e);
		if (!v)
			print_error("%s: %s\n", good[i], e.text);
		assert_non_null(v);
		char *text = json_print(v);
		assert_non_null(text);
		cJSON *again = parse(text, &e);
		assert_non_null(again);
		assert_true(cJSON_Compare(v, again, 1));
		free(text);
		cJSON_Delete(again);
		cJSON_Delete(v);
	}
}

static void test_refuses_what_is_not(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		" ",
		"{",
		"[",
		"}",
		"]",
		"[}",
		"{]",
		"[1,]",
		"[,1]",
		"[1 2]",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{,}",
		"{a:1}",
		"{'a':1}",
		"{1:1}",
		"{\"a\" 1}",
		"[1]x",
		"{}{}",
		"nul",
		"nulL",
		"True",
		"truefalse",
		"NaN",
		"Infinity",
		"-Infinity",
		"-",
		"+1",
		"01",
		"-01",
		"1.",
		".5",
		"1e",
		"1e+",
		"0x10",
		"1_0",
		"--1",
		"9007199254740993",
		"-9007199254740993",
		"18446744073709551616",
		"1e999",
		"-1e16",
		"123456789012345678901234567890",
		"0.0000000000000000000000000000000000000001",
		"\"",
		"\"\\",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u12G4\"",
		"\"\\u0000\"",
		"\"\\ud800\"",
		"\"\\udc00\"",
		"\"\\ud800\\u0041\"",
		"\"\\ud800\\ud800\"",
		"\"\\ud800x\"",
		"\"a\nb\"",
		"\"a\tb\"",
		"\"\xff\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\"\xe2\x82\"",
		"\"\xf4\x90\x80\x80\"",
		"\xef\xbb\xbf{}",
		"{\"a\":1,\"a\":2}",
		"{\"a\":1,\"\\u0061\":2}",
		"{\"x\":[{\"a\":1,\"b\":2,\"a\":3}]}",
		"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"c\":1}",
		"/**/1",
		"[1]//",
		"\v1",
		"[\"a\":1]",
		"{\"a\":1 \"b\":2}",
		"\xc2\xa0 1",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err e = { 0 };
		cJSON *v = parse(wrong[i], &e);
		if (v)
			print_error("taken: %s\n", wrong[i]);
		assert_null(v);
		assert_int_not_equal(e.code, 0);
		assert_int_not_equal(e.text[0], 0);
	}
	assert_null(parse("[1}", NULL));
}

static void test_nul_inside(void **state)
{
	(void)state;
	assert_null(json_parse("{}\0", 3, &JSON_MESSAGE, NULL));
	assert_null(json_parse("\"a\0b\"", 5, &JSON_MESSAGE, NULL));
	assert_null(json_parse("\0", 1, &JSON_MESSAGE, NULL));
	assert_null(json_parse("\"\\\0\"", 4, &JSON_MESSAGE, NULL));
}

static void test_error_names_the_place(void **state)
{
	(void)state;
	struct err e;
	assert_null(parse("[1,2,x]", &e));
	assert_string_equal(e.text, "JSON: an unexpected character at byte 5");
	assert_int_equal(e.code, EBADMSG);
	assert_null(parse("{\"key\":1,\"key\":1}", &e));
	assert_string_equal(e.text, "JSON: the key 'key' is given twice");
}

static char *repeat(const char *unit, size_t n)
{
	size_t len = strlen(unit);
	char *text = malloc(len * n + 1);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, unit, len);
	text[len * n] = '\0';
	return text;
}

static void test_limits(void **state)
{
	(void)state;
	struct err e;
	char *deep = repeat("[", 17);
	assert_null(parse(deep, &e));
	assert_int_equal(e.code, EMSGSIZE);
	free(deep);
	assert_null(parse("[[[[[[[[[[[[[[[[1", &e)); /* sixteen levels are fine, the end is missing */
	assert_int_equal(e.code, EBADMSG);
	cJSON *v = parse("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", &e);
	assert_non_null(v);
	cJSON_Delete(v);

	static const struct json_limits few = { .bytes = 100, .values = 4, .depth = 2 };
	v = json_parse("[1,2,3]", 7, &few, &e);
	assert_non_null(v);
	cJSON_Delete(v);
	assert_null(json_parse("[1,2,3,4]", 9, &few, &e));
	assert_int_equal(e.code, EMSGSIZE);
	char *spaces = repeat(" ", 101);
	assert_null(json_parse(spaces, 101, &few, &e));
	assert_int_equal(e.code, EMSGSIZE);
	free(spaces);
	/* A limit beyond the ceiling doesn't lift it. */
	static const struct json_limits endless = { .bytes = 1 << 20, .values = 1 << 20, .depth = 1u << 20 };
	deep = repeat("[", 100000);
	assert_null(json_parse(deep, 100000, &endless, &e));
	free(deep);
}

/* A megabyte of "[0,0,..." costs cJSON 40 MiB: it must be refused before a tree exists. */
static void test_refusal_costs_no_memory(void **state)
{
	(void)state;
	char *zeros = repeat("0,", 32000);
	zeros[0] = '[';
	zeros[1] = ' ';
	struct mallinfo2 before = mallinfo2();
	struct err e;
	assert_null(parse(zeros, &e));
	assert_int_equal(e.code, EMSGSIZE);
	struct mallinfo2 after = mallinfo2();
	assert_true(after.arena <= before.arena + (256 << 10));
	free(zeros);
}

static void test_many_keys(void **state)
{
	(void)state;
	size_t cap = 2 << 20, len = 1;
	char *text = malloc(cap);
	text[0] = '{';
	for (int i = 0; i < 90000; i++)
		len += (size_t)snprintf(text + len, cap - len, "%s\"k%d\":0", i ? "," : "", i);
	text[len++] = '}';
	cJSON *v = json_parse(text, len, &JSON_DOCUMENT, NULL);
	assert_non_null(v);
	cJSON_Delete(v);
	len--;
	len += (size_t)snprintf(text + len, cap - len, ",\"k45000\":0}");
	struct err e;
	assert_null(json_parse(text, len, &JSON_DOCUMENT, &e));
	assert_string_equal(e.text, "JSON: the key 'k45000' is given twice");
	free(text);
}

static void expect_print(cJSON *v, const char *expect)
{
	char *text = json_print(v);
	assert_string_equal(text, expect);
	free(text);
	cJSON_Delete(v);
}

static void test_print(void **state)
{
	(void)state;
	expect_print(cJSON_CreateNumber(9007199254740991.0), "9007199254740991");
	expect_print(cJSON_CreateNumber(1763825000123456.0), "1763825000123456");
	expect_print(cJSON_CreateNumber(-42), "-42");
	expect_print(cJSON_CreateNumber(0.1), "0.1");
	expect_print(cJSON_CreateNumber(NAN), "null");
	expect_print(cJSON_CreateString("a\"\\\n\x01\x7f\xc3\xa4\xff\xed\xa0\x80"),
		     "\"a\\\"\\\\\\n\\u0001\x7f\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_print(cJSON_CreateNull(), "null");
	expect_print(cJSON_CreateObject(), "{}");
	cJSON *o = cJSON_CreateObject();
	cJSON_AddItemToObject(o, "a\n", cJSON_CreateArray());
	cJSON_AddTrueToObject(o, "b");
	expect_print(o, "{\"a\\n\":[],\"b\":true}");
	assert_null(json_print(NULL));
}

struct service {
	const char *image;
	bool privileged;
	int64_t weight;
	const cJSON *command, *any;
};

static const struct json_field fields[] = {
	{ .key = "image", .type = JSON_STRING, .offset = offsetof(struct service, image), .required = true, .max = 8 },
	{ .key = "privileged", .type = JSON_BOOL, .offset = offsetof(struct service, privileged) },
	{ .key = "weight", .type = JSON_INT, .offset = offsetof(struct service, weight), .min = 1, .max = 10 },
	{ .key = "command", .type = JSON_STRINGS, .offset = offsetof(struct service, command) },
	{ .key = "any", .type = JSON_ANY, .offset = offsetof(struct service, any) },
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static void test_read(void **state)
{
	(void)state;
	struct err e;
	struct service s = { .weight = 5 };
	cJSON *v = parse(
		"{\"image\":\"nginx\",\"privileged\":true,\"weight\":null,\"command\":[\"a\",\"b\"],\"any\":{}}", &e);
	assert_int_equal(json_read(v, fields, N_FIELDS, 0, "services.web", &s, &e), 0);
	assert_string_equal(s.image, "nginx");
	assert_true(s.privileged);
	assert_int_equal(s.weight, 5);
	assert_int_equal(cJSON_GetArraySize(s.command), 2);
	assert_true(cJSON_IsObject(s.any));
	cJSON_Delete(v);
}

static void test_read_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "[]", "s must be an object" },
		{ "{}", "s: 'image' is missing" },
		{ "{\"image\":null}", "s: 'image' is missing" },
		{ "{\"image\":1}", "s: 'image' must be a string" },
		{ "{\"image\":\"123456789\"}", "s: 'image' is longer than 8 bytes" },
		{ "{\"Image\":\"x\"}", "s: unknown key 'Image'" },
		{ "{\"image\":\"x\",\"weight\":0}", "s: 'weight' must be from 1 to 10" },
		{ "{\"image\":\"x\",\"weight\":1.5}", "s: 'weight' must be an integer" },
		{ "{\"image\":\"x\",\"weight\":\"1\"}", "s: 'weight' must be an integer" },
		{ "{\"image\":\"x\",\"command\":[\"a\",1]}", "s: 'command' must be a list of strings" },
		{ "{\"image\":\"x\",\"privileged\":0}", "s: 'privileged' must be true or false" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e;
		struct service s = { .image = "before", .weight = 3 };
		cJSON *v = parse(cases[i].text, &e);
		assert_int_equal(json_read(v, fields, N_FIELDS, 0, "s", &s, &e), -1);
		assert_string_equal(e.text, cases[i].error);
		assert_string_equal(s.image, "before");
		assert_int_equal(s.weight, 3);
		cJSON_Delete(v);
	}
	struct service s = { 0 };
	cJSON *v = parse("{\"image\":\"x\",\"more\":1}", NULL);
	assert_int_equal(json_read(v, fields, N_FIELDS, JSON_ALLOW_UNKNOWN, "s", &s, NULL), 0);
	assert_null(json_get(v, "Image"));
	assert_null(json_get(NULL, "image"));
	cJSON_Delete(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_what_is_good),
		cmocka_unit_test(test_refuses_what_is_not),
		cmocka_unit_test(test_nul_inside),
		cmocka_unit_test(test_error_names_the_place),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_refusal_costs_no_memory),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
