/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "init/boot/ext4.h"

/* A filesystem as mke2fs makes it; its superblock, and the file for e2fsck. */
struct made {
	char path[64];
	uint8_t sb[EXT4_SUPERBLOCK_SIZE];
};

static void make(struct made *m, const char *features)
{
	char command[256];
	int fd;

	snprintf(m->path, sizeof(m->path), "/tmp/test_ext4.XXXXXX");
	fd = mkstemp(m->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 16 << 20), 0);
	snprintf(command, sizeof(command), "/sbin/mke2fs -q -F -t ext4 -b 4096 -O %s %s", features, m->path);
	assert_int_equal(system(command), 0);
	assert_int_equal(fs_pread_full(fd, m->sb, sizeof(m->sb), EXT4_SUPERBLOCK_OFFSET), 0);
	close(fd);
}

static void put_back(const struct made *m)
{
	int fd = open(m->path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fs_pwrite_full(fd, m->sb, sizeof(m->sb), EXT4_SUPERBLOCK_OFFSET), 0);
	close(fd);
}

static int fsck(const struct made *m)
{
	char command[128];

	snprintf(command, sizeof(command), "/sbin/e2fsck -fn %s >/dev/null 2>&1", m->path);
	return system(command);
}

static void fresh_is_clean(void **st)
{
	struct made m;
	struct ext4_info i;

	(void)st;
	make(&m, "metadata_csum,64bit");
	assert_int_equal(ext4_read_superblock(m.sb, &i, NULL), 0);
	assert_true(i.clean);
	assert_false(i.errors);
	assert_false(i.needs_recovery);
	assert_int_equal(i.block_size, 4096);
	assert_int_equal(i.blocks, 4096);
	unlink(m.path);
}

static void flags_are_seen(void **st)
{
	struct made m;
	struct ext4_info i;

	(void)st;
	make(&m, "^metadata_csum");
	m.sb[0x3a] = 1 | 2; /* clean, with errors */
	m.sb[0x194] = 3;
	memcpy(m.sb + 0x1a8, "ext4_lookup\n\x1b[1m", 16);
	assert_int_equal(ext4_read_superblock(m.sb, &i, NULL), 0);
	assert_true(i.errors);
	assert_int_equal(i.error_count, 3);
	assert_string_equal(i.first_error, "ext4_lookup");
	m.sb[0x3a] = 1;
	m.sb[0x194] = 0;
	m.sb[0x60] |= 4; /* needs_recovery */
	assert_int_equal(ext4_read_superblock(m.sb, &i, NULL), 0);
	assert_false(i.clean);
	assert_true(i.needs_recovery);
	assert_false(i.errors);
	unlink(m.path);
}

static void damage_is_refused(void **st)
{
	struct made m;
	struct ext4_info i;
	struct err e = {0};
	uint8_t zero[EXT4_SUPERBLOCK_SIZE] = {0};

	(void)st;
	memset(&i, 0x55, sizeof(i));
	assert_int_equal(ext4_read_superblock(zero, &i, &e), -1);
	assert_int_equal(e.code, EINVAL);
	assert_int_equal(i.block_size, 0x55555555); /* untouched */
	make(&m, "metadata_csum");
	m.sb[0x200] ^= 1;
	assert_int_equal(ext4_read_superblock(m.sb, &i, &e), -1);
	m.sb[0x200] ^= 1;
	assert_int_equal(ext4_read_superblock(m.sb, &i, &e), 0);
	m.sb[0x1b] = 0x7f; /* block size */
	assert_int_equal(ext4_read_superblock(m.sb, &i, &e), -1);
	unlink(m.path);
}

static void uuid_is_changed(void **st)
{
	static const uint8_t uuid[16] = {1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, 16}, seed[16] = {9, 9, 9};
	struct made m;
	struct ext4_info i;

	(void)st;
	make(&m, "metadata_csum,metadata_csum_seed");
	assert_int_equal(ext4_set_uuid(m.sb, uuid, seed, NULL), 0);
	assert_int_equal(ext4_read_superblock(m.sb, &i, NULL), 0);
	assert_memory_equal(i.uuid, uuid, 16);
	put_back(&m);
	assert_int_equal(fsck(&m), 0);
	unlink(m.path);
	make(&m, "metadata_csum,^metadata_csum_seed");
	assert_int_equal(ext4_set_uuid(m.sb, uuid, seed, NULL), -1);
	unlink(m.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_is_clean),
		cmocka_unit_test(flags_are_seen),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(uuid_is_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
