/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/dhcp_packet.h"

#include <string.h>

#include "init/net/ip.h"
#include "init/net/net_config.h"

/* The fixed part (RFC 2131, 2), by offset. */
enum {
	AT_OP = 0, AT_HTYPE = 1, AT_HLEN = 2, AT_XID = 4, AT_SECS = 8, AT_CIADDR = 12, AT_YIADDR = 16, AT_CHADDR = 28,
	AT_SNAME = 44, AT_FILE = 108, AT_COOKIE = 236, AT_OPTIONS = 240, SNAME_SIZE = 64, FILE_SIZE = 128,
};
enum { BOOTREQUEST = 1, BOOTREPLY = 2, ETHERNET = 1, BOOTP_MIN = 300 };
enum {
	OPT_PAD = 0, OPT_MASK = 1, OPT_ROUTER = 3, OPT_DNS = 6, OPT_HOSTNAME = 12, OPT_DOMAIN = 15, OPT_MTU = 26,
	OPT_NTP = 42, OPT_WANTED = 50, OPT_LEASE = 51, OPT_OVERLOAD = 52, OPT_TYPE = 53, OPT_SERVER = 54,
	OPT_PARAMETERS = 55, OPT_MAX_SIZE = 57, OPT_T1 = 58, OPT_T2 = 59, OPT_CLIENT_ID = 61, OPT_ROUTES = 121,
	OPT_END = 255,
};
static const uint8_t cookie[4] = { 99, 130, 83, 99 };
#define LEASE_MIN_S 10 /* shorter ones only keep the wire busy */
#define MTU_MIN 1280 /* RFC 8200: the kernel ends IPv6 on a link below */
#define VALUE_MAX 512 /* of one option, its parts put together */

static uint8_t *option_put(uint8_t *p, uint8_t code, const void *data, uint8_t len)
{
	*p++ = code;
	*p++ = len;
	memcpy(p, data, len);
	return p + len;
}

size_t dhcp_build(const struct dhcp_request *r, uint8_t out[DHCP_BUILD_MAX])
{
	/* RFC 3442: classless routes are asked for before the router. */
	static const uint8_t parameters[] = { OPT_MASK, OPT_ROUTES, OPT_ROUTER, OPT_DNS, OPT_HOSTNAME, OPT_DOMAIN,
					      OPT_MTU, OPT_NTP, OPT_LEASE, OPT_SERVER, OPT_T1, OPT_T2 };
	static const uint8_t max_size[2] = { 1400 >> 8, 1400 & 0xff };
	uint8_t type = (uint8_t)r->type, id[7] = { ETHERNET };
	uint32_t xid = htonl(r->xid);
	uint16_t secs = htons(r->secs);

	memset(out, 0, DHCP_BUILD_MAX);
	out[AT_OP] = BOOTREQUEST;
	out[AT_HTYPE] = ETHERNET;
	out[AT_HLEN] = sizeof(r->mac);
	memcpy(out + AT_XID, &xid, sizeof(xid));
	memcpy(out + AT_SECS, &secs, sizeof(secs));
	memcpy(out + AT_CIADDR, &r->client, 4);
	memcpy(out + AT_CHADDR, r->mac, sizeof(r->mac));
	memcpy(out + AT_COOKIE, cookie, sizeof(cookie));

	uint8_t *p = option_put(out + AT_OPTIONS, OPT_TYPE, &type, 1);
	memcpy(id + 1, r->mac, sizeof(r->mac));
	p = option_put(p, OPT_CLIENT_ID, id, sizeof(id));
	if (r->wanted.s_addr)
		p = option_put(p, OPT_WANTED, &r->wanted, 4);
	if (r->server.s_addr)
		p = option_put(p, OPT_SERVER, &r->server, 4);
	if (r->type == DHCP_DISCOVER || r->type == DHCP_REQUEST) {
		p = option_put(p, OPT_MAX_SIZE, max_size, sizeof(max_size));
		p = option_put(p, OPT_PARAMETERS, parameters, sizeof(parameters));
		if (r->hostname && r->hostname[0])
			p = option_put(p, OPT_HOSTNAME, r->hostname, (uint8_t)strnlen(r->hostname, 64));
	}
	*p++ = OPT_END;
	size_t len = (size_t)(p - out);
	return len < BOOTP_MIN ? BOOTP_MIN : len;
}

/* Where options may lie: the options field, then by overload the file and sname fields (RFC 2131, 4.1). */
struct area {
	const uint8_t *p;
	size_t len;
};
struct areas {
	struct area area[3];
	size_t n;
};

