/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Hull has to know of an ext4 superblock (kernel: Documentation/filesystems/ext4/super.rst): is it one, was it
 * left clean, has the kernel recorded errors in it. Pure: it reads the 1,024 bytes found at offset 1024 of the device.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define EXT4_SUPERBLOCK_OFFSET 1024
#define EXT4_SUPERBLOCK_SIZE 1024

struct ext4_info {
	bool clean; /* unmounted in order */
	bool needs_recovery; /* the journal holds transactions to be replayed at the mount */
	bool errors; /* the error flag is set, or errors were counted: a check (e2fsck) is due */
	uint32_t error_count;
	char first_error[33]; /* kernel function that met the first one; "" when not recorded */
	uint64_t blocks; /* of the filesystem */
	uint32_t block_size; /* bytes */
	uint8_t uuid[16];
};

/* EINVAL: no ext4, damaged, or its checksum is wrong; says which. out is filled on success only. */
int ext4_read_superblock(const uint8_t sb[EXT4_SUPERBLOCK_SIZE], struct ext4_info *out, struct err *e);

/*
 * Gives a superblock another UUID and directory hash seed, and renews its checksum. The filesystem must have
 * metadata_csum_seed, so that other checksums don't hang on the UUID, or no metadata_csum at all; EINVAL otherwise.
 */
int ext4_set_uuid(uint8_t sb[EXT4_SUPERBLOCK_SIZE], const uint8_t uuid[16], const uint8_t hash_seed[16], struct err *e);
