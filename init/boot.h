/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot checklist after stage 0 (DESIGN: "Stage 1"): a const table of steps, each either quick work on pseudo
 * filesystems done at once, or a task with a deadline. A step that fails is logged with its name and reason and the
 * boot goes on, except where the table says it can't.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "init/pid1.h"

enum boot_end { BOOT_POWEROFF, BOOT_REBOOT, BOOT_KEXEC };

/* Runs the steps that must be done before the event loop exists (API filesystems, /run, cgroups). contained: what is refused is skipped. */
int boot_early(struct pid1 *p, struct err *e);
/* Starts the asynchronous steps; calls ready(p) once, when units may start (state there or given up, identity, ...). */
void boot_start(struct pid1 *p, void (*ready)(struct pid1 *p));
/* After a re-exec: takes up what is running (state mounted? machine id?) from the snapshot ("boot" record); calls ready if it was not yet called. */
void boot_resume(struct pid1 *p, void (*ready)(struct pid1 *p));
/* Units have been healthy: mark the slot successful (task). */
void boot_commit_slot(struct pid1 *p);
/* A uevent from the kernel (module loading for hotplug, dm-verity corruption, disk growth): called by the loop. */
/* What `org.hull.Machine.Info` tells: slot, root hash, state partition, machine id, hostname, times. New object. */
cJSON *boot_info(const struct pid1 *p);

/* Orderly end, asynchronous: stop units (units_stop_all), roles, unmount, sync, reboot(2); each step with a deadline. */
void shutdown_start(struct pid1 *p, enum boot_end how);
/* Panic: sync in a task for at most 5 s, then reboot(2) (contained: exit 70). */
_Noreturn void panic_now(struct pid1 *p, const char *reason);
