/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>
#include <string.h>

#include "containers/reference.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void normalised(void **state)
{
	static const char *const pairs[][2] = {
		{ "nginx", "docker.io/library/nginx:latest" },
		{ "nginx:1.25", "docker.io/library/nginx:1.25" },
		{ "team/app", "docker.io/team/app:latest" },
		{ "docker.io/nginx", "docker.io/library/nginx:latest" },
		{ "index.docker.io/team/app:x", "docker.io/team/app:x" },
		{ "localhost/app", "localhost/app:latest" },
		{ "localhost:5000/app", "localhost:5000/app:latest" },
		{ "localhost:5000", "docker.io/library/localhost:5000" },
		{ "registry.example.com/a/b/c:v1", "registry.example.com/a/b/c:v1" },
		{ "[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest" },
		{ "a__b.c-d---e", "docker.io/library/a__b.c-d---e:latest" },
		{ "nginx@sha256:" HEX, "docker.io/library/nginx@sha256:" HEX },
		{ "nginx:1@sha256:" HEX, "docker.io/library/nginx:1@sha256:" HEX },
		{ "sha256:" HEX, "sha256:" HEX },
	};
	char text[REFERENCE_MAX + 1];
	struct reference r, again;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (reference_parse(pairs[i][0], &r, &e) < 0)
			fail_msg("%s: %s", pairs[i][0], e.text);
		reference_format(&r, text);
		assert_string_equal(text, pairs[i][1]);
		/* What was normalised stays as it is. */
		assert_int_equal(reference_parse(text, &again, &e), 0);
		reference_format(&again, text);
		assert_string_equal(text, pairs[i][1]);
	}
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"", "Nginx", "/nginx", "nginx/", "a//b", "../etc", "a/../b", "a:", "a:b:c", "a:.tag", "a b", "a\n", "a\x80",
		"-a", "a-", "a___b", "a..b", "a._b", "reg.example.com:port/app", "reg..com/app", "[::1/app", "a@sha256:12",
		"a@md5:" HEX, "sha256:xyz", "a@", "@sha256:" HEX, "a+b", "a%2fb", ":tag", "ex_ample.com/a", ".com/a",
	};
	struct reference r;
	char longer[400];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (reference_parse(bad[i], &r, &e) == 0)
			fail_msg("'%s' was taken as %s/%s:%s", bad[i], r.domain, r.path, r.tag);
	memset(longer, 'a', sizeof(longer));
	longer[REFERENCE_MAX - 5] = '\0';
	assert_int_equal(reference_parse(longer, &r, &e), -1);
	longer[200] = '\0';
	assert_int_equal(reference_parse(longer, &r, &e), 0);
	longer[200] = longer[REFERENCE_MAX - 5] = 'a';
	longer[399] = '\0';
	assert_int_equal(reference_parse(longer, &r, &e), -1);
	memset(longer, 'a', sizeof(longer));
	longer[1] = ':';
	longer[2 + REFERENCE_TAG_MAX + 1] = '\0';
	assert_int_equal(reference_parse(longer, &r, &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(normalised), cmocka_unit_test(refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
