/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "init/net/link_routes.h"

bool link_is_physical(const struct rtnl_link *l)
{
	if (l->type != ARPHRD_ETHER || (l->flags & IFF_LOOPBACK) || l->master)
		return false;
	if (!l->kind[0])
		return true;
	/* Container engines name what they put into a namespace so; the other ends on their hosts are called otherwise. */
	bool named = strncmp(l->name, "eth", 3) == 0 || strncmp(l->name, "en", 2) == 0;
	return named && (strcmp(l->kind, "veth") == 0 || strcmp(l->kind, "macvlan") == 0);
}

static bool wanted(const struct link *l, bool *dhcp)
{
	const struct net_config *c = &l->net->config;
	bool listed = false;

	*dhcp = false;
	if (!l->net->configure_id || l->info.flags & IFF_LOOPBACK)
		return false;
	if (c->mode == NET_DHCP)
		*dhcp = listed = link_is_physical(&l->info);
	for (size_t i = 0; c->mode == NET_LISTED && i < c->n_entries; i++) {
		if (strcmp(c->entries[i].name, l->info.name) != 0)
			continue;
		listed = true;
		*dhcp |= c->entries[i].dhcp;
	}
	return listed;
}

static void request(struct link *l, struct rtnl_msg *m, const char *what, int expected)
{
	struct err e = { 0 };

	if (rtnl_request(&l->net->rtnl, m, &e) && e.code != expected)
		log_warn("%s: %s: %s", l->info.name, what, e.text);
}

static void address_remove(struct link *l, const struct ip *address)
{
	for (size_t i = 0; i < l->n_addrs; i++) {
		struct rtnl_msg m;

		if (!ip_equal(&l->addrs[i].address, address))
			continue;
		rtnl_msg_addr(&m, false, &l->addrs[i]);
		request(l, &m, "removing an address", EADDRNOTAVAIL);
		return;
	}
}

static void address_put(struct link *l, const struct ip *address, uint8_t prefix, uint32_t lifetime_s)
{
	struct rtnl_addr a = { .index = l->info.index, .address = *address, .prefix = prefix,
			       .preferred_s = lifetime_s, .valid_s = lifetime_s, .metric = link_metric(l) };
	struct rtnl_msg m;

	rtnl_msg_addr(&m, true, &a);
	request(l, &m, "adding an address", 0);
	/* Known at once, not only when the event comes: what follows may want to remove it. */
	link_address(l, &a, false);
}

static void dhcp_bound(void *arg, const struct dhcp_reply *lease, uint64_t expires_ms)
{
	struct link *l = arg;
	struct ip address = ip_from4(lease->address);
	uint64_t now = dhcp_now_ms();
	uint32_t left_s = RTNL_FOREVER;
	char text[IP_TEXT_MAX];
	struct rtnl_msg m;
	bool fresh = true;

	for (size_t i = 0; i < l->n_addrs; i++)
		fresh &= !ip_equal(&l->addrs[i].address, &address);
	if (expires_ms)
		left_s = expires_ms > now ? (uint32_t)((expires_ms - now + 999) / 1000) : 1;
	if (lease->mtu && lease->mtu != l->info.mtu) {
		rtnl_msg_link_mtu(&m, l->info.index, lease->mtu);
		request(l, &m, "setting the MTU", 0);
	}
	ip_format(&address, text);
	if (fresh || l->adopting)
		log_info("%s: address %s/%u by DHCP", l->info.name, text, lease->prefix);
	l->adopting = false;
	address_put(l, &address, lease->prefix, left_s);
	link_routes_update(l);
	sntp_kick(l->net->sntp);
	net_changed(l->net);
}

static void dhcp_lost(void *arg, struct in_addr address)
{
	struct link *l = arg;
	struct ip a = ip_from4(address);

	log_warn("%s: the address from DHCP is lost", l->info.name);
	l->adopting = false;
	address_remove(l, &a);
	net_changed(l->net);
}

static const struct dhcp_owner dhcp_owner = { .bound = dhcp_bound, .lost = dhcp_lost };

static void probe_next(struct link *l);

static void probe_done(void *arg, bool duplicate)
{
	struct link *l = arg;
	const struct net_entry *entry = &l->net->config.entries[l->probed - 1];
	char text[IP_TEXT_MAX];

	l->probe = NULL;
	if (duplicate) {
		/* It was configured by a person: it is kept, and said. */
		ip_format(&entry->address, text);
		log_err("%s: another station uses %s too", l->info.name, text);
		l->duplicate = entry->address;
		net_changed(l->net);
	}
	probe_next(l);
}

/* Looks for other users of the static IPv4 addresses, one after another. (IPv6: the kernel does.) */
static void probe_next(struct link *l)
{
	const struct net_config *c = &l->net->config;
	struct err e = { 0 };

	while (!l->probe && l->probed < c->n_entries) {
		const struct net_entry *entry = &c->entries[l->probed++];

		if (entry->address.family != AF_INET || strcmp(entry->name, l->info.name) != 0 ||
		    l->info.type != ARPHRD_ETHER)
			continue;
		l->probe = arp_probe_start(l->net->base, l->info.index, l->info.mac, entry->address.v4, probe_done, l,
					   &e);
		if (!l->probe)
			log_warn("%s: %s", l->info.name, e.text);
	}
}

static void static_addresses(struct link *l)
{
	const struct net_config *c = &l->net->config;

	for (size_t i = 0; c->mode == NET_LISTED && i < c->n_entries; i++)
		if (strcmp(c->entries[i].name, l->info.name) == 0 && !c->entries[i].dhcp)
			address_put(l, &c->entries[i].address, c->entries[i].prefix, RTNL_FOREVER);
}

