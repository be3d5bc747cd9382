/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/rtnl_msg.h"

#include <linux/icmpv6.h>
#include <string.h>

#define ND_ROUTER_ADVERTISEMENT 134

void *rtnl_msg_start(struct rtnl_msg *m, uint16_t type, uint16_t flags, size_t header_size)
{
	memset(m, 0, sizeof(*m));
	m->h.nlmsg_len = (uint32_t)NLMSG_LENGTH(header_size);
	m->h.nlmsg_type = type;
	m->h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return NLMSG_DATA(&m->h);
}

void rtnl_msg_attr(struct rtnl_msg *m, uint16_t type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(m->h.nlmsg_len);
	struct rtattr *a = (struct rtattr *)(m->bytes + at);

	if (len > sizeof(m->bytes) || at + RTA_SPACE(len) > sizeof(m->bytes)) {
		m->overflow = true;
		return;
	}
	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	m->h.nlmsg_len = (uint32_t)(at + RTA_LENGTH(len));
}

void rtnl_msg_u32(struct rtnl_msg *m, uint16_t type, uint32_t value)
{
	rtnl_msg_attr(m, type, &value, sizeof(value));
}

void rtnl_msg_link_up(struct rtnl_msg *m, int index)
{
	struct ifinfomsg *i = rtnl_msg_start(m, RTM_NEWLINK, 0, sizeof(*i));

	i->ifi_index = index;
	i->ifi_flags = IFF_UP;
	i->ifi_change = IFF_UP;
}

void rtnl_msg_link_mtu(struct rtnl_msg *m, int index, uint32_t mtu)
{
	struct ifinfomsg *i = rtnl_msg_start(m, RTM_NEWLINK, 0, sizeof(*i));

	i->ifi_index = index;
	rtnl_msg_u32(m, IFLA_MTU, mtu);
}

void rtnl_msg_addr(struct rtnl_msg *m, bool add, const struct rtnl_addr *a)
{
	struct ifaddrmsg *i = rtnl_msg_start(m, add ? RTM_NEWADDR : RTM_DELADDR,
					     add ? NLM_F_CREATE | NLM_F_REPLACE : 0, sizeof(*i));

	i->ifa_family = (uint8_t)a->address.family;
	i->ifa_prefixlen = a->prefix;
	i->ifa_index = (unsigned)a->index;
	i->ifa_scope = a->scope;
	rtnl_msg_attr(m, IFA_LOCAL, a->address.bytes, ip_size(&a->address));
	rtnl_msg_attr(m, IFA_ADDRESS, a->address.bytes, ip_size(&a->address));
	if (!add)
		return;
	if (a->address.family == AF_INET && a->prefix < 31) {
		uint32_t broadcast = a->address.v4.s_addr | htonl(0xffffffffu >> a->prefix);

		rtnl_msg_u32(m, IFA_BROADCAST, broadcast);
	}
	struct ifa_cacheinfo life = { .ifa_prefered = a->preferred_s, .ifa_valid = a->valid_s };
	rtnl_msg_attr(m, IFA_CACHEINFO, &life, sizeof(life));
	if (a->flags)
		rtnl_msg_u32(m, IFA_FLAGS, a->flags);
	if (a->metric)
		rtnl_msg_u32(m, IFA_RT_PRIORITY, a->metric);
}

void rtnl_msg_route(struct rtnl_msg *m, bool add, const struct rtnl_route *r)
{
	struct rtmsg *i = rtnl_msg_start(m, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_REPLACE : 0,
					 sizeof(*i));

	i->rtm_family = (uint8_t)r->dst.family;
	i->rtm_dst_len = r->prefix;
	i->rtm_table = RT_TABLE_MAIN;
	i->rtm_protocol = r->protocol;
	i->rtm_type = RTN_UNICAST;
	i->rtm_scope = r->dst.family == AF_INET && !r->gateway.family ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	i->rtm_flags = r->onlink ? RTNH_F_ONLINK : 0;
	if (r->prefix)
		rtnl_msg_attr(m, RTA_DST, r->dst.bytes, ip_size(&r->dst));
	if (r->gateway.family)
		rtnl_msg_attr(m, RTA_GATEWAY, r->gateway.bytes, ip_size(&r->gateway));
	/* A route with a preferred source goes away with that address, also when its lifetime in the kernel ends. */
	if (r->source.family)
		rtnl_msg_attr(m, RTA_PREFSRC, r->source.bytes, ip_size(&r->source));
	rtnl_msg_u32(m, RTA_OIF, (uint32_t)r->index);
	rtnl_msg_u32(m, RTA_PRIORITY, r->metric);
}

