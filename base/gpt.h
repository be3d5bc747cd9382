/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GUID partition table (UEFI 2.10, chapter 5): both copies read, compared, repaired and changed so that a power cut
 * at any write leaves at least one valid copy. Works on a disk's node (O_DIRECT, past the page cache that partitions
 * and disk don't share) and on an image file. It reaches a block device: stage 0 and tasks only.
 *
 * Only the 128-byte entry of every tool in use is known; at most 256 entries.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define GPT_ENTRIES_MAX 256
#define GPT_LABEL_MAX (36 * 3 + 1) /* 36 UTF-16 units as UTF-8, with NUL */
#define GPT_GUID_TEXT 37	   /* "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" with NUL */

enum gpt_state {
	GPT_SOUND,	    /* both copies valid and alike */
	GPT_PRIMARY_DAMAGED, /* the backup is in use */
	GPT_BACKUP_DAMAGED,
	GPT_COPIES_DIFFER, /* both valid: a write was cut between them; the primary is in use */
	GPT_MBR_MISSING,   /* both copies valid, no protective MBR */
};

struct gpt_partition {
	unsigned number;    /* as in /dev/vdaN, from 1 */
	uint8_t type[16], uuid[16]; /* as on disk (mixed endian); see gpt_guid_text */
	char label[GPT_LABEL_MAX];
	uint64_t attributes;
	uint64_t start, size; /* bytes */
	const char *problem;  /* NULL, or why it must not be used: outside of the disk, overlaps another. Static text */
};

struct gpt;

/*
 * Reads both copies. NULL with e->code ENODATA: no GPT here (not an error of the disk), EUCLEAN: two damaged copies or
 * an impossible table. writable opens for writing, with O_EXCL where the disk has no mounted partition.
 */
struct gpt *gpt_open(const char *path, bool writable, struct err *e);
void gpt_close(struct gpt *g);
enum gpt_state gpt_state(const struct gpt *g);
const char *gpt_state_text(enum gpt_state s); /* "the primary copy is damaged" */

/* The used entries by number. Valid until the next call that changes the table. */
const struct gpt_partition *gpt_partitions(const struct gpt *g, size_t *n);
const struct gpt_partition *gpt_by_number(const struct gpt *g, unsigned number);

/*
 * Writes the damaged or differing copy (and a missing protective MBR) anew from the one in use, flushed. Nothing to do:
 * 0. The copy in use is not written, unless it
 * names a place for the other that is not on the disk. Block devices: the kernel reads its partitions again, if none
 * is in use.
 */
int gpt_repair(struct gpt *g, struct err *e);

struct gpt_change {
	unsigned number;
	uint64_t attribute_mask, attributes; /* bits in the mask get these values */
	bool set_uuid;
	uint8_t uuid[16]; /* as on disk */
};
/*
 * Changes several partitions in one write of the table: repairs first, then backup, flush, primary, flush. Durable when
 * it returns 0; on -1 the disk has the old or the new table.
 */
int gpt_write(struct gpt *g, const struct gpt_change *changes, size_t n, struct err *e);
/*
 * Grows a partition, which must be the last on the disk, to the disk's end (in whole MiB), moving the backup there, and
 * tells the kernel (BLKPG, so it works while mounted). *grown false: it had that size already.
 */
int gpt_grow(struct gpt *g, unsigned number, bool *grown, struct err *e);

/* GUIDs on disk have three little-endian fields before the rest. parse: -1 on anything but the 36 characters. */
int gpt_guid_parse(const char *text, uint8_t out[16]);
void gpt_guid_text(const uint8_t guid[16], char out[GPT_GUID_TEXT]);
/* 16 bytes in reading order (half of a root hash) to the form on disk, as DPS makes partition UUIDs. */
void gpt_guid_from_bytes(const uint8_t in[16], uint8_t out[16]);
