/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why not libfdisk: it refuses a disk whose protective MBR is gone, doesn't notice two valid copies that differ, writes
 * the good copy while it repairs the other, and writes through the disk's page cache, whose 4 KiB blocks reach into an
 * unaligned last partition that is mounted and has a cache of its own.
 */
#include "base/gpt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/gpt_format.h"

#define SECTOR_MAX 4096
#define TABLE_MAX (GPT_ENTRIES_MAX * GPT_ENTRY_SIZE)
#define ALIGN ((uint64_t)1 << 20) /* bytes: partitions end at whole MiB */

struct copy {
	bool valid;
	struct gpt_header h;
	uint8_t entries[TABLE_MAX];
};

struct gpt {
	int fd;
	bool block;
	size_t sector_size;
	uint64_t sectors;
	bool mbr_missing;
	enum gpt_state state;
	struct copy now;   /* the copy in use, as a primary: my_lba 1, alternate_lba the backup's place */
	bool backup_moved; /* the primary on disk names another place for the backup */
	bool backup_astray; /* the backup in use names another place than sector 1 for the primary */
	struct gpt_partition parts[GPT_ENTRIES_MAX];
	size_t n_parts;
	uint8_t *io; /* SECTOR_MAX aligned, TABLE_MAX bytes: O_DIRECT wants it so */
};

static int read_sectors(struct gpt *g, uint64_t lba, size_t len, struct err *e)
{
	if (fs_pread_full(g->fd, g->io, len, (off_t)(lba * g->sector_size)))
		return err_sys(e, "reading sector %lu", lba);
	return 0;
}

static int write_sectors(struct gpt *g, uint64_t lba, size_t len, struct err *e)
{
	if (fs_pwrite_full(g->fd, g->io, len, (off_t)(lba * g->sector_size)))
		return err_sys(e, "writing sector %lu", lba);
	return 0;
}

static size_t table_bytes(const struct gpt *g, const struct gpt_header *h)
{
	return gpt_entries_sectors(h, g->sector_size) * g->sector_size;
}

/* *claims: there is the magic, valid or not. On -1 c->valid is false and e says why. */
static int read_copy(struct gpt *g, uint64_t lba, struct copy *c, bool *claims, struct err *e)
{
	c->valid = false;
	*claims = false;
	if (read_sectors(g, lba, g->sector_size, e))
		return -1;
	*claims = gpt_header_claims(g->io);
	if (gpt_header_parse(g->io, g->sector_size, lba, g->sectors, &c->h, e) ||
	    read_sectors(g, c->h.entries_lba, table_bytes(g, &c->h), e))
		return -1;
	memset(c->entries, 0, sizeof(c->entries));
	memcpy(c->entries, g->io, (size_t)c->h.entries * GPT_ENTRY_SIZE);
	if (gpt_crc32(c->entries, (size_t)c->h.entries * GPT_ENTRY_SIZE) != c->h.entries_crc)
		return err_set(e, EUCLEAN, "the entries of the header at sector %lu have a wrong checksum", lba);
	c->valid = true;
	return 0;
}

static bool copies_alike(const struct gpt_header *a, const struct gpt_header *b)
{
	return a->alternate_lba == b->my_lba && b->alternate_lba == a->my_lba && a->first_usable == b->first_usable &&
	       a->last_usable == b->last_usable && a->entries == b->entries && a->entries_crc == b->entries_crc &&
	       !memcmp(a->disk_uuid, b->disk_uuid, sizeof(a->disk_uuid));
}

static void list_partitions(struct gpt *g)
{
	g->n_parts = 0;
	for (unsigned i = 0; i < g->now.h.entries; i++)
		if (gpt_entry_parse(g->now.entries + i * GPT_ENTRY_SIZE, i + 1, g->sector_size, &g->parts[g->n_parts]))
			g->n_parts++;
	gpt_check_partitions(g->parts, g->n_parts, &g->now.h, g->sector_size);
}

