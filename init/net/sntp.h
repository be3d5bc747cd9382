/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock by SNTP: rounds of four questions to one server, of whose answers the one with the shortest way counts;
 * the next server when one is silent or unfit. The clock itself is PID 1's: this asks for it to be set.
 * Polls every 64 to 1,024 s. Once synchronised, a jump must be confirmed by another round (of another server, where
 * there is one) before it is asked for.
 */
#pragma once
#include <event2/event.h>
#include <stdbool.h>

#include "base/json.h"
#include "init/net/net_config.h"
#include "init/net/resolv.h"

#define SNTP_STEP_US 128000 /* RFC 5905's step threshold: below, the clock is slewed */

struct sntp_owner {
	/* usec: the right time now, since 1970. step: jump there; else slew by offset_us. */
	void (*set_clock)(void *arg, int64_t usec, int64_t offset_us, bool step);
	void (*changed)(void *arg); /* sntp_status says something new */
};

struct sntp;
struct sntp *sntp_new(struct event_base *base, const struct sntp_owner *owner, void *arg); /* NULL: out of memory */
void sntp_free(struct sntp *s);
/* Servers (addresses or names; n 0: off), and where to resolve names. A change makes it try now unless synchronised. */
void sntp_configure(struct sntp *s, char servers[][NET_NAME_MAX + 1], size_t n, const struct resolv *dns);
/* The network became better: an unsynchronised client that is pausing tries now. */
void sntp_kick(struct sntp *s);
/* {"synchronised","server"?,"stratum"?,"offset_us"?,"delay_us"?}: new object, NULL: out of memory. */
cJSON *sntp_status(const struct sntp *s);
