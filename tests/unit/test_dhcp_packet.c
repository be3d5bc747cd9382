/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from the wire is right or refused; what is written is what RFC 2131 says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "init/net/dhcp_packet.h"
#include "init/net/udp_frame.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };
#define XID 0x01020304

/* A reply under construction. */
struct message {
	uint8_t data[1400];
	size_t len;
};

static void option(struct message *m, uint8_t code, const void *value, uint8_t len)
{
	m->data[m->len++] = code;
	m->data[m->len++] = len;
	memcpy(m->data + m->len, value, len);
	m->len += len;
}

static void option_ip(struct message *m, uint8_t code, const char *text)
{
	struct in_addr a = { inet_addr(text) };

	option(m, code, &a, 4);
}

static void option_u32(struct message *m, uint8_t code, uint32_t value)
{
	value = htonl(value);
	option(m, code, &value, 4);
}

static struct message message_begin(uint8_t type, const char *address)
{
	struct message m = { .len = 240 };
	uint32_t xid = htonl(XID), yiaddr = inet_addr(address);

	m.data[0] = 2;
	m.data[1] = 1;
	m.data[2] = 6;
	memcpy(m.data + 4, &xid, 4);
	memcpy(m.data + 16, &yiaddr, 4);
	memcpy(m.data + 28, mac, 6);
	memcpy(m.data + 236, "\x63\x82\x53\x63", 4);
	option(&m, 53, &type, 1);
	option_ip(&m, 54, "10.0.0.1");
	return m;
}

static struct message ack(void)
{
	struct message m = message_begin(DHCP_ACK, "10.0.0.9");

	option_u32(&m, 51, 3600);
	option_ip(&m, 1, "255.255.255.0");
	return m;
}

static int parse(struct message *m, struct dhcp_reply *out)
{
	m->data[m->len++] = 255;
	return dhcp_parse(m->data, m->len, mac, XID, out);
}

static void whole_lease(void **state)
{
	struct message m = ack();
	struct dhcp_reply r;

	(void)state;
	option_ip(&m, 3, "10.0.0.1");
	option(&m, 6, "\x0a\0\0\x02\x7f\0\0\x01\x0a\0\0\x03", 12);
	option_ip(&m, 42, "10.0.0.4");
	option(&m, 26, "\x05\x78", 2);
	option(&m, 12, "box", 3);
	option(&m, 15, "example.org\0", 12);
	assert_int_equal(parse(&m, &r), 0);
	assert_int_equal(r.type, DHCP_ACK);
	assert_int_equal(r.address.s_addr, inet_addr("10.0.0.9"));
	assert_int_equal(r.server.s_addr, inet_addr("10.0.0.1"));
	assert_int_equal(r.prefix, 24);
	assert_int_equal(r.lease_s, 3600);
	assert_int_equal(r.t1_s, 1800);
	assert_int_equal(r.t2_s, 3150);
	assert_int_equal(r.mtu, 1400);
	assert_int_equal(r.n_dns, 2); /* loopback isn't one */
	assert_int_equal(r.n_ntp, 1);
	assert_int_equal(r.n_routes, 1);
	assert_int_equal(r.routes[0].gateway.s_addr, inet_addr("10.0.0.1"));
	assert_string_equal(r.hostname, "box");
	assert_string_equal(r.domain, "example.org");
}

static void classless_routes_replace_the_router(void **state)
{
	static const uint8_t routes[] = { 24, 192, 168, 7, 10, 0, 0, 2, 0, 10, 0, 0, 3, 12, 172, 31, 0, 0, 0, 0 };
	struct message m = ack();
	struct dhcp_reply r;

	(void)state;
	option_ip(&m, 3, "10.0.0.1");
	/* In two parts (RFC 3396). */
	option(&m, 121, routes, 5);
	option(&m, 121, routes + 5, sizeof(routes) - 5);
	assert_int_equal(parse(&m, &r), 0);
	assert_int_equal(r.n_routes, 3);
	assert_int_equal(r.routes[0].dst.s_addr, inet_addr("192.168.7.0"));
	assert_int_equal(r.routes[0].prefix, 24);
	assert_int_equal(r.routes[1].prefix, 0);
	assert_int_equal(r.routes[1].gateway.s_addr, inet_addr("10.0.0.3"));
	assert_int_equal(r.routes[2].dst.s_addr, inet_addr("172.16.0.0")); /* host bits are cut off */
	assert_int_equal(r.routes[2].gateway.s_addr, 0);

	m = ack();
	option(&m, 121, routes, 6); /* cut in the middle */
	assert_int_equal(parse(&m, &r), -1);
	m = ack();
	option(&m, 121, "\x21\x0a\0\0\0\0\x0a\0\0\x01", 10); /* prefix 33 */
	assert_int_equal(parse(&m, &r), -1);
}

