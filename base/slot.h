/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots of the OS on a disk: three partitions each, of the Discoverable Partition types root (x86-64), root verity and
 * root verity signature, labelled root-L, verity-L, sig-L with L `a` or `b`. The choice lies in root's attribute bits
 * as with ChromeOS: priority 48-51 (0: never picked), tries 52-55, successful 56.
 * slot_pick is pure; all else reaches a block device: stage 0 and tasks only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SLOT_PATH_MAX 64
#define SLOTS_MAX 16 /* two on each of 8 disks */

struct slot_part {
	unsigned number;     /* partition number; 0: missing */
	uint64_t start, size; /* bytes on the disk */
	uint8_t uuid[16];    /* PARTUUID as on disk */
	char device[SLOT_PATH_MAX]; /* "/dev/vda2"; "" for image files and partitions the kernel has not shown yet */
};

struct slot {
	char label; /* 'a' or 'b' */
	char disk[SLOT_PATH_MAX]; /* "/dev/vda", or the image file */
	unsigned disk_order; /* disks by their place on the bus (sysfs path), so the same at each boot */
	struct slot_part root, verity, sig;
	unsigned priority, tries;
	bool successful;
	char problem[96]; /* "" or why it can't be used: "no verity partition", "root-a overlaps another partition" */
};

/* Something a person should know that does not stop the search: a repaired table, two disks with slots, a bad disk. */
typedef void slot_report(void *arg, const char *text);

/*
 * The slots of one disk (at most one each of a and b), by libblkid without a cache. Where the disk has slots, a damaged
 * GPT copy is repaired first. Returns the number of slots, 0 when there are none; -1 when the disk can't be read or its
 * table is beyond repair.
 */
int slots_read(const char *disk, struct slot out[2], slot_report *report, void *arg, struct err *e);
/*
 * The slots of all disks in SYS/class/block (of /dev/NAME), the first disk's first. More disks than one with slots is
 * reported; the first wins as long as one of its slots boots, and another disk's slot of the same label is never mixed
 * in.
 * report gets a reason for each disk without slots. Returns the number.
 */
int slots_find(const char *sys, struct slot out[SLOTS_MAX], slot_report *report, void *arg);
/* One slot as it is now on a disk. -1 with ENOENT when there is none of this label. */
int slot_get(const char *disk, char label, struct slot *out, struct err *e);

/* Usable at all, and priority above 0, and successful or with tries left. */
bool slot_bootable(const struct slot *s);
/*
 * The bootable slot of the first disk that has one: highest priority, then 'a'. Bit i of tried leaves slots[i] out.
 * NULL: none.
 */
const struct slot *slot_pick(const struct slot *slots, size_t n, uint32_t tried);

/* Durable when they return 0. The struct is brought up to date. */
int slot_decrement_tries(struct slot *s, struct err *e); /* a successful slot is left alone */
int slot_mark_successful(struct slot *s, struct err *e); /* successful, tries 0; keeps the priority, at least 1 */
/*
 * Takes priority, tries and successful from a slot that turned out bad. -1 with EBUSY, unchanged, when no other slot of
 * the disk is bootable: a doubtful slot is better than none.
 */
int slot_distrust(struct slot *s, struct err *e);
