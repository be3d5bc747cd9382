/* SPDX-License-Identifier: Apache-2.0 */
/* A container's root directory: an overlay of the image's layers and the container's own directory. */
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "containers/image.h"

struct rootfs {
	int scratch; /* owned: a small tmpfs that only this process sees and that goes away with the old root */
	int root; /* owned, O_PATH: the overlay's root directory */
};
#define ROOTFS_NONE ((struct rootfs){ -1, -1 })

/*
 * In a mount namespace of one's own, mounts private. store, directory: absolute paths; what is written goes to
 * directory/upper (made when missing), or to memory when volatile_upper.
 */
int rootfs_mount(const struct image *image, const char *store, const char *directory, bool volatile_upper,
		 struct rootfs *out, struct err *e);
/* Makes it "/" of the namespace; the old root and everything below it is gone from here. */
int rootfs_enter(const struct rootfs *r, struct err *e);
void rootfs_close(struct rootfs *r);