void rtnl_msg_dump(struct rtnl_msg *m, uint16_t type, uint8_t family)
{
	if (type == RTM_GETLINK) {
		struct ifinfomsg *i = rtnl_msg_start(m, type, NLM_F_DUMP, sizeof(*i));

		i->ifi_family = family;
		/* Statistics are most of a link's message and of no use here. */
		rtnl_msg_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	} else if (type == RTM_GETADDR) {
		struct ifaddrmsg *i = rtnl_msg_start(m, type, NLM_F_DUMP, sizeof(*i));

		i->ifa_family = family;
	} else {
		struct rtmsg *i = rtnl_msg_start(m, type, NLM_F_DUMP, sizeof(*i));

		i->rtm_family = family;
	}
	m->h.nlmsg_flags &= (uint16_t)~NLM_F_ACK;
}

/* The attributes behind a fixed header into table[0..max]; -1 when header or attributes don't fit. */
static int attrs_parse(const struct nlmsghdr *h, size_t header_size, const struct rtattr **table, size_t max)
{
	if (h->nlmsg_len < NLMSG_LENGTH(header_size))
		return -1;
	const uint8_t *p = (const uint8_t *)h + NLMSG_SPACE(header_size);
	size_t left = h->nlmsg_len > NLMSG_SPACE(header_size) ? h->nlmsg_len - NLMSG_SPACE(header_size) : 0;

	memset(table, 0, (max + 1) * sizeof(table[0]));
	while (left >= sizeof(struct rtattr)) {
		const struct rtattr *a = (const struct rtattr *)p;

		if (a->rta_len < sizeof(*a) || a->rta_len > left)
			return -1;
		uint16_t type = a->rta_type & NLA_TYPE_MASK;
		if (type <= max)
			table[type] = a;
		size_t step = RTA_ALIGN(a->rta_len);
		if (step > left)
			break;
		p += step;
		left -= step;
	}
	return 0;
}

static const void *attr_data(const struct rtattr *a)
{
	return (const uint8_t *)a + RTA_LENGTH(0);
}

static uint32_t attr_u32(const struct rtattr *a, uint32_t absent)
{
	uint32_t v;

	if (!a || RTA_PAYLOAD(a) < sizeof(v))
		return absent;
	memcpy(&v, attr_data(a), sizeof(v));
	return v;
}

static void attr_text(const struct rtattr *a, char *out, size_t size)
{
	out[0] = '\0';
	if (!a)
		return;
	size_t len = strnlen(attr_data(a), RTA_PAYLOAD(a));
	if (len >= size)
		len = size - 1;
	memcpy(out, attr_data(a), len);
	out[len] = '\0';
}

static struct ip attr_ip(const struct rtattr *a, int family)
{
	struct ip out = { .family = (sa_family_t)family };

	if (!a || !ip_size(&out) || RTA_PAYLOAD(a) != ip_size(&out))
		return (struct ip){ 0 };
	memcpy(out.bytes, attr_data(a), ip_size(&out));
	return out;
}

static void kind_parse(const struct rtattr *info, char *out, size_t size)
{
	out[0] = '\0';
	if (!info)
		return;
	const uint8_t *p = attr_data(info);
	size_t left = RTA_PAYLOAD(info);

	while (left >= sizeof(struct rtattr)) {
		const struct rtattr *a = (const struct rtattr *)p;

		if (a->rta_len < sizeof(*a) || a->rta_len > left)
			return;
		if ((a->rta_type & NLA_TYPE_MASK) == IFLA_INFO_KIND)
			attr_text(a, out, size);
		size_t step = RTA_ALIGN(a->rta_len);
		if (step > left)
			return;
		p += step;
		left -= step;
	}
}

