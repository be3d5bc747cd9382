/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "init/net/link.h"

#define LIST_TRIES 5

static struct link **find(struct net *n, int index)
{
	struct link **at = &n->links;

	while (*at && (*at)->info.index < index)
		at = &(*at)->next;
	return at;
}

static struct link *get(struct net *n, int index)
{
	struct link *l = *find(n, index);

	return l && l->info.index == index ? l : NULL;
}

static void loopback_up(struct net *n)
{
	struct err e = { 0 };
	struct rtnl_msg m;

	if (!n->loopback_down)
		return;
	rtnl_msg_link_up(&m, n->loopback_down);
	n->loopback_down = 0;
	if (rtnl_request(&n->rtnl, &m, &e))
		log_err("loopback: bringing it up: %s", e.text);
}

static void drop(struct net *n, struct link **at)
{
	struct link *l = *at;

	*at = l->next;
	n->n_links--;
	if (l->managed)
		log_warn("%s: gone", l->info.name);
	link_free(l);
	net_changed(n);
}

/* Kept are those that can be wanted: physical ones and named ones, not a thousand containers' veths. */
static bool of_interest(const struct net *n, const struct rtnl_link *info)
{
	if (link_is_physical(info))
		return true;
	for (size_t i = 0; n->config.mode == NET_LISTED && i < n->config.n_entries; i++)
		if (strcmp(n->config.entries[i].name, info->name) == 0)
			return true;
	return false;
}

/* Only takes note: it is called from within a listing, when no request can be made. */
static void link_seen(struct net *n, const struct rtnl_link *info)
{
	struct link **at = find(n, info->index), *l = *at;

	if (info->flags & IFF_LOOPBACK) {
		n->loopback_down = info->flags & IFF_UP ? 0 : info->index;
		return;
	}
	if (!l || l->info.index != info->index) {
		if (!of_interest(n, info))
			return;
		l = n->n_links < NET_LINKS_MAX ? calloc(1, sizeof(*l)) : NULL;
		if (!l) {
			log_err("%s: ignored: %s", info->name, n->n_links < NET_LINKS_MAX ? "no memory" : "too many");
			return;
		}
		l->net = n;
		l->next = *at;
		*at = l;
		n->n_links++;
	}
	l->info = *info;
	l->seen = true;
}

static void on_address(struct net *n, const struct nlmsghdr *h)
{
	struct rtnl_addr a;
	struct link *l;

	if (rtnl_addr_parse(h, &a) == 0 && (l = get(n, a.index)))
		link_address(l, &a, h->nlmsg_type == RTM_DELADDR);
}

static void on_advertisement(struct net *n, const struct nlmsghdr *h)
{
	const uint8_t *options;
	struct link *l;
	size_t len;
	int index;

	if (rtnl_nduseropt_parse(h, &index, &options, &len) || !(l = get(n, index)) || !l->managed)
		return;
	nd_dns_update(&l->nd, options, len, dhcp_now_ms());
	net_changed(n); /* also for a lifetime alone: the expiry timer follows it */
}

static void on_event(void *arg, const struct nlmsghdr *h)
{
	struct net *n = arg;
	struct rtnl_link info;
	struct link *l;

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
		if (rtnl_link_parse(h, &info))
			return;
		link_seen(n, &info);
		if ((l = get(n, info.index)))
			link_update(l);
		loopback_up(n);
		return;
	case RTM_DELLINK:
		if (rtnl_link_parse(h, &info) == 0 && get(n, info.index))
			drop(n, find(n, info.index));
		return;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		on_address(n, h);
		return;
	case RTM_NEWNDUSEROPT:
		on_advertisement(n, h);
		return;
	}
}

static void list_link(void *arg, const struct nlmsghdr *h)
{
	struct rtnl_link info;

	if (rtnl_link_parse(h, &info) == 0)
		link_seen(arg, &info);
}

static void list_address(void *arg, const struct nlmsghdr *h)
{
	on_address(arg, h);
}

static void forget_seen(struct net *n)
{
	for (struct link *l = n->links; l; l = l->next)
		l->seen = false;
}

static void forget_addresses(struct net *n)
{
	for (struct link *l = n->links; l; l = l->next)
		l->n_addrs = 0;
}

/* A list that changed while it was read is read again, from the beginning; e->code EINTR: it never stood still. */
static int list_whole(struct net *n, uint16_t type, void (*begin)(struct net *n), rtnl_visit *visit, struct err *e)
{
	int result = -1;

	for (int i = 0; i < LIST_TRIES; i++) {
		begin(n);
		result = rtnl_dump(&n->rtnl, type, AF_UNSPEC, visit, n, e);
		if (result == 0 || e->code != EINTR)
			break;
	}
	return result;
}

int links_list(struct net *n, struct err *e)
{
	int result = list_whole(n, RTM_GETLINK, forget_seen, list_link, e);

	if (result && e->code != EINTR)
		return err_wrap(e, "listing interfaces");
	/* From an unsteady list nothing is taken to be gone: an event says so. */
	for (struct link **at = &n->links; result == 0 && *at;) {
		if ((*at)->seen)
			at = &(*at)->next;
		else
			drop(n, at);
	}
	if (list_whole(n, RTM_GETADDR, forget_addresses, list_address, e) && e->code != EINTR)
		return err_wrap(e, "listing addresses");
	links_update(n);
	return 0;
}

void links_events(struct net *n)
{
	struct err e = { 0 };

	if (rtnl_events(&n->rtnl, on_event, n, &e) == 0)
		return;
	if (e.code == ENOBUFS)
		log_warn("events of the network were lost, it is listed again");
	else
		log_err("%s", e.text);
	if (links_list(n, &e))
		log_err("%s", e.text);
}

void links_release(struct net *n)
{
	for (struct link *l = n->links; l; l = l->next)
		link_unmanage(l);
}

void links_update(struct net *n)
{
	loopback_up(n);
	for (struct link *l = n->links; l; l = l->next)
		link_update(l);
}

uint64_t links_expire(struct net *n, uint64_t now_ms)
{
	uint64_t first = UINT64_MAX;

	for (struct link *l = n->links; l; l = l->next) {
		uint64_t next;

		if (nd_dns_expire(&l->nd, now_ms, &next))
			net_changed(n);
		if (next < first)
			first = next;
	}
	return first;
}

void links_free(struct net *n)
{
	while (n->links) {
		struct link *l = n->links;

		n->links = l->next;
		link_free(l);
	}
	n->n_links = 0;
}
