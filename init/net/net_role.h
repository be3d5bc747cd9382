/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role `net`: addresses, routes, DNS servers and the clock of the host. What it is told by PID 1 (base/role.h):
 *   net.configure {"mode":"dhcp"|"none"|hull.net's text,"dns"?:[address...],"ntp"?:[address or name...|"none"],
 *                  "ntp_fallback"?:bool,"hostname"?}
 *       dns come before those that are learnt; ntp instead of DHCP's, with ntp_fallback only when DHCP names none.
 *       Stands until another one replaces it (then {} is the answer) or it is refused (org.hull.Net.BadConfig): PID 1
 *       issues unanswered work again after a crash of the role, and that is how the configuration comes back.
 *   net.status {} -> the document below.
 * What it tells PID 1:
 *   org.hull.Role.Report, on each change, at most 16,000 bytes (by leaving interfaces out):
 *       {"resolv_conf"?,"interfaces":[{"name","index","state":"down"|"no-carrier"|
 *       "configuring"|"up","mac","mtu","addresses":["10.0.0.2/24"...],"duplicates"?:[...],"dhcp"?:state,
 *       "lease"?:{"server","address","expires_s"?,"gateway"?,"hostname"?}}...],"clock":{"synchronised","server"?,
 *       "stratum"?,"offset_us"?,"delay_us"?}}
 *       resolv_conf is missing while a restarted role doesn't know the servers yet: keep what is there.
 *       expires_s: seconds on CLOCK_BOOTTIME; absent: the lease has no end.
 *   org.hull.Role.SetClock {"usec","offset_us","step"}: usec is the right time when this was sent; with step false
 *       the clock is off by less than 128 ms and better slewed by offset_us. PID 1 checks the range.
 * Addresses and routes stay when the role ends; the next one takes them up.
 */
#pragma once
#include "base/sandbox.h"

extern const struct sandbox net_sandbox;

void net_role_main(void) __attribute__((noreturn));
