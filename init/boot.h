/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot checklist after stage 0 (DESIGN: "Stage 1"): a const table of steps, each either quick work on pseudo
 * filesystems done at once, or a task with a deadline. A step that fails is logged with its name and reason and the
 * boot goes on; where the state partition can't be had, with a tmpfs in its place.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "init/pid1.h"

#define BOOT_STATE_DIR "/var/lib/hull"

enum boot_end { BOOT_POWEROFF, BOOT_REBOOT, BOOT_KEXEC };
const char *boot_end_name(enum boot_end how); /* "poweroff", "reboot", "kexec" */

/*
 * Runs the steps that must be done before the event loop exists: API filesystems, /run, console, cgroups, sysctls.
 * Makes p->boot, sets p->cgroups. p->contained and p->cmdline must be set. Contained: what is refused is skipped.
 * On -1 nothing can run (no /proc, no /run): the caller panics. Not after a re-exec.
 */
int boot_early(struct pid1 *p, struct err *e);
/*
 * Starts the asynchronous steps; calls ready(p) once, from the loop, when units may start (state there or given up,
 * identity).
 */
void boot_start(struct pid1 *p, void (*ready)(struct pid1 *p));
/*
 * After a re-exec, in place of boot_early and boot_start: makes p->boot, takes up from the snapshot ("boot" record)
 * what was done and does the rest; an orderly end under way is begun again. ready is called (from the loop) only if it
 * was not called before: boot_is_ready tells.
 */
int boot_resume(struct pid1 *p, void (*ready)(struct pid1 *p), struct err *e);
bool boot_is_ready(const struct pid1 *p);
/* The state partition is mounted read-only (errors on it), so containers can't write. */
bool boot_state_readonly(const struct pid1 *p);
/* Units have been healthy: mark the slot successful (task), once; without slots it does nothing. */
void boot_commit_slot(struct pid1 *p);
/* Records when something happened first (monotonic µs, in boot_info's "boot"), e.g. "first_unit_us". */
void boot_mark(struct pid1 *p, const char *what);
/*
 * What `org.hull.Machine.Info` tells: {slot, root_hash, committed, disk, state:{kind: "partition"|"tmpfs"|"directory",
 * device, readonly, reason}, machine_id, hostname, boot:{init_start_us, stage0_us, pid1_us, ready_us, ...},
 * watchdog:{device, identity, seconds}}. New object.
 */
cJSON *boot_info(const struct pid1 *p);

/*
 * Orderly end, asynchronous: stop units (units_stop_all), roles, save seed and clock, kill what is left, unmount,
 * sync, reboot(2); each step with a deadline. A second call while one is under way only changes how it ends.
 * Contained: exit 0.
 */
void shutdown_start(struct pid1 *p, enum boot_end how);
/* A signal to PID 1 that the loop has no use for itself: ends the machine when it is one that asks for it. */
void shutdown_signal(struct pid1 *p, int signo);
/* Panic: sync in a child for at most 5 s, then reboot(2) (contained: exit 70). Works without heap and loop. */
_Noreturn void panic_now(struct pid1 *p, const char *reason);

/*
 * The binary called as /sbin/modprobe by the kernel (sysctl kernel.modprobe): loads what is on the allow list. Exit
 * status.
 */
int modprobe_main(int argc, char **argv);
