/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/link_routes.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

#define METRIC_BASE 100
#define ROUTES_MAX (DHCP_ROUTES_MAX + NET_ENTRIES_MAX)

/* Both families' routes of one link that shall be, and of those that are, the ones that shall not. */
struct routes {
	const struct link *link;
	struct rtnl_route want[ROUTES_MAX], stale[ROUTES_MAX];
	size_t n_want, n_stale;
};

uint32_t link_metric(const struct link *l)
{
	return METRIC_BASE + (uint32_t)l->info.index;
}

static void want(struct routes *r, const struct rtnl_route *route)
{
	if (r->n_want < ROUTES_MAX)
		r->want[r->n_want++] = *route;
}

static void want_lease(struct routes *r)
{
	const struct link *l = r->link;
	const struct dhcp_client *c = l->dhcp ? dhcp_client_of(l->dhcp) : NULL;

	if (!c || !c->has_lease)
		return;
	struct ip address = ip_from4(c->lease.address);
	for (size_t i = 0; i < c->lease.n_routes; i++) {
		const struct dhcp_route *from = &c->lease.routes[i];
		struct rtnl_route route = { .index = l->info.index, .dst = ip_from4(from->dst), .prefix = from->prefix,
					    .source = address, .metric = link_metric(l), .protocol = RTPROT_DHCP };

		if (from->gateway.s_addr)
			route.gateway = ip_from4(from->gateway);
		/* Clouds hand out /32 addresses with a gateway beyond. */
		route.onlink = from->gateway.s_addr && !ip_same_net(&route.gateway, &address, c->lease.prefix);
		want(r, &route);
	}
}

static void want_static(struct routes *r)
{
	const struct link *l = r->link;
	const struct net_config *c = &l->net->config;

	for (size_t i = 0; c->mode == NET_LISTED && i < c->n_entries; i++) {
		const struct net_entry *entry = &c->entries[i];

		if (!entry->gateway.family || strcmp(entry->name, l->info.name) != 0)
			continue;
		struct rtnl_route route = { .index = l->info.index, .dst = { .family = entry->address.family },
					    .gateway = entry->gateway, .metric = link_metric(l),
					    .protocol = RTPROT_STATIC };
		/* An IPv6 source must have passed duplicate detection first; the kernel picks it anyway. */
		if (entry->address.family == AF_INET)
			route.source = entry->address;
		route.onlink = !ip_same_net(&entry->gateway, &entry->address, entry->prefix) &&
			       !ip_is_link_local6(&entry->gateway);
		want(r, &route);
	}
}

static bool same_route(const struct rtnl_route *a, const struct rtnl_route *b)
{
	return a->prefix == b->prefix && a->metric == b->metric && a->protocol == b->protocol &&
	       ip_equal(&a->dst, &b->dst) && ip_equal(&a->gateway, &b->gateway) && ip_equal(&a->source, &b->source);
}

static void visit(void *arg, const struct nlmsghdr *h)
{
	struct routes *r = arg;
	struct rtnl_route route;

	if (rtnl_route_parse(h, &route) || route.index != r->link->info.index || route.table != RT_TABLE_MAIN ||
	    (route.protocol != RTPROT_DHCP && route.protocol != RTPROT_STATIC) ||
	    route.metric != link_metric(r->link))
		return;
	for (size_t i = 0; i < r->n_want; i++)
		if (same_route(&route, &r->want[i]))
			return;
	if (r->n_stale < ROUTES_MAX)
		r->stale[r->n_stale++] = route;
}

static void put(struct link *l, const struct rtnl_route *route, bool add)
{
	struct err e = { 0 };
	struct rtnl_msg m;
	char gateway[IP_TEXT_MAX];

	rtnl_msg_route(&m, add, route);
	if (rtnl_request(&l->net->rtnl, &m, &e) == 0 || (!add && (e.code == ESRCH || e.code == ENODEV)))
		return;
	ip_format(&route->gateway, gateway);
	log_warn("%s: route by %s: %s", l->info.name, gateway[0] ? gateway : "link", e.text);
}

void link_routes_update(struct link *l)
{
	struct routes r = { .link = l };
	struct err e = { 0 };

	/* What an earlier life of this role put there stays until its lease is confirmed or lost. */
	if (l->adopting && l->carrier)
		return;
	if (l->managed && l->carrier) {
		want_lease(&r);
		want_static(&r);
	}
	/* A list that changed while it was read (EINTR) is made good by the next update. */
	if (rtnl_dump(&l->net->rtnl, RTM_GETROUTE, AF_INET, visit, &r, &e) && e.code != EINTR)
		log_warn("%s: listing routes: %s", l->info.name, e.text);
	if (rtnl_dump(&l->net->rtnl, RTM_GETROUTE, AF_INET6, visit, &r, &e) && e.code != EINTR)
		log_warn("%s: listing routes: %s", l->info.name, e.text);
	for (size_t i = 0; i < r.n_want; i++)
		put(l, &r.want[i], true);
	for (size_t i = 0; i < r.n_stale; i++)
		put(l, &r.stale[i], false);
}
