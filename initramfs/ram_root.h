/* SPDX-License-Identifier: Apache-2.0 */
/* hull.root=ram: the OS is the initramfs. */
#pragma once
#include "base/err.h"

/*
 * Moves the tree of the initramfs into a tmpfs mounted on `where`: a container can't pivot_root away from the kernel's
 * own rootfs. File by file, so that memory is needed for one copy and the largest file.
 */
int ram_root_make(const char *where, struct err *e);
