/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/mount_api.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"

int mount_new(const char *fstype, const struct mount_option *options, uint64_t attributes)
{
	cleanup_close int fs = fsopen(fstype, FSOPEN_CLOEXEC);

	if (fs < 0)
		return -1;
	/* What /proc/self/mountinfo shows as the device. */
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", fstype, 0) < 0)
		return -1;
	for (; options && options->key; options++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, options->key, options->value, 0) < 0)
			return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes);
}

int mount_clone(int dirfd, const char *path, int recursive)
{
	return open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW |
			 (*path ? 0 : AT_EMPTY_PATH) | (recursive ? AT_RECURSIVE : 0));
}

int mount_attributes(int mount, uint64_t set, int recursive)
{
	struct mount_attr attr = { .attr_set = set };

	return mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr));
}

int mount_attach(int mount, int target)
{
	return move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}
