/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cmdline_check.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Takes the part up to a separator (or the end) off *at into out; false when it is empty or doesn't fit. */
static bool take(const char **at, const char *separators, char *out, size_t size)
{
	size_t len = strcspn(*at, separators);
	if (!len || len >= size)
		return false;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len;
	return true;
}

/* 4 or 6, 0 when text is no address. */
static int family(const char *text)
{
	unsigned char bytes[16];
	return inet_pton(AF_INET, text, bytes) == 1 ? 4 : inet_pton(AF_INET6, text, bytes) == 1 ? 6 : 0;
}

/* RFC 1123: labels of letters, digits and inner hyphens. */
static bool is_host_name(const char *text, size_t max)
{
	if (!*text || strlen(text) > max)
		return false;
	for (const char *label = text;;) {
		size_t n = strspn(label, LETTERS DIGITS "-");
		if (!n || n > 63 || label[0] == '-' || label[n - 1] == '-')
			return false;
		if (!label[n])
			return true;
		if (label[n] != '.')
			return false;
		label += n + 1;
	}
}

const char *cmdline_check_state(const char *value)
{
	if (strcmp(value, "auto") == 0 || strcmp(value, "tmpfs") == 0 || value[0] == '/')
		return NULL;
	return "must be auto, tmpfs or an absolute directory";
}

const char *cmdline_check_hostname(const char *value)
{
	return is_host_name(value, 64) ? NULL : "must be letters, digits, '-' and '.', at most 64";
}

static bool each(const char *value, size_t longest, bool (*good)(const char *item))
{
	char item[256];
	for (const char *at = value;; at++) {
		if (!take(&at, ",", item, longest + 1 < sizeof(item) ? longest + 1 : sizeof(item)) || !good(item))
			return false;
		if (!*at)
			return true;
	}
}

static bool is_address(const char *item)
{
	return family(item) != 0;
}

static bool is_server(const char *item)
{
	return family(item) || is_host_name(item, 253);
}

static bool is_module(const char *item)
{
	return strspn(item, LETTERS DIGITS "_-") == strlen(item);
}

const char *cmdline_check_dns(const char *value)
{
	return !*value || each(value, INET6_ADDRSTRLEN, is_address) ? NULL : "must be IP addresses separated by ','";
}

const char *cmdline_check_ntp(const char *value)
{
	return each(value, 253, is_server) ? NULL : "must be none, or names or addresses separated by ','";
}

const char *cmdline_check_modules(const char *value)
{
	return !*value || each(value, 64, is_module) ? NULL : "must be module names separated by ','";
}

/* A prefix length of at most max. */
static bool is_length(const char *text, int max)
{
	size_t n = strlen(text);
	int value = 0;
	if (!n || n > 3 || strspn(text, DIGITS) != n)
		return false;
	for (; *text; text++)
		value = value * 10 + (*text - '0');
	return value <= max;
}

/* IFACE=ADDRESS/LENGTH[,GATEWAY] or IFACE=dhcp, *at behind it afterwards. */
static bool take_interface(const char **at)
{
	char iface[IF_NAMESIZE], address[INET6_ADDRSTRLEN], length[4], gateway[INET6_ADDRSTRLEN];
	if (!take(at, "=", iface, sizeof(iface)) || *(*at)++ != '=')
		return false;
	if (strpbrk(iface, "/:,; ") || strcmp(iface, ".") == 0 || strcmp(iface, "..") == 0)
		return false;
	if (strncmp(*at, "dhcp", 4) == 0 && ((*at)[4] == '\0' || (*at)[4] == ';')) {
		*at += 4;
		return true;
	}
	if (!take(at, "/,;", address, sizeof(address)) || *(*at)++ != '/' || !take(at, ",;", length, sizeof(length)))
		return false;
	int kind = family(address);
	if (!kind || !is_length(length, kind == 4 ? 32 : 128))
		return false;
	if (**at != ',')
		return true;
	++*at;
	return take(at, ";", gateway, sizeof(gateway)) && family(gateway) == kind;
}

const char *cmdline_check_net(const char *value)
{
	if (strcmp(value, "dhcp") == 0 || strcmp(value, "none") == 0)
		return NULL;
	for (const char *at = value;; at++) {
		if (!take_interface(&at))
			break;
		if (!*at)
			return NULL;
	}
	return "must be dhcp, none, or IFACE=ADDRESS/LENGTH[,GATEWAY] or IFACE=dhcp separated by ';'";
}
