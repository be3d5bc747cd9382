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

#include "init/boot/mountinfo.h"

static const char machine[] =
	"1 0 0:2 / / rw - rootfs rootfs rw\n"
	"22 1 253:0 / / ro,relatime - erofs /dev/mapper/root ro\n"
	"23 22 0:21 / /proc rw,nosuid - proc proc rw\n"
	"24 22 0:22 / /sys rw - sysfs sysfs rw\n"
	"25 22 0:5 / /dev rw - devtmpfs devtmpfs rw\n"
	"26 25 0:23 / /dev/pts rw - devpts devpts rw\n"
	"27 22 0:24 / /run rw shared:3 master:1 - tmpfs tmpfs rw\n"
	"28 24 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	"40 22 254:8 / /var/lib/hull rw,nodev - ext4 /dev/vda8 rw,errors=remount-ro\n"
	"41 40 0:40 / /var/lib/hull/a\\040b\\134c rw - tmpfs none rw\n"
	"42 40 254:8 / /var/lib/hull rw - ext4 /dev/vda8 ro\n"
	"43 27 0:41 / /run/hull/ns/x rw - nsfs nsfs rw\n";

static size_t place(const struct mount_list *l, int id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->entries[i].id == id)
			return i;
	fail_msg("mount %d is missing", id);
	return 0;
}

static void order(void **st)
{
	struct mount_list l;

	(void)st;
	assert_int_equal(mount_list_parse(machine, &l, NULL), 0);
	assert_int_equal(l.n, 12);
	mount_list_order_for_unmount(&l);
	for (size_t i = 0; i < l.n; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(l.entries[j].id, l.entries[i].parent); /* no parent before its child */
	assert_true(place(&l, 42) < place(&l, 41)); /* siblings: the younger first */
	assert_int_equal(l.entries[l.n - 1].id, 1);
	mount_list_free(&l);
}

static void fields(void **st)
{
	struct mount_list l;
	const struct mount_entry *m;

	(void)st;
	assert_int_equal(mount_list_parse(machine, &l, NULL), 0);
	m = &l.entries[place(&l, 41)];
	assert_string_equal(m->target, "/var/lib/hull/a b\\c");
	assert_string_equal(m->type, "tmpfs");
	assert_false(m->block);
	m = &l.entries[place(&l, 40)];
	assert_true(m->block);
	assert_false(m->readonly);
	assert_string_equal(m->source, "/dev/vda8");
	assert_true(l.entries[place(&l, 42)].readonly);
	assert_string_equal(l.entries[place(&l, 27)].type, "tmpfs");
	mount_list_free(&l);
}

static void what_stays(void **st)
{
	static const int stay[] = {1, 22, 23, 24, 25, 26, 27, 28}, go[] = {40, 41, 42, 43};
	struct mount_list l;

	(void)st;
	assert_int_equal(mount_list_parse(machine, &l, NULL), 0);
	for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
		assert_true(mount_stays(&l.entries[place(&l, stay[i])]));
	for (size_t i = 0; i < sizeof(go) / sizeof(go[0]); i++)
		assert_false(mount_stays(&l.entries[place(&l, go[i])]));
	mount_list_free(&l);
}

static void bad_input(void **st)
{
	static const char *const bad[] = {"x", "1 2", "1 0 0:2 / / rw rootfs rootfs rw", "1 0 0:2 / / rw -",
		"a b c:d / / rw - x y z\n"};
	struct mount_list l;
	struct err e = {0};

	(void)st;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(mount_list_parse(bad[i], &l, &e), -1);
		assert_int_equal(e.code, EINVAL);
	}
	assert_int_equal(mount_list_parse("", &l, &e), 0);
	assert_int_equal(l.n, 0);
	mount_list_order_for_unmount(&l);
	mount_list_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(fields),
		cmocka_unit_test(what_stays),
		cmocka_unit_test(bad_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
