/* SPDX-License-Identifier: Apache-2.0 */
/* Is somebody else using an IPv4 address? A probe in the way of RFC 5227, with shorter waits: nobody boots for 6 s. */
#pragma once
#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ARP_SIZE 28

/* sender 0.0.0.0: a probe; sender == target: an announcement. */
void arp_build(uint8_t out[ARP_SIZE], const uint8_t mac[6], struct in_addr sender, struct in_addr target);
/* Does this packet show that another station uses the address, or wants to at this moment? */
bool arp_conflicts(const uint8_t *packet, size_t len, const uint8_t mac[6], struct in_addr address);

struct arp_probe;
/* Called once, unless cancelled before. The probe frees itself afterwards. */
typedef void arp_done(void *arg, bool duplicate);
/* NULL with e set when no packet socket can be had. */
struct arp_probe *arp_probe_start(struct event_base *base, int ifindex, const uint8_t mac[6], struct in_addr address,
				  arp_done *done, void *arg, struct err *e);
void arp_probe_cancel(struct arp_probe *p); /* NULL is fine */
