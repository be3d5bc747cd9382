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

#include "base/gpt.h"
#include "base/slot.h"

#define ROOT "type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define VERITY "type=2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"
#define SIG "type=41092b05-9fc8-4523-994f-2def0408b176"
#define MIB(n) ((off_t)(n) << 20)

static char path[] = "/tmp/hull-slot-XXXXXX";

/* A disk of 16 MiB with the partitions of the script. */
static void make_disk(const char *script)
{
	char command[128];
	FILE *p;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(ftruncate(fd, MIB(16)), 0);
	close(fd);
	snprintf(command, sizeof(command), "sfdisk --quiet %s >/dev/null 2>&1", path);
	p = popen(command, "w");
	fprintf(p, "label: gpt\n%s", script);
	assert_int_equal(pclose(p), 0);
}

static const char both[] =
	"size=1MiB, name=esp\n"
	"size=2MiB, " ROOT ", name=root-a, attrs=\"GUID:49,GUID:52,GUID:53,GUID:63\"\n" /* priority 2, tries 3 */
	"size=2MiB, " ROOT ", name=root-b, attrs=\"GUID:48,GUID:56\"\n"		       /* priority 1, successful */
	"size=1MiB, " VERITY ", name=verity-a\nsize=1MiB, " VERITY ", name=verity-b\n"
	"size=1MiB, " SIG ", name=sig-a\nsize=1MiB, " SIG ", name=sig-b\n"
	"name=HULL-STATE\n";

static struct slot get(char label)
{
	struct slot s;
	struct err e;

	if (slot_get(path, label, &s, &e))
		fail_msg("%s", e.text);
	return s;
}

static void expect(char label, unsigned priority, unsigned tries, bool successful)
{
	struct slot s = get(label);

	assert_int_equal(s.priority, priority);
	assert_int_equal(s.tries, tries);
	assert_int_equal(s.successful, successful);
}

static struct slot make(char label, unsigned disk, unsigned priority, unsigned tries, bool successful)
{
	return (struct slot){
		.label = label, .disk_order = disk, .priority = priority, .tries = tries, .successful = successful};
}

static void test_pick(void **state)
{
	struct slot s[4] = {make('a', 0, 1, 0, true), make('b', 0, 2, 3, false), make('a', 1, 15, 0, true),
			    make('b', 1, 0, 15, true)};

	(void)state;
	assert_ptr_equal(slot_pick(s, 4, 0), &s[1]); /* the first disk's, by priority */
	assert_ptr_equal(slot_pick(s, 4, 1u << 1), &s[0]);
	assert_ptr_equal(slot_pick(s, 4, 3), &s[2]); /* another disk's only after them */
	assert_null(slot_pick(s, 4, 7));	     /* priority 0 is never picked */
	s[1].tries = 0;
	assert_ptr_equal(slot_pick(s, 4, 0), &s[0]);
	s[1].tries = 1;
	strcpy(s[1].problem, "no partition labelled sig-b");
	assert_ptr_equal(slot_pick(s, 4, 0), &s[0]);
	s[1] = make('b', 0, 1, 1, false);
	assert_ptr_equal(slot_pick(s, 4, 0), &s[0]); /* a tie: by label, whatever their order */
	s[0] = make('b', 0, 1, 1, false);
	s[1] = make('a', 0, 1, 0, true);
	assert_ptr_equal(slot_pick(s, 4, 0), &s[1]);
	assert_null(slot_pick(s, 0, 0));
}

/* Every state of the nine bits: bootable exactly with a priority and either proof or tries. */
static void test_all_bits(void **state)
{
	(void)state;
	for (unsigned v = 0; v < 512; v++) {
		struct slot s = make('a', 0, v & 15, v >> 4 & 15, v >> 8);

		assert_int_equal(slot_bootable(&s), (v & 15) && (v >> 4));
	}
}

static void test_read(void **state)
{
	struct slot s[2];
	struct err e;

	(void)state;
	make_disk(both);
	assert_int_equal(slots_read(path, s, NULL, NULL, &e), 2);
	assert_int_equal(s[0].label, 'a');
	assert_string_equal(s[0].disk, path);
	assert_string_equal(s[0].problem, "");
	assert_int_equal(s[0].priority, 2);
	assert_int_equal(s[0].tries, 3);
	assert_false(s[0].successful);
	assert_int_equal(s[0].root.number, 2);
	assert_int_equal(s[0].root.start, MIB(2));
	assert_int_equal(s[0].root.size, MIB(2));
	assert_int_equal(s[0].verity.number, 4);
	assert_int_equal(s[0].sig.number, 6);
	assert_string_equal(s[0].root.device, ""); /* a file has none */
	assert_int_equal(s[1].root.number, 3);
	assert_true(s[1].successful);
	assert_int_equal(slot_get(path, 'c', &s[0], &e), -1);
	assert_int_equal(e.code, ENOENT);
}

