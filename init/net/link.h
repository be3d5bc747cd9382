/* SPDX-License-Identifier: Apache-2.0 */
/* One interface that may be ours to configure: its wanted state from the configuration, brought into the kernel. */
#pragma once
#include "init/net/arp.h"
#include "init/net/dhcp.h"
#include "init/net/nd_options.h"
#include "init/net/net.h"

#define LINK_ADDRS_MAX 16

struct link {
	struct link *next;
	struct net *net;
	struct rtnl_link info;
	bool managed, carrier;
	char managed_name[IFNAMSIZ]; /* under which it was taken up */
	bool seen; /* while listing */
	struct dhcp *dhcp; /* NULL: not by DHCP */
	bool adopting; /* an address of an earlier life is being confirmed */
	struct rtnl_addr addrs[LINK_ADDRS_MAX]; /* as the kernel tells */
	size_t n_addrs;
	struct nd_dns nd; /* from router advertisements */
	struct arp_probe *probe; /* of a static address */
	size_t probed; /* entries of the configuration that were looked at */
	struct ip duplicate; /* a static IPv4 address that somebody else uses */
};

/* Physical Ethernet; in a container also what its engine put there. Bridges, their ports, veth peers: never. */
bool link_is_physical(const struct rtnl_link *l);
/* Brings configuration, up flag and carrier together; called after each change of either. */
void link_update(struct link *l);
/* Gives back what the configuration put there: addresses, routes, DHCP. */
void link_unmanage(struct link *l);
/* The interface is gone, or the role ends: only memory is freed. */
void link_free(struct link *l);
void link_address(struct link *l, const struct rtnl_addr *a, bool gone);
/* Asks routers to advertise now: their DNS servers are not kept by the kernel. */
void link_solicit(struct link *l);
