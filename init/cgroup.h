/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup2 below /sys/fs/cgroup as PID 1 uses it. Paths are relative to the mount: "units/web", "hull/roles/net". */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Makes the group (and its parents) when missing; a descriptor of its directory, or -1. */
int cgroup_open(const char *path, struct err *e);
/* Kills everything in it (cgroup.kill; before Linux 5.14, each process). A missing group is fine. */
int cgroup_kill(const char *path, struct err *e);
/* True when no live process is in it or below it. */
bool cgroup_empty(const char *path);
/* Fills pids with the processes directly in it; their number (which may be larger than max). */
size_t cgroup_pids(const char *path, pid_t *pids, size_t max);
/* Removes it and the groups below it; EBUSY while something lives there. */
int cgroup_remove(const char *path, struct err *e);