static void test_tries_go_and_stay_gone(void **state)
{
	struct slot s;
	struct err e;

	(void)state;
	make_disk(both);
	for (unsigned left = 3; left-- > 0;) {
		s = get('a');
		assert_int_equal(slot_decrement_tries(&s, &e), 0);
		assert_int_equal(s.tries, left);
		expect('a', 2, left, false);
	}
	assert_int_equal(slot_decrement_tries(&s, &e), -1);
	assert_false(slot_bootable(&s));
	s = get('b');
	assert_int_equal(slot_decrement_tries(&s, &e), 0); /* proven: not counted */
	expect('b', 1, 0, true);
}

static void test_other_bits_stay(void **state)
{
	struct slot s;
	struct gpt *g;

	(void)state;
	make_disk(both);
	s = get('a');
	assert_int_equal(slot_mark_successful(&s, NULL), 0);
	expect('a', 2, 0, true);
	g = gpt_open(path, false, NULL);
	assert_int_equal(gpt_by_number(g, 2)->attributes, 1ull << 49 | 1ull << 56 | 1ull << 63);
	gpt_close(g);
}

static void test_distrust(void **state)
{
	struct slot s;
	struct err e;

	(void)state;
	make_disk(both);
	s = get('a');
	assert_int_equal(slot_distrust(&s, &e), 0);
	expect('a', 0, 0, false);
	s = get('b');
	assert_int_equal(slot_distrust(&s, &e), -1); /* the last one is kept */
	assert_int_equal(e.code, EBUSY);
	expect('b', 1, 0, true);
	s = get('a');
	assert_int_equal(slot_mark_successful(&s, &e), 0); /* proven after all: it gets a priority again */
	expect('a', 1, 0, true);
}

static void test_replaced_meanwhile(void **state)
{
	struct slot s;
	struct err e;

	(void)state;
	make_disk(both);
	s = get('a');
	s.root.uuid[3] ^= 1; /* an update gave the partition another image */
	assert_int_equal(slot_mark_successful(&s, &e), -1);
	assert_int_equal(e.code, ESTALE);
	expect('a', 2, 3, false);
}

static int reports;
static char last_report[256];

static void count(void *arg, const char *text)
{
	(void)arg;
	reports++;
	snprintf(last_report, sizeof(last_report), "%s", text);
}

static void damage(off_t at)
{
	static const char zeros[512];
	int fd = open(path, O_WRONLY);

	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
	close(fd);
}

static void test_damaged_copies_are_repaired(void **state)
{
	const off_t places[] = {0, 512, 1024, MIB(16) - 512, MIB(16) - 33 * 512};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct slot s[2];
		struct gpt *g;
		struct err e;

		make_disk(both);
		damage(places[i]);
		reports = 0;
		assert_int_equal(slots_read(path, s, count, NULL, &e), 2);
		assert_int_equal(reports, 1);
		assert_non_null(strstr(last_report, "repaired"));
		g = gpt_open(path, false, &e);
		assert_int_equal(gpt_state(g), GPT_SOUND);
		gpt_close(g);
	}
}

static void test_problems(void **state)
{
	static const struct {
		const char *script, *problem;
	} disks[] = {
		{"size=1MiB, " ROOT ", name=root-a\nsize=1MiB, " SIG ", name=sig-a\n", "no partition labelled verity-a"},
		{"size=1MiB, " ROOT ", name=root-a\nsize=1MiB, " VERITY ", name=verity-a\n", "no partition labelled sig-a"},
		{"size=1MiB, " ROOT ", name=root-a\nsize=1MiB, " ROOT ", name=root-a\n", "two partitions are labelled root-a"},
		/* The type counts, not only the label. */
		{"size=1MiB, " ROOT ", name=root-a\nsize=1MiB, " ROOT ", name=verity-a\nsize=1MiB, " SIG ", name=sig-a\n",
		 "no partition labelled verity-a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
		struct slot s;

		make_disk(disks[i].script);
		s = get('a');
		assert_string_equal(s.problem, disks[i].problem);
		assert_false(slot_bootable(&s));
	}
}

static void test_no_slots(void **state)
{
	struct slot s[2];
	struct err e;

	(void)state;
	make_disk("size=1MiB, name=root-a\nsize=1MiB, " ROOT ", name=root-c\nsize=1MiB, " VERITY ", name=verity-a\n"
		  "size=1MiB, " ROOT ", name=root-ab\n");
	assert_int_equal(slots_read(path, s, NULL, NULL, &e), 0);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(slots_read(path, s, NULL, NULL, &e), -1);
	assert_int_equal(truncate(path, MIB(1)), 0);
	assert_int_equal(slots_read(path, s, NULL, NULL, &e), -1);
	assert_int_equal(e.code, ENODATA);
	assert_int_equal(slots_read("/nonexistent", s, NULL, NULL, &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pick),
		cmocka_unit_test(test_all_bits),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_tries_go_and_stay_gone),
		cmocka_unit_test(test_other_bits_stay),
		cmocka_unit_test(test_distrust),
		cmocka_unit_test(test_replaced_meanwhile),
		cmocka_unit_test(test_damaged_copies_are_repaired),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_no_slots),
	};
	int fd = mkstemp(path), result;

	close(fd);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return result;
}
