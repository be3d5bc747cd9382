/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Reads to the end into a growing buffer: a pseudo file says nothing about its size beforehand. */
static int read_to_end(int fd, size_t max, char **data, size_t *len)
{
	size_t cap = 4096 < max + 1 ? 4096 : max + 1, used = 0;
	cleanup_free char *text = malloc(cap);
	if (!text)
		return -1;
	for (;;) {
		ssize_t n = read(fd, text + used, cap - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > max) {
			errno = EFBIG;
			return -1;
		}
		if (used < cap)
			continue;
		cap = cap * 2 < max + 1 ? cap * 2 : max + 1;
		char *more = realloc(text, cap);
		if (!more)
			return -1;
		text = more;
	}
	text[used] = '\0'; /* used <= max < cap or used < cap */
	*data = take_ptr(text);
	*len = used;
	return 0;
}

int fs_read(int dirfd, const char *path, size_t max, char **data, size_t *len, struct err *e)
{
	/* O_NONBLOCK: a FIFO put where a file is expected must not stop us; what isn't a regular file is refused. */
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return err_sys(e, "open %s", path);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, S_ISDIR(st.st_mode) ? EISDIR : EINVAL, "%s is not a regular file", path);
	if (st.st_size > 0 && (uint64_t)st.st_size > max && st.st_blocks > 0)
		return err_set(e, EFBIG, "%s is larger than %zu bytes", path, max);
	if (read_to_end(fd, max, data, len) < 0) {
		if (errno == EFBIG)
			return err_set(e, EFBIG, "%s is larger than %zu bytes", path, max);
		return err_sys(e, "read %s", path);
	}
	return 0;
}

int fs_read_line(int dirfd, const char *path, char *out, size_t size, struct err *e)
{
	cleanup_free char *text = NULL;
	size_t len;
	if (fs_read(dirfd, path, size, &text, &len, e) < 0)
		return -1;
	if (len && text[len - 1] == '\n')
		len--;
	if (len >= size)
		return err_set(e, EFBIG, "%s is larger than %zu bytes", path, size - 1);
	if (memchr(text, '\0', len))
		return err_set(e, EINVAL, "%s contains a NUL byte", path);
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

int fs_put(int dirfd, const char *path, const char *text, struct err *e)
{
	cleanup_close int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, "open %s", path);
	size_t len = strlen(text);
	ssize_t n;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "write '%.64s' to %s", text, path);
	if ((size_t)n != len)
		return err_set(e, EIO, "write '%.64s' to %s: only %zd bytes were taken", text, path, n);
	return 0;
}

/* The directory of path, into parent ("." when there is none), and the name in it. */
static int split(const char *path, char parent[PATH_MAX], const char **name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	*name = slash ? slash + 1 : path;
	size_t len = slash ? (size_t)(slash - path) : 0;
	if (len >= PATH_MAX)
		return err_set(e, ENAMETOOLONG, "the path %.64s... is too long", path);
	if (!**name || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		return err_set(e, EINVAL, "'%s' names no file", path);
	if (!slash)
		strcpy(parent, ".");
	else if (!len)
		strcpy(parent, "/");
	else
		snprintf(parent, PATH_MAX, "%.*s", (int)len, path);
	return 0;
}

/* Writes the temporary and makes its data durable; the caller removes it when this fails. */
static int write_durably(int fd, const void *data, size_t len, mode_t mode)
{
	struct stat st;
	if (fs_write_full(fd, data, len) < 0 || fstat(fd, &st) < 0)
		return -1;
	/* Whatever the umask says. EPERM on a file of our own: a filesystem without modes (the ESP). */
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0 && errno != EPERM)
		return -1;
	return fsync(fd);
}

