/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "supervisor/compose.h"

static int parse(const char *text, struct unit_spec **specs, size_t *n, struct err *e)
{
	return compose_parse("/etc/hull/units/My Shop_2.json", text, strlen(text), specs, n, e);
}

/* One service's body, host network given. */
static int parse_service(const char *body, struct unit_spec **specs, struct err *e)
{
	char text[4096];
	size_t n;

	snprintf(text, sizeof(text), "{\"services\":{\"web\":{\"image\":\"i\",\"network_mode\":\"host\"%s%s}}}", *body ? "," : "", body);
	return parse(text, specs, &n, e);
}

/* As printed by docker compose 2.x for an application on the host's network. */
static void as_compose_prints_it(void **st)
{
	static const char text[] =
		"{\n  \"name\": \"shop\",\n  \"services\": {\n    \"web\": {\n      \"command\": null,\n      \"container_name\": null,\n"
		"      \"entrypoint\": null,\n      \"environment\": {\"A\": \"1\", \"PRICE\": \"5$$\", \"UNSET\": null, \"N\": 3, \"T\": true},\n"
		"      \"image\": \"nginx:1.22\",\n      \"network_mode\": \"host\",\n      \"restart\": \"unless-stopped\",\n"
		"      \"stop_grace_period\": \"1m30s\",\n      \"stop_signal\": \"SIGQUIT\",\n      \"x-note\": {\"any\": [\"thing\"]}\n    },\n"
		"    \"job\": {\"image\": \"busybox\", \"network_mode\": \"host\", \"networks\": {\"default\": null},\n"
		"      \"command\": [\"sh\", \"-c\", \"echo $$HOME\"], \"entrypoint\": []}\n  },\n"
		"  \"networks\": {\"default\": {\"name\": \"shop_default\", \"ipam\": {}}},\n  \"x-top\": 1\n}\n";
	struct unit_spec *s;
	size_t n;
	struct err e = { 0 };

	(void)st;
	assert_int_equal(parse(text, &s, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(s[0].name, "shop-web");
	assert_string_equal(s[0].project, "shop");
	assert_string_equal(s[0].service, "web");
	assert_null(s[0].command);
	assert_null(s[0].entrypoint);
	assert_string_equal(s[0].environment[0], "A=1");
	assert_string_equal(s[0].environment[1], "PRICE=5$");
	assert_string_equal(s[0].environment[2], "N=3");
	assert_string_equal(s[0].environment[3], "T=true");
	assert_null(s[0].environment[4]);
	assert_int_equal(s[0].restart, RESTART_UNLESS_STOPPED);
	assert_int_equal(s[0].stop_grace_ms, 90000);
	assert_int_equal(s[0].stop_signal, 3);
	assert_true(s[0].network_host);
	assert_string_equal(s[1].name, "shop-job");
	assert_string_equal(s[1].command[2], "echo $HOME");
	assert_non_null(s[1].entrypoint);
	assert_null(s[1].entrypoint[0]);
	assert_int_equal(s[1].stop_grace_ms, UNIT_STOP_GRACE_MS);
	compose_free(s, n);
}

static void names_come_from_file_or_text(void **st)
{
	struct unit_spec *s;

	(void)st;
	assert_int_equal(parse_service("", &s, NULL), 0);
	assert_string_equal(s->name, "myshop_2-web");
	compose_free(s, 1);
	assert_int_equal(parse_service("\"container_name\":\"front\",\"hostname\":\"h1\"", &s, NULL), 0);
	assert_string_equal(s->name, "front");
	assert_string_equal(s->service, "web");
	assert_string_equal(s->hostname, "h1");
	compose_free(s, 1);
}

static void strings_and_lists(void **st)
{
	struct unit_spec *s;

	(void)st;
	assert_int_equal(parse_service("\"command\":\"nginx -g 'daemon off;' $$X\",\"environment\":[\"A=1\",\"B\",\"A=2\",\"C=x=y\"],"
				       "\"stop_signal\":\"SIGRTMIN+3\",\"restart\":\"on-failure:4\"", &s, NULL), 0);
	assert_string_equal(s->command[0], "nginx");
	assert_string_equal(s->command[2], "daemon off;");
	assert_string_equal(s->command[3], "$X");
	assert_null(s->command[4]);
	assert_string_equal(s->environment[0], "A=2");
	assert_string_equal(s->environment[1], "C=x=y");
	assert_null(s->environment[2]);
	assert_int_equal(s->stop_signal, 37);
	assert_int_equal(s->restart_max, 4);
	compose_free(s, 1);
	assert_int_equal(parse_service("\"command\":\"\",\"stop_signal\":9", &s, NULL), 0);
	assert_non_null(s->command);
	assert_null(s->command[0]);
	assert_int_equal(s->stop_signal, 9);
	compose_free(s, 1);
}

/* Each error names file, path and what is allowed. */
static void errors_name_their_place(void **st)
{
	static const struct {
		const char *body, *place, *says;
	} cases[] = {
		{ "\"ports\":[\"80:80\"]", "services.web.ports: ", "not supported" },
		{ "\"build\":null", "services.web.build: ", "not supported" },
		{ "\"restart\":\"sometimes\"", "services.web.restart: \"sometimes\": ", "unless-stopped" },
		{ "\"restart\":false", "services.web.restart: ", "\"no\"" },
		{ "\"stop_signal\":\"SIGNOPE\"", "services.web.stop_signal: ", "SIGTERM" },
		{ "\"stop_signal\":0", "services.web.stop_signal: ", "SIGTERM" },
		{ "\"stop_signal\":1.5", "services.web.stop_signal: ", "SIGTERM" },
		{ "\"stop_grace_period\":\"10\"", "services.web.stop_grace_period: ", "1m30s" },
		{ "\"stop_grace_period\":10", "services.web.stop_grace_period: ", "string" },
		{ "\"environment\":{\"A\":[1]}", "services.web.environment: A: ", "string" },
		{ "\"environment\":{\"A=B\":\"1\"}", "services.web.environment: A=B: ", "=" },
		{ "\"environment\":[\"=1\"]", "services.web.environment: ", "without a name" },
		{ "\"environment\":\"A=1\"", "services.web.environment: ", "map or a list" },
		{ "\"environment\":{\"A\":\"$HOME\"}", "services.web.environment: A: ", "$$" },
		{ "\"command\":[\"a\",\"${X}\"]", "services.web.command: item 1: ", "$$" },
		{ "\"command\":\"a | b\"", "services.web.command: ", "shell" },
		{ "\"command\":\"a 'b\"", "services.web.command: ", "quote" },
		{ "\"command\":{}", "services.web.command: ", "list of strings" },
		{ "\"networks\":{\"front\":null}", "services.web.networks: front: ", "host" },
		{ "\"networks\":{\"default\":{\"aliases\":[\"a\"]}}", "services.web.networks: default: ", "host" },
		{ "\"hostname\":\"-x\"", "services.web.hostname: ", "host name" },
		{ "\"container_name\":\"../x\"", "services.web.container_name: ", "a-z" },
	};

	(void)st;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct unit_spec *s;
		struct err e = { 0 };
		char place[256];

		assert_int_equal(parse_service(cases[i].body, &s, &e), -1);
		snprintf(place, sizeof(place), "/etc/hull/units/My Shop_2.json: %s", cases[i].place);
		if (strncmp(e.text, place, strlen(place)) != 0 || !strstr(e.text, cases[i].says))
			fail_msg("%s gave: %s", cases[i].body, e.text);
	}
}

static void applications_refused(void **st)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "json" }, { "[]", "object" }, { "{}", "services: required" }, { "{\"services\":{}}", "services: required" },
		{ "{\"services\":[]}", "services: must" }, { "{\"services\":{\"a\":null}}", "services.a: must" },
		{ "{\"services\":{\"a\":{\"network_mode\":\"host\"}}}", "services.a: image is required" },
		{ "{\"services\":{\"a\":{\"image\":null,\"network_mode\":\"host\"}}}", "services.a: image is required" },
		{ "{\"services\":{\"a\":{\"image\":\"i\"}}}", "services.a: network_mode is missing" },
		{ "{\"services\":{\"a\":{\"image\":\"i\",\"network_mode\":\"bridge\"}}}", "services.a.network_mode: " },
		{ "{\"services\":{\"a\":{\"image\":\"i x\",\"network_mode\":\"host\"}}}", "services.a.image: " },
		{ "{\"services\":{\"a/b\":{\"image\":\"i\",\"network_mode\":\"host\"}}}", "services.a/b: " },
		{ "{\"volumes\":{},\"services\":{\"a\":{\"image\":\"i\",\"network_mode\":\"host\"}}}", "volumes: this key" },
		{ "{\"version\":\"3\",\"services\":{\"a\":{\"image\":\"i\",\"network_mode\":\"host\"}}}", "version: this key" },
		{ "{\"name\":\"Shop\",\"services\":{\"a\":{\"image\":\"i\",\"network_mode\":\"host\"}}}", "name: \"Shop\"" },
		{ "{\"networks\":{\"front\":null},\"services\":{\"a\":{\"image\":\"i\",\"network_mode\":\"host\"}}}", "networks: front: " },
		{ "{\"networks\":{\"default\":{\"driver\":\"bridge\"}},\"services\":{\"a\":{\"image\":\"i\",\"network_mode\":\"host\"}}}",
		  "networks: default.driver: " },
		{ "{\"services\":{\"a\":{\"image\":\"i\",\"image\":\"j\",\"network_mode\":\"host\"}}}", "image" },
		{ "{\"services\":{\"a\":{\"container_name\":\"x\",\"image\":\"i\",\"network_mode\":\"host\"},"
		  "\"b\":{\"container_name\":\"x\",\"image\":\"i\",\"network_mode\":\"host\"}}}", "services.b: the unit name x is taken" },
	};

	(void)st;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct unit_spec *s;
		struct err e = { 0 };
		size_t n;

		assert_int_equal(parse(cases[i].text, &s, &n, &e), -1);
		if (!strstr(e.text, "My Shop_2.json: ") || !strcasestr(e.text, cases[i].says))
			fail_msg("%s gave: %s", cases[i].text, e.text);
	}
}