static void overloaded_fields_are_read(void **state)
{
	struct message m = ack();
	struct dhcp_reply r;

	(void)state;
	option(&m, 52, "\x03", 1);
	memcpy(m.data + 108, "\x06\x04\x0a\0\0\x05\xff", 7);
	memcpy(m.data + 44, "\x06\x04\x0a\0\0\x06\xff", 7);
	assert_int_equal(parse(&m, &r), 0);
	assert_int_equal(r.n_dns, 2);
	assert_int_equal(r.dns[0].s_addr, inet_addr("10.0.0.5"));
	/* An option that leaves its field. */
	memcpy(m.data + 44, "\x06\xff", 2);
	assert_int_equal(dhcp_parse(m.data, m.len, mac, XID, &r), -1);
}

static void others_messages_are_refused(void **state)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 0, 8 };
	struct dhcp_reply r = { .prefix = 77 };
	struct message m = ack();

	(void)state;
	m.data[m.len++] = 255;
	assert_int_equal(dhcp_parse(m.data, m.len, other, XID, &r), -1);
	assert_int_equal(dhcp_parse(m.data, m.len, mac, XID + 1, &r), -1);
	assert_int_equal(dhcp_parse(m.data, 239, mac, XID, &r), -1);
	m.data[0] = 1;
	assert_int_equal(dhcp_parse(m.data, m.len, mac, XID, &r), -1);
	m.data[0] = 2;
	m.data[236] = 0;
	assert_int_equal(dhcp_parse(m.data, m.len, mac, XID, &r), -1);
	assert_int_equal(r.prefix, 77);
}

static int lease_of(const char *address, const char *mask, uint32_t lease_s, struct dhcp_reply *r)
{
	struct message m = message_begin(DHCP_OFFER, address);

	option_u32(&m, 51, lease_s);
	if (mask)
		option_ip(&m, 1, mask);
	return parse(&m, r);
}

static void unusable_leases_are_refused(void **state)
{
	struct dhcp_reply r;

	(void)state;
	assert_int_equal(lease_of("127.0.0.1", "255.0.0.0", 600, &r), -1);
	assert_int_equal(lease_of("224.0.0.1", "255.0.0.0", 600, &r), -1);
	assert_int_equal(lease_of("0.0.0.0", "255.0.0.0", 600, &r), -1);
	assert_int_equal(lease_of("10.0.0.255", "255.255.255.0", 600, &r), -1);
	assert_int_equal(lease_of("10.0.0.0", "255.255.255.0", 600, &r), -1);
	assert_int_equal(lease_of("10.0.0.9", "255.0.255.0", 600, &r), -1);
	assert_int_equal(lease_of("10.0.0.9", "255.255.255.0", 0, &r), -1);
	assert_int_equal(lease_of("10.0.0.9", "255.255.255.255", 600, &r), 0);
	assert_int_equal(r.prefix, 32);
	assert_int_equal(lease_of("192.168.3.9", NULL, 600, &r), 0);
	assert_int_equal(r.prefix, 24);
	assert_int_equal(lease_of("10.0.0.9", "255.0.0.0", DHCP_FOREVER, &r), 0);
	assert_int_equal(r.t1_s, DHCP_FOREVER);
}

static void impossible_times_get_the_defaults(void **state)
{
	struct message m = ack();
	struct dhcp_reply r;

	(void)state;
	option_u32(&m, 58, 3000);
	option_u32(&m, 59, 20);
	assert_int_equal(parse(&m, &r), 0);
	assert_int_equal(r.t1_s, 1800);
	assert_int_equal(r.t2_s, 3150);
	m = ack();
	option_u32(&m, 58, 5);
	option_u32(&m, 59, 9);
	assert_int_equal(parse(&m, &r), 0);
	assert_int_equal(r.t1_s, 5);
	assert_int_equal(r.t2_s, 9);
}

