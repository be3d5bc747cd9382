/* SPDX-License-Identifier: Apache-2.0 */
/* hull.root=ram: the OS is the initramfs. */
#pragma once
#include "base/err.h"

/*
 * Mounts the OS of the initramfs on `where`, since a container can't pivot_root away from the kernel's own rootfs: its
 * /root.erofs by a loop device, or else the whole tree moved into a tmpfs, file by file, so that memory is needed for
 * one copy and the largest file.
 */
int ram_root_make(const char *where, struct err *e);
