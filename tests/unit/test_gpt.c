/* SPDX-License-Identifier: Apache-2.0 */
/* On image files made by sfdisk(8), which is also asked what it thinks of the result. */
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

#include "base/gpt.h"
#include "base/gpt_format.h"

#define SECTOR 512
#define SECTORS 16384 /* 8 MiB */
#define SIZE (SECTORS * SECTOR)
#define TABLE (32 * SECTOR)
#define BIT(n) (1ull << (n))

static char path[] = "/tmp/hull-gpt-XXXXXX";
static uint8_t image[SIZE], before[SIZE];

static void save(void)
{
	FILE *f = fopen(path, "w");

	assert_int_equal(fwrite(image, 1, SIZE, f), SIZE);
	fclose(f);
}

static void load(void)
{
	FILE *f = fopen(path, "r");

	assert_int_equal(fread(image, 1, SIZE, f), SIZE);
	fclose(f);
}

static void sfdisk(const char *options, const char *script)
{
	char command[256];
	FILE *p;

	snprintf(command, sizeof(command), "sfdisk %s %s >/dev/null 2>&1", options, path);
	p = popen(command, "w");
	fputs(script, p);
	assert_int_equal(pclose(p), 0);
}

static void verify(void)
{
	char command[256], text[4096];
	FILE *p;
	size_t n;

	snprintf(command, sizeof(command), "LC_ALL=C sfdisk --verify %s 2>&1", path);
	p = popen(command, "r");
	n = fread(text, 1, sizeof(text) - 1, p);
	text[n] = 0;
	assert_int_equal(pclose(p), 0);
	assert_non_null(strstr(text, "No errors detected"));
}

static int set_up(void **state)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	(void)state;
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	sfdisk("--quiet",
	       "label: gpt\nstart=2048, size=2048, type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709, name=root-a, "
	       "uuid=00112233-4455-6677-8899-aabbccddeeff, attrs=\"GUID:48,GUID:63\"\n"
	       "start=4096, size=2048, name=\"gr\xc3\xbc\xc3\x9f\x65\"\nstart=6144, size=4096, name=HULL-STATE\n");
	load();
	memcpy(before, image, SIZE);
	return 0;
}

static enum gpt_state state_now(void)
{
	struct err e;
	struct gpt *g = gpt_open(path, false, &e);
	enum gpt_state s;

	if (!g)
		fail_msg("%s", e.text);
	s = gpt_state(g);
	gpt_close(g);
	return s;
}

static void test_read(void **state)
{
	struct err e;
	struct gpt *g = gpt_open(path, false, &e);
	const struct gpt_partition *p;
	char text[GPT_GUID_TEXT];
	size_t n;

	(void)state;
	assert_non_null(g);
	assert_int_equal(gpt_state(g), GPT_SOUND);
	p = gpt_partitions(g, &n);
	assert_int_equal(n, 3);
	assert_int_equal(p[0].number, 1);
	assert_string_equal(p[0].label, "root-a");
	assert_int_equal(p[0].attributes, BIT(48) | BIT(63));
	assert_int_equal(p[0].start, 2048 * SECTOR);
	assert_int_equal(p[0].size, 2048 * SECTOR);
	assert_null(p[0].problem);
	gpt_guid_text(p[0].type, text);
	assert_string_equal(text, "4f68bce3-e8cd-4db1-96e7-fbcaf984b709");
	gpt_guid_text(p[0].uuid, text);
	assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
	assert_string_equal(p[1].label, "gr\xc3\xbc\xc3\x9f\x65");
	assert_ptr_equal(gpt_by_number(g, 3), &p[2]);
	assert_null(gpt_by_number(g, 4));
	gpt_close(g);
}

static void test_guids(void **state)
{
	static const char text[] = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
	uint8_t guid[16];
	char again[GPT_GUID_TEXT];

	(void)state;
	assert_int_equal(gpt_guid_parse(text, guid), 0);
	assert_int_equal(guid[0], 0xe3);
	assert_int_equal(guid[8], 0x96);
	gpt_guid_text(guid, again);
	assert_string_equal(text, again);
	assert_int_equal(gpt_guid_parse("4f68bce3-e8cd-4db1-96e7-fbcaf984b7091", guid), -1);
	assert_int_equal(gpt_guid_parse("4f68bce3-e8cd-4db1-96e7-fbcaf984b70", guid), -1);
	assert_int_equal(gpt_guid_parse("4f68bce3e8cd4db196e7fbcaf984b709", guid), -1);
	assert_int_equal(gpt_guid_parse("gf68bce3-e8cd-4db1-96e7-fbcaf984b709", guid), -1);
	assert_int_equal(gpt_guid_parse("", guid), -1);
}

static void repair(enum gpt_state expected)
{
	struct err e;
	struct gpt *g;

	assert_int_equal(state_now(), expected);
	g = gpt_open(path, true, &e);
	assert_non_null(g);
	if (gpt_repair(g, &e))
		fail_msg("%s", e.text);
	assert_int_equal(gpt_state(g), GPT_SOUND);
	gpt_close(g);
	assert_int_equal(state_now(), GPT_SOUND);
	verify();
}

