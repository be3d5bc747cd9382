/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dm-verity superblock, version 1, as veritysetup(8) writes it at the start of a hash device
 * (cryptsetup's docs/on-disk-format and lib/verity/verity.c). Pure: bytes in, numbers out.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VERITY_SUPERBLOCK_SIZE 512
#define VERITY_BLOCK 4096u
#define VERITY_SALT_MAX 256

struct verity {
	uint8_t uuid[16];
	uint64_t data_blocks; /* of 4 KiB */
	uint64_t tree_blocks; /* of 4 KiB, behind the superblock's block */
	uint8_t salt[VERITY_SALT_MAX];
	unsigned salt_size;
};

/*
 * data: at least VERITY_SUPERBLOCK_SIZE bytes. Only what Hull builds is taken: version 1, hash type 1, sha256, 4 KiB
 * blocks; the image must fit root_size and the whole tree verity_size (bytes). The error says what does not fit.
 */
int verity_parse(const uint8_t *data, size_t len, uint64_t root_size, uint64_t verity_size, struct verity *out,
		 struct err *e);
