/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/state_disk.h"

#include <blkid/blkid.h>
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define NODE_WAIT_MS 5000
#define TEMPLATE_MAX ((size_t)4 << 20)
#define HEAD_SIZE 4096 /* holds the superblock; written last */

/* Partition number of the label; 0: none, with e set. */
static int find_number(const char *disk, struct err *e)
{
	blkid_probe probe = blkid_new_probe_from_filename(disk);
	blkid_partlist list;
	int found = 0, n;

	if (!probe) {
		err_sys(e, "state partition: %s", disk);
		return 0;
	}
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	list = blkid_probe_get_partitions(probe);
	n = list ? blkid_partlist_numof_partitions(list) : 0;
	for (int i = 0; i < n && !found; i++) {
		blkid_partition part = blkid_partlist_get_partition(list, i);
		const char *name = part ? blkid_partition_get_name(part) : NULL;

		if (name && !strcmp(name, STATE_LABEL))
			found = blkid_partition_get_partno(part);
	}
	blkid_free_probe(probe);
	if (!found)
		err_set(e, ENODEV, "no partition " STATE_LABEL " on %s", disk);
	return found;
}

int state_disk_find(const char *disk, char device[STATE_DEVICE_MAX], struct err *e)
{
	int number = find_number(disk, e);
	size_t len = strlen(disk);
	char path[STATE_DEVICE_MAX];
	struct stat st;

	if (!number)
		return -1;
	/* The kernel's own rule: a disk whose name ends in a digit gets a "p" before the partition's number. */
	if (snprintf(path, sizeof(path), "%s%s%d", disk, isdigit((unsigned char)disk[len - 1]) ? "p" : "", number) >=
	    (int)sizeof(path))
		return err_set(e, ENAMETOOLONG, "%s: name too long", disk);
	for (int waited = 0; stat(path, &st) < 0; waited += 20) {
		if (waited >= NODE_WAIT_MS)
			return err_set(e, ENODEV, "%s does not appear", path);
		nanosleep(&(struct timespec){0, 20000000}, NULL);
	}
	if (!S_ISBLK(st.st_mode))
		return err_set(e, ENOTBLK, "%s is no block device", path);
	memcpy(device, path, sizeof(path));
	return 0;
}

int state_disk_check(const char *device, struct ext4_info *out, struct err *e)
{
	uint8_t sb[EXT4_SUPERBLOCK_SIZE];
	cleanup_close int fd = open(device, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fs_pread_full(fd, sb, sizeof(sb), EXT4_SUPERBLOCK_OFFSET) < 0)
		return err_sys(e, "%s", device);
	if (ext4_read_superblock(sb, out, e) < 0)
		return err_wrap(e, "%s", device);
	return 0;
}

/* Walks the runs: collects the head, or (head NULL) writes what is behind it. */
static int apply_runs(const uint8_t *t, size_t len, uint64_t fs_size, int fd, uint8_t *head, struct err *e)
{
	for (size_t at = 16; at + 12 <= len;) {
		uint64_t offset;
		uint32_t n;

		memcpy(&offset, t + at, 8);
		memcpy(&n, t + at + 8, 4);
		offset = le64toh(offset);
		n = le32toh(n);
		at += 12;
		if (!n)
			return 0;
		if (n > len - at || offset > fs_size || n > fs_size - offset || (offset < HEAD_SIZE && offset + n > HEAD_SIZE))
			break;
		if (head && offset < HEAD_SIZE)
			memcpy(head + offset, t + at, n);
		if (!head && offset >= HEAD_SIZE && fs_pwrite_full(fd, t + at, n, (off_t)offset) < 0)
			return err_sys(e, "write");
		at += n;
	}
	return err_set(e, EINVAL, "the template is damaged");
}

static int write_filesystem(int fd, const uint8_t *t, size_t len, uint64_t fs_size, const uint8_t head[HEAD_SIZE],
			    struct err *e)
{
	static const uint8_t zero[HEAD_SIZE];
	uint64_t range[2] = {0, fs_size};

	if (fs_pwrite_full(fd, zero, sizeof(zero), 0) < 0 || fsync(fd) < 0)
		return err_sys(e, "erase the superblock");
	if (ioctl(fd, BLKZEROOUT, range) < 0)
		return err_sys(e, "zero");
	if (apply_runs(t, len, fs_size, fd, NULL, e) < 0)
		return -1;
	if (fsync(fd) < 0)
		return err_sys(e, "flush");
	if (fs_pwrite_full(fd, head, HEAD_SIZE, 0) < 0 || fsync(fd) < 0)
		return err_sys(e, "write the superblock");
	return 0;
}

int state_disk_reset(const char *device, const char *template_path, struct err *e)
{
	cleanup_free char *data = NULL;
	const uint8_t *t;
	size_t len;
	uint64_t fs_size, device_size = 0;
	uint8_t head[HEAD_SIZE] = {0}, ids[32];
	cleanup_close int fd = -1;

	if (fs_read(AT_FDCWD, template_path, TEMPLATE_MAX, &data, &len, e) < 0)
		return -1;
	t = (const uint8_t *)data;
	if (len < 28 || memcmp(t, "HULLTPL1", 8))
		return err_set(e, EINVAL, "%s: not a template", template_path);
	memcpy(&fs_size, t + 8, 8);
	fs_size = le64toh(fs_size);
	/* All that can be wrong with the template shows before the disk is touched. */
	if (apply_runs(t, len, fs_size, -1, head, e) < 0)
		return err_wrap(e, "%s", template_path);
	if (getrandom(ids, sizeof(ids), 0) != sizeof(ids))
		return err_sys(e, "random");
	ids[6] = (uint8_t)((ids[6] & 0x0f) | 0x40);
	ids[8] = (uint8_t)((ids[8] & 0x3f) | 0x80);
	if (ext4_set_uuid(head + EXT4_SUPERBLOCK_OFFSET, ids, ids + 16, e) < 0)
		return err_wrap(e, "%s", template_path);
	fd = open(device, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &device_size) < 0)
		return err_sys(e, "%s", device);
	if (device_size < fs_size)
		return err_set(e, ENOSPC, "%s is smaller than the empty filesystem (%llu bytes)", device,
			       (unsigned long long)fs_size);
	if (write_filesystem(fd, t, len, fs_size, head, e) < 0)
		return err_wrap(e, "%s", device);
	return 0;
}
