/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/resolv.h"

#include <stdio.h>
#include <string.h>

void resolv_add_server(struct resolv *r, const struct ip *address, const char *ifname, int ifindex)
{
	bool scoped = ip_is_link_local6(address);

	for (size_t i = 0; i < r->n_servers; i++)
		if (ip_equal(&r->servers[i].address, address) && (!scoped || r->servers[i].ifindex == ifindex))
			return;
	if (r->n_servers == RESOLV_SERVERS_MAX)
		return;
	r->servers[r->n_servers].address = *address;
	r->servers[r->n_servers].ifindex = ifindex;
	snprintf(r->servers[r->n_servers].scope, sizeof(r->servers[0].scope), "%s", scoped ? ifname : "");
	r->n_servers++;
}

void resolv_add_domain(struct resolv *r, const char *domain)
{
	for (size_t i = 0; i < r->n_domains; i++)
		if (strcmp(r->domains[i], domain) == 0)
			return;
	if (domain[0] && r->n_domains < RESOLV_DOMAINS_MAX)
		r->domains[r->n_domains++] = domain;
}

int resolv_text(const struct resolv *r, struct buf *out)
{
	for (size_t i = 0; i < r->n_servers; i++) {
		char text[IP_TEXT_MAX];
		const char *scope = r->servers[i].scope;

		ip_format(&r->servers[i].address, text);
		if (buf_printf(out, "nameserver %s%s%s\n", text, scope[0] ? "%" : "", scope))
			return -1;
	}
	for (size_t i = 0; i < r->n_domains; i++)
		if (buf_printf(out, "%s%s%s", i ? " " : "search ", r->domains[i], i + 1 == r->n_domains ? "\n" : ""))
			return -1;
	return 0;
}
