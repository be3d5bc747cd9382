/* SPDX-License-Identifier: Apache-2.0 */
#include "base/verity.h"

#include <errno.h>
#include <string.h>

#define HASHES_PER_BLOCK (VERITY_BLOCK / 32) /* sha256 */

/* The superblock's fields, little-endian (cryptsetup, lib/verity/verity.c: struct verity_sb). */
enum {
	OFF_MAGIC = 0,	    /* 8 */
	OFF_VERSION = 8,    /* 4 */
	OFF_HASH_TYPE = 12, /* 4; 1: the salt comes before the data */
	OFF_UUID = 16,	    /* 16 */
	OFF_ALGORITHM = 32, /* 32 */
	OFF_DATA_BLOCK = 64,
	OFF_HASH_BLOCK = 68,
	OFF_DATA_BLOCKS = 72, /* 8 */
	OFF_SALT_SIZE = 80,   /* 2 */
	OFF_SALT = 88,	      /* 256 */
};

static uint64_t get(const uint8_t *p, int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

/* Blocks of the hash tree over so many data blocks: levels until one block holds all. */
static uint64_t tree_blocks(uint64_t data_blocks)
{
	uint64_t total = 0;

	for (uint64_t n = data_blocks; n > 1;) {
		n = (n + HASHES_PER_BLOCK - 1) / HASHES_PER_BLOCK;
		total += n;
	}
	return total;
}

int verity_parse(const uint8_t *data, size_t len, uint64_t root_size, uint64_t verity_size, struct verity *out,
		 struct err *e)
{
	static const uint8_t magic[8] = {'v', 'e', 'r', 'i', 't', 'y', 0, 0};
	static const char algorithm[32] = "sha256";
	struct verity v = {0};

	if (len < VERITY_SUPERBLOCK_SIZE || memcmp(data + OFF_MAGIC, magic, sizeof(magic)))
		return err_set(e, EBADMSG, "verity superblock: wrong magic");
	if (get(data + OFF_VERSION, 4) != 1 || get(data + OFF_HASH_TYPE, 4) != 1)
		return err_set(e, EBADMSG, "verity superblock: version %lu, hash type %lu: only 1, 1 is known",
			       get(data + OFF_VERSION, 4), get(data + OFF_HASH_TYPE, 4));
	if (memcmp(data + OFF_ALGORITHM, algorithm, sizeof(algorithm)))
		return err_set(e, EBADMSG, "verity superblock: the algorithm is not sha256");
	if (get(data + OFF_DATA_BLOCK, 4) != VERITY_BLOCK || get(data + OFF_HASH_BLOCK, 4) != VERITY_BLOCK)
		return err_set(e, EBADMSG, "verity superblock: blocks of %lu and %lu bytes: only 4096 is known",
			       get(data + OFF_DATA_BLOCK, 4), get(data + OFF_HASH_BLOCK, 4));
	v.salt_size = (unsigned)get(data + OFF_SALT_SIZE, 2);
	if (v.salt_size > VERITY_SALT_MAX)
		return err_set(e, EBADMSG, "verity superblock: a salt of %u bytes", v.salt_size);
	v.data_blocks = get(data + OFF_DATA_BLOCKS, 8);
	if (!v.data_blocks)
		return err_set(e, EBADMSG, "verity superblock: no data blocks");
	if (v.data_blocks > root_size / VERITY_BLOCK)
		return err_set(e, EBADMSG, "the root partition is too small: it has %lu blocks of %lu",
			       root_size / VERITY_BLOCK, v.data_blocks);
	v.tree_blocks = tree_blocks(v.data_blocks);
	if (v.tree_blocks + 1 > verity_size / VERITY_BLOCK)
		return err_set(e, EBADMSG, "the verity partition is too small: it has %lu blocks of %lu",
			       verity_size / VERITY_BLOCK, v.tree_blocks + 1);
	memcpy(v.salt, data + OFF_SALT, v.salt_size);
	memcpy(v.uuid, data + OFF_UUID, sizeof(v.uuid));
	*out = v;
	return 0;
}
