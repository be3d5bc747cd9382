/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slot.h"

#include <blkid/blkid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/gpt.h"

#define TYPE_ROOT "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define TYPE_VERITY "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"
#define TYPE_SIG "41092b05-9fc8-4523-994f-2def0408b176"

#define PRIORITY_SHIFT 48
#define TRIES_SHIFT 52
#define SUCCESSFUL_SHIFT 56
#define CHOICE_MASK (0x1ffull << PRIORITY_SHIFT) /* priority, tries and successful */

/* The kinds of partitions a slot is made of. */
static const struct {
	const char *type, *prefix;
	size_t offset; /* of its struct slot_part */
} kinds[] = {
	{TYPE_ROOT, "root-", offsetof(struct slot, root)},
	{TYPE_VERITY, "verity-", offsetof(struct slot, verity)},
	{TYPE_SIG, "sig-", offsetof(struct slot, sig)},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct slot_part *part_of(struct slot *s, size_t kind)
{
	return (struct slot_part *)((char *)s + kinds[kind].offset);
}

static void set_attributes(struct slot *s, uint64_t bits)
{
	s->priority = bits >> PRIORITY_SHIFT & 15;
	s->tries = bits >> TRIES_SHIFT & 15;
	s->successful = bits >> SUCCESSFUL_SHIFT & 1;
}

static uint64_t get_attributes(const struct slot *s)
{
	return (uint64_t)s->priority << PRIORITY_SHIFT | (uint64_t)s->tries << TRIES_SHIFT |
	       (uint64_t)s->successful << SUCCESSFUL_SHIFT;
}

/* ---- reading ---- */

static uint64_t read_number(const char *dir, const char *file)
{
	char path[160], text[32];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return fs_read_line(AT_FDCWD, path, text, sizeof(text), NULL) ? 0 : strtoull(text, NULL, 10);
}

/* The kernel's node for a partition, "" if it has none or one of another place (it has not read the table again). */
static void find_device(const char *disk, struct slot_part *p)
{
	const char *name = strrchr(disk, '/');
	size_t len = strlen(disk);
	char dir[128];

	p->device[0] = 0;
	if (strncmp(disk, "/dev/", 5) || len + 5 > sizeof(p->device))
		return;
	snprintf(p->device, sizeof(p->device), "%s%s%u", disk, strchr("0123456789", disk[len - 1]) ? "p" : "", p->number);
	name = strrchr(p->device, '/') + 1;
	snprintf(dir, sizeof(dir), "/sys/class/block/%s", name);
	if (read_number(dir, "partition") != p->number || read_number(dir, "start") * 512 != p->start ||
	    read_number(dir, "size") * 512 != p->size)
		p->device[0] = 0;
}

static void take_partition(struct slot out[2], const char *disk, size_t kind, char label, const struct gpt_partition *g)
{
	struct slot *s = &out[label - 'a'];
	struct slot_part *p = part_of(s, kind);

	if (p->number) {
		snprintf(s->problem, sizeof(s->problem), "two partitions are labelled %s%c", kinds[kind].prefix, label);
		return;
	}
	p->number = g->number;
	p->start = g->start;
	p->size = g->size;
	memcpy(p->uuid, g->uuid, sizeof(p->uuid));
	find_device(disk, p);
	if (g->problem)
		snprintf(s->problem, sizeof(s->problem), "%s%c %s", kinds[kind].prefix, label, g->problem);
	if (kind == 0)
		set_attributes(s, g->attributes);
}

/* The kind of slot partition that type and label make it, and the slot's label; -1: none. */
static int kind_of(const char *type, const char *label, char *slot)
{
	if (!type || !label)
		return -1;
	for (size_t k = 0; k < KINDS; k++) {
		size_t n = strlen(kinds[k].prefix);

		if (!strcmp(type, kinds[k].type) && !strncmp(label, kinds[k].prefix, n) &&
		    (label[n] == 'a' || label[n] == 'b') && !label[n + 1]) {
			*slot = label[n];
			return (int)k;
		}
	}
	return -1;
}

struct found {
	unsigned number;
	int kind;
	char label;
};

/* libblkid says which partitions are a slot's. Returns how many root partitions there are. */
static int find_partitions(const char *disk, struct found *found, size_t max, size_t *n)
{
	char *only[] = {"gpt", NULL};
	blkid_probe pr = blkid_new_probe_from_filename(disk);
	blkid_partlist list = NULL;
	int roots = 0;

	*n = 0;
	if (pr && !blkid_probe_enable_superblocks(pr, 0) && !blkid_probe_enable_partitions(pr, 1) &&
	    !blkid_probe_set_partitions_flags(pr, BLKID_PARTS_FORCE_GPT) &&
	    !blkid_probe_filter_partitions_type(pr, BLKID_FLTR_ONLYIN, only))
		list = blkid_probe_get_partitions(pr);
	for (int i = 0; list && i < blkid_partlist_numof_partitions(list) && *n < max; i++) {
		blkid_partition p = blkid_partlist_get_partition(list, i);
		struct found f = {.number = (unsigned)blkid_partition_get_partno(p)};

		f.kind = kind_of(blkid_partition_get_type_string(p), blkid_partition_get_name(p), &f.label);
		if (f.kind < 0)
			continue;
		found[(*n)++] = f;
		roots += f.kind == 0;
	}
	blkid_free_probe(pr);
	return roots;
}

static void __attribute__((format(printf, 3, 4))) tell(slot_report *report, void *arg, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (report)
		report(arg, text);
}

/* Opens the table of a disk with slots and puts its copies right. A disk that can't be written may still boot. */
static struct gpt *open_repaired(const char *disk, slot_report *report, void *arg, struct err *e)
{
	struct gpt *g = gpt_open(disk, false, e), *w;
	struct err why;

	if (!g || gpt_state(g) == GPT_SOUND)
		return g;
	w = gpt_open(disk, true, &why);
	if (w && !gpt_repair(w, &why)) {
		tell(report, arg, "%s: GPT: %s: repaired", disk, gpt_state_text(gpt_state(g)));
		gpt_close(g);
		return w;
	}
	tell(report, arg, "%s: GPT: %s, not repaired: %s", disk, gpt_state_text(gpt_state(g)), why.text);
	gpt_close(w);
	return g;
}

int slots_read(const char *disk, struct slot out[2], slot_report *report, void *arg, struct err *e)
{
	struct found found[GPT_ENTRIES_MAX];
	struct slot slots[2] = {{.label = 'a'}, {.label = 'b'}};
	struct gpt *g;
	size_t n;
	int count = 0;

	if (!find_partitions(disk, found, GPT_ENTRIES_MAX, &n)) {
		/* Nothing of ours; the table's own reader knows whether the disk is at fault. */
		g = gpt_open(disk, false, e);
		if (!g)
			return -1;
		gpt_close(g);
		return 0;
	}
	g = open_repaired(disk, report, arg, e);
	if (!g)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct gpt_partition *p = gpt_by_number(g, found[i].number);

		if (p)
			take_partition(slots, disk, (size_t)found[i].kind, found[i].label, p);
	}
	gpt_close(g);
	for (int i = 0; i < 2; i++) {
		struct slot *s = &slots[i];

		if (!s->root.number)
			continue;
		for (size_t k = 1; k < KINDS; k++)
			if (!part_of(s, k)->number && !s->problem[0])
				snprintf(s->problem, sizeof(s->problem), "no partition labelled %s%c", kinds[k].prefix,
					 s->label);
		snprintf(s->disk, sizeof(s->disk), "%s", disk);
		out[count++] = *s;
	}
	return count;
}

