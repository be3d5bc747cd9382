/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine's network shall be: hull.net, hull.dns, hull.ntp and the host name, as PID 1 hands them over.
 *   dhcp                              DHCPv4 and IPv6 autoconfiguration on every physical Ethernet interface
 *   none                              loopback only
 *   IFACE=ADDR/LEN[,GATEWAY][;...]    just these interfaces; an interface may come several times (IPv4 and IPv6)
 *   IFACE=dhcp[;...]                  DHCPv4 on this one
 */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "init/net/ip.h"

#define NET_ENTRIES_MAX 16
#define NET_DNS_MAX 4
#define NET_NTP_MAX 4
#define NET_NAME_MAX 253 /* of a DNS name */

enum net_mode { NET_NONE, NET_DHCP, NET_LISTED };

struct net_entry {
	char name[IFNAMSIZ];
	bool dhcp; /* then no address */
	struct ip address;
	uint8_t prefix;
	struct ip gateway; /* family AF_UNSPEC: none */
};

struct net_config {
	enum net_mode mode;
	struct net_entry entries[NET_ENTRIES_MAX]; /* mode NET_LISTED */
	size_t n_entries;
	struct ip dns[NET_DNS_MAX]; /* before what DHCP and router advertisements say */
	size_t n_dns;
	char ntp[NET_NTP_MAX][NET_NAME_MAX + 1]; /* addresses or names; none: what DHCP says */
	size_t n_ntp;
	bool ntp_fallback; /* nobody chose these: DHCP's come first */
	bool ntp_off; /* "none" */
	char hostname[65]; /* "": none told to the DHCP server */
};

/* hull.net's text into mode and entries; the rest of out is left alone. -1 names the bad part. */
int net_config_text(const char *text, struct net_config *out, struct err *e);
/* The parameters of net.configure: {"mode","dns"?:[],"ntp"?:[],"ntp_fallback"?:bool,"hostname"?}. */
int net_config_read(const cJSON *params, struct net_config *out, struct err *e);
/* A DNS name in letters, digits, '-', '_' and '.', each label 1-63 long: safe to put in a file or a log. */
bool net_name_valid(const char *name);
bool net_interface_name_valid(const char *name);
