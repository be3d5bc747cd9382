/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1's one context: everything it knows hangs off this struct, which is passed to whatever needs it. */
#pragma once
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cmdline.h"

struct boot;
struct door;
struct inherited;
struct roles;
struct snapshot;
struct supervisor;
struct tasks;
struct units;
struct watchdog;

struct pid1 {
	struct event_base *loop;
	struct cmdline cmdline;
	bool contained; /* in a PID namespace: no disks, devices, modules, watchdog; poweroff is exit */
	bool resumed; /* this process image was entered by re-exec */
	bool shutting_down;
	bool cgroups; /* a cgroup2 tree of ours is mounted */
	struct inherited *inherited; /* descriptors that nobody has taken up yet; NULL: no more are */
	struct event *reap; /* goes on with what one turn of reaping left */
	int self_fd; /* O_PATH of the running binary, for re-exec and children; survives re-exec */
	struct snapshot *snapshot; /* what a crash may not lose */
	struct tasks *tasks;
	struct roles *roles;
	struct door *door;
	struct units *units; /* supervisor glue: processes, cgroups, pipes of units */
	struct boot *boot; /* init/boot.c: state of the boot and of the machine (slot, state partition, identity) */
	struct watchdog *watchdog;
};

/* pid 1's main: a checklist. Never returns on a real boot. */
int pid1_main(int argc, char **argv);
