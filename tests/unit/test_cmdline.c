/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cmdline.h"

static struct cmdline c;
static struct buf said;

static void note(void *arg, const char *text)
{
	(void)arg;
	buf_printf(&said, "%s\n", text);
}

static const char *parse(const char *text)
{
	buf_free(&said);
	buf_add(&said, "", 0);
	memset(&c, 0xa5, sizeof(c));
	cmdline_parse(text, &c, note, NULL);
	return said.data;
}

static int tear_down(void **state)
{
	(void)state;
	buf_free(&said);
	return 0;
}

static void test_table(void **state)
{
	(void)state;
	for (int k = 0; k < CMDLINE_KEYS; k++) {
		const struct cmdline_entry *entry = &cmdline_table[k];
		assert_int_equal(strncmp(entry->name, "hull.", 5), 0);
		assert_true(strlen(entry->help) > 10);
		assert_non_null(entry->type);
		assert_true(strlen(entry->default_value) < CMDLINE_VALUE_MAX);
		for (int other = 0; other < k; other++)
			assert_string_not_equal(entry->name, cmdline_table[other].name);
		/* A default that is said aloud is taken without a complaint. */
		char text[CMDLINE_VALUE_MAX * 2];
		snprintf(text, sizeof(text), "%s=%s", entry->name, entry->default_value);
		if (entry->default_value[0]) {
			assert_string_equal(parse(text), "");
			assert_true(c.given[k]);
		}
	}
}

static void test_defaults(void **state)
{
	(void)state;
	assert_string_equal(parse(""), "");
	assert_string_equal(cmdline_text(&c, CMDLINE_ROOT), "slot");
	assert_string_equal(cmdline_text(&c, CMDLINE_SLOT), "");
	assert_int_equal(cmdline_number(&c, CMDLINE_CRASH_LIMIT), 4);
	assert_int_equal(cmdline_number(&c, CMDLINE_PANIC_DELAY), 10000);
	assert_false(cmdline_bool(&c, CMDLINE_KEXECED));
	for (int k = 0; k < CMDLINE_KEYS; k++)
		assert_false(c.given[k]);
}

static void test_values(void **state)
{
	(void)state;
	assert_string_equal(
		parse("BOOT_IMAGE=/vmlinuz quiet  hull.root=ram\thull.disk_timeout=5s hull.watchdog=0 hull.kexeced "
		      "hull.state_reset=no root=/dev/hull.x panic=10 "
		      "hull.net=eth0=10.0.2.15/24,10.0.2.2;eth1=fd00::1/64\n"),
		"");
	assert_string_equal(cmdline_text(&c, CMDLINE_ROOT), "ram");
	assert_true(c.given[CMDLINE_ROOT]);
	assert_int_equal(cmdline_number(&c, CMDLINE_DISK_TIMEOUT), 5000);
	assert_int_equal(cmdline_number(&c, CMDLINE_WATCHDOG), 0);
	assert_true(cmdline_bool(&c, CMDLINE_KEXECED));
	assert_false(cmdline_bool(&c, CMDLINE_STATE_RESET));
	assert_string_equal(cmdline_text(&c, CMDLINE_NET), "eth0=10.0.2.15/24,10.0.2.2;eth1=fd00::1/64");
}

static void test_quotes_and_repeats(void **state)
{
	(void)state;
	assert_string_equal(parse("dyndbg=\"hull.root=ram +p\" \"hull.hostname=one\" hull.state=\"/a b\" hull.log=err "
				  "hull.log=debug"),
			    "");
	assert_string_equal(cmdline_text(&c, CMDLINE_ROOT), "slot");
	assert_string_equal(cmdline_text(&c, CMDLINE_HOSTNAME), "one");
	assert_string_equal(cmdline_text(&c, CMDLINE_STATE), "/a b");
	assert_string_equal(cmdline_text(&c, CMDLINE_LOG_LEVEL), "debug");
	assert_string_equal(parse("hull.disk-timeout=7 hull.state=\"/x"), "");
	assert_int_equal(cmdline_number(&c, CMDLINE_DISK_TIMEOUT), 7);
	assert_string_equal(cmdline_text(&c, CMDLINE_STATE), "/x");
	assert_string_equal(parse("\" \"\" hull.root=\"\" \""), "");
	assert_non_null(strstr(parse("hull.root=\"\""), "must be one of slot ram"));
	assert_non_null(strstr(parse("hull.root=\""), "must be one of slot ram"));
}

static void test_complaints(void **state)
{
	(void)state;
	assert_string_equal(parse("hull.rot=ram"), "hull.rot: no such key, ignored (see hull cmdline)\n");
	assert_string_equal(parse("hull."), "hull.: no such key, ignored (see hull cmdline)\n");
	assert_string_equal(parse("hull.root=disk"),
			    "hull.root='disk': must be one of slot ram; the default 'slot' stays\n");
	assert_string_equal(parse("hull.panic_delay=soon"), "hull.panic_delay='soon': must be a number from 0 to "
							    "3600000 (milliseconds); the default '10000' stays\n");
	/* The last one counts, also when it is bad. */
	assert_non_null(strstr(parse("hull.root=ram hull.root=x"), "must be"));
	assert_string_equal(cmdline_text(&c, CMDLINE_ROOT), "slot");
	assert_false(c.given[CMDLINE_ROOT]);
	/* No forged line on the console. */
	assert_string_equal(parse("hull.x\x1b[2J\xff"), "hull.x?[2J?: no such key, ignored (see hull cmdline)\n");
	cmdline_parse("hull.root=x hull.y", &c, NULL, NULL);
}