static void test_repair(void **state)
{
	static const struct {
		size_t from, to; /* sectors to spoil */
		enum gpt_state expected;
	} damages[] = {
		{0, 1, GPT_MBR_MISSING},
		{1, 2, GPT_PRIMARY_DAMAGED},
		{2, 3, GPT_PRIMARY_DAMAGED},
		{33, 34, GPT_PRIMARY_DAMAGED},
		{0, 34, GPT_PRIMARY_DAMAGED},
		{SECTORS - 1, SECTORS, GPT_BACKUP_DAMAGED},
		{SECTORS - 33, SECTORS - 32, GPT_BACKUP_DAMAGED},
		{SECTORS - 33, SECTORS, GPT_BACKUP_DAMAGED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		memcpy(image, before, SIZE);
		memset(image + damages[i].from * SECTOR, i & 1 ? 0xff : 0, (damages[i].to - damages[i].from) * SECTOR);
		save();
		if (damages[i].from == 33 || damages[i].from == SECTORS - 33)
			if (!memcmp(image, before, SIZE))
				continue; /* zeros over zeros */
		repair(damages[i].expected);
		load();
		assert_memory_equal(image, before, SIZE); /* to the byte, except for what was lost */
	}
}

/* Every single byte of a header matters or is harmless; none may bring the reader down. */
static void test_flipped_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < 100; i++) {
		memcpy(image, before, SIZE);
		image[SECTOR + i] ^= 0x41;
		image[SIZE - SECTOR + i] ^= i & 1 ? 0x41 : 0;
		save();
		struct err e;
		struct gpt *g = gpt_open(path, false, &e);

		if (i & 1 && i < 92) {
			assert_null(g);
			assert_true(e.code == EUCLEAN || e.code == ENODATA);
		} else {
			assert_non_null(g);
		}
		gpt_close(g);
	}
}

static void change_attributes(void)
{
	const struct gpt_change changes[] = {
		{.number = 1, .attribute_mask = 0x1ffull << 48, .attributes = 0x123ull << 48},
		{.number = 2, .set_uuid = true, .uuid = "0123456789abcde"},
	};
	struct err e;
	struct gpt *g = gpt_open(path, true, &e);

	assert_non_null(g);
	if (gpt_write(g, changes, 2, &e))
		fail_msg("%s", e.text);
	assert_int_equal(gpt_by_number(g, 1)->attributes, 0x123ull << 48 | BIT(63));
	gpt_close(g);
}

static void test_write(void **state)
{
	const struct gpt_change wrong = {.number = 9};
	struct err e;
	struct gpt *g;

	(void)state;
	change_attributes();
	verify();
	assert_int_equal(state_now(), GPT_SOUND);
	g = gpt_open(path, true, &e);
	assert_int_equal(gpt_by_number(g, 1)->attributes, 0x123ull << 48 | BIT(63));
	assert_memory_equal(gpt_by_number(g, 2)->uuid, "0123456789abcde", 16);
	assert_int_equal(gpt_by_number(g, 2)->start, 4096 * SECTOR);
	assert_int_equal(gpt_write(g, &wrong, 1, &e), -1);
	gpt_close(g);
}

/* The power goes at each write, and in the middle of each; what is left is the old or the new table. */
static void test_torn_writes(void **state)
{
	static const struct {
		size_t at, size;
	} writes[] = {{SIZE - SECTOR - TABLE, TABLE}, {SIZE - SECTOR, SECTOR}, {2 * SECTOR, TABLE}, {SECTOR, SECTOR}};
	static uint8_t after[SIZE];

	(void)state;
	change_attributes();
	load();
	memcpy(after, image, SIZE);
	for (size_t done = 0; done <= 4; done++) {
		for (int half = 0; half < 2 && done + half <= 4; half++) {
			struct err e;
			struct gpt *g;
			uint64_t bits;

			memcpy(image, before, SIZE);
			for (size_t i = 0; i < done; i++)
				memcpy(image + writes[i].at, after + writes[i].at, writes[i].size);
			if (half) /* the first sectors only: partition 1's entry is there, the rest not */
				memcpy(image + writes[done].at, after + writes[done].at,
				       writes[done].size > SECTOR ? SECTOR : 64);
			save();
			g = gpt_open(path, true, &e);
			if (!g)
				fail_msg("after %zu writes: %s", done, e.text);
			bits = gpt_by_number(g, 1)->attributes;
			assert_true(bits == (BIT(48) | BIT(63)) || bits == (0x123ull << 48 | BIT(63)));
			/* While the primary stands, so does what it says: no flip to the half-done new table and back. */
			if (done < 2)
				assert_true(bits == (BIT(48) | BIT(63)));
			assert_int_equal(gpt_repair(g, &e), 0);
			gpt_close(g);
			assert_int_equal(state_now(), GPT_SOUND);
			verify();
		}
	}
}