/*
 * Puts all parts of one option behind one another (RFC 3396). Returns the length, 0 when absent, -1 when an area is
 * malformed or the value too long.
 */
static int option_get(const struct areas *areas, uint8_t code, uint8_t out[VALUE_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < areas->n; i++) {
		const uint8_t *p = areas->area[i].p, *end = p + areas->area[i].len;

		while (p < end && *p != OPT_END) {
			if (*p == OPT_PAD) {
				p++;
				continue;
			}
			if (end - p < 2 || end - p - 2 < p[1])
				return -1;
			if (*p == code) {
				if (n + p[1] > VALUE_MAX)
					return -1;
				memcpy(out + n, p + 2, p[1]);
				n += p[1];
			}
			p += 2 + p[1];
		}
	}
	return (int)n;
}

static int areas_find(const uint8_t *data, size_t len, struct areas *out)
{
	uint8_t value[VALUE_MAX];

	*out = (struct areas){ .area = { { data + AT_OPTIONS, len - AT_OPTIONS } }, .n = 1 };
	int n = option_get(out, OPT_OVERLOAD, value);
	if (n < 0 || n > 1)
		return -1;
	if (n == 1 && (value[0] & 1))
		out->area[out->n++] = (struct area){ data + AT_FILE, FILE_SIZE };
	if (n == 1 && (value[0] & 2))
		out->area[out->n++] = (struct area){ data + AT_SNAME, SNAME_SIZE };
	return 0;
}

static bool is_host(struct in_addr a)
{
	struct ip ip = ip_from4(a);

	return ip_is_host(&ip);
}

static size_t addresses_get(const struct areas *areas, uint8_t code, struct in_addr out[DHCP_LIST_MAX])
{
	uint8_t value[VALUE_MAX];
	int len = option_get(areas, code, value);
	size_t n = 0;

	for (int at = 0; at + 4 <= len && n < DHCP_LIST_MAX; at += 4) {
		struct in_addr a;

		memcpy(&a, value + at, sizeof(a));
		if (is_host(a))
			out[n++] = a;
	}
	return n;
}

/* A 32-bit option; absent when it is missing or of another size. */
static uint32_t number_get(const struct areas *areas, uint8_t code, uint32_t absent)
{
	uint8_t value[VALUE_MAX];
	uint32_t v;

	if (option_get(areas, code, value) != sizeof(v))
		return absent;
	memcpy(&v, value, sizeof(v));
	return ntohl(v);
}

static void name_get(const struct areas *areas, uint8_t code, char *out, size_t size)
{
	uint8_t value[VALUE_MAX];
	int len = option_get(areas, code, value);
	char text[VALUE_MAX + 1] = "";

	if (len <= 0)
		return;
	memcpy(text, value, (size_t)len);
	/* Some servers count the NUL; any other one makes the name end early, and what is behind it is dropped. */
	size_t n = strnlen(text, (size_t)len);
	if (n && text[n - 1] == '.')
		text[--n] = '\0';
	if (n > 0 && n < size && net_name_valid(text))
		memcpy(out, text, n + 1);
}

static uint32_t mask_of(uint8_t prefix)
{
	return prefix ? 0xffffffffu << (32 - prefix) : 0;
}

/* The prefix length of a mask, of the address's class without one (RFC 2132 has no default); -1: holes in it. */
static int prefix_get(const struct areas *areas, struct in_addr address)
{
	uint32_t absent = 0, mask = number_get(areas, OPT_MASK, absent);
	uint8_t first = (uint8_t)(ntohl(address.s_addr) >> 24);

	if (mask == absent)
		return first < 128 ? 8 : first < 192 ? 16 : 24;
	int prefix = __builtin_popcount(mask);
	return mask == mask_of((uint8_t)prefix) ? prefix : -1;
}

/* RFC 3442: {prefix length, as many bytes of the destination as it covers, gateway} ...; -1 when malformed. */
static int classless_parse(const uint8_t *p, size_t len, struct dhcp_reply *out)
{
	const uint8_t *end = p + len;

	while (p < end && out->n_routes < DHCP_ROUTES_MAX) {
		struct dhcp_route r = { .prefix = *p++ };
		size_t bytes = (r.prefix + 7u) / 8;

		if (r.prefix > 32 || (size_t)(end - p) < bytes + 4)
			return -1;
		memcpy(&r.dst, p, bytes);
		r.dst.s_addr &= htonl(mask_of(r.prefix));
		memcpy(&r.gateway, p + bytes, 4);
		p += bytes + 4;
		if (r.gateway.s_addr && !is_host(r.gateway))
			continue;
		if (r.prefix == 0 && !r.gateway.s_addr)
			continue; /* the whole internet on this link */
		if (r.prefix && !is_host(r.dst))
			continue; /* loopback or multicast are not the server's to route */
		out->routes[out->n_routes++] = r;
	}
	return 0;
}