static void test_bad_values(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"hull.crash_limit=0",
		"hull.crash_limit=-1",
		"hull.crash_limit=",
		"hull.crash_limit=4s",
		"hull.crash_limit=0x4",
		"hull.crash_limit=99999999999999999999",
		"hull.disk_timeout=600001",
		"hull.disk_timeout=s",
		"hull.disk_timeout=1m",
		"hull.disk_timeout=999999999999999s",
		"hull.kexeced=2",
		"hull.kexeced=TRUE",
		"hull.slot=c",
		"hull.slot",
		"hull.hostname=-a",
		"hull.hostname=a..b",
		"hull.hostname=a_b",
		"hull.hostname=a/b",
		"hull.state=x",
		"hull.state=../x",
		"hull.hostname=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", /* a label of 64 */
		"hull.dns=1.2.3",
		"hull.dns=1.2.3.4,",
		"hull.dns=,1.2.3.4",
		"hull.dns=ns.example",
		"hull.ntp=",
		"hull.ntp=a,,b",
		"hull.modules=a,b/c",
		"hull.modules=../x",
		"hull.net=eth0",
		"hull.net=",
		"hull.net=eth0=1.2.3.4",
		"hull.net=eth0=1.2.3.4/33",
		"hull.net=eth0=1.2.3.4/24,fd00::1",
		"hull.net=eth0=1.2.3.4/24;",
		"hull.net==1.2.3.4/24",
		"hull.net=eth0=fd00::1/129",
		"hull.net=../x=1.2.3.4/24",
		"hull.net=abcdefghijklmnopq=1.2.3.4/24",
		"hull.net=eth0=1.2.3.4/24,1.2.3.1,1.2.3.2",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!strstr(parse(bad[i]), "stays"))
			print_error("no complaint: %s\n", bad[i]);
		assert_non_null(strstr(said.data, "stays"));
		for (int k = 0; k < CMDLINE_KEYS; k++)
			assert_string_equal(c.value[k], cmdline_table[k].default_value);
	}
	static const char *const good[] = {
		"hull.dns=1.2.3.4,fd00::1",
		"hull.dns=",
		"hull.ntp=none",
		"hull.ntp=a.example,10.0.0.1,fd00::2",
		"hull.modules=kvm,nvme-core",
		"hull.hostname=a.b-c.9",
		"hull.net=none",
		"hull.net=enp0s3.100=fd00::5/128",
		"hull.state=/",
		"hull.state=tmpfs",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(parse(good[i]), "");
}

static void test_overlong(void **state)
{
	(void)state;
	static char text[70000];
	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "hull.state=/", 12);
	assert_non_null(strstr(parse(text), "is too long"));
	assert_string_equal(cmdline_text(&c, CMDLINE_STATE), "auto");
	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "hull.", 5);
	assert_non_null(strstr(parse(text), "no such key"));
	memset(text, '"', sizeof(text) - 1);
	assert_string_equal(parse(text), "");
	/* The longest that fits. */
	memset(text, 'a', sizeof(text));
	memcpy(text, "hull.state=/", 12);
	text[11 + CMDLINE_VALUE_MAX - 1] = '\0';
	assert_string_equal(parse(text), "");
	assert_int_equal(strlen(cmdline_text(&c, CMDLINE_STATE)), CMDLINE_VALUE_MAX - 1);
}

static void test_argv(void **state)
{
	(void)state;
	char *argv[] = { "/sbin/init", "hull.root=ram", "single", "hull.state=/a \"b\"", "hull.no" };
	buf_free(&said);
	cmdline_parse_argv(5, argv, &c, note, NULL);
	assert_string_equal(cmdline_text(&c, CMDLINE_ROOT), "ram");
	assert_string_equal(cmdline_text(&c, CMDLINE_STATE), "/a \"b\"");
	assert_string_equal(said.data, "hull.no: no such key, ignored (see hull cmdline)\n");
}

/* docs/cmdline.md says what the table says: each key's row, word for word. */
static void test_document(void **state)
{
	(void)state;
	FILE *f = fopen("docs/cmdline.md", "r");
	if (!f)
		skip(); /* not run from the source tree */
	static char text[65536];
	size_t len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = '\0';
	fclose(f);
	for (int k = 0; k < CMDLINE_KEYS; k++) {
		const struct cmdline_entry *entry = &cmdline_table[k];
		char row[1024];
		snprintf(row, sizeof(row), "| `%s` | %s | %s%s%s | %s |\n", entry->name, entry->type,
			 entry->default_value[0] ? "`" : "", entry->default_value, entry->default_value[0] ? "`" : "",
			 entry->help);
		if (!strstr(text, row))
			print_error("docs/cmdline.md lacks: %s", row);
		assert_non_null(strstr(text, row));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	   cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_quotes_and_repeats),
		cmocka_unit_test(test_complaints), cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_overlong),   cmocka_unit_test(test_argv),
		cmocka_unit_test(test_document),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
