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

#include "base/fs.h"
#include "base/kmod.h"

struct fixture {
	char dir[64];
	char order[512]; /* the modules inserted, each followed by a space */
	const char *refuse; /* insert fails for this path */
	int error;
	struct kmod *k;
};

static void put(struct fixture *f, const char *path, const char *text)
{
	char full[256], *slash;
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	slash = strrchr(full, '/');
	*slash = 0;
	assert_int_equal(fs_mkdirs(AT_FDCWD, full, 0755, NULL), 0);
	*slash = '/';
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int insert(void *arg, int fd, const char *path)
{
	struct fixture *f = arg;

	assert_true(fd >= 0);
	if (f->refuse && !strcmp(path, f->refuse)) {
		errno = f->error;
		return -1;
	}
	strcat(f->order, strrchr(path, '/') + 1);
	strcat(f->order, " ");
	return 0;
}

static int set_up(void **state)
{
	static const char *const files[] = {"pci", "ring", "blk", "net", "core", "crc", "alpha", "beta", "self-made"};
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	strcpy(f->dir, "/tmp/hull-kmod-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "lib/kernel/d/%s.ko", files[i]);
		put(f, path, "");
	}
	put(f, "lib/modules.dep",
	    "kernel/d/blk.ko: kernel/d/ring.ko kernel/d/core.ko\n"
	    "kernel/d/net.ko: kernel/d/ring.ko kernel/d/core.ko\n"
	    "kernel/d/ring.ko: kernel/d/core.ko\n"
	    "kernel/d/core.ko:\nkernel/d/crc.ko:\nkernel/d/pci.ko: kernel/d/core.ko\n"
	    "kernel/d/alpha.ko:\nkernel/d/beta.ko:\nkernel/d/self-made.ko:\nkernel/d/missing.ko:\nnonsense\n");
	put(f, "lib/modules.alias",
	    "# comment\nalias pci:v00001AF4d*sv*sd*bc*sc*i* pci\nalias virtio:d00000002v* blk\n"
	    "alias virtio:d00000001v* net\nalias virtio:d00000001v* crc\nalias fs-[xy]* self_made\nalias broken\n");
	put(f, "lib/modules.softdep", "softdep alpha pre: beta post: crc\nsoftdep beta pre: alpha\n");
	put(f, "lib/modules.builtin", "kernel/fs/ext4/ext4.ko\n");
	char lib[80];
	snprintf(lib, sizeof(lib), "%s/lib", f->dir);
	f->k = kmod_open(lib, insert, f, &e);
	assert_non_null(f->k);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kmod_close(f->k);
	fs_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

static void test_dependencies_come_first(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kmod_load(f->k, "blk", NULL), 0);
	assert_string_equal(f->order, "core.ko ring.ko blk.ko ");
	assert_int_equal(kmod_load(f->k, "blk", NULL), 0); /* once */
	assert_int_equal(kmod_load(f->k, "net", NULL), 0);
	assert_string_equal(f->order, "core.ko ring.ko blk.ko net.ko ");
}

static void test_names(void **state)
{
	struct fixture *f = *state;
	struct err e;

	assert_int_equal(kmod_load(f->k, "self_made", NULL), 0);
	assert_string_equal(f->order, "self-made.ko ");
	assert_int_equal(kmod_load(f->k, "ext4", NULL), 0);
	assert_int_equal(kmod_load(f->k, "nothing", &e), -1);
	assert_int_equal(e.code, ENOENT);
	assert_int_equal(kmod_load(f->k, "", &e), -1);
	assert_int_equal(kmod_load(f->k, "missing", &e), -1);
	assert_non_null(strstr(e.text, "missing.ko"));
}

static void test_failures(void **state)
{
	struct fixture *f = *state;
	struct err e;

	f->refuse = "kernel/d/core.ko";
	f->error = ENODEV;
	assert_int_equal(kmod_load(f->k, "blk", &e), -1);
	assert_int_equal(e.code, ENODEV);
	assert_string_equal(f->order, "");
	f->error = EEXIST; /* somebody was faster */
	assert_int_equal(kmod_load(f->k, "blk", &e), 0);
	assert_string_equal(f->order, "ring.ko blk.ko ");
}

static void test_softdeps_even_in_a_circle(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kmod_load(f->k, "alpha", NULL), 0);
	assert_string_equal(f->order, "beta.ko alpha.ko crc.ko ");
}

static void count(void *arg, const char *text)
{
	(void)text;
	++*(int *)arg;
}

static void test_aliases(void **state)
{
	struct fixture *f = *state;
	int complaints = 0;

	assert_int_equal(kmod_load_alias(f->k, "virtio:d00000001v00001AF4", count, &complaints), 4);
	assert_string_equal(f->order, "core.ko ring.ko net.ko crc.ko ");
	assert_int_equal(kmod_load_alias(f->k, "virtio:d00000009v00001AF4", count, &complaints), 0);
	assert_int_equal(kmod_load_alias(f->k, "fs-zfs", count, &complaints), 0);
	assert_int_equal(kmod_load_alias(f->k, "fs-xfs", count, &complaints), 1);
	f->refuse = "kernel/d/pci.ko";
	f->error = ENODEV;
	const char *pci = "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00";
	assert_int_equal(kmod_load_alias(f->k, pci, count, &complaints), 0);
	assert_int_equal(kmod_load_alias(f->k, pci, count, &complaints), 0);
	assert_int_equal(complaints, 1); /* what failed is not tried for each device */
}

static void test_coldplug(void **state)
{
	struct fixture *f = *state;
	char sys[80];

	put(f, "sys/bus/pci/devices/0000:00:01.0/modalias", "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00\n");
	put(f, "sys/bus/virtio/devices/virtio0/modalias", "virtio:d00000002v00001AF4\n");
	put(f, "sys/bus/virtio/devices/virtio1/modalias", "virtio:d000000FFv00001AF4\n");
	put(f, "sys/bus/odd/drivers/nothing", "");
	snprintf(sys, sizeof(sys), "%s/sys", f->dir);
	assert_int_equal(kmod_coldplug(f->k, sys, NULL, NULL), 4);
	assert_int_equal(kmod_coldplug(f->k, sys, NULL, NULL), 0);
	put(f, "sys/bus/virtio/devices/virtio2/modalias", "virtio:d00000001v00001AF4\n");
	assert_int_equal(kmod_coldplug(f->k, sys, NULL, NULL), 2);
	assert_int_equal(kmod_coldplug(f->k, "/nonexistent", NULL, NULL), 0);
}

static void test_missing_files(void **state)
{
	struct fixture *f = *state;
	char path[80];
	struct err e;
	struct kmod *k;

	assert_null(kmod_open("/nonexistent", insert, f, &e));
	put(f, "empty/modules.alias", "");
	snprintf(path, sizeof(path), "%s/empty", f->dir);
	assert_null(kmod_open(path, insert, f, &e));
	assert_non_null(strstr(e.text, "modules.dep"));
	put(f, "empty/modules.dep", "");
	k = kmod_open(path, insert, f, &e);
	assert_non_null(k);
	assert_int_equal(kmod_load(k, "x", &e), -1);
	kmod_close(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dependencies_come_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_softdeps_even_in_a_circle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_aliases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_coldplug, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_missing_files, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
