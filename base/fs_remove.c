/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing a tree that a stranger built: any depth, any names, changed while we walk. Descriptors and stack are bounded
 * by DEPTH_MAX: a directory that lies deeper is first renamed to the top of the tree, which flattens it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define DEPTH_MAX 24

struct removal {
	int top; /* the tree's root directory */
	unsigned hoisted; /* directories renamed to the top so far */
	unsigned long removed; /* entries gone or moved: progress */
	struct err *e;
	int first_error; /* errno of the first failure, 0: none */
};

static int fail(struct removal *r, const char *what, const char *name)
{
	if (!r->first_error) {
		r->first_error = errno;
		err_sys(r->e, "%s %s", what, name);
	}
	return -1;
}

static int hoist(struct removal *r, int dir, const char *name)
{
	char fresh[64];
	for (int i = 0; i < 1000; i++) {
		snprintf(fresh, sizeof(fresh), ".hull-removed-%u", r->hoisted++);
		if (renameat2(dir, name, r->top, fresh, RENAME_NOREPLACE) == 0) {
			r->removed++;
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return fail(r, "move", name);
}

static void empty(struct removal *r, int dir, unsigned depth);

static void remove_entry(struct removal *r, int dir, const char *name, unsigned depth)
{
	if (unlinkat(dir, name, 0) == 0) {
		r->removed++;
		return;
	}
	if (errno == ENOENT)
		return;
	/* An empty directory needs no opening. */
	if (errno == EISDIR && unlinkat(dir, name, AT_REMOVEDIR) == 0) {
		r->removed++;
		return;
	}
	if (errno != ENOTEMPTY && errno != EEXIST) {
		fail(r, "remove", name); /* EBUSY: something is mounted there */
		return;
	}
	if (depth >= DEPTH_MAX) {
		hoist(r, dir, name);
		return;
	}
	cleanup_close int sub = fs_open_same_mount(dir, name, O_RDONLY | O_DIRECTORY);
	if (sub < 0) {
		if (errno != ENOENT)
			fail(r, "open", name);
		return;
	}
	empty(r, sub, depth + 1);
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		r->removed++;
	else if (errno != ENOENT && errno != ENOTEMPTY) /* not empty: the failure below is known, or another pass */
		fail(r, "remove", name);
}

/* Removes what is in dir. Passes repeat while they achieve something: reading a directory that shrinks may skip. */
static void empty(struct removal *r, int dir, unsigned depth)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_closedir DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d) {
		fail(r, "open", "a directory");
		if (copy >= 0)
			close(copy);
		return;
	}
	unsigned long before;
	bool seen;
	do {
		before = r->removed;
		seen = false;
		rewinddir(d);
		for (struct dirent *entry; (entry = readdir(d));) {
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			seen = true;
			remove_entry(r, dir, entry->d_name, depth);
		}
	} while (seen && r->removed != before);
}

int fs_remove_tree(int dirfd, const char *path, struct err *e)
{
	if (unlinkat(dirfd, path, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return err_sys(e, "remove %s", path);
	if (unlinkat(dirfd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return err_sys(e, "remove %s", path);
	cleanup_close int top = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0)
		return err_sys(e, "open %s", path);
	struct removal r = { .top = top, .e = e };
	empty(&r, top, 0);
	if (unlinkat(dirfd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (r.first_error)
		return err_wrap(e, "remove %s", path);
	return err_sys(e, "remove %s", path);
}
