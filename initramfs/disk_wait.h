/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a disk with slots: modules for what the buses report, then the kernel's events, for a bounded time. */
#pragma once
#include <stdint.h>

#include "base/cmdline.h"
#include "base/kmod.h"
#include "base/slot.h"

/*
 * Loads what the buses report and what a verified root needs. NULL (logged): no modules here, everything may be built
 * in. Free with kmod_close.
 */
struct kmod *disk_modules(const struct cmdline *c);
/*
 * Returns the slots found, as soon as there are some whose partitions all have a node, or after hull.disk_timeout.
 * Loads modules (k may be NULL) for devices that appear meanwhile. events: from uevent_open before the first module was
 * loaded, or -1. Logs what there is to know of each disk. 0: none.
 */
int disk_wait(const struct cmdline *c, struct kmod *k, int events, struct slot out[SLOTS_MAX]);
