/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's interfaces, as rtnetlink tells them: kept up to date, each handed to link.c. */
#pragma once
#include "init/net/net.h"

/* Lists interfaces and addresses and takes up what changed: at start, and after events were lost. */
int links_list(struct net *n, struct err *e);
/* The event socket is readable. */
void links_events(struct net *n);
/* The configuration is about to change (old one still in place): gives back what only the old one wants. */
void links_release(struct net *n);
/* The configuration has changed. */
void links_update(struct net *n);
/* Ends what has run out in router advertisements; returns when to call again, UINT64_MAX: not at all. */
uint64_t links_expire(struct net *n, uint64_t now_ms);
void links_free(struct net *n);