int fs_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	char parent[PATH_MAX], temporary[NAME_MAX + 1];
	const char *name;
	if (split(path, parent, &name, e) < 0)
		return -1;
	cleanup_close int dir = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, "open the directory of %s", path);
	/* A random name: two writers must not share a temporary, and debris of a power cut must not block. */
	cleanup_close int fd = -1;
	for (int i = 0; fd < 0 && i < 16; i++) {
		uint64_t random = 0;
		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
			random = (uint64_t)getpid() << 8 |
				 (unsigned)i; /* early in boot, when there is only one writer */
		snprintf(temporary, sizeof(temporary), ".%.200s.%016llx.tmp", name, (unsigned long long)random);
		fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0700);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0)
		return err_sys(e, "create a temporary beside %s", path);
	if (write_durably(fd, data, len, mode) < 0) {
		err_sys(e, "write %s", path);
		unlinkat(dir, temporary, 0);
		return -1;
	}
	if (renameat(dir, temporary, dir, name) < 0) {
		err_sys(e, "rename to %s", path);
		unlinkat(dir, temporary, 0);
		return -1;
	}
	if (fsync(dir) < 0)
		return err_sys(e, "sync the directory of %s", path);
	return 0;
}

int fs_mkdirs(int dirfd, const char *path, mode_t mode, struct err *e)
{
	char at[PATH_MAX];
	size_t len = strlen(path);
	if (!len || len >= sizeof(at))
		return err_set(e, len ? ENAMETOOLONG : ENOENT, "can't make the directory '%.64s'", path);
	memcpy(at, path, len + 1);
	for (char *p = at + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		/* Only the last component decides: what is in the way earlier (or is read-only) shows there. */
		if (p[-1] != '/')
			mkdirat(dirfd, at, mode);
		*p = '/';
	}
	if (mkdirat(dirfd, at, mode) == 0)
		return 0;
	int saved = errno;
	struct stat st;
	if (fstatat(dirfd, at, &st, 0) == 0 && S_ISDIR(st.st_mode))
		return 0;
	errno = saved;
	return err_sys(e, "make the directory %s", path);
}

int fs_sync_dir(int dirfd, const char *path, struct err *e)
{
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open %s", path);
	if (fsync(fd) < 0)
		return err_sys(e, "sync %s", path);
	return 0;
}

bool fs_exists(int dirfd, const char *path)
{
	return faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

enum way { READ, WRITE, PREAD, PWRITE };

static int transfer(enum way way, int fd, char *data, size_t len, off_t off)
{
	while (len) {
		ssize_t n = -1;
		switch (way) {
		case READ:
			n = read(fd, data, len);
			break;
		case WRITE:
			n = write(fd, data, len);
			break;
		case PREAD:
			n = pread(fd, data, len, off);
			break;
		case PWRITE:
			n = pwrite(fd, data, len, off);
			break;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0) {
			errno = EPIPE;
			return -1;
		}
		data += n;
		len -= (size_t)n;
		off += n;
	}
	return 0;
}

int fs_read_full(int fd, void *data, size_t len)
{
	return transfer(READ, fd, data, len, 0);
}

int fs_write_full(int fd, const void *data, size_t len)
{
	return transfer(WRITE, fd, (char *)data, len, 0);
}

int fs_pread_full(int fd, void *data, size_t len, off_t off)
{
	return transfer(PREAD, fd, data, len, off);
}

int fs_pwrite_full(int fd, const void *data, size_t len, off_t off)
{
	return transfer(PWRITE, fd, (char *)data, len, off);
}

static int open2(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0,
		.resolve = resolve,
	};
	/* EAGAIN: a rename elsewhere could have fooled the kernel. A hostile renamer gets a bounded number of tries. */
	for (int i = 0; i < 64; i++) {
		long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			return (int)fd;
	}
	return -1;
}

int fs_open_in_root(int dirfd, const char *path, int flags, mode_t mode)
{
	return open2(dirfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	return open2(dirfd, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

int fs_open_same_mount(int dirfd, const char *path, int flags)
{
	return open2(dirfd, path, flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}
