/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sandbox_steps.h"

#define ATTRIBUTES (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* A detached, empty, read-only tmpfs. */
static int empty_root(struct err *e)
{
	cleanup_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return err_sys(e, "open tmpfs");
	if (fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0555", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "size", "4k", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "2", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(e, "make a tmpfs");
	int mount = fsmount(fs, FSMOUNT_CLOEXEC, ATTRIBUTES | MOUNT_ATTR_RDONLY);
	return mount < 0 ? err_sys(e, "make an empty root") : mount;
}

/* A detached bind mount of the directory alone. */
static int directory_root(const struct sandbox *s, struct err *e)
{
	cleanup_close int mount = open_tree(AT_FDCWD, s->root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (mount < 0)
		return err_sys(e, "bind %s", s->root);
	struct mount_attr attr = { .attr_set = ATTRIBUTES | (s->root_writable ? 0 : MOUNT_ATTR_RDONLY) };
	if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_sys(e, "set the attributes of %s", s->root);
	return take_fd(mount);
}

/*
 * The new root is mounted over "/", so that no directory is needed for it, and becomes the root by pivot_root rather
 * than chroot: the old tree is unmounted from this namespace, so there is nothing to escape to.
 */
int sandbox_root(const struct sandbox *s, struct err *e)
{
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(e, "make the mounts private");
	cleanup_close int root = s->root ? directory_root(s, e) : empty_root(e);
	if (root < 0)
		return -1;
	if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, "mount the new root");
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(e, "change the root");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(e, "leave the old root");
	return 0;
}
