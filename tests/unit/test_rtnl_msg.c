/* SPDX-License-Identifier: Apache-2.0 */
/* Messages built here are read back by the same rules the kernel's are; cut and bent ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/if_addr.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "init/net/arp.h"
#include "init/net/rtnl_msg.h"

static struct ip ip(const char *text)
{
	struct ip a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static void addresses_round_trip(void **state)
{
	struct rtnl_addr a = { .index = 3, .address = ip("10.0.0.2"), .prefix = 24, .preferred_s = 60, .valid_s = 90,
			       .metric = 103 }, b;
	struct rtnl_msg m;

	(void)state;
	rtnl_msg_addr(&m, true, &a);
	assert_false(m.overflow);
	assert_int_equal(m.h.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	assert_int_equal(rtnl_addr_parse(&m.h, &b), 0);
	assert_int_equal(b.index, 3);
	assert_true(ip_equal(&a.address, &b.address));
	assert_int_equal(b.prefix, 24);
	assert_int_equal(b.preferred_s, 60);
	assert_int_equal(b.valid_s, 90);
	a.address = ip("fd00::2");
	rtnl_msg_addr(&m, false, &a);
	assert_int_equal(m.h.nlmsg_type, RTM_DELADDR);
	assert_int_equal(rtnl_addr_parse(&m.h, &b), 0);
	assert_true(ip_equal(&a.address, &b.address));
	assert_int_equal(b.valid_s, RTNL_FOREVER);
}

static void routes_round_trip(void **state)
{
	struct rtnl_route r = { .index = 2, .dst = { .family = AF_INET }, .gateway = ip("10.0.0.1"),
				.source = ip("10.0.0.2"), .metric = 102, .protocol = RTPROT_DHCP, .onlink = true }, b;
	struct rtnl_msg m;

	(void)state;
	rtnl_msg_route(&m, true, &r);
	assert_int_equal(rtnl_route_parse(&m.h, &b), 0);
	assert_int_equal(b.index, 2);
	assert_int_equal(b.prefix, 0);
	assert_true(ip_equal(&b.dst, &r.dst));
	assert_true(ip_equal(&b.gateway, &r.gateway));
	assert_true(ip_equal(&b.source, &r.source));
	assert_int_equal(b.metric, 102);
	assert_int_equal(b.protocol, RTPROT_DHCP);
	assert_int_equal(b.table, RT_TABLE_MAIN);
	assert_true(b.onlink);
	r = (struct rtnl_route){ .index = 2, .dst = ip("fd01::"), .prefix = 64, .gateway = ip("fe80::1") };
	rtnl_msg_route(&m, true, &r);
	assert_int_equal(rtnl_route_parse(&m.h, &b), 0);
	assert_int_equal(b.prefix, 64);
	assert_false(b.onlink);
}

/* A link as the kernel describes it. */
static void link_message(struct rtnl_msg *m, const char *kind)
{
	struct ifinfomsg *i = rtnl_msg_start(m, RTM_NEWLINK, 0, sizeof(*i));
	struct {
		struct rtattr header;
		char text[16];
	} info = { .header = { .rta_type = IFLA_INFO_KIND } };

	i->ifi_index = 5;
	i->ifi_type = ARPHRD_ETHER;
	i->ifi_flags = IFF_UP | IFF_RUNNING;
	rtnl_msg_attr(m, IFLA_IFNAME, "eth0", 5);
	rtnl_msg_u32(m, IFLA_MTU, 1500);
	rtnl_msg_attr(m, IFLA_ADDRESS, "\x02\0\0\0\0\x07", 6);
	strcpy(info.text, kind);
	info.header.rta_len = (unsigned short)RTA_LENGTH(strlen(kind) + 1);
	rtnl_msg_attr(m, IFLA_LINKINFO | NLA_F_NESTED, &info, info.header.rta_len);
}

