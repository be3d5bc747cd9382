/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "init/net/net_config.h"
#include "init/net/resolv.h"

static void modes(void **state)
{
	struct net_config c = { 0 };

	(void)state;
	assert_int_equal(net_config_text("dhcp", &c, NULL), 0);
	assert_int_equal(c.mode, NET_DHCP);
	assert_int_equal(net_config_text("none", &c, NULL), 0);
	assert_int_equal(c.mode, NET_NONE);
}

static void entries(void **state)
{
	struct net_config c = { 0 };
	char text[IP_TEXT_MAX];

	(void)state;
	assert_int_equal(net_config_text("eth0=10.0.0.2/24,10.0.0.1;eth0=fd00::2/64;ens3.7=dhcp", &c, NULL), 0);
	assert_int_equal(c.mode, NET_LISTED);
	assert_int_equal(c.n_entries, 3);
	assert_string_equal(c.entries[0].name, "eth0");
	assert_int_equal(c.entries[0].prefix, 24);
	ip_format(&c.entries[0].gateway, text);
	assert_string_equal(text, "10.0.0.1");
	ip_format(&c.entries[1].address, text);
	assert_string_equal(text, "fd00::2");
	assert_int_equal(c.entries[1].gateway.family, 0);
	assert_true(c.entries[2].dhcp);
}

static void bad_texts_are_refused_and_named(void **state)
{
	static const char *const bad[] = {
		"", "dhc", "eth0", "eth0=", "=10.0.0.2/24", "eth0=10.0.0.2", "eth0=10.0.0.2/33", "eth0=10.0.0.2/0",
		"eth0=10.0.0.2/24,", "eth0=10.0.0.2/24,fe80::1", "eth0=10.0.0.2/24;", "eth0=127.0.0.1/8",
		"eth0=10.0.0.2/+24", "eth0=10.0.0.2/24,0.0.0.0", "a name=dhcp", "../x=dhcp", "averylonginterface=dhcp",
		"eth0=fd00::1/129", "eth0=224.0.0.1/4", "eth0=10.0.0.2/24,10.0.0.1,10.0.0.1", "..=dhcp",
	};
	struct net_config c = { .mode = NET_DHCP };
	struct err e = { 0 };
	char many[512] = "a=dhcp";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(net_config_text(bad[i], &c, &e), -1);
		assert_non_null(strstr(e.text, "hull.net"));
	}
	for (int i = 0; i < NET_ENTRIES_MAX; i++)
		strcat(many, ";a=dhcp");
	assert_int_equal(net_config_text(many, &c, &e), -1);
	assert_int_equal(c.mode, NET_DHCP);
	assert_int_equal(c.n_entries, 0);
}

static int read_text(const char *json, struct net_config *c, struct err *e)
{
	cleanup_json cJSON *params = json_parse(json, strlen(json), &JSON_MESSAGE, NULL);

	assert_non_null(params);
	return net_config_read(params, c, e);
}

static void whole_parameters(void **state)
{
	struct net_config c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(read_text("{\"mode\":\"dhcp\",\"dns\":[\"9.9.9.9\",\"2620:fe::fe\"],"
				   "\"ntp\":[\"pool.example.org\",\"10.0.0.4\"],\"hostname\":\"box\"}", &c, &e), 0);
	assert_int_equal(c.n_dns, 2);
	assert_int_equal(c.n_ntp, 2);
	assert_string_equal(c.ntp[0], "pool.example.org");
	assert_string_equal(c.hostname, "box");
	assert_int_equal(read_text("{\"mode\":\"dhcp\",\"ntp\":[\"none\"]}", &c, &e), 0);
	assert_true(c.ntp_off);
	assert_int_equal(c.n_dns, 0);
	assert_int_equal(read_text("{\"mode\":\"dhcp\",\"ntp\":[\"a.example\"],\"ntp_fallback\":true}", &c, &e), 0);
	assert_true(c.ntp_fallback && !c.ntp_off);
	assert_int_equal(read_text("{\"mode\":\"dhcp\",\"ntp\":[\"none\"]}", &c, &e), 0);
	assert_int_equal(read_text("{}", &c, &e), -1);
	assert_int_equal(read_text("{\"mode\":\"dhcp\",\"colour\":1}", &c, &e), -1);
	assert_int_equal(read_text("{\"mode\":\"dhcp\",\"dns\":[\"example.org\"]}", &c, &e), -1);
	assert_int_equal(read_text("{\"mode\":\"dhcp\",\"ntp\":[\"a b\"]}", &c, &e), -1);
	assert_int_equal(read_text("{\"mode\":\"dhcp\",\"hostname\":\"a/b\"}", &c, &e), -1);
	assert_int_equal(read_text("{\"mode\":\"dhcp\",\"dns\":[\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\","
				   "\"1.1.1.5\"]}", &c, &e), -1);
	assert_true(c.ntp_off);
}

static void resolv_conf(void **state)
{
	struct resolv r = { 0 };
	cleanup_buf struct buf out = { 0 };
	static const char *const servers[] = { "10.0.0.1", "fe80::1", "10.0.0.1", "9.9.9.9", "8.8.8.8" };
	struct ip a;

	(void)state;
	assert_int_equal(resolv_text(&r, &out), 0);
	assert_int_equal(out.len, 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(ip_parse(servers[i], &a), 0);
		resolv_add_server(&r, &a, "eth0", 2);
	}
	resolv_add_domain(&r, "example.org");
	resolv_add_domain(&r, "");
	resolv_add_domain(&r, "example.org");
	resolv_add_domain(&r, "lan");
	assert_int_equal(resolv_text(&r, &out), 0);
	assert_string_equal(out.data, "nameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver 9.9.9.9\n"
				      "search example.org lan\n");
}

static void addresses(void **state)
{
	struct ip a, b;

	(void)state;
	assert_int_equal(ip_parse("10.0.0.1", &a), 0);
	assert_int_equal(ip_parse("10.0.0.130", &b), 0);
	assert_true(ip_same_net(&a, &b, 24));
	assert_false(ip_same_net(&a, &b, 25));
	assert_false(ip_same_net(&a, &b, 40));
	assert_true(ip_is_host(&a));
	assert_int_equal(ip_parse("::ffff:1.2.3.4", &a), 0);
	assert_false(ip_is_host(&a));
	assert_int_equal(ip_parse("10.0.0.1/24", &a), -1);
	assert_int_equal(ip_parse("fe80::1%eth0", &a), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes),
		cmocka_unit_test(entries),
		cmocka_unit_test(bad_texts_are_refused_and_named),
		cmocka_unit_test(whole_parameters),
		cmocka_unit_test(resolv_conf),
		cmocka_unit_test(addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
