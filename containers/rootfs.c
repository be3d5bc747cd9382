/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "containers/mount_api.h"

/* A directory that every root has, a read-only one too, and that nothing here needs: the new root has its own. */
#define SCRATCH "/sys"
#define UNMARKED_MAX (1u << 20) /* as much as the unpacker notes */

void rootfs_close(struct rootfs *r)
{
	if (r->scratch >= 0)
		close(r->scratch);
	if (r->root >= 0)
		close(r->root);
	*r = ROOTFS_NONE;
}

static int mount_scratch(struct rootfs *r, struct err *e)
{
	static const struct mount_option options[] = { { "mode", "0700" }, { "size", "4m" }, { NULL, NULL } };
	cleanup_close int at = open(SCRATCH, O_PATH | O_DIRECTORY | O_CLOEXEC);

	r->scratch = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (r->scratch < 0 || at < 0 || mount_attach(r->scratch, at) < 0)
		return err_sys(e, "scratch tmpfs");
	return 0;
}

/* Marks what a layer's unpacker could not mark (layer.h). Idempotent. */
static int mark_opaque(int store, const char *layer, struct err *e)
{
	char path[32 + NAME_MAX];
	cleanup_close int root = -1;
	cleanup_free char *list = NULL;
	size_t len;

	snprintf(path, sizeof(path), "layers/%s.unmarked", layer);
	if (!fs_exists(store, path))
		return 0;
	if (fs_read(store, path, UNMARKED_MAX, &list, &len, e) < 0)
		return -1;
	snprintf(path, sizeof(path), "layers/%s", layer);
	root = openat(store, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, "open the layer");
	for (const char *c = list; c < list + len; c += strlen(c) + 1) {
		cleanup_close int dir = fs_open_beneath(root, c, O_RDONLY | O_DIRECTORY, 0);

		/* Replaced later in the same layer. */
		if (dir < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			continue;
		if (dir < 0 || fsetxattr(dir, "trusted.overlay.opaque", "y", 1, 0) < 0)
			return err_sys(e, "mark a directory as opaque");
	}
	return 0;
}

/*
 * mount(2) takes one page of options, and 40 layers' names would fill it: short links stand for the layers, read by the
 * kernel relative to the working directory.
 */
static int link_layers(const struct rootfs *r, const struct image *image, const char *store, struct buf *options,
		       struct err *e)
{
	cleanup_close int dir = open(store, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(e, "open %s", store);
	if (buf_printf(options, "lowerdir=") < 0)
		return err_sys(e, "overlay options");
	for (int i = 0; image->layers[i]; i++) {
		char target[PATH_MAX], name[16];

		snprintf(name, sizeof(name), "%d", i);
		if ((size_t)snprintf(target, sizeof(target), "%s/layers/%s", store, image->layers[i]) >= sizeof(target))
			return err_set(e, ENAMETOOLONG, "the image store's path is too long");
		if (image->opaque && mark_opaque(dir, image->layers[i], e) < 0)
			return -1;
		if (symlinkat(target, r->scratch, name) < 0)
			return err_sys(e, "link to a layer");
		if (buf_printf(options, "%s%s", i ? ":" : "", name) < 0)
			return err_sys(e, "overlay options");
	}
	return 0;
}

/*
 * upper and work exist; the root directory looks as the topmost layer has it. upper gets its name last: one that is there
 * is complete, whenever its maker was killed.
 */
static int make_upper(int dir, int layer, struct err *e)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (mkdirat(dir, "work", 0700) < 0 && errno != EEXIST)
		return err_sys(e, "create the container's work directory");
	if (fs_exists(dir, "upper"))
		return 0;
	if (mkdirat(dir, "upper.new", 0755) < 0 && errno != EEXIST)
		return err_sys(e, "create the container's upper directory");
	fd = openat(dir, "upper.new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(layer, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return err_sys(e, "set up the container's upper directory");
	return renameat(dir, "upper.new", dir, "upper") < 0 ? err_sys(e, "name the container's upper directory") : 0;
}

/* The directory that holds upper and work, reachable from the scratch directory as "c". */
static int open_container_dir(const struct rootfs *r, const char *directory, bool volatile_upper, struct err *e)
{
	cleanup_close int dir = -1, memory = -1;

	if (!volatile_upper) {
		if (fs_mkdirs(AT_FDCWD, directory, 0700, e) < 0)
			return -1;
		if (symlinkat(directory, r->scratch, "c") < 0)
			return err_sys(e, "link to the container's directory");
		dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return dir < 0 ? err_sys(e, "open %s", directory) : take_fd(dir);
	}
	memory = mount_new("tmpfs", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mkdirat(r->scratch, "c", 0700) < 0 || memory < 0)
		return err_sys(e, "tmpfs for what the container writes");
	dir = openat(r->scratch, "c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || mount_attach(memory, dir) < 0)
		return err_sys(e, "tmpfs for what the container writes");
	return take_fd(memory);
}

static bool upper_has_user_xattrs(int dir)
{
	cleanup_close int upper = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (upper < 0 || fsetxattr(upper, "user.hull", "", 0, 0) < 0)
		return false;
	fremovexattr(upper, "user.hull");
	return true;
}

/*
 * Where overlayfs keeps its attributes. tmpfs has user.* since Linux 6.6; before, trusted.* is the only place. Layers
 * that are marked in user.* decide, though what is written then suffers where upper can't: a removed lower directory
 * can't be made again.
 */
static bool use_user_xattrs(const struct image *image, int dir, int layer)
{
	char value[8];
	bool marked_in_user = image->opaque && (fgetxattr(layer, "user.hull", value, sizeof(value)) >= 0 || errno == ENODATA);

	return marked_in_user || upper_has_user_xattrs(dir);
}

static int mount_overlay(struct rootfs *r, const char *options, struct err *e)
{
	if (mkdirat(r->scratch, "root", 0755) < 0 || fchdir(r->scratch) < 0)
		return err_sys(e, "overlay");
	/* nodev: a container may make nodes (mounts.c). */
	if (mount("overlay", "root", "overlay", MS_NODEV, options) < 0)
		return err_sys(e, "overlay");
	r->root = openat(r->scratch, "root", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return r->root < 0 ? err_sys(e, "overlay") : 0;
}

static int build(struct rootfs *r, const struct image *image, const char *store, const char *directory,
		 bool volatile_upper, struct err *e)
{
	cleanup_buf struct buf options = { .max = 4000 };
	cleanup_close int dir = -1, layer = -1;

	if (mount_scratch(r, e) < 0 || link_layers(r, image, store, &options, e) < 0)
		return -1;
	layer = openat(r->scratch, "0", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layer < 0)
		return err_sys(e, "open the topmost layer");
	dir = open_container_dir(r, directory, volatile_upper, e);
	if (dir < 0 || make_upper(dir, layer, e) < 0)
		return -1;
	if (buf_printf(&options, ",upperdir=c/upper,workdir=c/work%s",
		       use_user_xattrs(image, dir, layer) ? ",userxattr" : "") < 0)
		return err_sys(e, "overlay options");
	return mount_overlay(r, options.data, e);
}

int rootfs_mount(const struct image *image, const char *store, const char *directory, bool volatile_upper,
		 struct rootfs *out, struct err *e)
{
	struct rootfs r = ROOTFS_NONE;

	if (build(&r, image, store, directory, volatile_upper, e) < 0) {
		rootfs_close(&r);
		return -1;
	}
	*out = r;
	return 0;
}

int rootfs_enter(const struct rootfs *r, struct err *e)
{
	if (fchdir(r->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(e, "pivot_root");
	/* Stacked on one place: what "." leads to now is the old root. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(e, "leave the old root");
	return 0;
}
