/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCPv4 on one interface: dhcp_client.h's machine with its sockets, timer and ARP probe. A packet socket while there
 * is no address to speak from, UDP for renewal and rebinding; neither is open between.
 */
#pragma once
#include <event2/event.h>

#include "base/err.h"
#include "init/net/dhcp_client.h"

struct dhcp;
struct dhcp_owner {
	void (*bound)(void *arg, const struct dhcp_reply *lease, uint64_t expires_ms /* 0: never */);
	void (*lost)(void *arg, struct in_addr address);
};

/* NULL: out of memory. held: an address that the interface has from an earlier life of this role, or 0. */
struct dhcp *dhcp_new(struct event_base *base, int ifindex, const char *ifname, const uint8_t mac[6],
		      const char *hostname, struct in_addr held, const struct dhcp_owner *owner, void *arg);
void dhcp_free(struct dhcp *d); /* NULL is fine; neither releases nor removes the address */
void dhcp_carrier(struct dhcp *d, bool there);
const struct dhcp_client *dhcp_client_of(const struct dhcp *d);
/* CLOCK_BOOTTIME: leases run out while a machine is suspended. */
uint64_t dhcp_now_ms(void);
