/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "containers/inflate.h"
#include "containers/quote.h"
#include "containers/tree.h"

const struct layer_limits LAYER_LIMITS = {
	.content_bytes = INT64_C(16) << 30,
	.stream_bytes = INT64_C(17) << 30,
	.apparent_bytes = INT64_C(64) << 30,
	.entries = 1000000,
	.ratio = 200,
	.ratio_from_bytes = INT64_C(1) << 30,
	.xattr_bytes = 64 << 10,
	.name_bytes = 64 << 20,
};

struct dir_time {
	char *path; /* owned */
	struct timespec mtime;
};

struct unpack {
	struct inflate *stream;
	struct archive *tar;
	struct tree tree;
	const struct layer_limits *limits;
	struct layer_info info;
	int64_t apparent_bytes, name_bytes;
	struct dir_time *dirs; /* owned: writing into a directory changes its time, so they come last */
	size_t n_dirs;
	struct err *e;
	bool read_failed; /* e holds why the stream ended */
};

/* libarchive's read callback. */
static la_ssize_t read_stream(struct archive *tar, void *arg, const void **data)
{
	struct unpack *u = arg;
	ssize_t n = inflate_next(u->stream, data, u->e);

	if (n < 0) {
		u->read_failed = true;
		archive_set_error(tar, EIO, "reading failed");
		return ARCHIVE_FATAL;
	}
	return n;
}

static int tar_failed(struct unpack *u)
{
	const char *text = archive_error_string(u->tar);

	if (u->read_failed)
		return -1;
	return err_set(u->e, EBADMSG, "not a sound tar archive: %s", text ? text : "unknown error");
}

/*
 * libarchive warns for names that don't convert to this process's character set, and then keeps their bytes, which is
 * what is wanted; and for ACLs, which are left out. Any other warning means that a header was read in part.
 */
static int check_warning(struct unpack *u)
{
	const char *text = archive_error_string(u->tar);

	if (text && (strstr(text, "can't be converted") || strstr(text, "SCHILY.acl.")))
		return 0;
	return err_set(u->e, EBADMSG, "%s", text ? text : "malformed header");
}

static int entry_meta(struct unpack *u, struct archive_entry *entry, struct tree_meta *m)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_set(u->e, EINVAL, "the owner %lld:%lld is out of range", (long long)uid, (long long)gid);
	m->uid = (uid_t)uid;
	m->gid = (gid_t)gid;
	m->mode = archive_entry_perm(entry) & 07777;
	m->mtime.tv_sec = archive_entry_mtime(entry);
	m->mtime.tv_nsec = archive_entry_mtime_nsec(entry);
	if (m->mtime.tv_nsec < 0 || m->mtime.tv_nsec > 999999999)
		m->mtime.tv_nsec = 0;
	return 0;
}

static bool xattr_kept(const char *name, bool directory)
{
	if (!strncmp(name, "user.", 5))
		return strncmp(name, "user.overlay.", 13) != 0;
	return !strcmp(name, "security.capability") && !directory;
}

static int apply_xattrs(struct unpack *u, struct archive_entry *entry, int fd, bool directory)
{
	int64_t bytes = 0;
	const char *name;
	const void *value;
	size_t size;

	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		bytes += (int64_t)(strlen(name) + size);
		if (bytes > u->limits->xattr_bytes)
			return err_set(u->e, E2BIG, "more than %lld bytes of extended attributes",
				       (long long)u->limits->xattr_bytes);
		if (xattr_kept(name, directory) && fsetxattr(fd, name, value, size, 0) < 0 &&
		    !(errno == EOPNOTSUPP && name[0] == 'u')) {
			char shown[QUOTE_MAX];

			return err_sys(u->e, "set the extended attribute %s", quote(name, shown));
		}
	}
	return 0;
}

static int write_content(struct unpack *u, struct archive_entry *entry, int fd)
{
	int64_t size = archive_entry_size(entry);
	const void *data;
	la_int64_t offset;
	size_t len;
	int r;

	if (size < 0 || size > u->limits->apparent_bytes - u->apparent_bytes)
		return err_set(u->e, EFBIG, "the files' sizes come to more than %lld bytes",
			       (long long)u->limits->apparent_bytes);
	u->apparent_bytes += size;
	while ((r = archive_read_data_block(u->tar, &data, &len, &offset)) == ARCHIVE_OK) {
		if (offset < 0 || offset > size || (int64_t)len > size - offset)
			return err_set(u->e, EBADMSG, "content beyond the file's size");
		u->info.content_bytes += (int64_t)len;
		if (u->info.content_bytes > u->limits->content_bytes)
			return err_set(u->e, EFBIG, "more than %lld bytes of content", (long long)u->limits->content_bytes);
		if (len > 0 && fs_pwrite_full(fd, data, len, offset) < 0)
			return err_sys(u->e, "write");
	}
	if (r != ARCHIVE_EOF)
		return tar_failed(u);
	/* A hole at the end. */
	if (ftruncate(fd, size) < 0)
		return err_sys(u->e, "set the size");
	return 0;
}

