/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "init/net/nd_options.h"

#define NOW 1000

/* RDNSS with one server, lifetime in seconds. */
static size_t rdnss(uint8_t *out, const char *address, uint32_t lifetime_s)
{
	memset(out, 0, 24);
	out[0] = 25;
	out[1] = 3;
	lifetime_s = htonl(lifetime_s);
	memcpy(out + 4, &lifetime_s, 4);
	inet_pton(AF_INET6, address, out + 8);
	return 24;
}

static void servers_come_and_go(void **state)
{
	struct nd_dns d = { 0 };
	uint8_t option[24];
	uint64_t next;

	(void)state;
	assert_true(nd_dns_update(&d, option, rdnss(option, "fd00::53", 60), NOW));
	assert_int_equal(d.n_servers, 1);
	/* A new lifetime alone is no change of the list. */
	assert_false(nd_dns_update(&d, option, rdnss(option, "fd00::53", 90), NOW));
	assert_true(nd_dns_update(&d, option, rdnss(option, "fe80::1", 0xffffffff), NOW));
	assert_false(nd_dns_expire(&d, NOW + 60001, &next));
	assert_int_equal(next, NOW + 90000);
	assert_true(nd_dns_expire(&d, NOW + 90000, &next));
	assert_int_equal(d.n_servers, 1);
	assert_true(next == UINT64_MAX);
	assert_true(nd_dns_update(&d, option, rdnss(option, "fe80::1", 0), NOW));
	assert_int_equal(d.n_servers, 0);
}

static void a_flood_is_bounded(void **state)
{
	struct nd_dns d = { 0 };
	uint8_t option[24];

	(void)state;
	for (int i = 0; i < 100; i++) {
		rdnss(option, "fd00::", 60);
		option[23] = (uint8_t)i + 1;
		nd_dns_update(&d, option, 24, NOW);
	}
	assert_int_equal(d.n_servers, ND_SERVERS_MAX);
	rdnss(option, "ff02::1", 60);
	d.n_servers = 0;
	assert_false(nd_dns_update(&d, option, 24, NOW));
}

static void search_domains(void **state)
{
	/* Two names and padding. */
	static const uint8_t option[32] = "\x1f\x04\0\0\0\0\0\x3c\x07" "example\x03org\0\x03lan\0";
	static const uint8_t evil[16] = "\x1f\x02\0\0\0\0\0\x3c\x04" "a\nbc";
	static const uint8_t cut[16] = "\x1f\x02\0\0\0\0\0\x3c\x3f" "abcdefg";
	struct nd_dns d = { 0 };

	(void)state;
	assert_true(nd_dns_update(&d, option, sizeof(option), NOW));
	assert_int_equal(d.n_domains, 2);
	assert_string_equal(d.domains[0].name, "example.org");
	assert_string_equal(d.domains[1].name, "lan");
	assert_false(nd_dns_update(&d, evil, sizeof(evil), NOW));
	assert_false(nd_dns_update(&d, cut, sizeof(cut), NOW));
	assert_int_equal(d.n_domains, 2);
}

static void malformed_options_end_the_reading(void **state)
{
	struct nd_dns d = { 0 };
	uint8_t options[48];

	(void)state;
	rdnss(options, "fd00::53", 60);
	rdnss(options + 24, "fd00::54", 60);
	options[1] = 0;
	assert_false(nd_dns_update(&d, options, sizeof(options), NOW));
	options[1] = 3;
	options[25] = 4; /* beyond the end */
	assert_true(nd_dns_update(&d, options, sizeof(options), NOW));
	assert_int_equal(d.n_servers, 1);
	options[1] = 1; /* no room for an address: what follows is read as options */
	d.n_servers = 0;
	nd_dns_update(&d, options, 8, NOW);
	assert_int_equal(d.n_servers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_come_and_go),
		cmocka_unit_test(a_flood_is_bounded),
		cmocka_unit_test(search_domains),
		cmocka_unit_test(malformed_options_end_the_reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