static void a_service_has_a_size(void **st)
{
	struct unit_spec *s;
	struct err e = { 0 };
	size_t n;
	char *text = malloc(80000), *at = text;

	(void)st;
	at += sprintf(at, "{\"services\":{\"a\":{\"image\":\"i\",\"network_mode\":\"host\",\"command\":[\"");
	memset(at, 'x', 40000);
	strcpy(at + 40000, "\"]}}}");
	assert_int_equal(parse(text, &s, &n, &e), -1);
	assert_non_null(strstr(e.text, "services.a: takes"));
	free(text);
}

static void durations(void **st)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} cases[] = {
		{ "10s", 10000 }, { "1m30s", 90000 }, { "1h0m0s", 3600000 }, { "500ms", 500 }, { "1.5s", 1500 }, { "0", 0 }, { "0s", 0 },
		{ "1us", 1 }, { "1ns", 1 }, { "2d", 172800000 }, { "1w", 604800000 }, { ".5s", 500 }, { "1.s", 1000 },
		{ "1\xc2\xb5s", 1 }, { "1.0000000001s", 1000 }, { "0.5h", 1800000 }, { "1w1ms", -1 }, { "", -1 }, { "s", -1 }, { "10", -1 },
		{ "-1s", -1 }, { "+1s", -1 }, { "1 s", -1 }, { "1x", -1 }, { "99999999999s", -1 }, { "1s1", -1 }, { ".s", -1 },
		{ "1..5s", -1 }, { "999999999w", -1 },
	};

	(void)st;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;
		int rc = compose_duration(cases[i].text, &ms, NULL);

		if (ms != cases[i].ms || rc != (ms < 0 ? -1 : 0))
			fail_msg("%s gave %lld", cases[i].text, (long long)ms);
	}
}