static int unpack_file(struct unpack *u, struct archive_entry *entry, const char *path, const struct tree_meta *m)
{
	cleanup_close int fd = tree_file(&u->tree, path, u->e);

	if (fd < 0 || write_content(u, entry, fd) < 0)
		return -1;
	/* Attributes after the owner: chown drops file capabilities; the time last of all. */
	if (tree_apply(fd, m, u->e) < 0 || apply_xattrs(u, entry, fd, false) < 0)
		return -1;
	return tree_time(fd, &m->mtime, u->e);
}

static int unpack_dir(struct unpack *u, struct archive_entry *entry, const char *path, const struct tree_meta *m)
{
	cleanup_close int fd = tree_dir(&u->tree, path, u->e);
	struct dir_time *d;

	if (fd < 0 || tree_apply(fd, m, u->e) < 0 || apply_xattrs(u, entry, fd, true) < 0)
		return -1;
	u->name_bytes += (int64_t)(strlen(path) + 1 + sizeof(*d));
	if (u->name_bytes > u->limits->name_bytes)
		return err_set(u->e, EFBIG, "the names of the directories come to more than %lld bytes",
			       (long long)u->limits->name_bytes);
	if (u->n_dirs % 256 == 0) {
		d = realloc(u->dirs, (u->n_dirs + 256) * sizeof(*d));
		if (!d)
			return err_sys(u->e, "remember the directory's time");
		u->dirs = d;
	}
	d = &u->dirs[u->n_dirs];
	*d = (struct dir_time){ strdup(path), m->mtime };
	if (!d->path)
		return err_sys(u->e, "remember the directory's time");
	u->n_dirs++;
	return 0;
}

static int unpack_link(struct unpack *u, const char *path, const char *name)
{
	char target[PATH_MAX], shown[QUOTE_MAX];

	if (tree_path(name, target, u->e) < 0 || tree_link(&u->tree, path, target, u->e) < 0)
		return err_wrap(u->e, "link to %s", quote(name, shown));
	return 0;
}

enum whiteout { WHITEOUT_NONE, WHITEOUT_FILE, WHITEOUT_OPAQUE, WHITEOUT_IGNORED, WHITEOUT_BAD };

/* By the name alone. For WHITEOUT_FILE and _OPAQUE path becomes what is hidden, or the directory. */
static enum whiteout whiteout_kind(char path[PATH_MAX])
{
	char *leaf = strrchr(path, '/');

	for (const char *c = path; c; c = strchr(c, '/')) {
		c += *c == '/';
		if (!strncmp(c, ".wh..wh.", 8) && strcmp(c, ".wh..wh..opq"))
			return WHITEOUT_IGNORED;
		if (!strncmp(c, ".wh.", 4) && strchr(c, '/'))
			return WHITEOUT_BAD; /* a directory can't be one */
	}
	leaf = leaf ? leaf + 1 : path;
	if (strncmp(leaf, ".wh.", 4))
		return WHITEOUT_NONE;
	if (!strcmp(leaf, ".wh..wh..opq")) {
		leaf[leaf > path ? -1 : 0] = '\0';
		return WHITEOUT_OPAQUE;
	}
	memmove(leaf, leaf + 4, strlen(leaf + 4) + 1);
	if (*leaf == '\0' || !strcmp(leaf, ".") || !strcmp(leaf, ".."))
		return WHITEOUT_BAD;
	return WHITEOUT_FILE;
}

static int unpack_node(struct unpack *u, struct archive_entry *entry, const char *path)
{
	const char *hard = archive_entry_hardlink(entry), *soft = archive_entry_symlink(entry);
	struct tree_meta m;

	if (hard)
		return unpack_link(u, path, hard);
	if (entry_meta(u, entry, &m) < 0)
		return -1;
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return unpack_file(u, entry, path, &m);
	case AE_IFDIR:
		return unpack_dir(u, entry, path, &m);
	case AE_IFLNK:
		return tree_symlink(&u->tree, path, soft ? soft : "", &m, u->e);
	case AE_IFIFO:
		return tree_fifo(&u->tree, path, &m, u->e);
	case AE_IFCHR:
		if (!strncmp(path, "dev/", 4))
			return 0;
		return err_set(u->e, EPERM, "a character device, which an image may not bring");
	case AE_IFBLK:
		return err_set(u->e, EPERM, "a block device, which an image may not bring");
	default:
		return err_set(u->e, EBADMSG, "neither file, directory, link nor fifo");
	}
}