/* Sets now and state from what the two copies are. */
static void choose(struct gpt *g, const struct copy *primary, const struct copy *backup, uint64_t backup_lba)
{
	uint64_t table;

	g->now = primary->valid ? *primary : *backup;
	table = gpt_entries_sectors(&g->now.h, g->sector_size);
	g->state = !primary->valid		       ? GPT_PRIMARY_DAMAGED
		   : !backup->valid		       ? GPT_BACKUP_DAMAGED
		   : !copies_alike(&primary->h, &backup->h) ? GPT_COPIES_DIFFER
		   : g->mbr_missing		       ? GPT_MBR_MISSING
						       : GPT_SOUND;
	g->backup_moved = primary->valid && primary->h.alternate_lba != backup_lba;
	g->backup_astray = !primary->valid && backup->h.alternate_lba != 1;
	g->now.h.my_lba = 1;
	g->now.h.alternate_lba = backup_lba;
	if (!primary->valid)
		g->now.h.entries_lba = 2 + table <= g->now.h.first_usable ? 2 : g->now.h.first_usable - table;
	list_partitions(g);
}

static int load(struct gpt *g, struct err *e)
{
	cleanup_free struct copy *copies = calloc(2, sizeof(*copies));
	struct err why_primary, why_backup;
	uint64_t last = g->sectors - 1, backup_lba = last;
	bool claims, backup_claims;

	if (!copies)
		return err_set(e, ENOMEM, "out of memory");
	if (read_sectors(g, 0, g->sector_size, e))
		return -1;
	g->mbr_missing = gpt_mbr_kind(g->io) == GPT_MBR_NONE;
	if (gpt_mbr_kind(g->io) == GPT_MBR_FOREIGN)
		return err_set(e, ENODATA, "no GPT but an MBR partition table");
	if (read_copy(g, 1, &copies[0], &claims, &why_primary) && why_primary.code == EIO && !claims)
		claims = true; /* an unreadable sector may have been a header */
	if (copies[0].valid && copies[0].h.alternate_lba > copies[0].h.last_usable &&
	    copies[0].h.alternate_lba <= last)
		backup_lba = copies[0].h.alternate_lba;
	read_copy(g, backup_lba, &copies[1], &backup_claims, &why_backup);
	if (!copies[1].valid && backup_lba != last && !read_copy(g, last, &copies[1], &backup_claims, &why_backup))
		backup_lba = last;
	if (!copies[0].valid && !copies[1].valid) {
		if (!claims && !backup_claims)
			return err_set(e, ENODATA, "no GPT");
		return err_set(e, EUCLEAN, "GPT: primary: %s; backup: %s", why_primary.text, why_backup.text);
	}
	choose(g, &copies[0], &copies[1], backup_lba);
	return 0;
}

