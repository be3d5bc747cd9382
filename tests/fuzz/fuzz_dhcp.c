/* SPDX-License-Identifier: Apache-2.0 */
/* What a station on the wire can send: a packet, a DHCP message, advertised options. The first byte says which. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "init/net/dhcp_packet.h"
#include "init/net/nd_options.h"
#include "init/net/net_config.h"
#include "init/net/udp_frame.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };
#define XID 0x01020304

static void check(const struct dhcp_reply *r)
{
	if (r->type == DHCP_NAK)
		return;
	if (r->prefix < 1 || r->prefix > 32 || r->n_routes > DHCP_ROUTES_MAX || r->n_dns > DHCP_LIST_MAX)
		abort();
	if (r->lease_s != DHCP_FOREVER && !(r->t1_s < r->t2_s && r->t2_s < r->lease_s))
		abort();
	if ((r->hostname[0] && !net_name_valid(r->hostname)) || (r->domain[0] && !net_name_valid(r->domain)))
		abort();
	for (size_t i = 0; i < r->n_routes; i++)
		if (r->routes[i].prefix > 32)
			abort();
}

/* The fixed fields that must match are set, so that the fuzzer spends its time on the rest. */
static void message(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct dhcp_reply r;

	memcpy(copy, data, size);
	if (size >= 240) {
		uint32_t xid = htonl(XID);

		copy[0] = 2;
		copy[1] = 1;
		copy[2] = 6;
		memcpy(copy + 4, &xid, 4);
		memset(copy + 28, 0, 16);
		memcpy(copy + 28, mac, 6);
		memcpy(copy + 236, "\x63\x82\x53\x63", 4);
	}
	if (dhcp_parse(copy, size, mac, XID, &r) == 0)
		check(&r);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_dns d = { 0 };
	size_t len;
	uint64_t next;

	if (size < 1)
		return 0;
	switch (data[0] % 3) {
	case 0:
		message(data + 1, size - 1);
		break;
	case 1:
		if (udp_frame_payload(data + 1, size - 1, 68, data[0] & 0x80, &len) && len > size)
			abort();
		break;
	case 2:
		nd_dns_update(&d, data + 1, size - 1, 1000);
		nd_dns_expire(&d, 61000, &next);
		if (d.n_servers > ND_SERVERS_MAX || d.n_domains > ND_DOMAINS_MAX)
			abort();
		break;
	}
	return 0;
}
