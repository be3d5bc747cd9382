/* SPDX-License-Identifier: Apache-2.0 */
/* An IPv4 or IPv6 address as a value: text form, comparison, socket address. No names, no resolver. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct ip {
	sa_family_t family; /* AF_INET, AF_INET6; AF_UNSPEC (0): no address */
	union {
		struct in_addr v4;
		struct in6_addr v6;
		uint8_t bytes[16];
	};
};
#define IP_TEXT_MAX INET6_ADDRSTRLEN

/* Numeric text without prefix or scope. 0 or -1. */
int ip_parse(const char *text, struct ip *out);
/* "ADDRESS/PREFIX", the prefix required and in range. 0 or -1. */
int ip_parse_prefix(const char *text, struct ip *out, uint8_t *prefix);
void ip_format(const struct ip *a, char out[IP_TEXT_MAX]);
bool ip_equal(const struct ip *a, const struct ip *b);
/* 4, 16, or 0 for none. */
size_t ip_size(const struct ip *a);
bool ip_same_net(const struct ip *a, const struct ip *b, unsigned prefix);
/* One that a host can have or talk to: not unspecified, loopback, multicast, broadcast or reserved. */
bool ip_is_host(const struct ip *a);
bool ip_is_link_local6(const struct ip *a);
struct ip ip_from4(struct in_addr a);
struct ip ip_from6(const struct in6_addr *a);
/* scope: interface index for link-local IPv6, else 0. Returns the length used. */
socklen_t ip_sockaddr(const struct ip *a, uint16_t port, uint32_t scope, struct sockaddr_storage *out);
