/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/resolver.h"

#include <event2/dns.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/net/net_config.h"

/* Lives until evdns has called back, also when the resolver forgot it. */
struct lookup {
	struct resolver *resolver; /* NULL: forgotten */
	char name[NET_NAME_MAX + 1];
	bool ipv6;
	resolver_answer *answer;
	void *arg;
};

struct resolver {
	struct evdns_base *dns;
	struct lookup *lookup;
};

struct resolver *resolver_new(struct event_base *base)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	/* Without flags to initialise name servers: no resolv.conf, no hosts file. */
	r->dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (!r->dns) {
		free(r);
		return NULL;
	}
	evdns_base_set_option(r->dns, "timeout:", "3");
	evdns_base_set_option(r->dns, "attempts:", "2");
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	resolver_cancel(r);
	evdns_base_free(r->dns, 1);
	free(r);
}

void resolver_set_servers(struct resolver *r, const struct resolv *servers)
{
	evdns_base_clear_nameservers_and_suspend(r->dns);
	for (size_t i = 0; i < servers->n_servers; i++) {
		struct sockaddr_storage to;
		socklen_t len = ip_sockaddr(&servers->servers[i].address, 53, (uint32_t)servers->servers[i].ifindex, &to);

		evdns_base_nameserver_sockaddr_add(r->dns, (struct sockaddr *)&to, (ev_socklen_t)len, 0);
	}
	evdns_base_resume(r->dns);
}

static void on_answer(int result, char type, int count, int ttl, void *addresses, void *arg);

static int ask(struct lookup *l)
{
	struct evdns_base *dns = l->resolver->dns;

	if (evdns_base_count_nameservers(dns) == 0)
		return -1;
	struct evdns_request *q = l->ipv6 ? evdns_base_resolve_ipv6(dns, l->name, DNS_QUERY_NO_SEARCH, on_answer, l)
					  : evdns_base_resolve_ipv4(dns, l->name, DNS_QUERY_NO_SEARCH, on_answer, l);
	return q ? 0 : -1;
}

static void on_answer(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	struct lookup *l = arg;
	struct ip found[RESOLVER_ADDRESSES_MAX];
	size_t n = 0;

	(void)ttl;
	if (!l->resolver) {
		free(l);
		return;
	}
	for (int i = 0; result == DNS_ERR_NONE && i < count && n < RESOLVER_ADDRESSES_MAX; i++) {
		if (type == DNS_IPv4_A)
			found[n] = ip_from4(((struct in_addr *)addresses)[i]);
		else if (type == DNS_IPv6_AAAA)
			found[n] = ip_from6(&((struct in6_addr *)addresses)[i]);
		else
			break;
		if (ip_is_host(&found[n]))
			n++;
	}
	if (n == 0 && !l->ipv6) {
		l->ipv6 = true;
		if (ask(l) == 0)
			return;
	}
	l->resolver->lookup = NULL;
	l->answer(l->arg, found, n);
	free(l);
}

int resolver_lookup(struct resolver *r, const char *name, resolver_answer *answer, void *arg)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (!l)
		return -1;
	*l = (struct lookup){ .resolver = r, .answer = answer, .arg = arg };
	snprintf(l->name, sizeof(l->name), "%s", name);
	resolver_cancel(r);
	if (ask(l)) {
		free(l);
		return -1;
	}
	r->lookup = l;
	return 0;
}

void resolver_cancel(struct resolver *r)
{
	if (r->lookup)
		r->lookup->resolver = NULL;
	r->lookup = NULL;
}
