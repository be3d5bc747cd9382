/* SPDX-License-Identifier: Apache-2.0 */
/* One copy of a GPT as bytes: checked, taken apart and built. Pure; gpt.c does the reading and writing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/gpt.h"

#define GPT_ENTRY_SIZE 128

/* A header's fields in the machine's order (UEFI 2.10, table 5-5). */
struct gpt_header {
	uint64_t my_lba, alternate_lba, first_usable, last_usable, entries_lba;
	uint8_t disk_uuid[16];
	uint32_t entries, entries_crc;
};

uint32_t gpt_crc32(const void *data, size_t len);

/* Does the sector claim to be a header at all? */
bool gpt_header_claims(const uint8_t *sector);
/*
 * Checks a header read at lba of a disk with so many sectors: magic, revision, CRC, its own place, entry size and
 * count, and that table, usable range and disk fit into each other.
 */
int gpt_header_parse(const uint8_t *sector, size_t sector_size, uint64_t lba, uint64_t sectors, struct gpt_header *out,
		     struct err *e);
/* Fills a whole sector; entries_crc must be set. */
void gpt_header_build(const struct gpt_header *h, uint8_t *sector, size_t sector_size);
/* Sectors that the table of entries takes. */
uint64_t gpt_entries_sectors(const struct gpt_header *h, size_t sector_size);

/* false: the entry is unused. */
bool gpt_entry_parse(const uint8_t *entry, unsigned number, size_t sector_size, struct gpt_partition *out);
/* Sets problem in each partition that leaves the usable range or overlaps another one. */
void gpt_check_partitions(struct gpt_partition *parts, size_t n, const struct gpt_header *h, size_t sector_size);

enum gpt_mbr { GPT_MBR_PROTECTIVE, GPT_MBR_NONE, GPT_MBR_FOREIGN /* a table of its own */ };
enum gpt_mbr gpt_mbr_kind(const uint8_t *sector);
/* Makes the first 512 bytes a protective MBR; boot code stays. */
void gpt_mbr_build(uint8_t *sector, uint64_t sectors);

static inline uint32_t gpt_get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t gpt_get64(const uint8_t *p)
{
	return gpt_get32(p) | (uint64_t)gpt_get32(p + 4) << 32;
}
static inline void gpt_put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}
static inline void gpt_put64(uint8_t *p, uint64_t v)
{
	gpt_put32(p, (uint32_t)v);
	gpt_put32(p + 4, (uint32_t)(v >> 32));
}

/* Offsets in an entry (table 5-6). */
enum {
	GPT_ENTRY_TYPE = 0,
	GPT_ENTRY_UUID = 16,
	GPT_ENTRY_FIRST = 32,
	GPT_ENTRY_LAST = 40,
	GPT_ENTRY_ATTRIBUTES = 48,
	GPT_ENTRY_NAME = 56,
};
