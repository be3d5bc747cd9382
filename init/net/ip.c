/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/ip.h"

#include <arpa/inet.h>
#include <string.h>

int ip_parse(const char *text, struct ip *out)
{
	struct ip a = { 0 };

	if (inet_pton(AF_INET, text, &a.v4) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, text, &a.v6) == 1)
		a.family = AF_INET6;
	else
		return -1;
	*out = a;
	return 0;
}

int ip_parse_prefix(const char *text, struct ip *out, uint8_t *prefix)
{
	char address[IP_TEXT_MAX];
	const char *slash = strchr(text, '/');
	struct ip a;
	unsigned n = 0;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return -1;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (ip_parse(address, &a))
		return -1;
	size_t digits = strlen(slash + 1);
	if (digits < 1 || digits > 3)
		return -1;
	for (const char *p = slash + 1; *p; p++) {
		if (*p < '0' || *p > '9')
			return -1;
		n = n * 10 + (unsigned)(*p - '0');
	}
	if (n < 1 || n > ip_size(&a) * 8)
		return -1;
	*out = a;
	*prefix = (uint8_t)n;
	return 0;
}

void ip_format(const struct ip *a, char out[IP_TEXT_MAX])
{
	if (!ip_size(a) || !inet_ntop(a->family, a->bytes, out, IP_TEXT_MAX))
		out[0] = '\0';
}

size_t ip_size(const struct ip *a)
{
	return a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, ip_size(a)) == 0;
}

bool ip_same_net(const struct ip *a, const struct ip *b, unsigned prefix)
{
	if (a->family != b->family || prefix > ip_size(a) * 8)
		return false;
	if (memcmp(a->bytes, b->bytes, prefix / 8) != 0)
		return false;
	if (prefix % 8 == 0)
		return true;
	uint8_t mask = (uint8_t)(0xff << (8 - prefix % 8));
	return ((a->bytes[prefix / 8] ^ b->bytes[prefix / 8]) & mask) == 0;
}

bool ip_is_host(const struct ip *a)
{
	if (a->family == AF_INET) {
		uint8_t first = a->bytes[0];
		return first != 0 && first != 127 && first < 224;
	}
	return a->family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&a->v6) && !IN6_IS_ADDR_LOOPBACK(&a->v6) &&
	       !IN6_IS_ADDR_MULTICAST(&a->v6) && !IN6_IS_ADDR_V4MAPPED(&a->v6);
}

bool ip_is_link_local6(const struct ip *a)
{
	return a->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->v6);
}

struct ip ip_from4(struct in_addr a)
{
	struct ip out = { .family = AF_INET };

	out.v4 = a;
	return out;
}

struct ip ip_from6(const struct in6_addr *a)
{
	struct ip out = { .family = AF_INET6 };

	out.v6 = *a;
	return out;
}

socklen_t ip_sockaddr(const struct ip *a, uint16_t port, uint32_t scope, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == AF_INET) {
		struct sockaddr_in *s = (struct sockaddr_in *)out;

		s->sin_family = AF_INET;
		s->sin_port = htons(port);
		s->sin_addr = a->v4;
		return sizeof(*s);
	}
	struct sockaddr_in6 *s = (struct sockaddr_in6 *)out;

	s->sin6_family = AF_INET6;
	s->sin6_port = htons(port);
	s->sin6_addr = a->v6;
	s->sin6_scope_id = ip_is_link_local6(a) ? scope : 0;
	return sizeof(*s);
}
