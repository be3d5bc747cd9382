/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/ext4.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Offsets in the superblock; all numbers are little endian. */
enum {
	SB_BLOCKS_LO = 0x04,
	SB_LOG_BLOCK_SIZE = 0x18,
	SB_MAGIC = 0x38,
	SB_STATE = 0x3a,
	SB_INCOMPAT = 0x60,
	SB_RO_COMPAT = 0x64,
	SB_UUID = 0x68,
	SB_HASH_SEED = 0xec,
	SB_BLOCKS_HI = 0x150,
	SB_ERROR_COUNT = 0x194,
	SB_FIRST_ERROR_FUNC = 0x1a8, /* 32 bytes */
	SB_CHECKSUM_SEED = 0x270,
	SB_CHECKSUM = 0x3fc,
};
#define MAGIC 0xef53
#define STATE_CLEAN 1u
#define STATE_ERRORS 2u
#define INCOMPAT_RECOVER 0x4u
#define INCOMPAT_64BIT 0x80u
#define INCOMPAT_CSUM_SEED 0x2000u
#define RO_COMPAT_METADATA_CSUM 0x400u
#define LOG_BLOCK_SIZE_MAX 6 /* 64 KiB */

static uint16_t le16(const uint8_t *sb, size_t at)
{
	uint16_t v;

	memcpy(&v, sb + at, sizeof(v));
	return le16toh(v);
}

static uint32_t le32(const uint8_t *sb, size_t at)
{
	uint32_t v;

	memcpy(&v, sb + at, sizeof(v));
	return le32toh(v);
}

static void put_le32(uint8_t *sb, size_t at, uint32_t v)
{
	v = htole32(v);
	memcpy(sb + at, &v, sizeof(v));
}

/* CRC-32C as ext4 uses it: reflected, no final inversion. Bit by bit: it runs over a kilobyte once a boot. */
static uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0x82f63b78u & -(crc & 1));
	}
	return crc;
}

static int check(const uint8_t *sb, struct err *e)
{
	if (le16(sb, SB_MAGIC) != MAGIC)
		return err_set(e, EINVAL, "no ext4 filesystem (magic 0x%04x)", le16(sb, SB_MAGIC));
	if (le32(sb, SB_LOG_BLOCK_SIZE) > LOG_BLOCK_SIZE_MAX)
		return err_set(e, EINVAL, "damaged ext4 superblock: block size 2^%u KiB", le32(sb, SB_LOG_BLOCK_SIZE));
	if ((le32(sb, SB_RO_COMPAT) & RO_COMPAT_METADATA_CSUM) &&
	    crc32c(~0u, sb, SB_CHECKSUM) != le32(sb, SB_CHECKSUM))
		return err_set(e, EINVAL, "damaged ext4 superblock: its checksum is wrong");
	return 0;
}

int ext4_read_superblock(const uint8_t sb[EXT4_SUPERBLOCK_SIZE], struct ext4_info *out, struct err *e)
{
	struct ext4_info i = {0};
	uint16_t state;

	if (check(sb, e) < 0)
		return -1;
	state = le16(sb, SB_STATE);
	i.error_count = le32(sb, SB_ERROR_COUNT);
	i.needs_recovery = le32(sb, SB_INCOMPAT) & INCOMPAT_RECOVER;
	i.clean = (state & STATE_CLEAN) && !i.needs_recovery;
	i.errors = (state & STATE_ERRORS) || i.error_count > 0;
	for (size_t n = 0; n < 32; n++) {
		uint8_t c = sb[SB_FIRST_ERROR_FUNC + n];

		if (c <= ' ' || c >= 0x7f)
			break;
		i.first_error[n] = (char)c;
	}
	i.blocks = le32(sb, SB_BLOCKS_LO);
	if (le32(sb, SB_INCOMPAT) & INCOMPAT_64BIT)
		i.blocks |= (uint64_t)le32(sb, SB_BLOCKS_HI) << 32;
	i.block_size = 1024u << le32(sb, SB_LOG_BLOCK_SIZE);
	memcpy(i.uuid, sb + SB_UUID, sizeof(i.uuid));
	*out = i;
	return 0;
}

int ext4_set_uuid(uint8_t sb[EXT4_SUPERBLOCK_SIZE], const uint8_t uuid[16], const uint8_t hash_seed[16], struct err *e)
{
	bool csum;

	if (check(sb, e) < 0)
		return -1;
	csum = le32(sb, SB_RO_COMPAT) & RO_COMPAT_METADATA_CSUM;
	if (csum && !(le32(sb, SB_INCOMPAT) & INCOMPAT_CSUM_SEED))
		return err_set(e, EINVAL, "its checksums hang on the UUID (no metadata_csum_seed)");
	memcpy(sb + SB_UUID, uuid, 16);
	memcpy(sb + SB_HASH_SEED, hash_seed, 16);
	if (csum)
		put_le32(sb, SB_CHECKSUM, crc32c(~0u, sb, SB_CHECKSUM));
	return 0;
}
