/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog (kernel: Documentation/watchdog/watchdog-api.rst): a machine whose PID 1 no longer runs its loop is reset.
 * Hardware is preferred to the kernel's software timer. Pinged from a timer of the loop, at a third of the time-out.
 */
#pragma once
#include "base/json.h"
#include "init/pid1.h"

/*
 * Opens the best device and arms it for hull.watchdog seconds; sets p->watchdog. Without a device, or with 0 seconds, it
 * does nothing. May be called again (a device that came later, a re-exec): an armed watchdog stays.
 */
void watchdog_start(struct pid1 *p);
/* Pings once more and stops pinging, armed: for an end that must come back (reboot, kexec). */
void watchdog_leave_armed(struct pid1 *p);
/* Disarms (magic close): for a poweroff. */
void watchdog_disarm(struct pid1 *p);
/* {device, identity, seconds}, or an empty object. New. */
cJSON *watchdog_info(const struct pid1 *p);