static void fix_checksums(void)
{
	static const size_t headers[] = {SECTOR, SIZE - SECTOR};

	for (int i = 0; i < 2; i++) {
		uint8_t *h = image + headers[i], *table = image + gpt_get64(h + 72) * SECTOR;

		gpt_put32(h + 88, gpt_crc32(table, 128 * 128));
		gpt_put32(h + 16, 0);
		gpt_put32(h + 16, gpt_crc32(h, 92));
	}
}

static void set_place(unsigned number, uint64_t first, uint64_t last)
{
	uint8_t *tables[] = {image + 2 * SECTOR, image + SIZE - SECTOR - TABLE};

	for (int i = 0; i < 2; i++) {
		gpt_put64(tables[i] + (number - 1) * 128 + 32, first);
		gpt_put64(tables[i] + (number - 1) * 128 + 40, last);
	}
}

static void test_hostile_entries(void **state)
{
	static const struct {
		uint64_t first, last;
		bool other_bad; /* partition 2 is touched */
	} places[] = {
		{4000, 5000, true},	 {1, 100, false},      {2048, SECTORS - 1, true}, {2048, SECTORS * 2, true},
		{3000, 2000, false},	 {0, UINT64_MAX, false}, {UINT64_MAX - 1, UINT64_MAX, false},
		{1ull << 62, (1ull << 62) + 10, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct err e;
		struct gpt *g;

		memcpy(image, before, SIZE);
		set_place(1, places[i].first, places[i].last);
		fix_checksums();
		save();
		g = gpt_open(path, false, &e);
		assert_non_null(g);
		assert_non_null(gpt_by_number(g, 1)->problem);
		assert_int_equal(gpt_by_number(g, 2)->problem != NULL, places[i].other_bad);
		assert_null(places[i].other_bad && places[i].last > 6144 ? NULL : gpt_by_number(g, 3)->problem);
		gpt_close(g);
	}
}

static void expect_none(int code)
{
	struct err e;

	save();
	assert_null(gpt_open(path, true, &e));
	assert_int_equal(e.code, code);
}

static void test_no_gpt(void **state)
{
	struct err e;

	(void)state;
	memset(image, 0, SIZE);
	expect_none(ENODATA);
	memcpy(image, before, SIZE);
	image[446 + 4] = 0x83; /* the disk got an MBR of its own: the old GPT is no longer meant */
	expect_none(ENODATA);
	memcpy(image, before, SIZE);
	image[SECTOR + 20] ^= 1;
	image[SIZE - SECTOR + 20] ^= 1;
	expect_none(EUCLEAN);
	memcpy(image, before, SIZE); /* more entries than anybody has */
	gpt_put32(image + SECTOR + 80, 0x7fffffff);
	gpt_put32(image + SIZE - SECTOR + 80, 0x7fffffff);
	fix_checksums();
	expect_none(EUCLEAN);
	memcpy(image, before, SIZE);
	save();
	assert_int_equal(truncate(path, SIZE / 2), 0);
	assert_null(gpt_open(path, true, &e));
	assert_non_null(strstr(e.text, "the disk ends at sector 8192"));
	assert_int_equal(truncate(path, 100), 0);
	assert_null(gpt_open(path, true, &e));
	assert_null(gpt_open("/nonexistent", true, &e));
	assert_null(gpt_open("/tmp", false, &e));
}

static void test_grow(void **state)
{
	struct err e;
	struct gpt *g;
	bool grown;

	(void)state;
	assert_int_equal(truncate(path, 2 * SIZE), 0);
	assert_int_equal(state_now(), GPT_SOUND); /* the backup is where the primary says */
	g = gpt_open(path, true, &e);
	assert_int_equal(gpt_grow(g, 2, &grown, &e), -1); /* not the last */
	assert_int_equal(gpt_grow(g, 7, &grown, &e), -1);
	if (gpt_grow(g, 3, &grown, &e))
		fail_msg("%s", e.text);
	assert_true(grown);
	assert_int_equal(gpt_by_number(g, 3)->start, 6144 * SECTOR);
	assert_int_equal(gpt_by_number(g, 3)->size, 2 * SIZE - (1 << 20) - 6144 * SECTOR);
	assert_int_equal(gpt_grow(g, 3, &grown, &e), 0);
	assert_false(grown);
	gpt_close(g);
	assert_int_equal(state_now(), GPT_SOUND);
	verify();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_read, set_up),	    cmocka_unit_test(test_guids),
		cmocka_unit_test_setup(test_repair, set_up),	    cmocka_unit_test_setup(test_flipped_bytes, set_up),
		cmocka_unit_test_setup(test_write, set_up),	    cmocka_unit_test_setup(test_torn_writes, set_up),
		cmocka_unit_test_setup(test_hostile_entries, set_up), cmocka_unit_test_setup(test_no_gpt, set_up),
		cmocka_unit_test_setup(test_grow, set_up),
	};
	int fd = mkstemp(path), result;

	close(fd);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return result;
}
