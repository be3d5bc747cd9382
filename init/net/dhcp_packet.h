/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCPv4 messages (RFC 2131, options RFC 2132, RFC 3396 split options, RFC 3442 classless routes) to and from bytes.
 * Replies come from whoever shares the wire: every length is checked and every value is refused unless a host could
 * use it.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_CLIENT_PORT 68
#define DHCP_SERVER_PORT 67
#define DHCP_BUILD_MAX 576
#define DHCP_LIST_MAX 4
#define DHCP_ROUTES_MAX 16
#define DHCP_FOREVER 0xffffffffu

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK, DHCP_RELEASE };

struct dhcp_request {
	enum dhcp_type type;
	uint32_t xid;
	uint16_t secs; /* since the client began */
	uint8_t mac[6];
	struct in_addr client; /* ciaddr: set only while the address is in use (renewing, rebinding) */
	struct in_addr wanted; /* option 50; 0: none */
	struct in_addr server; /* option 54; 0: none */
	const char *hostname; /* option 12; NULL or "": none */
};
/* Returns the length, at least 300 (what a BOOTP relay expects). */
size_t dhcp_build(const struct dhcp_request *r, uint8_t out[DHCP_BUILD_MAX]);

struct dhcp_route {
	struct in_addr dst;
	uint8_t prefix;
	struct in_addr gateway; /* 0: on the link */
};

struct dhcp_reply {
	enum dhcp_type type; /* OFFER, ACK or NAK */
	uint32_t xid;
	struct in_addr address; /* NAK: 0 */
	struct in_addr server; /* option 54 */
	uint8_t prefix;
	uint32_t lease_s, t1_s, t2_s; /* t1 < t2 < lease; DHCP_FOREVER: all three without end */
	uint16_t mtu; /* 0: none, or one that would switch IPv6 off */
	struct dhcp_route routes[DHCP_ROUTES_MAX]; /* the default route among them */
	size_t n_routes;
	struct in_addr dns[DHCP_LIST_MAX], ntp[DHCP_LIST_MAX];
	size_t n_dns, n_ntp;
	char hostname[65], domain[254]; /* "" when absent or not a plain name */
};
/*
 * 0 when it is a well-formed answer to this client (hardware address and xid), -1 otherwise. out is then untouched.
 */
int dhcp_parse(const uint8_t *data, size_t len, const uint8_t mac[6], uint32_t xid, struct dhcp_reply *out);
