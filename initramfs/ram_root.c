/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/ram_root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define IMAGE "/root.erofs"
#define DEPTH_MAX 32
#define LINKS_MAX 256

/* Files with several names, so that they stay one file (cpio has hull once and links to it). */
struct link {
	ino_t inode;
	int dir; /* of the first name, kept open */
	char name[NAME_MAX + 1];
};

struct move {
	dev_t device; /* of the initramfs; mounts are left out */
	struct link *links;
	size_t n_links;
};

static int move_tree(struct move *m, int from, int to, int depth, struct err *e);

static int copy_data(int from, int to, off_t size)
{
	while (size > 0) {
		ssize_t n = sendfile(to, from, NULL, (size_t)size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		size -= n;
	}
	return 0;
}

static int move_file(int from, int to, const char *name, const struct stat *st, struct err *e)
{
	cleanup_close int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int out = -1;

	if (in >= 0)
		out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in < 0 || out < 0 || copy_data(in, out, st->st_size))
		return err_sys(e, "%s", name);
	return 0;
}

static int move_symlink(int from, int to, const char *name, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(e, "%s", name);
	target[n] = 0;
	return symlinkat(target, to, name) ? err_sys(e, "%s", name) : 0;
}

static int move_dir(struct move *m, int from, int to, const char *name, int depth, struct err *e)
{
	cleanup_close int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int out = -1;

	if (in < 0 || mkdirat(to, name, 0700))
		return err_sys(e, "%s", name);
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return err_sys(e, "%s", name);
	return move_tree(m, in, out, depth + 1, e) ? err_wrap(e, "%s", name) : 0;
}

/* 1: the file was there under another name and is linked; 0: it is new. */
static int link_known(struct move *m, int to, const char *name, const struct stat *st)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return 0;
	for (size_t i = 0; i < m->n_links; i++)
		if (m->links[i].inode == st->st_ino)
			return !linkat(m->links[i].dir, m->links[i].name, to, name, 0);
	if (m->n_links < LINKS_MAX) {
		struct link *l = &m->links[m->n_links];

		l->inode = st->st_ino;
		l->dir = fcntl(to, F_DUPFD_CLOEXEC, 3);
		strcpy(l->name, name);
		m->n_links += l->dir >= 0;
	}
	return 0;
}

static int move_entry(struct move *m, int from, int to, const char *name, int depth, struct err *e)
{
	struct stat st;
	int result;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "%s", name);
	if (st.st_dev != m->device) /* a mount: its place only */
		return mkdirat(to, name, 0755) ? err_sys(e, "%s", name) : 0;
	if (!link_known(m, to, name, &st)) {
		switch (st.st_mode & S_IFMT) {
		case S_IFREG:
			result = move_file(from, to, name, &st, e);
			break;
		case S_IFDIR:
			result = move_dir(m, from, to, name, depth, e);
			break;
		case S_IFLNK:
			result = move_symlink(from, to, name, e);
			break;
		default:
			result = mknodat(to, name, st.st_mode, st.st_rdev) ? err_sys(e, "%s", name) : 0;
		}
		if (result)
			return -1;
		if (fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) ||
		    (!S_ISLNK(st.st_mode) && fchmodat(to, name, st.st_mode & 07777, 0)))
			return err_sys(e, "%s", name);
	}
	unlinkat(from, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	return 0;
}

static int move_tree(struct move *m, int from, int to, int depth, struct err *e)
{
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 3);
	cleanup_closedir DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!d)
		return err_sys(e, "reading a directory");
	if (depth > DEPTH_MAX)
		return err_set(e, ELOOP, "over %d levels", DEPTH_MAX);
	while ((entry = readdir(d))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (move_entry(m, from, to, entry->d_name, depth, e))
			return -1;
	}
	return 0;
}

static int move_to_tmpfs(const char *where, struct err *e)
{
	cleanup_close int from = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int to = -1;
	struct move m = {.links = calloc(LINKS_MAX, sizeof(struct link))};
	struct stat st;
	int result;

	/* Half of the memory, the default, may be too little for a large OS; what is not used costs nothing. */
	if (!m.links || mount("tmpfs", where, "tmpfs", MS_NODEV, "mode=0755,size=80%")) {
		free(m.links);
		return err_sys(e, "mounting a tmpfs");
	}
	to = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0 || to < 0 || fstat(from, &st))
		result = err_sys(e, "%s", where);
	else {
		m.device = st.st_dev;
		result = move_tree(&m, from, to, 0, e);
	}
	for (size_t i = 0; i < m.n_links; i++)
		close(m.links[i].dir);
	free(m.links);
	return result;
}

/* The loop device keeps the file, also when the initramfs is freed, and goes with its last user. */
static int attach(const char *image, char device[32], int *keep, struct err *e)
{
	cleanup_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	cleanup_close int fd = open(image, O_RDONLY | O_CLOEXEC);
	cleanup_close int loop = -1;
	struct loop_config config = {.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR};
	int number;

	if (control < 0)
		return err_sys(e, "/dev/loop-control");
	number = ioctl(control, LOOP_CTL_GET_FREE);
	if (fd < 0 || number < 0)
		return err_sys(e, "%s", image);
	snprintf(device, 32, "/dev/loop%d", number);
	loop = open(device, O_RDONLY | O_CLOEXEC);
	config.fd = (unsigned)fd;
	if (loop < 0 || ioctl(loop, LOOP_CONFIGURE, &config))
		return err_sys(e, "%s", device);
	*keep = take_fd(loop);
	return 0;
}

int ram_root_make(const char *where, struct err *e)
{
	cleanup_close int loop = -1; /* until the mount holds it */
	char device[32];

	if (!fs_exists(AT_FDCWD, IMAGE))
		return move_to_tmpfs(where, e);
	if (attach(IMAGE, device, &loop, e))
		return -1;
	if (mount(device, where, "erofs", MS_RDONLY | MS_NODEV, NULL))
		return err_sys(e, "mounting %s", IMAGE);
	return 0;
}
