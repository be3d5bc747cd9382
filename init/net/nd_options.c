/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/nd_options.h"

#include <stdio.h>
#include <string.h>

#include "init/net/net_config.h"

enum { OPTION_RDNSS = 25, OPTION_DNSSL = 31 };

static uint64_t end_of(const uint8_t *lifetime, uint64_t now_ms)
{
	uint32_t s;

	memcpy(&s, lifetime, sizeof(s));
	s = ntohl(s);
	return s == 0xffffffffu ? UINT64_MAX : now_ms + (uint64_t)s * 1000;
}

static bool server_set(struct nd_dns *d, const struct ip *address, uint64_t ends_ms, bool remove)
{
	size_t i = 0;

	while (i < d->n_servers && !ip_equal(&d->servers[i].address, address))
		i++;
	if (remove) {
		if (i == d->n_servers)
			return false;
		memmove(&d->servers[i], &d->servers[i + 1], (--d->n_servers - i) * sizeof(d->servers[0]));
		return true;
	}
	if (i == ND_SERVERS_MAX || !ip_is_host(address))
		return false;
	d->servers[i] = (struct nd_server){ *address, ends_ms };
	if (i < d->n_servers)
		return false;
	d->n_servers++;
	return true;
}

static bool domain_set(struct nd_dns *d, const char *name, uint64_t ends_ms, bool remove)
{
	size_t i = 0;

	while (i < d->n_domains && strcmp(d->domains[i].name, name) != 0)
		i++;
	if (remove) {
		if (i == d->n_domains)
			return false;
		memmove(&d->domains[i], &d->domains[i + 1], (--d->n_domains - i) * sizeof(d->domains[0]));
		return true;
	}
	if (i == ND_DOMAINS_MAX)
		return false;
	snprintf(d->domains[i].name, sizeof(d->domains[i].name), "%s", name);
	d->domains[i].ends_ms = ends_ms;
	if (i < d->n_domains)
		return false;
	d->n_domains++;
	return true;
}

static bool servers_take(struct nd_dns *d, const uint8_t *option, size_t len, uint64_t now_ms)
{
	uint64_t ends = end_of(option + 4, now_ms);
	bool changed = false;

	for (size_t at = 8; at + 16 <= len; at += 16) {
		struct ip a = { .family = AF_INET6 };

		memcpy(a.bytes, option + at, 16);
		changed |= server_set(d, &a, ends, ends == now_ms);
	}
	return changed;
}

/* One uncompressed DNS name; returns the bytes it takes, 0 at padding or when malformed. */
static size_t name_decode(const uint8_t *p, size_t len, char out[254])
{
	size_t at = 0, n = 0;

	while (at < len && p[at] != 0) {
		size_t label = p[at++];

		if (label > 63 || at + label > len || n + label + 1 > 253)
			return 0;
		if (n)
			out[n++] = '.';
		memcpy(out + n, p + at, label);
		n += label;
		at += label;
	}
	out[n] = '\0';
	/* A NUL within a label would hide what follows. */
	return at < len && n && strlen(out) == n ? at + 1 : 0;
}

static bool domains_take(struct nd_dns *d, const uint8_t *option, size_t len, uint64_t now_ms)
{
	uint64_t ends = end_of(option + 4, now_ms);
	bool changed = false;
	char name[254];
	size_t step;

	for (size_t at = 8; at < len && (step = name_decode(option + at, len - at, name)); at += step)
		if (net_name_valid(name))
			changed |= domain_set(d, name, ends, ends == now_ms);
	return changed;
}

bool nd_dns_update(struct nd_dns *d, const uint8_t *options, size_t len, uint64_t now_ms)
{
	bool changed = false;

	while (len >= 8) {
		size_t size = (size_t)options[1] * 8;

		if (size == 0 || size > len)
			break;
		if (options[0] == OPTION_RDNSS)
			changed |= servers_take(d, options, size, now_ms);
		else if (options[0] == OPTION_DNSSL)
			changed |= domains_take(d, options, size, now_ms);
		options += size;
		len -= size;
	}
	return changed;
}

bool nd_dns_expire(struct nd_dns *d, uint64_t now_ms, uint64_t *next_ms)
{
	size_t servers = 0, domains = 0;

	*next_ms = UINT64_MAX;
	for (size_t i = 0; i < d->n_servers; i++) {
		if (d->servers[i].ends_ms <= now_ms)
			continue;
		if (d->servers[i].ends_ms < *next_ms)
			*next_ms = d->servers[i].ends_ms;
		d->servers[servers++] = d->servers[i];
	}
	for (size_t i = 0; i < d->n_domains; i++) {
		if (d->domains[i].ends_ms <= now_ms)
			continue;
		if (d->domains[i].ends_ms < *next_ms)
			*next_ms = d->domains[i].ends_ms;
		d->domains[domains++] = d->domains[i];
	}
	bool dropped = servers != d->n_servers || domains != d->n_domains;
	d->n_servers = servers;
	d->n_domains = domains;
	return dropped;
}
