/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "containers/mount_api.h"

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const struct default_mount {
	const char *target, *fstype;
	struct mount_option options[4];
	uint64_t attributes;
	bool make; /* the target is missing in most parents: create it */
	bool optional; /* a kernel or host without it runs containers all the same */
} default_mounts[] = {
	{ "proc", "proc", { { NULL, NULL } }, QUIET, true, false },
	{ "dev", "tmpfs", { { "mode", "0755" }, { "size", "65536k" }, { NULL, NULL } },
	  MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME, true, false },
	{ "dev/pts", "devpts", { { "ptmxmode", "0666" }, { "mode", "0620" }, { "gid", "5" }, { NULL, NULL } },
	  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, true, false },
	{ "dev/shm", "tmpfs", { { "mode", "1777" }, { "size", "65536k" }, { NULL, NULL } }, QUIET, true, false },
	{ "dev/mqueue", "mqueue", { { NULL, NULL } }, QUIET, true, true },
	{ "sys", "sysfs", { { NULL, NULL } }, QUIET | MOUNT_ATTR_RDONLY, true, false },
	{ "sys/fs/cgroup", "cgroup2", { { NULL, NULL } }, QUIET | MOUNT_ATTR_RDONLY, false, true },
};

static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = {
	{ "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" }, { "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" }, { "ptmx", "pts/ptmx" }, { "core", "/proc/kcore" },
};

static const char *const masked[] = {
	"proc/acpi", "proc/asound", "proc/interrupts", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/sched_debug",
	"proc/scsi", "proc/timer_list", "proc/timer_stats", "sys/devices/virtual/powercap", "sys/firmware",
};

static const char *const read_only[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A directory of the image to mount on, made when missing. One that is a link is refused: it could lead anywhere. */
static int open_target(int root, const char *path, bool make, struct err *e)
{
	int fd = fs_open_beneath(root, path, O_PATH | O_DIRECTORY, 0);

	if (fd < 0 && errno == ENOENT && make && mkdirat(root, path, 0755) == 0)
		fd = fs_open_beneath(root, path, O_PATH | O_DIRECTORY, 0);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(e, errno, "/%s is a link or a file in the image, not a directory", path);
	return fd < 0 ? err_sys(e, "/%s", path) : fd;
}

/* Without the right to make nodes (Hull in a container itself), the host's are mounted on files. */
static int borrow_node(int dev, const char *name, struct err *e)
{
	char path[32] = "/dev/";
	cleanup_close int file = -1, copy = -1, at = -1;

	strcat(path, name);
	file = openat(dev, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	at = openat(dev, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	copy = mount_clone(AT_FDCWD, path, 0);
	if (file < 0 || at < 0 || copy < 0 || mount_attach(copy, at) < 0)
		return err_sys(e, "/dev/%s", name);
	return 0;
}

/* A node, and the same node mounted over itself, so that it still opens when /dev has become nodev. */
static int make_node(int dev, const char *name, dev_t number, struct err *e)
{
	cleanup_close int node = -1, copy = -1;

	if (mknodat(dev, name, S_IFCHR | 0666, number) < 0)
		return errno == EPERM ? borrow_node(dev, name, e) : err_sys(e, "/dev/%s", name);
	/* The umask doesn't count here; the file is a node that was made just now. */
	if (fchmodat(dev, name, 0666, 0) < 0)
		return err_sys(e, "/dev/%s", name);
	node = openat(dev, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	copy = mount_clone(dev, name, 0);
	if (node < 0 || copy < 0 || mount_attach(copy, node) < 0)
		return err_sys(e, "/dev/%s", name);
	return 0;
}

static int fill_dev(int root, int mount, struct err *e)
{
	cleanup_close int dev = fs_open_beneath(root, "dev", O_RDONLY | O_DIRECTORY, 0);

	if (dev < 0)
		return err_sys(e, "/dev");
	for (size_t i = 0; i < COUNT(nodes); i++)
		if (make_node(dev, nodes[i].name, makedev(nodes[i].major, nodes[i].minor), e) < 0)
			return -1;
	for (size_t i = 0; i < COUNT(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0)
			return err_sys(e, "/dev/%s", links[i].name);
	/*
	 * Containers have CAP_MKNOD, as Docker's, and no filter of devices: the root, /dev and whatever else they can write
	 * to is nodev instead, so that a node of the host's disk is a name and nothing more.
	 */
	if (mount_attributes(mount, MOUNT_ATTR_NODEV, 0) < 0)
		return err_sys(e, "make /dev nodev");
	return 0;
}

static int make_mount(int root, const struct default_mount *m, struct err *e)
{
	cleanup_close int mount = mount_new(m->fstype, m->options, m->attributes), target = -1;

	if (mount < 0)
		return m->optional ? 0 : err_sys(e, "mount %s for /%s", m->fstype, m->target);
	target = open_target(root, m->target, m->make, e);
	if (target < 0)
		return m->optional ? 0 : -1;
	if (mount_attach(mount, target) < 0)
		return err_sys(e, "mount /%s", m->target);
	return strcmp(m->target, "dev") ? 0 : fill_dev(root, mount, e);
}

int mounts_make(int root, struct err *e)
{
	for (size_t i = 0; i < COUNT(default_mounts); i++)
		if (make_mount(root, &default_mounts[i], e) < 0)
			return -1;
	return 0;
}

/* 1: opened into *fd, and on the filesystem its name promises; 0: this kernel doesn't have it. */
static int open_pseudo(int root, const char *path, int *fd, struct err *e)
{
	struct statfs fs;

	*fd = fs_open_beneath(root, path, O_PATH, 0);
	if (*fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "/%s", path);
	if (fstatfs(*fd, &fs) < 0)
		return err_sys(e, "/%s", path);
	if (fs.f_type != (path[0] == 'p' ? PROC_SUPER_MAGIC : SYSFS_MAGIC))
		return err_set(e, EXDEV, "/%s isn't on %s", path, path[0] == 'p' ? "procfs" : "sysfs");
	return 1;
}

static int mask(int root, int null, const char *path, struct err *e)
{
	cleanup_close int target = -1, cover = -1;
	struct stat st;
	int there = open_pseudo(root, path, &target, e);

	if (there <= 0)
		return there;
	if (fstat(target, &st) < 0)
		return err_sys(e, "/%s", path);
	cover = S_ISDIR(st.st_mode) ? mount_new("tmpfs", NULL, QUIET | MOUNT_ATTR_RDONLY) : mount_clone(null, "", 0);
	if (cover < 0 || mount_attach(cover, target) < 0)
		return err_sys(e, "hide /%s", path);
	return 0;
}

static int write_protect(int root, const char *path, struct err *e)
{
	cleanup_close int target = -1, copy = -1;
	int there = open_pseudo(root, path, &target, e);

	if (there <= 0)
		return there;
	copy = mount_clone(target, "", 1);
	if (copy < 0 || mount_attributes(copy, QUIET | MOUNT_ATTR_RDONLY, 1) < 0 || mount_attach(copy, target) < 0)
		return err_sys(e, "write-protect /%s", path);
	return 0;
}

int mounts_mask(int root, struct err *e)
{
	cleanup_close int null = fs_open_beneath(root, "dev/null", O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	if (null < 0 || fstat(null, &st) < 0)
		return err_sys(e, "/dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_set(e, EINVAL, "/dev/null isn't the null device");
	for (size_t i = 0; i < COUNT(masked); i++)
		if (mask(root, null, masked[i], e) < 0)
			return -1;
	for (size_t i = 0; i < COUNT(read_only); i++)
		if (write_protect(root, read_only[i], e) < 0)
			return -1;
	return 0;
}
