/* SPDX-License-Identifier: Apache-2.0 */
/* containers/layer.h: what a layer may hold, and every trick of docs' hostile list, one test each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fs.h"
#include "containers/layer.h"
#include "tests/unit/tar_maker.h"

struct fixture {
	char path[64];
	int dir; /* of the test: "outside" and "layer" in it */
	int layer;
	struct tar_maker tar;
	struct layer_limits limits;
	struct layer_info info;
	struct err e;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->path, "/tmp/hull-test-layer-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(f->dir, "layer", 0755);
	mkdirat(f->dir, "outside", 0755);
	f->layer = openat(f->dir, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->limits = LAYER_LIMITS;
	tar_start(&f->tar, ARCHIVE_FILTER_NONE);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tar_free(&f->tar);
	close(f->layer);
	close(f->dir);
	fs_remove_tree(AT_FDCWD, f->path, NULL);
	free(f);
	return 0;
}

/* Ends the archive and unpacks it. */
static int unpack(struct fixture *f)
{
	struct digest d;
	int fd, rc;

	if (f->tar.out)
		tar_end(&f->tar);
	d = tar_digest(f->tar.data, f->tar.len);
	fd = tar_memfd(f->tar.data, f->tar.len);
	rc = layer_unpack(fd, &d, f->layer, &f->limits, &f->info, &f->e);
	close(fd);
	return rc;
}

static void refused(struct fixture *f, const char *naming)
{
	f->e.text[0] = '\0';
	assert_int_equal(unpack(f), -1);
	if (!strstr(f->e.text, naming))
		fail_msg("'%s' doesn't name %s", f->e.text, naming);
	/* Nothing got out. */
	assert_int_equal(unlinkat(f->dir, "outside", AT_REMOVEDIR), 0);
	mkdirat(f->dir, "outside", 0755);
}

static void accepted(struct fixture *f)
{
	if (unpack(f) < 0)
		fail_msg("%s", f->e.text);
}

static struct stat look(struct fixture *f, const char *path)
{
	struct stat st;

	if (fstatat(f->layer, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}

static void holds(struct fixture *f, const char *path, const char *content)
{
	char *text;
	size_t len;

	assert_int_equal(fs_read(f->layer, path, 65536, &text, &len, NULL), 0);
	assert_string_equal(text, content);
	free(text);
}

static void is_opaque(struct fixture *f, const char *path, bool expected)
{
	int fd = openat(f->layer, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char value[8] = "";

	assert_true(fd >= 0);
	assert_int_equal(fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)), expected ? 1 : -1);
	if (expected)
		assert_int_equal(value[0], 'y');
	close(fd);
}

static void keeps_what_the_image_says(void **state)
{
	struct fixture *f = *state;
	struct archive_entry *e = tar_entry("bin/su", AE_IFREG, 04755);
	static const unsigned char capability[20] = { 1, 0, 0, 2, 0, 4 }; /* v2, effective, CAP_NET_BIND_SERVICE */
	char value[64];
	struct stat st;
	int fd;

	tar_dir(&f->tar, "bin");
	archive_entry_set_uid(e, 70000);
	archive_entry_set_gid(e, 12);
	archive_entry_set_mtime(e, 1234567890, 500);
	archive_entry_xattr_add_entry(e, "user.note", "a\0b", 3);
	archive_entry_xattr_add_entry(e, "security.capability", capability, sizeof(capability));
	archive_entry_xattr_add_entry(e, "trusted.overlay.opaque", "y", 1);
	archive_entry_xattr_add_entry(e, "user.overlay.redirect", "/etc", 4);
	archive_entry_xattr_add_entry(e, "security.selinux", "x", 1);
	tar_write(&f->tar, e, "program", 7);
	tar_symlink(&f->tar, "bin/link", "/etc/passwd");
	tar_hardlink(&f->tar, "bin/su2", "bin/su");
	tar_hardlink(&f->tar, "bin/link2", "bin/link");
	tar_write(&f->tar, tar_entry("fifo", AE_IFIFO, 0620), NULL, 0);
	accepted(f);

	st = look(f, "bin/su");
	assert_int_equal(st.st_mode, S_IFREG | 04755);
	assert_int_equal(st.st_uid, 70000);
	assert_int_equal(st.st_gid, 12);
	assert_int_equal(st.st_mtim.tv_sec, 1234567890);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(look(f, "bin/link2").st_mode, S_IFLNK | 0777);
	assert_int_equal(look(f, "fifo").st_mode, S_IFIFO | 0620);
	/* A directory's time isn't changed by what was put into it. */
	assert_int_equal(look(f, "bin").st_mtim.tv_sec, 1000000000);
	fd = openat(f->layer, "bin/su", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "user.note", value, sizeof(value)), 3);
	assert_int_equal(fgetxattr(fd, "security.capability", value, sizeof(value)), 20);
	assert_int_equal(fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)), -1);
	assert_int_equal(fgetxattr(fd, "user.overlay.redirect", value, sizeof(value)), -1);
	close(fd);
	assert_int_equal(f->info.entries, 6);
	assert_int_equal(f->info.content_bytes, 7);
}

