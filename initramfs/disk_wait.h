/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a disk with slots: modules for what the buses report, then the kernel's events, for a bounded time. */
#pragma once
#include <stdint.h>

#include "base/cmdline.h"
#include "base/slot.h"

/*
 * Loads modules and returns the slots found, as soon as there are some whose partitions all have a node, or after
 * hull.disk_timeout. Logs what there is to know of each disk. 0: none.
 */
int disk_wait(const struct cmdline *c, struct slot out[SLOTS_MAX]);
