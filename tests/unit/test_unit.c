/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "base/signame.h"
#include "supervisor/unit.h"

static void names(void **st)
{
	char longest[UNIT_NAME_MAX + 2];
	static const char *const good[] = { "a", "0", "web-db.1_X", "shop-Web" };
	static const char *const bad[] = { "", "-a", ".a", "..", "a/b", "A", "a b", "a\n", "a\x1b[1m", "\xc3\xa4", "_a" };

	(void)st;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(unit_name_check(good[i], NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };

		assert_int_equal(unit_name_check(bad[i], &e), -1);
		assert_int_not_equal(e.code, 0);
	}
	memset(longest, 'a', sizeof(longest));
	longest[UNIT_NAME_MAX + 1] = '\0';
	assert_int_equal(unit_name_check(longest, NULL), -1);
	longest[UNIT_NAME_MAX] = '\0';
	assert_int_equal(unit_name_check(longest, NULL), 0);
}

static void hostnames(void **st)
{
	(void)st;
	assert_int_equal(unit_hostname_check("web", NULL), 0);
	assert_int_equal(unit_hostname_check("Web-1.example.org", NULL), 0);
	assert_int_equal(unit_hostname_check("a_b", NULL), 0);
	assert_int_equal(unit_hostname_check("-a", NULL), -1);
	assert_int_equal(unit_hostname_check("a-", NULL), -1);
	assert_int_equal(unit_hostname_check("a.-b", NULL), -1);
	assert_int_equal(unit_hostname_check("a..b", NULL), -1);
	assert_int_equal(unit_hostname_check("", NULL), -1);
	assert_int_equal(unit_hostname_check("a b", NULL), -1);
	assert_int_equal(unit_hostname_check("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL), -1);
}

static void restarts(void **st)
{
	static const char *const good[] = { "no", "always", "on-failure", "on-failure:5", "unless-stopped" };
	static const char *const bad[] = { "", "No", "never", "on-failure:", "on-failure:-1", "on-failure:1x", "on-failure:1000001",
					   "on-failure:99999999999999999999", "always:3", "on-failure: 3" };
	enum unit_restart restart;
	int max;

	(void)st;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[UNIT_RESTART_TEXT_MAX];

		assert_int_equal(unit_restart_parse(good[i], &restart, &max, NULL), 0);
		unit_restart_format(restart, max, text);
		assert_string_equal(text, good[i]);
	}
	assert_int_equal(unit_restart_parse("on-failure:0", &restart, &max, NULL), 0);
	assert_int_equal(max, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };

		assert_int_equal(unit_restart_parse(bad[i], &restart, &max, &e), -1);
		assert_non_null(strstr(e.text, "unless-stopped"));
	}
}

static void states(void **st)
{
	enum unit_state got;

	(void)st;
	for (int i = 0; i < UNIT_STATES; i++) {
		assert_int_equal(unit_state_parse(unit_state_name((enum unit_state)i), &got), 0);
		assert_int_equal(got, i);
	}
	assert_int_equal(unit_state_parse("asleep", &got), -1);
	assert_string_equal(unit_state_name(UNIT_STATES), "unknown");
}

static int from(const char *text, struct unit_spec *out, struct err *e)
{
	cleanup_json cJSON *v = json_parse(text, strlen(text), &JSON_MESSAGE, NULL);

	assert_non_null(v);
	return unit_spec_from_json(v, out, e);
}

