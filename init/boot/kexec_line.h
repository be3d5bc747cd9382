/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a kernel entered by kexec: pure text. */
#pragma once
#include <stddef.h>

#include "base/err.h"

/*
 * The running kernel's line without what was meant for one boot (hull.slot, hull.kexeced, hull.state_reset, and the
 * loader's BOOT_IMAGE and initrd), with "hull.slot=SLOT hull.kexeced=1" behind it (slot "": neither). out: NUL-ended.
 */
int kexec_line(const char *running, const char *slot, char *out, size_t size, struct err *e);