static int unpack_entry(struct unpack *u, struct archive_entry *entry, const char *name)
{
	char path[PATH_MAX];
	enum whiteout kind;

	if (tree_path(name, path, u->e) < 0)
		return -1;
	kind = whiteout_kind(path);
	if ((kind == WHITEOUT_FILE || kind == WHITEOUT_OPAQUE) &&
	    (archive_entry_hardlink(entry) || archive_entry_filetype(entry) != AE_IFREG))
		kind = WHITEOUT_BAD;
	switch (kind) {
	case WHITEOUT_NONE:
		return unpack_node(u, entry, path);
	case WHITEOUT_FILE:
		return tree_whiteout(&u->tree, path, u->e);
	case WHITEOUT_OPAQUE:
		return tree_opaque(&u->tree, path, u->e);
	case WHITEOUT_IGNORED:
		return 0;
	case WHITEOUT_BAD:
		break;
	}
	return err_set(u->e, EBADMSG, "a malformed whiteout");
}

static int unpack_tar(struct unpack *u)
{
	struct archive_entry *entry;
	char shown[QUOTE_MAX];
	int r;

	while ((r = archive_read_next_header(u->tar, &entry)) != ARCHIVE_EOF) {
		const char *name;

		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return tar_failed(u);
		name = archive_entry_pathname(entry);
		if (!name)
			return err_set(u->e, EBADMSG, "an entry without a name");
		if (++u->info.entries > u->limits->entries)
			return err_set(u->e, EFBIG, "more than %lld entries", (long long)u->limits->entries);
		if ((r == ARCHIVE_WARN && check_warning(u) < 0) || unpack_entry(u, entry, name) < 0)
			return err_wrap(u->e, "entry %s", quote(name, shown));
	}
	for (size_t i = 0; i < u->n_dirs; i++)
		if (tree_dir_time(&u->tree, u->dirs[i].path, &u->dirs[i].mtime, u->e) < 0)
			return err_wrap(u->e, "entry %s", quote(u->dirs[i].path, shown));
	return 0;
}

static int unpack_to(struct unpack *u, int dir_fd)
{
	int rc = -1;

	tree_init(&u->tree, dir_fd);
	u->tar = archive_read_new();
	if (!u->tar)
		return err_set(u->e, ENOMEM, "out of memory");
	if (archive_read_support_format_tar(u->tar) == ARCHIVE_OK &&
	    archive_read_support_format_empty(u->tar) == ARCHIVE_OK &&
	    archive_read_open(u->tar, u, NULL, read_stream, NULL) == ARCHIVE_OK)
		rc = unpack_tar(u);
	else
		tar_failed(u);
	archive_read_free(u->tar);
	u->info.opaque = u->tree.opaque;
	u->info.opaque_root = u->tree.opaque_root;
	u->info.unmarked = u->tree.unmarked;
	u->tree.unmarked = (struct buf){ 0 };
	tree_close(&u->tree);
	for (size_t i = 0; i < u->n_dirs; i++)
		free(u->dirs[i].path);
	free(u->dirs);
	return rc;
}

int layer_unpack(int blob_fd, const struct digest *diff_id, int dir_fd, const struct layer_limits *limits,
		 struct layer_info *out, struct err *e)
{
	struct inflate_limits stream = { limits->stream_bytes, limits->ratio, limits->ratio_from_bytes };
	struct err dropped;
	struct unpack u = { .limits = limits, .e = e ? e : &dropped };
	struct digest seen;
	int rc = -1;

	u.stream = inflate_open(blob_fd, diff_id->kind, &stream, u.e);
	if (!u.stream)
		return -1;
	if (dir_fd < 0 || unpack_to(&u, dir_fd) == 0)
		rc = inflate_finish(u.stream, &seen, u.e);
	inflate_free(u.stream);
	if (rc == 0 && !digest_equal(&seen, diff_id)) {
		char is[DIGEST_TEXT_MAX], meant[DIGEST_TEXT_MAX];

		digest_format(&seen, is);
		digest_format(diff_id, meant);
		rc = err_set(u.e, EBADMSG, "the layer's content is %s, the configuration says %s", is, meant);
	}
	if (rc == 0 && out)
		*out = u.info;
	else
		layer_info_free(&u.info);
	return rc;
}

void layer_info_free(struct layer_info *i)
{
	buf_free(&i->unmarked);
}