static void carrier_on(struct link *l)
{
	log_info("%s: carrier", l->info.name);
	/* Again, also if they were there: when an interface is set down the kernel drops its IPv6 addresses. */
	static_addresses(l);
	/* Routes of a lease that still runs come back at once; whether it is good here is asked meanwhile. */
	link_routes_update(l);
	if (l->dhcp)
		dhcp_carrier(l->dhcp, true);
	l->probed = 0;
	l->duplicate.family = AF_UNSPEC;
	if (l->net->config.mode == NET_LISTED)
		probe_next(l);
	sntp_kick(l->net->sntp);
}

static void carrier_off(struct link *l)
{
	log_warn("%s: no carrier", l->info.name);
	if (l->dhcp)
		dhcp_carrier(l->dhcp, false);
	arp_probe_cancel(l->probe);
	l->probe = NULL;
	/* The routes go, so that another interface is used; the addresses stay, as connections may live on. */
	link_routes_update(l);
}

/* An address with a lifetime is one that an earlier life of this role leased. */
static struct in_addr leased_address(const struct link *l)
{
	for (size_t i = 0; i < l->n_addrs; i++)
		if (l->addrs[i].address.family == AF_INET && !(l->addrs[i].flags & IFA_F_PERMANENT) &&
		    l->addrs[i].valid_s != RTNL_FOREVER)
			return l->addrs[i].address.v4;
	return (struct in_addr){ 0 };
}

static void manage(struct link *l, bool dhcp)
{
	struct rtnl_msg m;

	l->managed = true;
	l->carrier = false;
	memcpy(l->managed_name, l->info.name, sizeof(l->managed_name));
	if (l->info.flags & IFF_UP) {
		link_solicit(l);
	} else {
		rtnl_msg_link_up(&m, l->info.index);
		request(l, &m, "bringing the interface up", 0);
	}
	static_addresses(l);
	if (!dhcp)
		return;
	struct in_addr held = leased_address(l);
	l->dhcp = dhcp_new(l->net->base, l->info.index, l->info.name, l->info.mac, l->net->config.hostname, held,
			   &dhcp_owner, l);
	l->adopting = l->dhcp && held.s_addr;
	if (!l->dhcp)
		log_err("%s: out of memory for DHCP", l->info.name);
}

void link_unmanage(struct link *l)
{
	const struct net_config *c = &l->net->config;

	if (!l->managed)
		return;
	if (l->dhcp && dhcp_client_of(l->dhcp)->held.s_addr) {
		struct ip held = ip_from4(dhcp_client_of(l->dhcp)->held);

		address_remove(l, &held);
	}
	for (size_t i = 0; c->mode == NET_LISTED && i < c->n_entries; i++)
		if (strcmp(c->entries[i].name, l->managed_name) == 0)
			address_remove(l, &c->entries[i].address);
	l->managed = l->carrier = l->adopting = false;
	link_routes_update(l);
	dhcp_free(l->dhcp);
	l->dhcp = NULL;
	arp_probe_cancel(l->probe);
	l->probe = NULL;
}

void link_update(struct link *l)
{
	bool dhcp, want = wanted(l, &dhcp);
	bool carrier = (l->info.flags & IFF_UP) && (l->info.flags & IFF_RUNNING);

	/* Renamed: sockets and configuration go by the name. */
	if (l->managed && strcmp(l->managed_name, l->info.name) != 0)
		link_unmanage(l);
	if (want && !l->managed)
		manage(l, dhcp);
	else if (!want && l->managed)
		link_unmanage(l);
	if (l->managed && carrier != l->carrier) {
		l->carrier = carrier;
		if (carrier)
			carrier_on(l);
		else
			carrier_off(l);
	}
	net_changed(l->net);
}

void link_free(struct link *l)
{
	dhcp_free(l->dhcp);
	arp_probe_cancel(l->probe);
	free(l);
}

void link_address(struct link *l, const struct rtnl_addr *a, bool gone)
{
	size_t i = 0;
	char text[IP_TEXT_MAX];

	while (i < l->n_addrs && !(ip_equal(&l->addrs[i].address, &a->address) && l->addrs[i].prefix == a->prefix))
		i++;
	if (gone) {
		if (i < l->n_addrs)
			memmove(&l->addrs[i], &l->addrs[i + 1], (--l->n_addrs - i) * sizeof(l->addrs[0]));
	} else if (i < LINK_ADDRS_MAX) {
		uint32_t before = i < l->n_addrs ? l->addrs[i].flags : 0;

		l->addrs[i] = *a;
		if (i == l->n_addrs)
			l->n_addrs++;
		if ((a->flags & IFA_F_DADFAILED) && !(before & IFA_F_DADFAILED)) {
			ip_format(&a->address, text);
			log_err("%s: another station uses %s too", l->info.name, text);
		}
	}
	net_changed(l->net);
}

void link_solicit(struct link *l)
{
	struct nd_router_solicit rs = { .nd_rs_type = ND_ROUTER_SOLICIT };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)l->info.index };
	int hops = 255;

	inet_pton(AF_INET6, "ff02::2", &to.sin6_addr);
	cleanup_close int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	/* A kernel without IPv6, or no usable address yet: then the kernel itself asks once it has one. */
	if (fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) == 0)
		sendto(fd, &rs, sizeof(rs), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
}
