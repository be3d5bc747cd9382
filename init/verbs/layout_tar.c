/* SPDX-License-Identifier: Apache-2.0 */
#include "init/verbs/layout_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

static int copy_data(struct archive *tar, int fd, off_t size, const char *path, struct err *e)
{
	static char data[65536];

	while (size > 0) {
		ssize_t n = read(fd, data, sizeof(data));
		if (n < 0)
			return err_sys(e, "cannot read %s", path);
		if (n == 0)
			return err_set(e, EIO, "%s became shorter while it was read", path);
		if (n > size)
			n = size;
		if (archive_write_data(tar, data, n) != n)
			return err_set(e, archive_errno(tar), "cannot send %s: %s", path, archive_error_string(tar));
		size -= n;
	}
	return 0;
}

static int add_file(struct archive *tar, int dir, const char *path, struct err *e)
{
	cleanup_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct archive_entry *entry;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "cannot open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s is no regular file", path);
	entry = archive_entry_new();
	if (!entry)
		return err_set(e, ENOMEM, "out of memory");
	archive_entry_set_pathname(entry, path);
	archive_entry_set_size(entry, st.st_size);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	int code = archive_write_header(tar, entry);
	archive_entry_free(entry);
	if (code != ARCHIVE_OK)
		return err_set(e, archive_errno(tar), "cannot send %s: %s", path, archive_error_string(tar));
	return copy_data(tar, fd, st.st_size, path, e);
}

/* Every file (or directory, for blobs itself) in dir/path is given to fn with its path. */
static int each_in(struct archive *tar, int dir, const char *path,
		   int (*fn)(struct archive *tar, int dir, const char *path, struct err *e), struct err *e)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_closedir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char below[600];

	if (!d) {
		err_sys(e, "cannot open %s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >= (int)sizeof(below))
			return err_set(e, ENAMETOOLONG, "a name in %s is too long", path);
		if (fn(tar, dir, below, e) < 0)
			return -1;
	}
	return 0;
}

static int add_algorithm(struct archive *tar, int dir, const char *path, struct err *e)
{
	return each_in(tar, dir, path, add_file, e);
}

static int write_layout(int dir, int out, struct err *e)
{
	struct archive *tar = archive_write_new();
	int code = -1;

	if (!tar)
		return err_set(e, ENOMEM, "out of memory");
	archive_write_set_format_pax_restricted(tar);
	if (archive_write_open_fd(tar, out) != ARCHIVE_OK)
		err_set(e, archive_errno(tar), "cannot begin an archive: %s", archive_error_string(tar));
	else if (add_file(tar, dir, "oci-layout", e) == 0 && add_file(tar, dir, "index.json", e) == 0 &&
		 each_in(tar, dir, "blobs", add_algorithm, e) == 0)
		code = archive_write_close(tar) == ARCHIVE_OK ? 0 :
		       err_set(e, archive_errno(tar), "cannot end the archive: %s", archive_error_string(tar));
	archive_write_free(tar);
	return code;
}

int layout_tar_begin(const char *directory, pid_t *child, struct err *e)
{
	cleanup_close int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int pipe_fd[2];
	struct err failed;

	if (dir < 0)
		return err_sys(e, "cannot open %s", directory);
	if (faccessat(dir, "oci-layout", R_OK, 0) < 0)
		return err_sys(e, "%s is no OCI layout: oci-layout in it", directory);
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_sys(e, "cannot make a pipe");
	fflush(NULL);
	*child = fork();
	if (*child == 0) {
		close(pipe_fd[0]);
		if (write_layout(dir, pipe_fd[1], &failed) == 0)
			_exit(0);
		if (failed.code != EPIPE) /* else the reader gave up, and says why */
			dprintf(2, "hull: %s: %s\n", directory, failed.text);
		_exit(1);
	}
	close(pipe_fd[1]);
	if (*child < 0) {
		err_sys(e, "cannot fork");
		close(pipe_fd[0]);
		return -1;
	}
	return pipe_fd[0];
}

int layout_tar_end(pid_t child, struct err *e)
{
	int status;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(e, "cannot wait for the archiver");
	}
	return status == 0 ? 0 : err_set(e, EIO, "the directory could not be read in full");
}
