/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a directory tree whose names a stranger chose. Every path is resolved beneath the root without following a
 * single symlink (openat2), so nothing outside is touched, whatever was unpacked before. A path through a symlink is
 * refused rather than resolved: no sane tool writes one into a layer. The leaf may replace anything.
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"

#define TREE_DEPTH_MAX 512 /* components of a path */
#define TREE_OPAQUE_XATTR "user.overlay.opaque" /* overlayfs with `userxattr` */

struct tree {
	int root; /* borrowed: a directory */
	int parent; /* owned: the directory last resolved, -1: none */
	char parent_path[PATH_MAX];
	bool opaque; /* a directory was made opaque, below the root */
	bool opaque_root; /* the root itself: overlayfs ignores that, the store must know */
	struct buf unmarked; /* owned; NUL-ended paths of opaque directories where the filesystem has no user.* attributes */
};
struct tree_meta {
	uid_t uid;
	gid_t gid;
	mode_t mode; /* permission bits */
	struct timespec mtime;
};

void tree_init(struct tree *t, int root);
void tree_close(struct tree *t);

/*
 * The relative form of a name out of an archive: leading '/', "." components and double '/' dropped; "" is the root.
 * EINVAL: a ".." component, empty, too long, too deep.
 */
int tree_path(const char *name, char out[PATH_MAX], struct err *e);

/* What follows takes such paths. Missing parents are made (0755, root). What stood at the path is replaced, except that
 * a directory stays a directory. mode, owner and times are the caller's to set on a returned descriptor. */
int tree_dir(struct tree *t, const char *path, struct err *e); /* a descriptor, or -1 */
int tree_file(struct tree *t, const char *path, struct err *e); /* a descriptor for writing, or -1 */
int tree_symlink(struct tree *t, const char *path, const char *target, const struct tree_meta *m, struct err *e);
int tree_fifo(struct tree *t, const char *path, const struct tree_meta *m, struct err *e);
/* target: a path as above; a file, symlink or fifo that is there already. */
int tree_link(struct tree *t, const char *path, const char *target, struct err *e);
/* Hides what lower layers have at this path; what this layer itself has there stays. */
int tree_whiteout(struct tree *t, const char *path, struct err *e);
/* Hides what lower layers have in this directory. */
int tree_opaque(struct tree *t, const char *path, struct err *e);
/* Sets a directory's modification time, when it is still there. */
int tree_dir_time(struct tree *t, const char *path, const struct timespec *mtime, struct err *e);
/* Owner and mode of a descriptor; setuid bits survive, file capabilities (which come after it) wouldn't. */
int tree_apply(int fd, const struct tree_meta *m, struct err *e);
/* Its modification time, the last thing of all. */
int tree_time(int fd, const struct timespec *mtime, struct err *e);