static int routes_get(const struct areas *areas, struct dhcp_reply *out)
{
	uint8_t value[VALUE_MAX];
	struct in_addr routers[DHCP_LIST_MAX];
	int len = option_get(areas, OPT_ROUTES, value);

	/* With classless routes the router option is ignored (RFC 3442). */
	if (len > 0)
		return classless_parse(value, (size_t)len, out);
	if (len == 0 && addresses_get(areas, OPT_ROUTER, routers) > 0)
		out->routes[out->n_routes++] = (struct dhcp_route){ .gateway = routers[0] };
	return len;
}

static int times_get(const struct areas *areas, struct dhcp_reply *out)
{
	out->lease_s = number_get(areas, OPT_LEASE, 0);
	if (out->lease_s == DHCP_FOREVER) {
		out->t1_s = out->t2_s = DHCP_FOREVER;
		return 0;
	}
	if (out->lease_s < LEASE_MIN_S)
		return -1;
	uint32_t t1 = out->lease_s / 2, t2 = (uint32_t)((uint64_t)out->lease_s * 7 / 8);
	out->t1_s = number_get(areas, OPT_T1, t1);
	out->t2_s = number_get(areas, OPT_T2, t2);
	if (out->t2_s >= out->lease_s || out->t1_s >= out->t2_s || out->t1_s == 0) {
		out->t1_s = t1;
		out->t2_s = t2;
	}
	return 0;
}

static int lease_get(const uint8_t *data, const struct areas *areas, struct dhcp_reply *out)
{
	memcpy(&out->address, data + AT_YIADDR, 4);
	int prefix = is_host(out->address) ? prefix_get(areas, out->address) : -1;

	if (prefix < 1 || times_get(areas, out))
		return -1;
	out->prefix = (uint8_t)prefix;
	uint32_t host = ntohl(out->address.s_addr) & ~mask_of(out->prefix);
	if (prefix < 31 && (host == 0 || host == ~mask_of(out->prefix)))
		return -1; /* the network's or its broadcast address */
	if (routes_get(areas, out))
		return -1;

	uint8_t value[VALUE_MAX];
	if (option_get(areas, OPT_MTU, value) == 2) {
		uint16_t mtu = (uint16_t)(value[0] << 8 | value[1]);

		out->mtu = mtu >= MTU_MIN ? mtu : 0;
	}
	out->n_dns = addresses_get(areas, OPT_DNS, out->dns);
	out->n_ntp = addresses_get(areas, OPT_NTP, out->ntp);
	name_get(areas, OPT_HOSTNAME, out->hostname, sizeof(out->hostname));
	name_get(areas, OPT_DOMAIN, out->domain, sizeof(out->domain));
	return 0;
}

int dhcp_parse(const uint8_t *data, size_t len, const uint8_t mac[6], uint32_t xid, struct dhcp_reply *out)
{
	static const uint8_t padding[10];
	struct dhcp_reply r = { .xid = xid };
	uint32_t wire_xid = htonl(xid);
	uint8_t value[VALUE_MAX];
	struct areas areas;

	if (len < AT_OPTIONS || data[AT_OP] != BOOTREPLY || data[AT_HTYPE] != ETHERNET || data[AT_HLEN] != 6 ||
	    memcmp(data + AT_COOKIE, cookie, sizeof(cookie)) != 0)
		return -1;
	if (memcmp(data + AT_XID, &wire_xid, 4) != 0 || memcmp(data + AT_CHADDR, mac, 6) != 0 ||
	    memcmp(data + AT_CHADDR + 6, padding, sizeof(padding)) != 0)
		return -1;
	if (areas_find(data, len, &areas) || option_get(&areas, OPT_TYPE, value) != 1)
		return -1;
	r.type = value[0];
	if (option_get(&areas, OPT_SERVER, value) != 4)
		return -1;
	memcpy(&r.server, value, 4);
	if (!is_host(r.server))
		return -1;
	if (r.type == DHCP_OFFER || r.type == DHCP_ACK) {
		if (lease_get(data, &areas, &r))
			return -1;
	} else if (r.type != DHCP_NAK) {
		return -1;
	}
	*out = r;
	return 0;
}