int rtnl_link_parse(const struct nlmsghdr *h, struct rtnl_link *out)
{
	const struct rtattr *table[IFLA_LINKINFO + 1];

	if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) ||
	    attrs_parse(h, sizeof(struct ifinfomsg), table, IFLA_LINKINFO))
		return -1;
	const struct ifinfomsg *i = NLMSG_DATA(h);
	struct rtnl_link l = { .index = i->ifi_index, .type = i->ifi_type, .flags = i->ifi_flags };

	/* Bridges also send AF_BRIDGE messages of their ports, with fewer attributes. */
	if (i->ifi_family != AF_UNSPEC || i->ifi_index <= 0 || !table[IFLA_IFNAME])
		return -1;
	attr_text(table[IFLA_IFNAME], l.name, sizeof(l.name));
	l.mtu = attr_u32(table[IFLA_MTU], 0);
	l.master = (int)attr_u32(table[IFLA_MASTER], 0);
	if (table[IFLA_ADDRESS] && RTA_PAYLOAD(table[IFLA_ADDRESS]) == sizeof(l.mac))
		memcpy(l.mac, attr_data(table[IFLA_ADDRESS]), sizeof(l.mac));
	kind_parse(table[IFLA_LINKINFO], l.kind, sizeof(l.kind));
	*out = l;
	return 0;
}

int rtnl_addr_parse(const struct nlmsghdr *h, struct rtnl_addr *out)
{
	const struct rtattr *table[IFA_FLAGS + 1];

	if ((h->nlmsg_type != RTM_NEWADDR && h->nlmsg_type != RTM_DELADDR) ||
	    attrs_parse(h, sizeof(struct ifaddrmsg), table, IFA_FLAGS))
		return -1;
	const struct ifaddrmsg *i = NLMSG_DATA(h);
	struct rtnl_addr a = { .index = (int)i->ifa_index, .prefix = i->ifa_prefixlen, .scope = i->ifa_scope };

	a.address = attr_ip(table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS], i->ifa_family);
	if (!a.address.family || a.prefix > ip_size(&a.address) * 8)
		return -1;
	a.flags = attr_u32(table[IFA_FLAGS], i->ifa_flags);
	a.preferred_s = a.valid_s = RTNL_FOREVER;
	if (table[IFA_CACHEINFO] && RTA_PAYLOAD(table[IFA_CACHEINFO]) >= sizeof(struct ifa_cacheinfo)) {
		struct ifa_cacheinfo life;

		memcpy(&life, attr_data(table[IFA_CACHEINFO]), sizeof(life));
		a.preferred_s = life.ifa_prefered;
		a.valid_s = life.ifa_valid;
	}
	*out = a;
	return 0;
}

int rtnl_route_parse(const struct nlmsghdr *h, struct rtnl_route *out)
{
	const struct rtattr *table[RTA_TABLE + 1];

	if ((h->nlmsg_type != RTM_NEWROUTE && h->nlmsg_type != RTM_DELROUTE) ||
	    attrs_parse(h, sizeof(struct rtmsg), table, RTA_TABLE))
		return -1;
	const struct rtmsg *i = NLMSG_DATA(h);
	struct rtnl_route r = { .prefix = i->rtm_dst_len, .protocol = i->rtm_protocol };

	if (i->rtm_family != AF_INET && i->rtm_family != AF_INET6)
		return -1;
	r.dst = attr_ip(table[RTA_DST], i->rtm_family);
	r.dst.family = i->rtm_family;
	if (r.prefix > ip_size(&r.dst) * 8)
		return -1;
	r.gateway = attr_ip(table[RTA_GATEWAY], i->rtm_family);
	r.source = attr_ip(table[RTA_PREFSRC], i->rtm_family);
	r.index = (int)attr_u32(table[RTA_OIF], 0);
	r.metric = attr_u32(table[RTA_PRIORITY], 0);
	r.table = attr_u32(table[RTA_TABLE], i->rtm_table);
	r.onlink = i->rtm_flags & RTNH_F_ONLINK;
	*out = r;
	return 0;
}

int rtnl_nduseropt_parse(const struct nlmsghdr *h, int *index, const uint8_t **options, size_t *len)
{
	if (h->nlmsg_type != RTM_NEWNDUSEROPT || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nduseroptmsg)))
		return -1;
	const struct nduseroptmsg *m = NLMSG_DATA(h);
	size_t room = h->nlmsg_len - NLMSG_LENGTH(sizeof(*m));

	if (m->nduseropt_family != AF_INET6 || m->nduseropt_icmp_type != ND_ROUTER_ADVERTISEMENT ||
	    m->nduseropt_icmp_code != 0 || m->nduseropt_ifindex <= 0 || m->nduseropt_opts_len > room)
		return -1;
	*index = m->nduseropt_ifindex;
	*options = (const uint8_t *)(m + 1);
	*len = m->nduseropt_opts_len;
	return 0;
}
