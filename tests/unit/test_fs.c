/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fs.h"

static char root[64];
static int dir = -1;

static int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/hull-test-fs-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(dir);
	return fs_remove_tree(AT_FDCWD, root, NULL);
}

static void put(const char *name, const char *text)
{
	assert_int_equal(fs_replace(dir, name, text, strlen(text), 0644, NULL), 0);
}

static void test_read(void **state)
{
	(void)state;
	struct err e;
	char *data = NULL;
	size_t len = 7;
	put("f", "0123456789");
	assert_int_equal(fs_read(dir, "f", 9, &data, &len, &e), -1);
	assert_int_equal(e.code, EFBIG);
	assert_null(data);
	assert_int_equal(len, 7);
	assert_int_equal(fs_read(dir, "f", 10, &data, &len, &e), 0);
	assert_int_equal(len, 10);
	assert_string_equal(data, "0123456789");
	free(data);
	assert_int_equal(fs_read(dir, "none", 10, &data, &len, &e), -1);
	assert_int_equal(e.code, ENOENT);
	assert_int_equal(fs_read(dir, ".", 10, &data, &len, &e), -1);
	assert_int_equal(e.code, EISDIR);
	put("empty", "");
	assert_int_equal(fs_read(dir, "empty", 0, &data, &len, &e), 0);
	assert_string_equal(data, "");
	free(data);
}

static void test_read_large_and_pseudo(void **state)
{
	(void)state;
	static char big[100000];
	memset(big, 'b', sizeof(big));
	assert_int_equal(fs_replace(dir, "big", big, sizeof(big), 0600, NULL), 0);
	char *data;
	size_t len;
	assert_int_equal(fs_read(dir, "big", sizeof(big), &data, &len, NULL), 0);
	assert_int_equal(len, sizeof(big));
	assert_memory_equal(data, big, len);
	free(data);
	assert_int_equal(fs_read(AT_FDCWD, "/proc/self/status", 1 << 16, &data, &len, NULL), 0);
	assert_non_null(strstr(data, "Name:"));
	free(data);
	/* The size of a pseudo file is unknown beforehand; the bound holds all the same. */
	struct err e;
	assert_int_equal(fs_read(AT_FDCWD, "/proc/self/status", 16, &data, &len, &e), -1);
	assert_int_equal(e.code, EFBIG);
}

static void test_read_refuses_fifo_without_hanging(void **state)
{
	(void)state;
	struct err e;
	char *data;
	size_t len;
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	alarm(20);
	assert_int_equal(fs_read(dir, "fifo", 10, &data, &len, &e), -1);
	alarm(0);
	assert_int_equal(e.code, EINVAL);
	assert_int_equal(fs_read(AT_FDCWD, "/dev/zero", 10, &data, &len, &e), -1);
	assert_int_equal(e.code, EINVAL);
}

static void test_read_line(void **state)
{
	(void)state;
	struct err e;
	char out[8] = "before";
	put("line", "1234567\n");
	assert_int_equal(fs_read_line(dir, "line", out, sizeof(out), &e), 0);
	assert_string_equal(out, "1234567");
	put("line", "12345678\n");
	assert_int_equal(fs_read_line(dir, "line", out, sizeof(out), &e), -1);
	put("line", "12345678");
	assert_int_equal(fs_read_line(dir, "line", out, sizeof(out), &e), -1);
	assert_int_equal(e.code, EFBIG);
	assert_string_equal(out, "1234567");
	put("line", "a\n\n");
	assert_int_equal(fs_read_line(dir, "line", out, sizeof(out), &e), 0);
	assert_string_equal(out, "a\n");
	put("line", "");
	assert_int_equal(fs_read_line(dir, "line", out, sizeof(out), &e), 0);
	assert_string_equal(out, "");
	assert_int_equal(fs_replace(dir, "line", "a\0b", 3, 0600, NULL), 0);
	assert_int_equal(fs_read_line(dir, "line", out, sizeof(out), &e), -1);
	assert_int_equal(e.code, EINVAL);
}

static void test_put(void **state)
{
	(void)state;
	struct err e;
	char out[16];
	assert_int_equal(fs_put(dir, "none", "x", &e), -1);
	assert_int_equal(e.code, ENOENT);
	put("value", "123");
	assert_int_equal(fs_put(dir, "value", "9", &e), 0);
	assert_int_equal(fs_read_line(dir, "value", out, sizeof(out), NULL), 0);
	assert_string_equal(out, "923");
}

