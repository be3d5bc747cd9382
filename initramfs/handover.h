/* SPDX-License-Identifier: Apache-2.0 */
/* The last steps of stage 0: what PID 1 is to know, the new root in place, and its /sbin/init. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct boot_record {
	const char *slot; /* "a", "b" or "ram" */
	const char *verity_device, *root_hash, *disk; /* "" with the ram root */
	uint64_t init_start_us; /* CLOCK_MONOTONIC when /init began */
	bool kexeced, committed;
};

/* Writes /run/hull/boot.json; adds "stage0_us", the present time. */
int handover_record(const struct boot_record *r, struct err *e);
/*
 * Moves /proc, /sys, /dev and /run below root, frees the initramfs' files, makes root "/" and executes /sbin/init.
 * Returns only on failure, after which nothing else can be booted.
 */
int handover_exec(const char *root, struct err *e);
