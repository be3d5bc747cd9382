/* SPDX-License-Identifier: Apache-2.0 */
/* DNS servers and search domains from router advertisements (RFC 8106), with their lifetimes. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "init/net/ip.h"

#define ND_SERVERS_MAX 4
#define ND_DOMAINS_MAX 4

struct nd_server {
	struct ip address;
	uint64_t ends_ms; /* UINT64_MAX: never */
};
struct nd_domain {
	char name[254];
	uint64_t ends_ms;
};
struct nd_dns {
	struct nd_server servers[ND_SERVERS_MAX];
	struct nd_domain domains[ND_DOMAINS_MAX];
	size_t n_servers, n_domains;
};

/*
 * Takes the options of one advertisement in: new ones are added, known ones get their new lifetime, lifetime 0 removes.
 * Malformed options end the reading. Returns whether the lists (not just lifetimes) changed.
 */
bool nd_dns_update(struct nd_dns *d, const uint8_t *options, size_t len, uint64_t now_ms);
/* Drops what has ended; returns whether something was dropped. *next_ms: when the next one ends, UINT64_MAX: none. */
bool nd_dns_expire(struct nd_dns *d, uint64_t now_ms, uint64_t *next_ms);