static void json_round_trip(void **st)
{
	static const char text[] = "{\"name\":\"shop-web\",\"project\":\"shop\",\"service\":\"web\",\"image\":\"nginx:1\","
				   "\"command\":[\"a\",\"b c\"],\"entrypoint\":[],\"environment\":[\"A=1\",\"B=\"],\"hostname\":\"h\","
				   "\"restart\":\"on-failure:3\",\"stop_signal\":3,\"stop_grace_ms\":1500,\"network_host\":true,"
				   "\"remove\":true}";
	struct unit_spec s;
	cJSON *v;
	char *back;

	(void)st;
	assert_int_equal(from(text, &s, NULL), 0);
	assert_string_equal(s.name, "shop-web");
	assert_string_equal(s.command[1], "b c");
	assert_null(s.command[2]);
	assert_non_null(s.entrypoint);
	assert_null(s.entrypoint[0]);
	assert_int_equal(s.restart_max, 3);
	v = unit_spec_to_json(&s);
	back = json_print(v);
	assert_string_equal(back, text);
	free(back);
	cJSON_Delete(v);
	unit_spec_free(&s);
}

/* A record of a later release has more, one of an earlier release less. */
static void json_of_other_releases(void **st)
{
	struct unit_spec s;

	(void)st;
	assert_int_equal(from("{\"name\":\"a\",\"image\":\"i\",\"healthcheck\":{\"x\":[1]},\"ports\":null}", &s, NULL), 0);
	assert_int_equal(s.stop_grace_ms, UNIT_STOP_GRACE_MS);
	assert_int_equal(s.restart, RESTART_NO);
	assert_null(s.command);
	assert_null(s.environment);
	assert_null(s.hostname);
	unit_spec_free(&s);
}

static void json_refused(void **st)
{
	static const char *const bad[] = {
		"{}", "{\"name\":\"a\"}", "{\"image\":\"i\"}", "{\"name\":\"../a\",\"image\":\"i\"}", "{\"name\":\"a\",\"image\":\"\"}",
		"{\"name\":\"a\",\"image\":7}", "{\"name\":\"a\",\"image\":\"i\",\"command\":\"x\"}",
		"{\"name\":\"a\",\"image\":\"i\",\"command\":[1]}", "{\"name\":\"a\",\"image\":\"i\",\"environment\":[\"A\"]}",
		"{\"name\":\"a\",\"image\":\"i\",\"environment\":[\"=x\"]}", "{\"name\":\"a\",\"image\":\"i\",\"restart\":\"maybe\"}",
		"{\"name\":\"a\",\"image\":\"i\",\"stop_signal\":65}", "{\"name\":\"a\",\"image\":\"i\",\"stop_grace_ms\":-1}",
		"{\"name\":\"a\",\"image\":\"i\",\"hostname\":\"-\"}", "[]",
	};

	(void)st;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct unit_spec s = { .stop_grace_ms = 42 };
		struct err e = { 0 };

		assert_int_equal(from(bad[i], &s, &e), -1);
		assert_int_not_equal(e.code, 0);
		assert_int_equal(s.stop_grace_ms, 42); /* untouched */
	}
}

static void signals(void **st)
{
	static const struct {
		const char *text;
		int sig;
	} cases[] = {
		{ "SIGTERM", 15 }, { "TERM", 15 }, { "term", 15 }, { "15", 15 }, { "SIGRTMIN+3", 37 }, { "RTMIN", 34 },
		{ "SIGRTMAX", 64 }, { "RTMAX-14", 50 }, { "sigquit", 3 }, { "SIGPOLL", 29 }, { "", -1 }, { "SIG", -1 },
		{ "0", -1 }, { "65", -1 }, { "-1", -1 }, { "RTMIN+31", -1 }, { "RTMIN-1", -1 }, { "RTMAX+1", -1 }, { "15 ", -1 },
		{ "RTMIN+", -1 }, { "SIGSIGTERM", -1 }, { "999999999999", -1 },
	};

	(void)st;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(signame_parse(cases[i].text), cases[i].sig);
	for (int sig = 1; sig <= 64; sig++) {
		char name[SIGNAME_MAX];

		signame_format(sig, name);
		assert_int_equal(signame_parse(name), sig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),	   cmocka_unit_test(hostnames),		     cmocka_unit_test(restarts),
		cmocka_unit_test(states),	   cmocka_unit_test(json_round_trip),	     cmocka_unit_test(json_of_other_releases),
		cmocka_unit_test(json_refused),	   cmocka_unit_test(signals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
