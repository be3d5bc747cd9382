/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"

void tree_init(struct tree *t, int root)
{
	*t = (struct tree){ .root = root, .parent = -1 };
}

static void forget_parent(struct tree *t)
{
	if (t->parent >= 0)
		close(t->parent);
	t->parent = -1;
}

void tree_close(struct tree *t)
{
	forget_parent(t);
	buf_free(&t->unmarked);
}

int tree_path(const char *name, char out[PATH_MAX], struct err *e)
{
	char clean[PATH_MAX];
	size_t used = 0, depth = 0;

	if (*name == '\0')
		return err_set(e, EINVAL, "empty name");
	for (const char *c = name; *c; ) {
		size_t len = strcspn(c, "/");

		if (len == 2 && c[0] == '.' && c[1] == '.')
			return err_set(e, EINVAL, "'..' in the name");
		if (len > NAME_MAX)
			return err_set(e, ENAMETOOLONG, "a name component longer than %d bytes", NAME_MAX);
		if (len > 0 && !(len == 1 && c[0] == '.')) {
			if (used + len + 2 > sizeof(clean) || ++depth > TREE_DEPTH_MAX)
				return err_set(e, ENAMETOOLONG, "name too long or too deep");
			if (used)
				clean[used++] = '/';
			memcpy(clean + used, c, len);
			used += len;
		}
		c += len + (c[len] == '/');
	}
	memcpy(out, clean, used);
	out[used] = '\0';
	return 0;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* len: of the directory's path. */
static int set_opaque(struct tree *t, int dir, const char *path, size_t len, struct err *e)
{
	if (len == 0) {
		t->opaque_root = true;
		return 0;
	}
	t->opaque = true;
	if (fsetxattr(dir, TREE_OPAQUE_XATTR, "y", 1, 0) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return err_sys(e, "mark as opaque");
	/* A tmpfs before Linux 6.6: whoever mounts it has to mark it, in a way that isn't allowed here (layer.h). */
	if (buf_add(&t->unmarked, path, len) < 0 || buf_add(&t->unmarked, "", 1) < 0)
		return err_sys(e, "mark as opaque");
	return 0;
}

/* One missing or replaced directory on the way, the last one of the path's first len bytes. Returns its descriptor. */
static int step_into(struct tree *t, int dir, const char *name, const char *path, size_t len, struct err *e)
{
	bool was_whiteout = false;
	cleanup_close int fd = -1;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISLNK(st.st_mode))
			return err_set(e, ELOOP, "goes through the symbolic link '%s'", name);
		was_whiteout = is_whiteout(&st);
		if (!S_ISDIR(st.st_mode) && !was_whiteout)
			return err_set(e, ENOTDIR, "goes through '%s', which is no directory", name);
		/* Hidden first, then a directory again: what lies below stays hidden. */
		if (was_whiteout && unlinkat(dir, name, 0) < 0)
			return err_sys(e, "replace the whiteout '%s'", name);
	} else if (errno != ENOENT) {
		return err_sys(e, "'%s'", name);
	}
	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return err_sys(e, "create the directory '%s'", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open the directory '%s'", name);
	if (was_whiteout && set_opaque(t, fd, path, len, e) < 0)
		return -1;
	return take_fd(fd);
}

static int make_parents(struct tree *t, const char *path, struct err *e)
{
	cleanup_close int dir = fcntl(t->root, F_DUPFD_CLOEXEC, 3);

	if (dir < 0)
		return err_sys(e, "open the root of the tree");
	for (const char *at = path; *at; ) {
		char name[NAME_MAX + 1];
		size_t len = strcspn(at, "/");
		int next;

		memcpy(name, at, len);
		name[len] = '\0';
		next = step_into(t, dir, name, path, (size_t)(at - path) + len, e);
		if (next < 0)
			return -1;
		close(dir);
		dir = next;
		at += len + (at[len] == '/');
	}
	return take_fd(dir);
}

/* The directory that holds path's last component, kept for the next call; *leaf points into path. */
static int open_parent(struct tree *t, const char *path, const char **leaf, bool create, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	char parent[PATH_MAX];
	int fd;

	*leaf = slash ? slash + 1 : path;
	memcpy(parent, path, len);
	parent[len] = '\0';
	if (t->parent >= 0 && !strcmp(parent, t->parent_path))
		return t->parent;
	fd = fs_open_beneath(t->root, len ? parent : ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENOTDIR) && create)
		fd = make_parents(t, parent, e);
	else if (fd < 0)
		err_sys(e, "'%s'", parent);
	if (fd < 0)
		return -1;
	forget_parent(t);
	t->parent = fd;
	memcpy(t->parent_path, parent, len + 1);
	return fd;
}

