/* SPDX-License-Identifier: Apache-2.0 */
/* The one context of role `net`; links.c, link.c and report.c work on it. */
#pragma once
#include "base/role.h"
#include "init/net/net_config.h"
#include "init/net/rtnl.h"
#include "init/net/sntp.h"

#define NET_LINKS_MAX 64 /* managed ones; a machine has a few, containers' are not among them */

struct link;

struct net {
	struct role *role;
	struct event_base *base;
	struct rtnl rtnl;
	struct event *rtnl_event, *report_timer, *expiry_timer;
	struct net_config config;
	uint64_t configure_id; /* the standing request; 0: nothing configured yet */
	int loopback_down; /* index of a loopback that is to be brought up; 0: none */
	struct link *links; /* in the order of their index */
	size_t n_links;
	struct sntp *sntp;
	char *reported; /* owned: the last report's text, so that nothing is said twice; NULL: say it in any case */
};

/* What a report or the DNS and NTP servers depend on has changed. Cheap: what follows is done once, a little later. */
void net_changed(struct net *n);