static void any_bytes_in_names(void **state)
{
	struct fixture *f = *state;
	char name[200];

	tar_file(&f->tar, "caf\xe9", "latin");
	tar_file(&f->tar, "\xff\xfe/\x01\n", "bytes");
	memset(name, 'x', 180); /* long enough for a pax header, with bytes that aren't UTF-8 */
	strcpy(name + 180, "\xe9\xff");
	tar_file(&f->tar, name, "long");
	accepted(f);
	holds(f, "caf\xe9", "latin");
	holds(f, "\xff\xfe/\x01\n", "bytes");
	holds(f, name, "long");
}

/* A pax path in UTF-8, as Go's and Python's tar write it, whatever this process's locale is. */
static void utf8_pax_names(void **state)
{
	struct fixture *f = *state;

	static const char *const records[] = { "path=gr\xc3\xb6\xc3\x9f""e/\xf0\x9f\x90\xb3.txt", NULL };

	tar_file(&f->tar, "x", "fish");
	tar_end(&f->tar);
	tar_prepend_pax(&f->tar, records);
	accepted(f);
	holds(f, "gr\xc3\xb6\xc3\x9f""e/\xf0\x9f\x90\xb3.txt", "fish");
}

static void absolute_names_are_relative(void **state)
{
	struct fixture *f = *state;

	tar_file(&f->tar, "/etc/passwd-of-the-test", "in the layer");
	tar_file(&f->tar, ".//a/./b", "b");
	accepted(f);
	holds(f, "etc/passwd-of-the-test", "in the layer");
	holds(f, "a/b", "b");
}

static void dot_dot(void **state)
{
	struct fixture *f = *state;

	tar_file(&f->tar, "a/../../outside/x", "");
	refused(f, "a/../../outside/x");
}

static void through_a_symlink(void **state)
{
	struct fixture *f = *state;

	tar_symlink(&f->tar, "dir", "../outside");
	tar_file(&f->tar, "dir/x", "");
	refused(f, "'dir/x'");
}

static void through_an_absolute_symlink(void **state)
{
	struct fixture *f = *state;

	tar_symlink(&f->tar, "a", "/tmp");
	tar_dir(&f->tar, "a/b/c");
	refused(f, "'a/b/c");
}

/* CVE-2021-29136: the root itself as a link. */
static void root_as_symlink(void **state)
{
	struct fixture *f = *state;

	tar_symlink(&f->tar, "./.", "../outside");
	refused(f, "./.");
}

static void whiteout_through_a_symlink(void **state)
{
	struct fixture *f = *state;

	tar_symlink(&f->tar, "dir", "../outside");
	tar_file(&f->tar, "dir/.wh.x", "");
	refused(f, "'dir/.wh.x'");
}