static void links_are_read(void **state)
{
	struct rtnl_msg m;
	struct rtnl_link l;

	(void)state;
	link_message(&m, "veth");
	assert_int_equal(rtnl_link_parse(&m.h, &l), 0);
	assert_int_equal(l.index, 5);
	assert_string_equal(l.name, "eth0");
	assert_string_equal(l.kind, "veth");
	assert_int_equal(l.mtu, 1500);
	assert_memory_equal(l.mac, "\x02\0\0\0\0\x07", 6);
	assert_int_equal(rtnl_addr_parse(&m.h, &(struct rtnl_addr){ 0 }), -1);
	assert_int_equal(rtnl_route_parse(&m.h, &(struct rtnl_route){ 0 }), -1);
}

/* In a buffer of exactly that size, so that the address sanitizer sees a step too far. */
static void cuts_are_survived(void **state)
{
	struct rtnl_msg m;

	(void)state;
	link_message(&m, "veth");
	for (uint32_t len = sizeof(struct nlmsghdr); len <= m.h.nlmsg_len; len++) {
		struct nlmsghdr *copy = malloc(len);
		struct rtnl_link l;

		memcpy(copy, &m, len);
		copy->nlmsg_len = len;
		rtnl_link_parse(copy, &l);
		free(copy);
	}
	for (size_t at = sizeof(struct nlmsghdr); at < m.h.nlmsg_len; at++) {
		struct nlmsghdr *copy = malloc(m.h.nlmsg_len);
		struct rtnl_link l;

		memcpy(copy, &m, m.h.nlmsg_len);
		((uint8_t *)copy)[at] = 0xff;
		rtnl_link_parse(copy, &l);
		free(copy);
	}
}

static void overlong_requests_are_marked(void **state)
{
	struct rtnl_msg m;
	char big[600] = "";

	(void)state;
	rtnl_msg_start(&m, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	rtnl_msg_attr(&m, IFLA_IFNAME, big, sizeof(big));
	assert_true(m.overflow);
}

static void user_options_are_found(void **state)
{
	struct {
		struct nlmsghdr h;
		struct nduseroptmsg n;
		uint8_t options[8];
	} m = { .h = { .nlmsg_len = sizeof(m), .nlmsg_type = RTM_NEWNDUSEROPT },
		.n = { .nduseropt_family = AF_INET6, .nduseropt_ifindex = 4, .nduseropt_icmp_type = 134,
		       .nduseropt_opts_len = 8 } };
	const uint8_t *options;
	size_t len;
	int index;

	(void)state;
	assert_int_equal(rtnl_nduseropt_parse(&m.h, &index, &options, &len), 0);
	assert_int_equal(index, 4);
	assert_ptr_equal(options, m.options);
	assert_int_equal(len, 8);
	m.n.nduseropt_opts_len = 9;
	assert_int_equal(rtnl_nduseropt_parse(&m.h, &index, &options, &len), -1);
}

static void arp_conflicts_are_seen(void **state)
{
	static const uint8_t ours[6] = { 2, 0, 0, 0, 0, 7 }, other[6] = { 2, 0, 0, 0, 0, 8 };
	struct in_addr address = ip("10.0.0.9").v4, elsewhere = ip("10.0.0.8").v4, none = { 0 };
	uint8_t p[ARP_SIZE];

	(void)state;
	arp_build(p, ours, address, address);
	assert_false(arp_conflicts(p, sizeof(p), ours, address)); /* our own announcement */
	arp_build(p, other, address, elsewhere);
	assert_true(arp_conflicts(p, sizeof(p), ours, address));
	assert_false(arp_conflicts(p, sizeof(p) - 1, ours, address));
	arp_build(p, other, none, address); /* it probes too */
	assert_true(arp_conflicts(p, sizeof(p), ours, address));
	arp_build(p, other, elsewhere, address); /* it only asks for it */
	assert_false(arp_conflicts(p, sizeof(p), ours, address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_round_trip),
		cmocka_unit_test(routes_round_trip),
		cmocka_unit_test(links_are_read),
		cmocka_unit_test(cuts_are_survived),
		cmocka_unit_test(overlong_requests_are_marked),
		cmocka_unit_test(user_options_are_found),
		cmocka_unit_test(arp_conflicts_are_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
