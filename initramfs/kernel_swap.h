/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the running kernel is the slot's, and entering the slot's by kexec. */
#pragma once
#include <stdbool.h>

#include "base/err.h"

/*
 * Compares the SHA-256 of the running kernel (/etc/hull/kernel.sha256 of this initramfs) with that of the slot's
 * ROOT/boot/vmlinuz, taken from ROOT/boot/vmlinuz.sha256 where the image has it: dm-verity vouches for both, and
 * hashing 14 MB takes a while. A missing file counts as the same kernel; why in note (or "").
 */
int kernel_differs(const char *root, bool *differs, char note[ERR_TEXT_MAX], struct err *e);
/*
 * Loads ROOT/boot/vmlinuz and ROOT/boot/initramfs with the running command line and
 * " hull.slot=LABEL hull.kexeced=1", and starts it. Returns only on failure.
 */
int kernel_enter(const char *root, char label, const char *cmdline, struct err *e);