static void opaque_through_a_symlink(void **state)
{
	struct fixture *f = *state;

	tar_symlink(&f->tar, "dir", "../outside");
	tar_file(&f->tar, "dir/.wh..wh..opq", "");
	refused(f, "opq");
}

static void hardlink_through_a_symlink(void **state)
{
	struct fixture *f = *state;

	tar_symlink(&f->tar, "etc", "/etc");
	tar_hardlink(&f->tar, "x", "etc/passwd");
	refused(f, "'x'");
}

static void hardlink_to_nothing(void **state)
{
	struct fixture *f = *state;

	tar_hardlink(&f->tar, "x", "later");
	tar_file(&f->tar, "later", "");
	refused(f, "'x'");
}

static void hardlink_to_dot_dot(void **state)
{
	struct fixture *f = *state;

	tar_hardlink(&f->tar, "x", "../outside/y");
	refused(f, "'x'");
}

static void hardlink_to_a_directory_or_whiteout(void **state)
{
	struct fixture *f = *state;

	tar_file(&f->tar, ".wh.gone", "");
	tar_hardlink(&f->tar, "x", "gone");
	refused(f, "'x'");
}

static void a_leaf_symlink_is_replaced(void **state)
{
	struct fixture *f = *state;

	tar_symlink(&f->tar, "x", "../outside/x");
	tar_file(&f->tar, "x", "mine");
	tar_symlink(&f->tar, "d", "../outside");
	tar_dir(&f->tar, "d");
	tar_file(&f->tar, "d/y", "mine too");
	accepted(f);
	holds(f, "x", "mine");
	holds(f, "d/y", "mine too");
	assert_int_equal(faccessat(f->dir, "outside/x", F_OK, 0), -1);
}

static void the_last_duplicate_counts(void **state)
{
	struct fixture *f = *state;

	tar_file(&f->tar, "x", "first");
	tar_file(&f->tar, "x", "second");
	tar_file(&f->tar, "d/e/f", "a tree");
	tar_file(&f->tar, "d", "a file in its place");
	accepted(f);
	holds(f, "x", "second");
	holds(f, "d", "a file in its place");
}

static void a_file_as_directory(void **state)
{
	struct fixture *f = *state;

	tar_file(&f->tar, "x", "");
	tar_file(&f->tar, "x/y", "");
	refused(f, "'x/y'");
}

static void block_device(void **state)
{
	struct fixture *f = *state;

	tar_device(&f->tar, "dev/sda", AE_IFBLK, 8, 0);
	refused(f, "'dev/sda'");
}

static void character_device(void **state)
{
	struct fixture *f = *state;

	tar_device(&f->tar, "etc/mem", AE_IFCHR, 1, 1);
	refused(f, "'etc/mem'");
}

/* A 0:0 node would be a whiteout that no scanner of ".wh." names sees. */
static void smuggled_whiteout(void **state)
{
	struct fixture *f = *state;

	tar_device(&f->tar, "etc/shadow", AE_IFCHR, 0, 0);
	refused(f, "'etc/shadow'");
}

