/* SPDX-License-Identifier: Apache-2.0 */
/* The routes that leases and static gateways give an interface. */
#pragma once
#include "init/net/link.h"

/*
 * Makes the kernel's routes of this role on the interface those that shall be there now: none without carrier or
 * unmanaged. Others' routes (the kernel's own, router advertisements', containers') are not touched.
 */
void link_routes_update(struct link *l);
/* Of this interface's routes: a lower index is preferred. */
uint32_t link_metric(const struct link *l);