enum stood { STOOD_NOTHING, STOOD_DIR, STOOD_WHITEOUT };

/*
 * Makes room at path (so the kept parent is never inside of what goes): whatever stands there goes, but a directory
 * when keep_dir. Returns its parent directory.
 */
static int make_room(struct tree *t, const char *path, bool keep_dir, const char **leaf, enum stood *stood,
		     struct err *e)
{
	struct stat st;
	int dir;

	if (*path == '\0')
		return err_set(e, EINVAL, "only a directory can be the root");
	dir = open_parent(t, path, leaf, true, e);
	if (dir < 0)
		return -1;
	*stood = STOOD_NOTHING;
	if (fstatat(dir, *leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? dir : err_sys(e, "stat");
	if (S_ISDIR(st.st_mode)) {
		*stood = STOOD_DIR;
		if (keep_dir)
			return dir;
		if (fs_remove_tree(dir, *leaf, e) < 0)
			return err_wrap(e, "replace the directory");
		return dir;
	}
	if (is_whiteout(&st))
		*stood = STOOD_WHITEOUT;
	if (unlinkat(dir, *leaf, 0) < 0)
		return err_sys(e, "replace what stood there");
	return dir;
}

int tree_dir(struct tree *t, const char *path, struct err *e)
{
	cleanup_close int fd = -1;
	enum stood stood;
	const char *leaf;
	int dir;

	if (*path == '\0') {
		fd = fcntl(t->root, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? err_sys(e, "open the root of the tree") : take_fd(fd);
	}
	dir = make_room(t, path, true, &leaf, &stood, e);
	if (dir < 0)
		return -1;
	if (stood != STOOD_DIR && mkdirat(dir, leaf, 0700) < 0)
		return err_sys(e, "create the directory");
	fd = openat(dir, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open the directory");
	if (stood == STOOD_WHITEOUT && set_opaque(t, fd, path, strlen(path), e) < 0)
		return -1;
	return take_fd(fd);
}

int tree_file(struct tree *t, const char *path, struct err *e)
{
	enum stood stood;
	const char *leaf;
	int dir = make_room(t, path, false, &leaf, &stood, e), fd;

	if (dir < 0)
		return -1;
	fd = openat(dir, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(e, "create the file") : fd;
}

/* Owner and time of a leaf that can't be opened. */
static int apply_at(int dir, const char *leaf, const struct tree_meta *m, struct err *e)
{
	struct timespec times[2] = { m->mtime, m->mtime };

	if (fchownat(dir, leaf, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "set the owner %u:%u", m->uid, m->gid);
	if (utimensat(dir, leaf, times, AT_SYMLINK_NOFOLLOW) < 0 && errno != EINVAL)
		return err_sys(e, "set the time");
	return 0;
}

int tree_symlink(struct tree *t, const char *path, const char *target, const struct tree_meta *m, struct err *e)
{
	enum stood stood;
	const char *leaf;
	int dir;

	if (*target == '\0' || strlen(target) >= PATH_MAX)
		return err_set(e, EINVAL, "a symbolic link with an empty or overlong target");
	dir = make_room(t, path, false, &leaf, &stood, e);
	if (dir < 0)
		return -1;
	if (symlinkat(target, dir, leaf) < 0)
		return err_sys(e, "create the symbolic link");
	return apply_at(dir, leaf, m, e);
}

int tree_fifo(struct tree *t, const char *path, const struct tree_meta *m, struct err *e)
{
	enum stood stood;
	const char *leaf;
	int dir = make_room(t, path, false, &leaf, &stood, e);

	if (dir < 0)
		return -1;
	if (mknodat(dir, leaf, S_IFIFO | 0600, 0) < 0)
		return err_sys(e, "create the fifo");
	if (apply_at(dir, leaf, m, e) < 0)
		return -1;
	/* A fresh fifo in a directory that only this process writes: the name can't have become a link. */
	if (fchmodat(dir, leaf, m->mode, 0) < 0)
		return err_sys(e, "set the mode");
	return 0;
}

int tree_link(struct tree *t, const char *path, const char *target, struct err *e)
{
	cleanup_close int held = -1;
	const char *leaf, *target_leaf;
	enum stood stood;
	struct stat st;
	int dir;

	if (!strcmp(path, target))
		return err_set(e, EINVAL, "a hard link to itself");
	dir = open_parent(t, target, &target_leaf, false, e);
	if (dir < 0 || fstatat(dir, target_leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, ENOENT, "a hard link to a file that this layer hasn't unpacked before it");
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode))
		return err_set(e, EINVAL, "a hard link to something that is no file");
	/* Held apart: opening the link's own parent replaces the cached descriptor. */
	held = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	if (held < 0)
		return err_sys(e, "hard link");
	dir = make_room(t, path, false, &leaf, &stood, e);
	if (dir < 0)
		return -1;
	/* Without AT_SYMLINK_FOLLOW a link to a symlink links the symlink. */
	if (linkat(held, target_leaf, dir, leaf, 0) < 0)
		return err_sys(e, "hard link");
	return 0;
}

int tree_whiteout(struct tree *t, const char *path, struct err *e)
{
	const char *leaf;
	struct stat st;
	int dir = open_parent(t, path, &leaf, true, e);

	if (dir < 0)
		return -1;
	if (fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		cleanup_close int fd = -1;

		/* A file of this layer hides the lower one by itself; a directory only does when opaque. */
		if (!S_ISDIR(st.st_mode))
			return 0;
		fd = openat(dir, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return fd < 0 ? err_sys(e, "open the directory") : set_opaque(t, fd, path, strlen(path), e);
	}
	if (mknodat(dir, leaf, S_IFCHR, makedev(0, 0)) < 0)
		return err_sys(e, "create the whiteout");
	return 0;
}

int tree_opaque(struct tree *t, const char *path, struct err *e)
{
	cleanup_close int fd = make_parents(t, path, e);

	return fd < 0 ? -1 : set_opaque(t, fd, path, strlen(path), e);
}

int tree_dir_time(struct tree *t, const char *path, const struct timespec *mtime, struct err *e)
{
	cleanup_close int fd = fs_open_beneath(t->root, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);

	/* Replaced by a later entry: its time matters no more. */
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : err_sys(e, "open the directory");
	return tree_time(fd, mtime, e);
}

int tree_apply(int fd, const struct tree_meta *m, struct err *e)
{
	/* chown clears setuid, so the mode comes after it. */
	if (fchown(fd, m->uid, m->gid) < 0)
		return err_sys(e, "set the owner %u:%u", m->uid, m->gid);
	return fchmod(fd, m->mode) < 0 ? err_sys(e, "set the mode") : 0;
}

int tree_time(int fd, const struct timespec *mtime, struct err *e)
{
	struct timespec times[2] = { *mtime, *mtime };

	/* EINVAL: a time that the filesystem can't hold. */
	return futimens(fd, times) < 0 && errno != EINVAL ? err_sys(e, "set the time") : 0;
}