static void character_devices_in_dev_are_left_out(void **state)
{
	struct fixture *f = *state;

	tar_device(&f->tar, "dev/null", AE_IFCHR, 1, 3);
	accepted(f);
	assert_int_equal(faccessat(f->layer, "dev/null", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

static void whiteouts(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	tar_file(&f->tar, "a/.wh.gone", "");
	tar_file(&f->tar, "b/.wh..wh..opq", "");
	tar_file(&f->tar, "b/new", "stays");
	tar_file(&f->tar, "c/.wh.dir", "");
	tar_file(&f->tar, "c/dir/x", "hidden first, then new");
	tar_file(&f->tar, "e/f/x", "");
	tar_file(&f->tar, "e/.wh.f", "");
	tar_file(&f->tar, "g", "own");
	tar_file(&f->tar, ".wh.g", "");
	tar_file(&f->tar, ".wh..wh.plnk/1.2", "AUFS");
	accepted(f);
	st = look(f, "a/gone");
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	is_opaque(f, "a", false);
	is_opaque(f, "b", true);
	holds(f, "b/new", "stays");
	is_opaque(f, "c/dir", true);
	is_opaque(f, "e/f", true);
	holds(f, "g", "own");
	assert_int_equal(faccessat(f->layer, ".wh..wh.plnk", F_OK, 0), -1);
	assert_true(f->info.opaque);
	assert_false(f->info.opaque_root);
}

static void opaque_root(void **state)
{
	struct fixture *f = *state;

	tar_file(&f->tar, ".wh..wh..opq", "");
	accepted(f);
	assert_true(f->info.opaque_root);
}

static void bad_whiteouts(void **state)
{
	static const char *const names[] = { ".wh.", "d/.wh.", ".wh..", ".wh...", "d/.wh.x/y" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		tar_file(&f->tar, names[i], "");
		refused(f, names[i]);
		tar_free(&f->tar);
		tar_start(&f->tar, ARCHIVE_FILTER_NONE);
	}
	tar_dir(&f->tar, ".wh.dir");
	refused(f, ".wh.dir");
}

static void long_names(void **state)
{
	struct fixture *f = *state;
	char name[5000];

	memset(name, 'a', 300);
	name[300] = '\0';
	tar_file(&f->tar, name, "");
	refused(f, "aaaaaaaaaa");
	tar_free(&f->tar);
	tar_start(&f->tar, ARCHIVE_FILTER_NONE);
	for (int i = 0; i < 4800; i += 2)
		memcpy(name + i, "d/", 3);
	tar_file(&f->tar, name, "");
	refused(f, "d/d/d/d/");
}

static void xattr_bomb(void **state)
{
	struct fixture *f = *state;
	struct archive_entry *e = tar_entry("bomb", AE_IFREG, 0644);
	char value[3000] = { 0 };

	for (int i = 0; i < 40; i++) {
		char name[32];

		snprintf(name, sizeof(name), "trusted.n%d", i);
		archive_entry_xattr_add_entry(e, name, value, sizeof(value));
	}
	tar_write(&f->tar, e, "", 0);
	refused(f, "'bomb'");
}

static void too_many_entries(void **state)
{
	struct fixture *f = *state;
	char name[16];

	f->limits.entries = 50;
	for (int i = 0; i < 51; i++) {
		snprintf(name, sizeof(name), "%d", i);
		tar_file(&f->tar, name, "");
	}
	refused(f, "50 entries");
}

static void compression_bomb(void **state)
{
	struct fixture *f = *state;
	char *zero = calloc(1, 4u << 20);
	struct digest d = { .kind = HASH_SHA256 };
	int fd;

	tar_free(&f->tar);
	tar_start(&f->tar, ARCHIVE_FILTER_GZIP);
	tar_write(&f->tar, tar_entry("zero", AE_IFREG, 0644), zero, 4u << 20);
	tar_end(&f->tar);
	free(zero);
	f->limits.ratio_from_bytes = 1u << 20;
	fd = tar_memfd(f->tar.data, f->tar.len);
	assert_int_equal(layer_unpack(fd, &d, f->layer, &f->limits, NULL, &f->e), -1);
	assert_non_null(strstr(f->e.text, "bomb"));
	f->limits = LAYER_LIMITS;
	f->limits.stream_bytes = 1u << 20;
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(layer_unpack(fd, &d, f->layer, &f->limits, NULL, &f->e), -1);
	assert_int_equal(f->e.code, EFBIG);
	close(fd);
}

static void sparse_sizes(void **state)
{
	struct fixture *f = *state;
	/* 1 TiB of holes in a kilobyte of archive. */
	static const char *const records[] = { "GNU.sparse.size=1099511627776", "GNU.sparse.numblocks=1", "GNU.sparse.map=0,1",
					       NULL };

	tar_file(&f->tar, "sparse", "x");
	tar_end(&f->tar);
	tar_prepend_pax(&f->tar, records);
	refused(f, "'sparse'");
}

static void small_sparse_file(void **state)
{
	struct fixture *f = *state;
	struct archive_entry *e = tar_entry("sparse", AE_IFREG, 0644);
	char *data = calloc(1, 1u << 20);
	struct stat st;

	data[1u << 19] = 'x';
	archive_entry_set_size(e, 1u << 20);
	archive_entry_sparse_add_entry(e, 1u << 19, 4096);
	tar_write(&f->tar, e, data, 1u << 20);
	free(data);
	accepted(f);
	st = look(f, "sparse");
	assert_int_equal(st.st_size, 1u << 20);
	assert_true(st.st_blocks * 512 < 1 << 18);
}

/* A part of the header was read only: another reader may see another name. */
static void malformed_pax_header(void **state)
{
	static const char *const records[] = { "path=other", "mtime=", NULL };
	struct fixture *f = *state;

	tar_file(&f->tar, "x", "");
	tar_end(&f->tar);
	tar_prepend_pax(&f->tar, records);
	f->tar.data[512] = '9'; /* a record longer than the header */
	refused(f, "'x'");
}

static void truncated(void **state)
{
	struct fixture *f = *state;

	tar_file(&f->tar, "one", "1");
	tar_write(&f->tar, tar_entry("two", AE_IFREG, 0644), f->tar.data, 4000);
	tar_end(&f->tar);
	f->tar.len = 512 * 4;
	refused(f, "'two'");
}

static void not_a_tar(void **state)
{
	struct fixture *f = *state;

	tar_end(&f->tar);
	memset(f->tar.data, 'x', 2048);
	f->tar.len = 2048;
	assert_int_equal(unpack(f), -1);
}

static void wrong_diff_id(void **state)
{
	struct fixture *f = *state;
	struct digest d;
	int fd;

	tar_file(&f->tar, "x", "");
	tar_end(&f->tar);
	d = tar_digest("", 0);
	fd = tar_memfd(f->tar.data, f->tar.len);
	assert_int_equal(layer_unpack(fd, &d, -1, &f->limits, NULL, &f->e), -1);
	assert_non_null(strstr(f->e.text, "sha256:"));
	close(fd);
}

static void trailing_garbage_counts_for_the_digest(void **state)
{
	struct fixture *f = *state;
	struct digest d;
	int fd;

	tar_file(&f->tar, "x", "1");
	tar_end(&f->tar);
	memset(f->tar.data + f->tar.len, 'g', 5000);
	d = tar_digest(f->tar.data, f->tar.len);
	fd = tar_memfd(f->tar.data, f->tar.len + 5000);
	assert_int_equal(layer_unpack(fd, &d, f->layer, &f->limits, NULL, &f->e), -1);
	close(fd);
	f->tar.len += 5000;
	accepted(f);
	holds(f, "x", "1");
}

/* The same content by each compression has one diff-id. */
static void compressed(void **state)
{
	static const int filters[] = { ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD };
	struct fixture *f = *state;
	struct digest d;

	tar_file(&f->tar, "x", "content");
	tar_end(&f->tar);
	d = tar_digest(f->tar.data, f->tar.len);
	for (int i = 0; i < 2; i++) {
		struct tar_maker t;
		int fd;

		tar_start(&t, filters[i]);
		tar_file(&t, "x", "content");
		tar_end(&t);
		fd = tar_memfd(t.data, t.len);
		if (layer_unpack(fd, &d, f->layer, &f->limits, NULL, &f->e) < 0)
			fail_msg("%s", f->e.text);
		close(fd);
		/* Cut short. */
		fd = tar_memfd(t.data, t.len - 12);
		assert_int_equal(layer_unpack(fd, &d, f->layer, &f->limits, NULL, &f->e), -1);
		close(fd);
		tar_free(&t);
	}
	holds(f, "x", "content");
}

static void compressed_twice(void **state)
{
	struct fixture *f = *state;
	struct archive *outer = archive_write_new();
	char *packed = malloc(TAR_MAX);
	struct archive_entry *e;
	struct digest d;
	size_t len = 0;
	int fd;

	tar_free(&f->tar);
	tar_start(&f->tar, ARCHIVE_FILTER_GZIP);
	tar_file(&f->tar, "x", "content");
	tar_end(&f->tar);
	archive_write_add_filter_gzip(outer);
	archive_write_set_format_raw(outer);
	archive_write_open_memory(outer, packed, TAR_MAX, &len);
	e = tar_entry("raw", AE_IFREG, 0644);
	archive_write_header(outer, e);
	archive_write_data(outer, f->tar.data, f->tar.len);
	archive_entry_free(e);
	archive_write_close(outer);
	archive_write_free(outer);
	d = tar_digest(f->tar.data, f->tar.len);
	fd = tar_memfd(packed, len);
	assert_int_equal(layer_unpack(fd, &d, f->layer, &f->limits, NULL, &f->e), -1);
	close(fd);
	free(packed);
}

static void owner_out_of_range(void **state)
{
	struct fixture *f = *state;
	struct archive_entry *e = tar_entry("x", AE_IFREG, 0644);

	archive_entry_set_uid(e, INT64_C(1) << 32);
	tar_write(&f->tar, e, "", 0);
	refused(f, "'x'");
}

/* 1,024 zero bytes: what tools write for an empty layer. */
static void empty_layer(void **state)
{
	struct fixture *f = *state;

	accepted(f);
	assert_int_equal(f->info.entries, 0);
}

/* Not even the zero bytes. */
static void the_empty_blob(void **state)
{
	struct fixture *f = *state;

	tar_end(&f->tar);
	f->tar.len = 0;
	accepted(f);
	assert_int_equal(f->info.entries, 0);
}

static void sha512(void **state)
{
	struct fixture *f = *state;
	struct digest d = { .kind = HASH_SHA512 };
	struct hash *h = hash_new(HASH_SHA512);
	int fd;

	tar_file(&f->tar, "x", "1");
	tar_end(&f->tar);
	hash_update(h, f->tar.data, f->tar.len);
	hash_final(h, d.bytes);
	fd = tar_memfd(f->tar.data, f->tar.len);
	assert_int_equal(layer_unpack(fd, &d, f->layer, &f->limits, &f->info, &f->e), 0);
	d.bytes[63] ^= 1;
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(layer_unpack(fd, &d, -1, &f->limits, &f->info, &f->e), -1);
	close(fd);
	holds(f, "x", "1");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_what_the_image_says), TEST(any_bytes_in_names), TEST(utf8_pax_names),
		TEST(absolute_names_are_relative), TEST(dot_dot), TEST(through_a_symlink), TEST(through_an_absolute_symlink),
		TEST(root_as_symlink), TEST(whiteout_through_a_symlink), TEST(opaque_through_a_symlink),
		TEST(hardlink_through_a_symlink), TEST(hardlink_to_nothing), TEST(hardlink_to_dot_dot),
		TEST(hardlink_to_a_directory_or_whiteout), TEST(a_leaf_symlink_is_replaced), TEST(the_last_duplicate_counts),
		TEST(a_file_as_directory), TEST(block_device), TEST(character_device), TEST(smuggled_whiteout),
		TEST(character_devices_in_dev_are_left_out), TEST(whiteouts), TEST(opaque_root), TEST(bad_whiteouts),
		TEST(long_names), TEST(xattr_bomb), TEST(too_many_entries), TEST(compression_bomb), TEST(sparse_sizes),
		TEST(small_sparse_file), TEST(malformed_pax_header), TEST(truncated), TEST(not_a_tar), TEST(wrong_diff_id),
		TEST(trailing_garbage_counts_for_the_digest), TEST(compressed), TEST(compressed_twice),
		TEST(owner_out_of_range), TEST(empty_layer), TEST(the_empty_blob), TEST(sha512),
	};

	if (geteuid() != 0) {
		fprintf(stderr, "skipped: owners and device nodes need root\n");
		return 0;
	}
	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
