/* SPDX-License-Identifier: Apache-2.0 */
/* The API filesystems, the console and the cgroup tree: what PID 1 sets up by itself, on pseudo filesystems only. */
#pragma once
#include <stdbool.h>

#include "base/err.h"

/*
 * /proc, /sys, /dev, /dev/pts, /dev/shm, /run, /tmp; one that is there already stays. Makes /run/hull. On -1 (no
 * /proc or no /run) nothing can run. Contained: only what is missing or another namespace's; /run is a tmpfs of our
 * own, unless /run/hull is a mount point already, which says that whoever started us prepared it.
 */
int mounts_api(bool contained, struct err *e);

/*
 * cgroup2 on /sys/fs/cgroup with hull/pid1 (this process moves there), hull/roles, hull/tasks and units/, all
 * controllers that the kernel gives enabled down to the units. Contained in the host's root group, a group of our own
 * is made first, so that machines on one host don't meet. Fewer controllers are no error; -1: no usable tree.
 */
int mounts_cgroup(bool contained, struct err *e);

/* fd 0 from /dev/null, fds 1 and 2 to /dev/console, non-blocking: a stopped terminal must not stop PID 1. */
void mounts_console(void);
