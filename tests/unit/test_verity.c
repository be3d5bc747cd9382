/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/verity.h"

#define BLOCKS 300 /* of data: a tree of 3 + 1 blocks */
#define ROOT_SIZE ((uint64_t)BLOCKS * VERITY_BLOCK)
#define TREE_SIZE ((uint64_t)5 * VERITY_BLOCK)

static uint8_t sb[VERITY_SUPERBLOCK_SIZE];

static int set_up(void **state)
{
	(void)state;
	memset(sb, 0, sizeof(sb));
	memcpy(sb, "verity\0\0", 8);
	sb[8] = 1;
	sb[12] = 1;
	memset(sb + 16, 0xab, 16);
	strcpy((char *)sb + 32, "sha256");
	sb[65] = 0x10;
	sb[69] = 0x10;
	sb[72] = BLOCKS & 255;
	sb[73] = BLOCKS >> 8;
	sb[80] = 32;
	memset(sb + 88, 0x5a, 32);
	return 0;
}

static void expect_error(uint64_t root, uint64_t tree, const char *text)
{
	struct verity v, untouched;
	struct err e;

	memset(&v, 0x77, sizeof(v));
	untouched = v;
	assert_int_equal(verity_parse(sb, sizeof(sb), root, tree, &v, &e), -1);
	assert_int_equal(e.code, EBADMSG);
	if (!strstr(e.text, text))
		fail_msg("%s: no %s", e.text, text);
	assert_memory_equal(&v, &untouched, sizeof(v));
}

static void test_good(void **state)
{
	struct verity v;
	struct err e;

	(void)state;
	assert_int_equal(verity_parse(sb, sizeof(sb), ROOT_SIZE, TREE_SIZE, &v, &e), 0);
	assert_int_equal(v.data_blocks, BLOCKS);
	assert_int_equal(v.tree_blocks, 4);
	assert_int_equal(v.salt_size, 32);
	assert_int_equal(v.salt[31], 0x5a);
	assert_int_equal(v.uuid[0], 0xab);
	sb[80] = 0;
	assert_int_equal(verity_parse(sb, sizeof(sb), ROOT_SIZE + 1, TREE_SIZE, &v, &e), 0);
	assert_int_equal(v.salt_size, 0);
	sb[72] = 1; /* one block: its hash is the root hash, there is no tree */
	sb[73] = 0;
	assert_int_equal(verity_parse(sb, sizeof(sb), ROOT_SIZE, VERITY_BLOCK, &v, &e), 0);
	assert_int_equal(v.tree_blocks, 0);
}

static void test_partitions_too_small(void **state)
{
	(void)state;
	expect_error(ROOT_SIZE - 1, TREE_SIZE, "the root partition is too small: it has 299 blocks of 300");
	expect_error(0, TREE_SIZE, "the root partition");
	expect_error(ROOT_SIZE, TREE_SIZE - 1, "the verity partition is too small: it has 4 blocks of 5");
	expect_error(ROOT_SIZE, 0, "the verity partition");
	memset(sb + 72, 0xff, 8); /* a size whose tree would overflow */
	expect_error(UINT64_MAX, UINT64_MAX, "the root partition");
}

static void test_fields(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *text;
	} changes[] = {
		{0, 'V', "magic"},   {7, 1, "magic"},	       {8, 2, "version 2"}, {12, 0, "hash type 0"},
		{11, 1, "version"},  {37, '5', "algorithm"},   {39, 'x', "algorithm"}, {65, 0x08, "2048"},
		{64, 1, "4097"},     {69, 0x20, "8192"},       {81, 1, "salt of 288"}, {82 - 1, 0xff, "salt"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		set_up(NULL);
		sb[changes[i].at] = changes[i].value;
		expect_error(ROOT_SIZE, TREE_SIZE, changes[i].text);
	}
	set_up(NULL);
	sb[72] = sb[73] = 0;
	expect_error(ROOT_SIZE, TREE_SIZE, "no data blocks");
}

static void test_short(void **state)
{
	struct verity v;
	struct err e;

	(void)state;
	assert_int_equal(verity_parse(sb, sizeof(sb) - 1, ROOT_SIZE, TREE_SIZE, &v, &e), -1);
	assert_int_equal(verity_parse(sb, 0, ROOT_SIZE, TREE_SIZE, &v, &e), -1);
}

/* What veritysetup(8) makes is taken, with the tree exactly as large as we count it. */
static void test_veritysetup(void **state)
{
	char data[] = "/tmp/hull-data-XXXXXX", tree[] = "/tmp/hull-tree-XXXXXX", command[256];
	int fd = mkstemp(data), tree_fd = mkstemp(tree);
	struct verity v;
	struct err e;
	off_t size;

	(void)state;
	assert_int_equal(ftruncate(fd, 20000 * VERITY_BLOCK), 0);
	snprintf(command, sizeof(command), "veritysetup format --salt=0123456789 %s %s >/dev/null", data, tree);
	assert_int_equal(system(command), 0);
	close(tree_fd); /* veritysetup replaces the file */
	tree_fd = open(tree, O_RDONLY);
	assert_int_equal(pread(tree_fd, sb, sizeof(sb), 0), sizeof(sb));
	size = lseek(tree_fd, 0, SEEK_END);
	assert_int_equal(verity_parse(sb, sizeof(sb), 20000 * VERITY_BLOCK, (uint64_t)size, &v, &e), 0);
	assert_int_equal(v.data_blocks, 20000);
	assert_int_equal(v.salt_size, 5);
	assert_int_equal((v.tree_blocks + 1) * VERITY_BLOCK, size);
	assert_int_equal(verity_parse(sb, sizeof(sb), 20000 * VERITY_BLOCK, (uint64_t)size - 1, &v, &e), -1);
	close(fd);
	close(tree_fd);
	unlink(data);
	unlink(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, set_up),
		cmocka_unit_test_setup(test_partitions_too_small, set_up),
		cmocka_unit_test_setup(test_fields, set_up),
		cmocka_unit_test_setup(test_short, set_up),
		cmocka_unit_test_setup(test_veritysetup, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
