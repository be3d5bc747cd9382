/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entropy seed, identity/seed on the state partition: 64 bytes and a flag whether they are good enough to count.
 * A seed is used once: its successor is on the disk before the kernel gets credit for it, so two boots never start
 * from the same. Tasks only; the machine's real random generator only (not contained).
 */
#pragma once
#include <stdbool.h>

#include "base/err.h"

/*
 * Replaces the seed and feeds the old one to the kernel. *credited: whether it counted as entropy. No seed yet:
 * makes one.
 */
int seed_load(bool *credited, struct err *e);
/* A new seed from the kernel's generator. */
int seed_save(struct err *e);
