/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/report.h"

#include <linux/if_addr.h>
#include <stdio.h>
#include <string.h>

#include "init/net/link.h"

static const struct dhcp_reply *lease_of(const struct link *l)
{
	const struct dhcp_client *c = l->dhcp ? dhcp_client_of(l->dhcp) : NULL;

	return c && c->has_lease ? &c->lease : NULL;
}

static void resolv_add_link(struct resolv *out, const struct link *l)
{
	const struct dhcp_reply *lease = lease_of(l);

	for (size_t i = 0; lease && i < lease->n_dns; i++) {
		struct ip a = ip_from4(lease->dns[i]);

		resolv_add_server(out, &a, l->info.name, l->info.index);
	}
	for (size_t i = 0; i < l->nd.n_servers; i++)
		resolv_add_server(out, &l->nd.servers[i].address, l->info.name, l->info.index);
	if (lease)
		resolv_add_domain(out, lease->domain);
	for (size_t i = 0; i < l->nd.n_domains; i++)
		resolv_add_domain(out, l->nd.domains[i].name);
}

void report_resolv(const struct net *n, struct resolv *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < n->config.n_dns; i++)
		resolv_add_server(out, &n->config.dns[i], "", 0);
	/* Interfaces without carrier last: their servers can hardly be reached. */
	for (int carrier = 1; carrier >= 0; carrier--)
		for (const struct link *l = n->links; l; l = l->next)
			if (l->managed && l->carrier == carrier)
				resolv_add_link(out, l);
}

static size_t lease_ntp(const struct net *n, char out[NET_NTP_MAX][NET_NAME_MAX + 1])
{
	size_t count = 0;

	for (const struct link *l = n->links; l; l = l->next) {
		const struct dhcp_reply *lease = lease_of(l);

		for (size_t i = 0; lease && i < lease->n_ntp && count < NET_NTP_MAX; i++) {
			struct ip a = ip_from4(lease->ntp[i]);
			char text[IP_TEXT_MAX];
			bool known = false;

			ip_format(&a, text);
			for (size_t k = 0; k < count; k++)
				known |= strcmp(out[k], text) == 0;
			if (!known)
				snprintf(out[count++], sizeof(out[0]), "%s", text);
		}
	}
	return count;
}

size_t report_ntp(const struct net *n, char out[NET_NTP_MAX][NET_NAME_MAX + 1])
{
	size_t count = 0;

	if (n->config.ntp_off || !n->configure_id)
		return 0;
	if (n->config.n_ntp == 0 || n->config.ntp_fallback)
		count = lease_ntp(n, out);
	if (count)
		return count;
	memcpy(out, n->config.ntp, sizeof(n->config.ntp));
	return n->config.n_ntp;
}

/* cJSON's adders answer NULL when out of memory; the whole document is then given up. */
static bool add_ip(cJSON *o, const char *key, const struct ip *a)
{
	char text[IP_TEXT_MAX];

	ip_format(a, text);
	return cJSON_AddStringToObject(o, key, text);
}

static bool add_addresses(cJSON *o, const struct link *l)
{
	cJSON *list = cJSON_AddArrayToObject(o, "addresses"), *duplicates = NULL;

	for (size_t i = 0; list && i < l->n_addrs; i++) {
		const struct rtnl_addr *a = &l->addrs[i];
		char text[IP_TEXT_MAX], full[IP_TEXT_MAX + 4];
		cJSON *to = list;

		if (a->flags & IFA_F_TENTATIVE && !(a->flags & IFA_F_DADFAILED))
			continue;
		if (a->flags & IFA_F_DADFAILED || ip_equal(&a->address, &l->duplicate)) {
			if (!duplicates)
				duplicates = cJSON_AddArrayToObject(o, "duplicates");
			to = duplicates;
		}
		ip_format(&a->address, text);
		snprintf(full, sizeof(full), "%s/%u", text, a->prefix);
		cJSON *item = cJSON_CreateString(full);
		if (!item || !cJSON_AddItemToArray(to, item)) {
			cJSON_Delete(item);
			return false;
		}
	}
	return list;
}

static bool add_lease(cJSON *o, const struct link *l)
{
	const struct dhcp_client *c = l->dhcp ? dhcp_client_of(l->dhcp) : NULL;

	if (!c)
		return true;
	if (!cJSON_AddStringToObject(o, "dhcp", dhcp_state_name(c->state)))
		return false;
	if (!c->has_lease)
		return true;
	cJSON *lease = cJSON_AddObjectToObject(o, "lease");
	struct ip server = ip_from4(c->lease.server), address = ip_from4(c->lease.address);
	if (!lease || !add_ip(lease, "server", &server) || !add_ip(lease, "address", &address))
		return false;
	if (c->expires_ms && !cJSON_AddNumberToObject(lease, "expires_s", (double)(c->expires_ms / 1000)))
		return false;
	if (c->lease.hostname[0] && !cJSON_AddStringToObject(lease, "hostname", c->lease.hostname))
		return false;
	for (size_t i = 0; i < c->lease.n_routes; i++) {
		struct ip gateway = ip_from4(c->lease.routes[i].gateway);

		if (c->lease.routes[i].prefix == 0)
			return add_ip(lease, "gateway", &gateway);
	}
	return true;
}

static const char *state_name(const struct link *l)
{
	if (!(l->info.flags & IFF_UP))
		return "down";
	if (!l->carrier)
		return "no-carrier";
	return l->dhcp && !lease_of(l) ? "configuring" : "up";
}

static bool add_link(cJSON *list, const struct link *l)
{
	cJSON *o = cJSON_CreateObject();
	const uint8_t *m = l->info.mac;
	char mac[18];

	if (!o || !cJSON_AddItemToArray(list, o)) {
		cJSON_Delete(o);
		return false;
	}
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return cJSON_AddStringToObject(o, "name", l->info.name) &&
	       cJSON_AddNumberToObject(o, "index", l->info.index) &&
	       cJSON_AddStringToObject(o, "state", state_name(l)) && cJSON_AddStringToObject(o, "mac", mac) &&
	       cJSON_AddNumberToObject(o, "mtu", l->info.mtu) && add_addresses(o, l) && add_lease(o, l);
}

static bool add_resolv(cJSON *o, const struct net *n)
{
	cleanup_buf struct buf text = { 0 };
	struct resolv resolv;

	/* While an address of an earlier life is asked about, its servers aren't known. */
	for (const struct link *l = n->links; l; l = l->next)
		if (l->adopting && dhcp_client_of(l->dhcp)->state == DHCP_REBOOTING)
			return true;
	report_resolv(n, &resolv);
	if (resolv_text(&resolv, &text))
		return false;
	return cJSON_AddStringToObject(o, "resolv_conf", text.data ? text.data : "");
}

cJSON *report_document(const struct net *n, size_t links_max)
{
	cJSON *o = cJSON_CreateObject(), *list = o ? cJSON_AddArrayToObject(o, "interfaces") : NULL;
	bool good = list && add_resolv(o, n);

	for (const struct link *l = n->links; good && l; l = l->next)
		if (l->managed && links_max > 0 && links_max--)
			good = add_link(list, l);
	cJSON *clock = good ? sntp_status(n->sntp) : NULL;
	if (clock && cJSON_AddItemToObject(o, "clock", clock))
		return o;
	cJSON_Delete(clock);
	cJSON_Delete(o);
	return NULL;
}
