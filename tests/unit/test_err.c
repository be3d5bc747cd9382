/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/utf8.h"

static void test_set(void **state)
{
	(void)state;
	struct err e = { 0 };
	errno = EBUSY;
	assert_int_equal(err_set(&e, EINVAL, "slot %s", "a"), -1);
	assert_int_equal(e.code, EINVAL);
	assert_string_equal(e.text, "slot a");
	assert_int_equal(errno, EBUSY);
	assert_int_equal(err_set(&e, 0, "x"), -1);
	assert_int_equal(e.code, EIO);
}

static void test_null_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, EINVAL, "%s", "x"), -1);
	assert_int_equal(err_sys(NULL, "%s", "x"), -1);
	assert_int_equal(err_wrap(NULL, "%s", "x"), -1);
}

static void test_sys_keeps_the_reason(void **state)
{
	(void)state;
	struct err e;
	errno = ENOENT;
	err_sys(&e, "open %s", "/x");
	assert_string_equal(e.text, "open /x: No such file or directory");
	assert_int_equal(e.code, ENOENT);

	char name[2000];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	errno = EACCES;
	err_sys(&e, "open %s", name);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_string_equal(e.text + strlen(e.text) - strlen(": Permission denied"), ": Permission denied");
	errno = 0;
	err_sys(&e, "odd");
	assert_int_equal(e.code, EIO);
}

static void test_wrap_and_own_text_as_argument(void **state)
{
	(void)state;
	struct err e;
	err_set(&e, EPERM, "inner");
	err_wrap(&e, "outer %d", 1);
	assert_string_equal(e.text, "outer 1: inner");
	assert_int_equal(e.code, EPERM);
	err_set(&e, ENOSPC, "again: %s", e.text);
	assert_string_equal(e.text, "again: outer 1: inner");
	char prefix[ERR_TEXT_MAX * 2];
	memset(prefix, 'p', sizeof(prefix) - 1);
	prefix[sizeof(prefix) - 1] = '\0';
	err_wrap(&e, "%s", prefix);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
}

static void test_text_is_one_valid_line(void **state)
{
	(void)state;
	struct err e;
	err_set(&e, EINVAL, "name '%s'", "a\nb\x1b[2J\x7f\xc2\x9b\xff\xed\xa0\x80");
	assert_string_equal(e.text, "name 'a?b?[2J"
				    "?"
				    "?"
				    "?"
				    "?"
				    "?"
				    "?"
				    "?"
				    "'");
	/* A cut in the middle of a sequence leaves valid UTF-8. */
	char name[ERR_TEXT_MAX + 8];
	for (size_t i = 0; i + 1 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa4", 2);
	name[sizeof(name) - 2] = '\0';
	err_set(&e, EINVAL, "%s", name);
	assert_true(utf8_valid(e.text, strlen(e.text)));
	err_set(&e, EINVAL, "x%s", name);
	assert_true(utf8_valid(e.text, strlen(e.text)));
}

static void test_utf8(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t expect;
	} cases[] = {
		{ "a", 1 },
		{ "\xc3\xa4", 2 },
		{ "\xe2\x82\xac", 3 },
		{ "\xf0\x9f\x98\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 },
		{ "\xf4\x90\x80\x80", 0 },
		{ "\xf5\x80\x80\x80", 0 },
		{ "\xc0\x80", 0 },
		{ "\xc1\xbf", 0 },
		{ "\xe0\x9f\xbf", 0 },
		{ "\xf0\x8f\xbf\xbf", 0 },
		{ "\xed\x9f\xbf", 3 },
		{ "\xed\xa0\x80", 0 },
		{ "\x80", 0 },
		{ "\xfe", 0 },
		{ "\xe2\x82", 0 },
		{ "\xe2\x82g", 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(utf8_sequence(cases[i].bytes, strlen(cases[i].bytes)), cases[i].expect);
	assert_int_equal(utf8_sequence("", 0), 0);
	assert_true(utf8_valid("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_null_is_allowed),
		cmocka_unit_test(test_sys_keeps_the_reason),
		cmocka_unit_test(test_wrap_and_own_text_as_argument),
		cmocka_unit_test(test_text_is_one_valid_line),
		cmocka_unit_test(test_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