static void names_are_harmless(void **state)
{
	struct message m = ack();
	struct dhcp_reply r;

	(void)state;
	option(&m, 12, "a\nb", 3);
	option(&m, 15, "x;reboot", 8);
	option(&m, 26, "\x02\x40", 2); /* 576 would end IPv6 */
	assert_int_equal(parse(&m, &r), 0);
	assert_string_equal(r.hostname, "");
	assert_string_equal(r.domain, "");
	assert_int_equal(r.mtu, 0);
}

static void every_cut_is_survived(void **state)
{
	struct message m = ack();
	struct dhcp_reply r;

	(void)state;
	option(&m, 121, "\x18\xc0\xa8\x07\x0a\0\0\x02", 8);
	for (size_t len = 0; len < m.len; len++) {
		uint8_t copy[1400];

		memcpy(copy, m.data, len); /* an exact size under ASan would be better still: the fuzzer does that */
		dhcp_parse(copy, len, mac, XID, &r);
	}
	for (size_t at = 240; at < m.len; at++) {
		uint8_t kept = m.data[at];

		m.data[at] = 0xfe;
		dhcp_parse(m.data, m.len, mac, XID, &r);
		m.data[at] = kept;
	}
}

static void requests_are_as_the_standard_says(void **state)
{
	uint8_t out[DHCP_BUILD_MAX];
	struct dhcp_request r = { .type = DHCP_REQUEST, .xid = XID, .secs = 3, .wanted = { inet_addr("10.0.0.9") },
				  .server = { inet_addr("10.0.0.1") }, .hostname = "box" };

	(void)state;
	memcpy(r.mac, mac, 6);
	size_t len = dhcp_build(&r, out);
	assert_true(len >= 300 && len <= DHCP_BUILD_MAX);
	assert_int_equal(out[0], 1);
	assert_memory_equal(out + 4, "\x01\x02\x03\x04\0\x03", 6);
	assert_memory_equal(out + 28, mac, 6);
	assert_memory_equal(out + 240, "\x35\x01\x03\x3d\x07\x01\x02\0\0\0\0\x07\x32\x04\x0a\0\0\x09\x36\x04\x0a\0\0\x01",
			    24);
	assert_non_null(memmem(out, len, "\x0c\x03" "box\xff", 6));
}

static void frames_round_trip_and_are_checked(void **state)
{
	struct in_addr src = { inet_addr("10.0.0.1") }, dst = { inet_addr("255.255.255.255") };
	uint8_t frame[200];
	size_t len, n = udp_frame_build(frame, sizeof(frame), src, 67, dst, 68, "payload", 7);

	(void)state;
	assert_int_equal(n, UDP_FRAME_HEADERS + 7);
	const uint8_t *p = udp_frame_payload(frame, n, 68, true, &len);
	assert_non_null(p);
	assert_int_equal(len, 7);
	assert_memory_equal(p, "payload", 7);
	assert_null(udp_frame_payload(frame, n, 67, true, &len));
	assert_null(udp_frame_payload(frame, n - 1, 68, true, &len));
	/* Trailing bytes are the link's padding. */
	assert_non_null(udp_frame_payload(frame, n + 10, 68, true, &len));
	for (size_t i = 0; i < n; i++) {
		frame[i] ^= 0x10;
		assert_null(udp_frame_payload(frame, n, 68, true, &len));
		frame[i] ^= 0x10;
	}
	frame[n - 1] ^= 1;
	assert_non_null(udp_frame_payload(frame, n, 68, false, &len));
	assert_int_equal(udp_frame_build(frame, 34, src, 67, dst, 68, "payload", 7), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_lease),
		cmocka_unit_test(classless_routes_replace_the_router),
		cmocka_unit_test(overloaded_fields_are_read),
		cmocka_unit_test(others_messages_are_refused),
		cmocka_unit_test(unusable_leases_are_refused),
		cmocka_unit_test(impossible_times_get_the_defaults),
		cmocka_unit_test(names_are_harmless),
		cmocka_unit_test(every_cut_is_survived),
		cmocka_unit_test(requests_are_as_the_standard_says),
		cmocka_unit_test(frames_round_trip_and_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