/* ---- all disks ---- */

struct disk {
	char name[32];
	char place[256]; /* where it hangs on the bus */
};

static int disk_order(const void *a, const void *b)
{
	return strcmp(((const struct disk *)a)->place, ((const struct disk *)b)->place);
}

/* Whole disks with a medium. Devices made of others or of memory can't carry a slot. */
static bool is_disk(int dir, const char *name)
{
	static const char *const virtual[] = {"loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"};
	char path[160], text[32];

	for (size_t i = 0; i < sizeof(virtual) / sizeof(virtual[0]); i++)
		if (!strncmp(name, virtual[i], strlen(virtual[i])))
			return false;
	snprintf(path, sizeof(path), "%.64s/partition", name);
	if (fs_exists(dir, path))
		return false;
	snprintf(path, sizeof(path), "%.64s/size", name);
	return !fs_read_line(dir, path, text, sizeof(text), NULL) && strcmp(text, "0");
}

static size_t list_disks(const char *sys, struct disk *disks, size_t max)
{
	char path[128];
	cleanup_closedir DIR *d = NULL;
	struct dirent *entry;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/class/block", sys);
	d = opendir(path);
	while (d && n < max && (entry = readdir(d))) {
		struct disk *to = &disks[n];
		ssize_t len;

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(to->name) ||
		    !is_disk(dirfd(d), entry->d_name))
			continue;
		strcpy(to->name, entry->d_name);
		len = readlinkat(dirfd(d), entry->d_name, to->place, sizeof(to->place) - 1);
		to->place[len < 0 ? 0 : len] = 0;
		n++;
	}
	qsort(disks, n, sizeof(*disks), disk_order);
	return n;
}

