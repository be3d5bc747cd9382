/* SPDX-License-Identifier: Apache-2.0 */
/* Names to addresses on the role's loop (evdns), with the servers this role has learnt; no file is read. */
#pragma once
#include <event2/event.h>
#include <stddef.h>

#include "init/net/resolv.h"

#define RESOLVER_ADDRESSES_MAX 4

struct resolver;
/* Called once a lookup, from the loop. n 0: nothing found. */
typedef void resolver_answer(void *arg, const struct ip *addresses, size_t n);

struct resolver *resolver_new(struct event_base *base); /* NULL: out of memory */
void resolver_free(struct resolver *r);
/* Replaces the servers; without any, lookups fail. */
void resolver_set_servers(struct resolver *r, const struct resolv *servers);
/* IPv4 first, IPv6 when there is none. -1: could not be asked; then there is no answer. One lookup at a time. */
int resolver_lookup(struct resolver *r, const char *name, resolver_answer *answer, void *arg);
/* Forgets the lookup under way, if any. */
void resolver_cancel(struct resolver *r);
