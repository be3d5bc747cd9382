/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.conf(5) as text, from servers and search domains in order of preference. */
#pragma once
#include <stddef.h>

#include "base/buf.h"
#include "init/net/ip.h"

#define RESOLV_SERVERS_MAX 3 /* more are not looked at by any libc */
#define RESOLV_DOMAINS_MAX 6

struct resolv {
	struct {
		struct ip address;
		char scope[16]; /* interface of a link-local address, else "" */
		int ifindex;
	} servers[RESOLV_SERVERS_MAX];
	const char *domains[RESOLV_DOMAINS_MAX]; /* borrowed */
	size_t n_servers, n_domains;
};

/* Duplicates and what is over the limit are dropped. ifname/ifindex: where the server was learnt. */
void resolv_add_server(struct resolv *r, const struct ip *address, const char *ifname, int ifindex);
void resolv_add_domain(struct resolv *r, const char *domain);
/* Adds to out, nothing when there is nothing. 0 or -1 (errno ENOMEM). */
int resolv_text(const struct resolv *r, struct buf *out);