static int open_disk(const char *path, bool writable, bool *block, struct err *e)
{
	int flags = O_CLOEXEC | (writable ? O_RDWR : O_RDONLY), fd;
	struct stat st;

	if (stat(path, &st))
		return err_sys(e, "%s", path);
	*block = S_ISBLK(st.st_mode);
	if (!*block && !S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s: neither a disk nor a file", path);
	if (*block)
		flags |= O_DIRECT;
	fd = open(path, flags | (*block && writable ? O_EXCL : 0));
	/* A disk with a mounted partition can't be opened exclusively; the table may change all the same. */
	if (fd < 0 && errno == EBUSY)
		fd = open(path, flags);
	return fd < 0 ? err_sys(e, "%s", path) : fd;
}

static int measure(struct gpt *g, struct err *e)
{
	uint64_t bytes;
	struct stat st;
	int sector = 512;

	if (g->block) {
		if (ioctl(g->fd, BLKSSZGET, &sector) || ioctl(g->fd, BLKGETSIZE64, &bytes))
			return err_sys(e, "disk size");
	} else {
		if (fstat(g->fd, &st))
			return err_sys(e, "file size");
		bytes = (uint64_t)st.st_size;
	}
	if (sector < 512 || sector > SECTOR_MAX || bytes > INT64_MAX)
		return err_set(e, ENODATA, "sectors of %d bytes", sector);
	g->sector_size = (size_t)sector;
	g->sectors = bytes / g->sector_size;
	if (g->sectors < 8)
		return err_set(e, ENODATA, "no GPT: only %lu sectors", g->sectors);
	return 0;
}

struct gpt *gpt_open(const char *path, bool writable, struct err *e)
{
	struct gpt *g = calloc(1, sizeof(*g));

	if (g)
		g->io = aligned_alloc(SECTOR_MAX, TABLE_MAX);
	if (!g || !g->io) {
		free(g);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	g->fd = open_disk(path, writable, &g->block, e);
	if (g->fd < 0)
		goto fail;
	if (measure(g, e) || load(g, e)) {
		err_wrap(e, "%s", path);
		goto fail;
	}
	return g;
fail:
	gpt_close(g);
	return NULL;
}

void gpt_close(struct gpt *g)
{
	if (!g)
		return;
	if (g->fd >= 0)
		close(g->fd);
	free(g->io);
	free(g);
}

enum gpt_state gpt_state(const struct gpt *g)
{
	return g->state;
}

const char *gpt_state_text(enum gpt_state s)
{
	static const char *const texts[] = {
		[GPT_SOUND] = "both copies are good",
		[GPT_PRIMARY_DAMAGED] = "the primary copy is damaged",
		[GPT_BACKUP_DAMAGED] = "the backup copy is damaged",
		[GPT_COPIES_DIFFER] = "the copies differ",
		[GPT_MBR_MISSING] = "the protective MBR is missing",
	};

	return texts[s];
}

const struct gpt_partition *gpt_partitions(const struct gpt *g, size_t *n)
{
	*n = g->n_parts;
	return g->parts;
}

const struct gpt_partition *gpt_by_number(const struct gpt *g, unsigned number)
{
	for (size_t i = 0; i < g->n_parts; i++)
		if (g->parts[i].number == number)
			return &g->parts[i];
	return NULL;
}

static int flush(struct gpt *g, struct err *e)
{
	return fdatasync(g->fd) ? err_sys(e, "flushing the disk") : 0;
}

/* Entries first: a copy whose header is new has its entries. A half-written copy fails its checksum either way. */
static int write_copy(struct gpt *g, const struct copy *c, bool backup, struct err *e)
{
	struct gpt_header h = c->h;

	if (backup) {
		h.my_lba = c->h.alternate_lba;
		h.alternate_lba = 1;
		h.entries_lba = h.my_lba - gpt_entries_sectors(&h, g->sector_size);
		if (h.entries_lba <= h.last_usable)
			return err_set(e, ENOSPC, "no room for the backup copy behind the last usable sector");
	}
	h.entries_crc = gpt_crc32(c->entries, (size_t)h.entries * GPT_ENTRY_SIZE);
	memcpy(g->io, c->entries, sizeof(c->entries));
	if (write_sectors(g, h.entries_lba, table_bytes(g, &h), e))
		return -1;
	gpt_header_build(&h, g->io, g->sector_size);
	if (write_sectors(g, h.my_lba, g->sector_size, e))
		return -1;
	return flush(g, e);
}

static int write_mbr(struct gpt *g, struct err *e)
{
	if (read_sectors(g, 0, g->sector_size, e))
		return -1;
	gpt_mbr_build(g->io, g->sectors);
	if (write_sectors(g, 0, g->sector_size, e) || flush(g, e))
		return -1;
	g->mbr_missing = false;
	return 0;
}

/* A protective MBR tells the disk's size, of which other tools complain when the disk grew. A hybrid one is left alone. */
static int fit_mbr(struct gpt *g, struct err *e)
{
	static const uint8_t none[48];
	uint8_t was[512];

	if (read_sectors(g, 0, g->sector_size, e))
		return -1;
	memcpy(was, g->io, sizeof(was));
	gpt_mbr_build(g->io, g->sectors);
	if (was[450] != 0xee || memcmp(was + 462, none, sizeof(none)) || !memcmp(was, g->io, sizeof(was)))
		return 0;
	return write_mbr(g, e);
}

int gpt_repair(struct gpt *g, struct err *e)
{
	if (g->state == GPT_SOUND)
		return 0;
	if (g->state == GPT_PRIMARY_DAMAGED ? write_copy(g, &g->now, false, e)
					    : g->state != GPT_MBR_MISSING && write_copy(g, &g->now, true, e))
		return err_wrap(e, "GPT");
	if ((g->backup_moved && write_copy(g, &g->now, false, e)) || (g->backup_astray && write_copy(g, &g->now, true, e)))
		return err_wrap(e, "GPT");
	g->backup_moved = g->backup_astray = false;
	if (g->mbr_missing && write_mbr(g, e))
		return err_wrap(e, "GPT");
	g->state = GPT_SOUND;
	/* With a damaged table the kernel may have found no partition. EBUSY: it has, and they are in use. */
	if (g->block)
		ioctl(g->fd, BLKRRPART, 0);
	return 0;
}

/* The backup first, so that the primary, which everyone prefers, is only touched once the new table is safe. */
static int write_both(struct gpt *g, const struct copy *c, struct err *e)
{
	if (write_copy(g, c, true, e) || write_copy(g, c, false, e))
		return err_wrap(e, "GPT");
	g->now = *c;
	list_partitions(g);
	return 0;
}

static uint8_t *entry_of(struct copy *c, unsigned number)
{
	return number && number <= c->h.entries ? c->entries + (number - 1) * GPT_ENTRY_SIZE : NULL;
}

int gpt_write(struct gpt *g, const struct gpt_change *changes, size_t n, struct err *e)
{
	cleanup_free struct copy *next = malloc(sizeof(*next));

	if (!next)
		return err_set(e, ENOMEM, "out of memory");
	*next = g->now;
	for (size_t i = 0; i < n; i++) {
		const struct gpt_change *c = &changes[i];
		uint8_t *entry = gpt_by_number(g, c->number) ? entry_of(next, c->number) : NULL;
		uint64_t bits;

		if (!entry)
			return err_set(e, ENOENT, "GPT: no partition %u", c->number);
		bits = gpt_get64(entry + GPT_ENTRY_ATTRIBUTES);
		gpt_put64(entry + GPT_ENTRY_ATTRIBUTES,
			  (bits & ~c->attribute_mask) | (c->attributes & c->attribute_mask));
		if (c->set_uuid)
			memcpy(entry + GPT_ENTRY_UUID, c->uuid, sizeof(c->uuid));
	}
	if (gpt_repair(g, e))
		return -1;
	return memcmp(next->entries, g->now.entries, sizeof(next->entries)) ? write_both(g, next, e) : 0;
}

static int tell_kernel(struct gpt *g, const struct gpt_partition *p, struct err *e)
{
	struct blkpg_partition part = {
		.start = (long long)p->start, .length = (long long)p->size, .pno = (int)p->number};
	struct blkpg_ioctl_arg arg = {.op = BLKPG_RESIZE_PARTITION, .datalen = sizeof(part), .data = &part};

	if (!g->block || !ioctl(g->fd, BLKPG, &arg))
		return 0;
	return err_sys(e, "telling the kernel the new size of partition %u", p->number);
}

int gpt_grow(struct gpt *g, unsigned number, bool *grown, struct err *e)
{
	const struct gpt_partition *p = gpt_by_number(g, number);
	cleanup_free struct copy *next = malloc(sizeof(*next));
	uint64_t end;

	if (!next)
		return err_set(e, ENOMEM, "out of memory");
	if (!p || p->problem)
		return err_set(e, ENOENT, "GPT: partition %u %s", number, p ? p->problem : "is not there");
	for (size_t i = 0; i < g->n_parts; i++)
		if (g->parts[i].start > p->start)
			return err_set(e, EINVAL, "GPT: partition %u is not the last one", number);
	if (gpt_repair(g, e))
		return -1;
	*next = g->now;
	next->h.alternate_lba = g->sectors - 1;
	next->h.last_usable = next->h.alternate_lba - gpt_entries_sectors(&next->h, g->sector_size) - 1;
	end = (next->h.last_usable + 1) * g->sector_size / ALIGN * ALIGN;
	if (fit_mbr(g, e))
		return err_wrap(e, "GPT");
	if (end <= p->start + p->size) { /* after a cut the kernel read the new table when it booted */
		*grown = false;
		return 0;
	}
	gpt_put64(entry_of(next, number) + GPT_ENTRY_LAST, end / g->sector_size - 1);
	if (write_both(g, next, e) || tell_kernel(g, gpt_by_number(g, number), e))
		return -1;
	*grown = true;
	return 0;
}
