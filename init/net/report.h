/* SPDX-License-Identifier: Apache-2.0 */
/* What role `net` knows, gathered: DNS and NTP servers by preference, and the document for PID 1 (net_role.h). */
#pragma once
#include "init/net/net.h"
#include "init/net/resolv.h"

/* Configured servers, then those of leases and router advertisements in the order of the interfaces. Borrows from n. */
void report_resolv(const struct net *n, struct resolv *out);
/* Configured servers or those of leases, as net_config.h says which; returns how many. */
size_t report_ntp(const struct net *n, char out[NET_NTP_MAX][NET_NAME_MAX + 1]);
/* New object with at most so many interfaces; NULL: out of memory. */
cJSON *report_document(const struct net *n, size_t links_max);
