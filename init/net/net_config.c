/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/net_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENTRY_TEXT_MAX 128

bool net_name_valid(const char *name)
{
	size_t len = strlen(name), label = 0;

	if (len == 0 || len > NET_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!isascii(name[i]) || !(isalnum(name[i]) || name[i] == '-' || name[i] == '_') || ++label > 63)
			return false;
	}
	return true;
}

bool net_interface_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] >= 127 || strchr("/:;,=", name[i]))
			return false;
	return true;
}

static int address_parse(const char *text, struct net_entry *out)
{
	char copy[ENTRY_TEXT_MAX];

	snprintf(copy, sizeof(copy), "%s", text);
	char *comma = strchr(copy, ',');
	if (comma)
		*comma = '\0';
	if (ip_parse_prefix(copy, &out->address, &out->prefix) || !ip_is_host(&out->address))
		return -1;
	if (!comma)
		return 0;
	if (ip_parse(comma + 1, &out->gateway) || !ip_is_host(&out->gateway))
		return -1;
	return out->gateway.family == out->address.family ? 0 : -1;
}

static int entry_parse(const char *text, struct net_entry *out, struct err *e)
{
	struct net_entry entry;
	const char *equals = strchr(text, '=');

	memset(&entry, 0, sizeof(entry)); /* padding too: configurations are compared as bytes */
	if (!equals)
		return err_set(e, EINVAL, "hull.net: %s: not dhcp, none or IFACE=ADDRESS/LENGTH[,GATEWAY]", text);
	snprintf(entry.name, sizeof(entry.name), "%.*s", (int)(equals - text), text);
	if ((size_t)(equals - text) >= sizeof(entry.name) || !net_interface_name_valid(entry.name))
		return err_set(e, EINVAL, "hull.net: %s: bad interface name", text);
	if (strcmp(equals + 1, "dhcp") == 0)
		entry.dhcp = true;
	else if (address_parse(equals + 1, &entry))
		return err_set(e, EINVAL, "hull.net: %s: not ADDRESS/LENGTH[,GATEWAY] of one family", text);
	*out = entry;
	return 0;
}

int net_config_text(const char *text, struct net_config *out, struct err *e)
{
	struct net_entry entries[NET_ENTRIES_MAX] = { 0 };
	enum net_mode mode = NET_LISTED;
	size_t n = 0;

	if (strcmp(text, "dhcp") == 0)
		mode = NET_DHCP;
	else if (strcmp(text, "none") == 0)
		mode = NET_NONE;
	for (const char *p = text; mode == NET_LISTED;) {
		size_t len = strcspn(p, ";");
		char one[ENTRY_TEXT_MAX];

		if (len >= sizeof(one))
			return err_set(e, EINVAL, "hull.net: an entry is longer than %d bytes", ENTRY_TEXT_MAX - 1);
		snprintf(one, sizeof(one), "%.*s", (int)len, p);
		if (n == NET_ENTRIES_MAX)
			return err_set(e, E2BIG, "hull.net: more than %d entries", NET_ENTRIES_MAX);
		if (entry_parse(one, &entries[n++], e))
			return -1;
		p += len;
		if (*p++ == '\0')
			break;
	}
	out->mode = mode;
	out->n_entries = n;
	memcpy(out->entries, entries, n * sizeof(entries[0]));
	return 0;
}

static int dns_read(const cJSON *list, struct net_config *out, struct err *e)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		if (out->n_dns == NET_DNS_MAX)
			return err_set(e, E2BIG, "hull.dns: more than %d servers", NET_DNS_MAX);
		struct ip *a = &out->dns[out->n_dns];
		/* Loopback is allowed: a resolver may run as a unit. */
		if (ip_parse(item->valuestring, a))
			return err_set(e, EINVAL, "hull.dns: %.60s: not an address", item->valuestring);
		out->n_dns++;
	}
	return 0;
}

static int ntp_read(const cJSON *list, struct net_config *out, struct err *e)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		struct ip a;

		if (strcmp(item->valuestring, "none") == 0) {
			out->ntp_off = true;
			continue;
		}
		if (out->n_ntp == NET_NTP_MAX)
			return err_set(e, E2BIG, "hull.ntp: more than %d servers", NET_NTP_MAX);
		if (ip_parse(item->valuestring, &a) && !net_name_valid(item->valuestring))
			return err_set(e, EINVAL, "hull.ntp: %.60s: not an address or name", item->valuestring);
		snprintf(out->ntp[out->n_ntp++], sizeof(out->ntp[0]), "%s", item->valuestring);
	}
	return 0;
}

int net_config_read(const cJSON *params, struct net_config *out, struct err *e)
{
	struct {
		const char *mode, *hostname;
		const cJSON *dns, *ntp;
		bool ntp_fallback;
	} in = { 0 };
	static const struct json_field fields[] = {
		{ .key = "mode", .type = JSON_STRING, .offset = offsetof(__typeof__(in), mode), .required = true },
		{ .key = "hostname", .type = JSON_STRING, .offset = offsetof(__typeof__(in), hostname) },
		{ .key = "dns", .type = JSON_STRINGS, .offset = offsetof(__typeof__(in), dns) },
		{ .key = "ntp_fallback", .type = JSON_BOOL, .offset = offsetof(__typeof__(in), ntp_fallback) },
		{ .key = "ntp", .type = JSON_STRINGS, .offset = offsetof(__typeof__(in), ntp) },
	};
	struct net_config c;

	memset(&c, 0, sizeof(c));
	if (json_read(params, fields, sizeof(fields) / sizeof(fields[0]), 0, "net.configure", &in, e))
		return -1;
	if (net_config_text(in.mode, &c, e) || dns_read(in.dns, &c, e) || ntp_read(in.ntp, &c, e))
		return -1;
	c.ntp_fallback = in.ntp_fallback;
	if (in.hostname && in.hostname[0]) {
		if (strlen(in.hostname) >= sizeof(c.hostname) || !net_name_valid(in.hostname))
			return err_set(e, EINVAL, "hull.hostname: %.60s: not a host name", in.hostname);
		snprintf(c.hostname, sizeof(c.hostname), "%s", in.hostname);
	}
	*out = c;
	return 0;
}
