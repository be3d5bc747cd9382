/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts by descriptor (fsopen(2) and its kin): made detached, then attached to a target that was opened, so that no
 * path is resolved twice and none through a link. Return a descriptor or 0, or -1 with errno.
 */
#pragma once
#include <stdint.h>
#include <sys/mount.h>

struct mount_option {
	const char *key, *value; /* a NULL key ends the list */
};
/* A new, detached filesystem; options may be NULL; attributes: MOUNT_ATTR_*. */
int mount_new(const char *fstype, const struct mount_option *options, uint64_t attributes);
/* A detached copy of the mount at dirfd/path ("": dirfd itself), submounts included when recursive. */
int mount_clone(int dirfd, const char *path, int recursive);
int mount_attributes(int mount, uint64_t set, int recursive);
/* Attaches on top of an opened directory or file. */
int mount_attach(int mount, int target);