int slots_find(const char *sys, struct slot out[SLOTS_MAX], slot_report *report, void *arg)
{
	struct disk disks[64];
	size_t n_disks = list_disks(sys, disks, sizeof(disks) / sizeof(disks[0]));
	unsigned with_slots = 0;
	int count = 0;

	for (size_t i = 0; i < n_disks && count + 2 <= SLOTS_MAX; i++) {
		struct slot slots[2];
		char path[SLOT_PATH_MAX];
		struct err e;
		int n;

		snprintf(path, sizeof(path), "/dev/%s", disks[i].name);
		n = slots_read(path, slots, report, arg, &e);
		if (n < 0)
			tell(report, arg, "%s", e.text);
		else if (!n)
			tell(report, arg, "%s: no partition labelled root-a or root-b of type root (x86-64)", path);
		if (n > 0 && with_slots++)
			tell(report, arg, "%s has slots too: used only if none of %s boots", path, out[0].disk);
		for (int k = 0; k < n; k++) {
			slots[k].disk_order = (unsigned)i;
			out[count++] = slots[k];
		}
	}
	return count;
}

int slot_get(const char *disk, char label, struct slot *out, struct err *e)
{
	struct slot slots[2];
	int n = slots_read(disk, slots, NULL, NULL, e);

	if (n < 0)
		return -1;
	for (int i = 0; i < n; i++)
		if (slots[i].label == label) {
			*out = slots[i];
			return 0;
		}
	return err_set(e, ENOENT, "%s: no slot %c", disk, label);
}

/* ---- choosing and marking ---- */

bool slot_bootable(const struct slot *s)
{
	return !s->problem[0] && s->priority && (s->successful || s->tries);
}

static bool better(const struct slot *a, const struct slot *b)
{
	if (a->disk_order != b->disk_order)
		return a->disk_order < b->disk_order;
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a->label < b->label;
}

const struct slot *slot_pick(const struct slot *slots, size_t n, uint32_t tried)
{
	const struct slot *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (!(tried >> i & 1) && slot_bootable(&slots[i]) && (!best || better(&slots[i], best)))
			best = &slots[i];
	return best;
}

/* Writes the choice bits of next; s becomes next when that is durable. */
static int store(struct slot *s, const struct slot *next, struct err *e)
{
	struct gpt_change change = {
		.number = s->root.number, .attribute_mask = CHOICE_MASK, .attributes = get_attributes(next)};
	struct gpt *g = gpt_open(s->disk, true, e);
	const struct gpt_partition *p;
	int result = -1;

	if (!g)
		return -1;
	p = gpt_by_number(g, s->root.number);
	if (!p || p->start != s->root.start || memcmp(p->uuid, s->root.uuid, sizeof(p->uuid)))
		err_set(e, ESTALE, "%s: partition %u is not root-%c any more", s->disk, s->root.number, s->label);
	else
		result = gpt_write(g, &change, 1, e);
	gpt_close(g);
	if (!result)
		*s = *next;
	return result;
}

int slot_decrement_tries(struct slot *s, struct err *e)
{
	struct slot next = *s;

	if (s->successful)
		return 0;
	if (!s->tries)
		return err_set(e, EPERM, "slot %c has no tries left", s->label);
	next.tries--;
	return store(s, &next, e);
}

int slot_mark_successful(struct slot *s, struct err *e)
{
	struct slot next = *s;

	next.successful = true;
	next.tries = 0;
	if (!next.priority)
		next.priority = 1;
	return store(s, &next, e);
}

int slot_distrust(struct slot *s, struct err *e)
{
	struct slot next = *s, slots[2];
	int n = slots_read(s->disk, slots, NULL, NULL, e);
	bool other = false;

	if (n < 0)
		return -1;
	for (int i = 0; i < n; i++)
		other |= slots[i].label != s->label && slot_bootable(&slots[i]);
	if (!other)
		return err_set(e, EBUSY, "%s: slot %c is kept: no other slot is bootable", s->disk, s->label);
	next.priority = next.tries = 0;
	next.successful = false;
	return store(s, &next, e);
}
