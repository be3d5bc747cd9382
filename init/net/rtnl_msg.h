/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink messages (rtnetlink(7)) built in and read from plain memory: no socket, no allocation, no libnl-route,
 * whose object model costs more than everything else in this role. Whatever is read is checked against its length.
 */
#pragma once
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/net/ip.h"

#define RTNL_FOREVER 0xffffffffu /* lifetime without end */

struct rtnl_msg {
	union {
		struct nlmsghdr h;
		uint8_t bytes[512];
	};
	bool overflow; /* an attribute did not fit: the message must not be sent */
};

/* Starts a request (NLM_F_REQUEST|NLM_F_ACK are added); returns the zeroed header behind nlmsghdr. */
void *rtnl_msg_start(struct rtnl_msg *m, uint16_t type, uint16_t flags, size_t header_size);
void rtnl_msg_attr(struct rtnl_msg *m, uint16_t type, const void *data, size_t len);
void rtnl_msg_u32(struct rtnl_msg *m, uint16_t type, uint32_t value);

struct rtnl_link {
	int index;
	char name[IFNAMSIZ];
	uint16_t type; /* ARPHRD_* */
	uint32_t flags; /* IFF_* */
	uint32_t mtu;
	int master; /* index of the bridge or bond it belongs to; 0: none */
	uint8_t mac[6]; /* zero when it has none of this length */
	char kind[16]; /* "" for hardware, else "veth", "bridge", ... */
};

struct rtnl_addr {
	int index;
	struct ip address;
	uint8_t prefix, scope;
	uint32_t flags; /* IFA_F_* */
	uint32_t preferred_s, valid_s; /* RTNL_FOREVER: no end */
	uint32_t metric; /* of the route to its network; only when adding */
};

struct rtnl_route {
	int index;
	struct ip dst; /* family always set; zero address and prefix 0: default route */
	uint8_t prefix, protocol; /* RTPROT_* */
	struct ip gateway, source; /* AF_UNSPEC: none */
	uint32_t metric, table;
	bool onlink; /* the gateway is reachable though no address's prefix says so */
};

void rtnl_msg_link_up(struct rtnl_msg *m, int index);
void rtnl_msg_link_mtu(struct rtnl_msg *m, int index, uint32_t mtu);
/* Adds or refreshes (add), or removes. */
void rtnl_msg_addr(struct rtnl_msg *m, bool add, const struct rtnl_addr *a);
void rtnl_msg_route(struct rtnl_msg *m, bool add, const struct rtnl_route *r);
/* RTM_GETLINK, RTM_GETADDR or RTM_GETROUTE for everything of a family (AF_UNSPEC: all). */
void rtnl_msg_dump(struct rtnl_msg *m, uint16_t type, uint8_t family);

/* h: a whole message, h->nlmsg_len bytes readable. 0, or -1 when it is malformed or not of this kind. */
int rtnl_link_parse(const struct nlmsghdr *h, struct rtnl_link *out);
int rtnl_addr_parse(const struct nlmsghdr *h, struct rtnl_addr *out);
int rtnl_route_parse(const struct nlmsghdr *h, struct rtnl_route *out);
/* RTM_NEWNDUSEROPT: neighbour discovery options of a router advertisement, borrowed from the message. */
int rtnl_nduseropt_parse(const struct nlmsghdr *h, int *index, const uint8_t **options, size_t *len);