static void test_replace(void **state)
{
	(void)state;
	struct err e;
	struct stat st;
	mode_t old = umask(077);
	assert_int_equal(fs_replace(dir, "f", "one", 3, 0644, &e), 0);
	umask(old);
	assert_int_equal(fstatat(dir, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	/* A symlink is replaced, not followed. */
	put("target", "keep");
	assert_int_equal(symlinkat("target", dir, "link"), 0);
	put("link", "new");
	char out[16];
	assert_int_equal(fs_read_line(dir, "target", out, sizeof(out), NULL), 0);
	assert_string_equal(out, "keep");
	assert_int_equal(fstatat(dir, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	/* Names that aren't one, a directory in the way: an error, and no temporary stays. */
	assert_int_equal(fs_replace(dir, "", "x", 1, 0644, &e), -1);
	assert_int_equal(fs_replace(dir, "sub/..", "x", 1, 0644, &e), -1);
	assert_int_equal(fs_replace(dir, "none/f", "x", 1, 0644, &e), -1);
	assert_int_equal(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(fs_replace(dir, "d", "x", 1, 0644, &e), -1);
	assert_int_equal(unlinkat(dir, "f", 0) | unlinkat(dir, "target", 0) | unlinkat(dir, "link", 0), 0);
	assert_int_equal(unlinkat(dir, "d", AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(root), 0); /* empty */
	assert_int_equal(mkdir(root, 0700), 0);
}

static void test_replace_long_name(void **state)
{
	(void)state;
	char name[256];
	memset(name, 'n', 255);
	name[255] = '\0';
	put(name, "x");
	assert_true(fs_exists(dir, name));
}

static void test_mkdirs(void **state)
{
	(void)state;
	struct err e;
	struct stat st;
	assert_int_equal(fs_mkdirs(dir, "a/b//c/", 0755, &e), 0);
	assert_int_equal(fs_mkdirs(dir, "a/b/c", 0755, &e), 0);
	assert_int_equal(fstatat(dir, "a/b/c", &st, 0), 0);
	assert_int_equal(fs_mkdirs(AT_FDCWD, "/", 0755, &e), 0);
	put("file", "x");
	assert_int_equal(fs_mkdirs(dir, "file", 0755, &e), -1);
	assert_int_equal(fs_mkdirs(dir, "file/x", 0755, &e), -1);
	assert_int_equal(e.code, ENOTDIR);
	assert_int_equal(fs_mkdirs(dir, "", 0755, &e), -1);
}

static void test_remove_tree(void **state)
{
	(void)state;
	struct err e;
	put("outside", "x");
	assert_int_equal(fs_mkdirs(dir, "t/a/b", 0755, &e), 0);
	put("t/a/f", "x");
	assert_int_equal(symlinkat("../outside", dir, "t/link"), 0);
	assert_int_equal(symlinkat("/", dir, "t/a/b/root"), 0);
	assert_int_equal(mkfifoat(dir, "t/fifo", 0600), 0);
	assert_int_equal(fs_remove_tree(dir, "t", &e), 0);
	assert_false(fs_exists(dir, "t"));
	assert_true(fs_exists(dir, "outside"));
	assert_int_equal(fs_remove_tree(dir, "t", &e), 0);
	assert_int_equal(symlinkat(".", dir, "self"), 0);
	assert_int_equal(fs_remove_tree(dir, "self", &e), 0);
	assert_true(fs_exists(dir, "outside"));
	assert_int_equal(fs_remove_tree(dir, "outside", &e), 0);
	assert_false(fs_exists(dir, "outside"));
}

/* Deeper than PATH_MAX, deeper than the descriptors we have; and a name that the flattening itself would use. */
static void test_remove_deep_tree(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(mkdirat(dir, "deep", 0700), 0);
	int at = openat(dir, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(at, ".hull-removed-0", 0700), 0);
	put("deep/.hull-removed-0/f", "x");
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(mkdirat(at, "subdirectory", 0700), 0);
		int next = openat(at, "subdirectory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
	assert_int_equal(fs_remove_tree(dir, "deep", &e), 0);
	assert_false(fs_exists(dir, "deep"));
}

static void test_remove_wide_tree(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(dir, "wide", 0700), 0);
	char name[64];
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "wide/%d", i);
		assert_int_equal(mkdirat(dir, name, 0700), 0);
	}
	assert_int_equal(fs_remove_tree(dir, "wide", NULL), 0);
	assert_false(fs_exists(dir, "wide"));
}

static void test_full_transfers(void **state)
{
	(void)state;
	int p[2];
	char out[4];
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fs_write_full(p[1], "abc", 3), 0);
	close(p[1]);
	assert_int_equal(fs_read_full(p[0], out, 4), -1);
	assert_int_equal(errno, EPIPE);
	close(p[0]);
	cleanup_close int fd = openat(dir, "x", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fs_pwrite_full(fd, "wxyz", 4, 4096), 0);
	assert_int_equal(fs_pread_full(fd, out, 4, 4096), 0);
	assert_memory_equal(out, "wxyz", 4);
	assert_int_equal(fs_pread_full(fd, out, 4, 4098), -1);
	assert_int_equal(errno, EPIPE);
}

static void test_open_confined(void **state)
{
	(void)state;
	assert_int_equal(fs_mkdirs(dir, "r/etc", 0755, NULL), 0);
	put("r/etc/passwd", "inside");
	assert_int_equal(symlinkat("/etc/passwd", dir, "r/absolute"), 0);
	assert_int_equal(symlinkat("../../../../etc/passwd", dir, "r/dots"), 0);
	assert_int_equal(symlinkat("/proc/self/root", dir, "r/magic"), 0);
	cleanup_close int r = openat(dir, "r", O_PATH | O_DIRECTORY | O_CLOEXEC);
	static const char *const inside[] = { "absolute", "dots", "/etc/passwd", "../../etc/passwd" };
	for (size_t i = 0; i < 4; i++) {
		cleanup_close int fd = fs_open_in_root(r, inside[i], O_RDONLY, 0);
		char text[6];
		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(fs_read_full(fd, text, 6), 0);
		assert_memory_equal(text, "inside", 6);
	}
	assert_int_equal(fs_open_in_root(r, "magic/etc", O_RDONLY, 0), -1);
	static const char *const outside[] = { "absolute", "dots", "/etc/passwd", "../outside", "etc/../../x" };
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(fs_open_beneath(r, outside[i], O_RDONLY, 0), -1);
	cleanup_close int fd = fs_open_beneath(r, "etc/new", O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_read),
		T(test_read_large_and_pseudo),
		T(test_read_refuses_fifo_without_hanging),
		T(test_read_line),
		T(test_put),
		T(test_replace),
		T(test_replace_long_name),
		T(test_mkdirs),
		T(test_remove_tree),
		T(test_remove_deep_tree),
		T(test_remove_wide_tree),
		T(test_full_transfers),
		T(test_open_confined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
