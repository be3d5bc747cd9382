/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device-mapper verity targets by ioctl on /dev/mapper/control, with no udev: the node is made here.
 * Blocks on devices: stage 0 and tasks only.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/verity.h"

#define DM_PATH_MAX 64

/*
 * Makes a read-only verity device `name`, node /dev/mapper/NAME (path in out). root_hash: 64 hex digits. A wrong root
 * hash shows only when a block is read: dm_probe. On -1 nothing is left behind.
 */
int dm_verity_create(const char *name, const char *root_device, const char *verity_device, const struct verity *v,
		     const char *root_hash, char out[DM_PATH_MAX], struct err *e);
/* Reads the first and last block of a verity device of so many blocks. EIO: they don't match the root hash. */
int dm_probe(const char *path, uint64_t data_blocks, struct err *e);
/* Removes device and node. */
int dm_remove(const char *name, struct err *e);
