/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every container has mounted, as Docker's defaults have it: /proc, /dev with its nodes, /sys, cgroups, and what
 * of them is hidden or read-only. Each target is opened beneath the root without following links, and what is hidden in
 * /proc and /sys is checked to lie there (CVE-2021-30465, 2025-31133, 2025-52881).
 */
#pragma once
#include "base/err.h"

/* root: the new root directory, before it is entered. */
int mounts_make(int root, struct err *e);
/* Hides and write-protects parts of /proc and /sys. */
int mounts_mask(int root, struct err *e);

/*
 * /etc/hostname, /etc/hosts, /etc/resolv.conf: files in memory, mounted over whatever the image has there. scratch: a
 * directory on a tmpfs. resolv_conf: its content. Before mounts_make, so that no link in the image leads into /proc.
 */
int mounts_etc(int root, int scratch, const char *hostname, const char *resolv_conf, struct err *e);