static void words(void **st)
{
	static const struct {
		const char *text, *joined; /* words with '|' behind each; NULL: refused */
	} cases[] = {
		{ "", "" }, { "  ", "" }, { "a", "a|" }, { " a  b\tc\n", "a|b|c|" }, { "'a b' \"c d\"", "a b|c d|" }, { "a'b'\"c\"", "abc|" },
		{ "'' x", "|x|" }, { "a\\ b", "a b|" }, { "\"a\\\"b\"", "a\"b|" }, { "'a\\'", "a\\|" }, { "\"it's\"", "it's|" }, { "'a", NULL },
		{ "\"a", NULL }, { "a\\", NULL }, { "a;b", NULL }, { "a > b", NULL }, { "';'", ";|" }, { "\\;", ";|" },
	};

	(void)st;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char **list = NULL, joined[128] = "";
		int rc = compose_words(cases[i].text, &list, NULL);

		assert_int_equal(rc, cases[i].joined ? 0 : -1);
		for (char **w = list; w && *w; w++) {
			strcat(joined, *w);
			strcat(joined, "|");
			free(*w);
		}
		free(list);
		if (cases[i].joined)
			assert_string_equal(joined, cases[i].joined);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_compose_prints_it),	   cmocka_unit_test(names_come_from_file_or_text),
		cmocka_unit_test(strings_and_lists),	   cmocka_unit_test(errors_name_their_place),
		cmocka_unit_test(applications_refused),	   cmocka_unit_test(a_service_has_a_size),
		cmocka_unit_test(durations),		   cmocka_unit_test(words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
