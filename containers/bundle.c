/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "containers/manifest.h"
#include "containers/quote.h"
#include "containers/tree.h"

#define READ_BLOCK 65536
#define LINKS_MAX 8

const struct bundle_limits BUNDLE_LIMITS = {
	.bytes = INT64_C(32) << 30,
	.ratio = 200,
	.ratio_from_bytes = INT64_C(1) << 30,
	.members = 100000,
	.name_bytes = 16 << 20,
};

struct reading {
	struct archive *tar;
	struct bundle *b;
	const struct bundle_limits *limits;
	int64_t bytes;
	size_t name_bytes;
};

static int tar_failed(struct archive *tar, struct err *e)
{
	const char *text = archive_error_string(tar);

	return err_set(e, EBADMSG, "not a sound tar archive: %s", text ? text : "unknown error");
}

static void number_name(const struct bundle_member *m, char out[32])
{
	snprintf(out, 32, "member-%zu", m->number);
}

/* `target` as seen from the folder of `name`; ".." goes up, but not out of the archive. */
static int resolve_link(const char *name, const char *target, char out[PATH_MAX], struct err *e)
{
	const char *slash = strrchr(name, '/');
	size_t used = slash && *target != '/' ? (size_t)(slash - name) : 0;

	memcpy(out, name, used);
	for (const char *c = target; *c; ) {
		size_t len = strcspn(c, "/");

		if (len == 2 && c[0] == '.' && c[1] == '.') {
			if (used == 0)
				return err_set(e, EINVAL, "a link out of the archive");
			while (used > 0 && out[--used] != '/')
				;
		} else if (len > 0 && !(len == 1 && c[0] == '.')) {
			if (used + len + 2 > PATH_MAX)
				return err_set(e, ENAMETOOLONG, "a link with an overlong target");
			if (used)
				out[used++] = '/';
			memcpy(out + used, c, len);
			used += len;
		}
		c += len + (c[len] == '/');
	}
	out[used] = '\0';
	return 0;
}

static int take_link(struct reading *r, struct archive_entry *entry, struct bundle_member *m, struct err *e)
{
	const char *hard = archive_entry_hardlink(entry), *soft = archive_entry_symlink(entry);
	char target[PATH_MAX];

	if (hard ? tree_path(hard, target, e) < 0 : resolve_link(m->name, soft ? soft : "", target, e) < 0)
		return -1;
	r->name_bytes += strlen(target);
	m->target = strdup(target);
	return m->target ? 0 : err_sys(e, "link");
}

static int check_limits(struct reading *r, struct err *e)
{
	int64_t packed = archive_filter_bytes(r->tar, -1);

	if (r->bytes > r->limits->bytes)
		return err_set(e, EFBIG, "the archive holds more than %lld bytes", (long long)r->limits->bytes);
	if (r->bytes > r->limits->ratio_from_bytes && packed > 0 && r->bytes / packed > r->limits->ratio)
		return err_set(e, EFBIG, "a compression bomb: %lld bytes became more than %lld", (long long)packed,
			       (long long)r->bytes);
	return 0;
}

/* Copies the content to fd, hashing it. */
static int copy_content(struct reading *r, int fd, struct bundle_member *m, struct hash *hash, struct err *e)
{
	const void *data;
	la_int64_t offset;
	size_t len;
	int rc;

	while ((rc = archive_read_data_block(r->tar, &data, &len, &offset)) == ARCHIVE_OK) {
		if (offset != m->size)
			return err_set(e, EBADMSG, "a sparse file");
		m->size += (int64_t)len;
		r->bytes += (int64_t)len;
		if (check_limits(r, e) < 0)
			return -1;
		if (hash_update(hash, data, len) < 0 || fs_write_full(fd, data, len) < 0)
			return err_sys(e, "write to the image store");
	}
	return rc == ARCHIVE_EOF ? 0 : tar_failed(r->tar, e);
}

/* What a blob is called is what it must be. */
static int check_blob_name(const struct bundle_member *m, struct err *e)
{
	char text[DIGEST_TEXT_MAX];
	struct digest d;

	if (strncmp(m->name, "blobs/sha256/", 13) && strncmp(m->name, "blobs/sha512/", 13))
		return 0;
	snprintf(text, sizeof(text), "%.6s:%s", m->name + 6, strlen(m->name + 13) <= 128 ? m->name + 13 : "");
	if (digest_parse(text, &d, e) < 0)
		return -1;
	if (!digest_equal(&d, &m->digest)) {
		digest_format(&m->digest, text);
		return err_set(e, EBADMSG, "its content has the digest %s", text);
	}
	return 0;
}

static int take_file(struct reading *r, struct bundle_member *m, struct err *e)
{
	enum hash_kind kind = strncmp(m->name, "blobs/sha512/", 13) ? HASH_SHA256 : HASH_SHA512;
	struct hash *hash = hash_new(kind);
	cleanup_close int fd = -1;
	char name[32];
	int rc;

	number_name(m, name);
	fd = openat(r->b->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (!hash || fd < 0) {
		err_sys(e, "write to the image store");
		hash_free(hash);
		return -1;
	}
	rc = copy_content(r, fd, m, hash, e);
	m->digest.kind = kind;
	if (hash_final(hash, m->digest.bytes) < 0 && rc == 0)
		rc = err_set(e, EIO, "hash failed");
	return rc < 0 ? -1 : check_blob_name(m, e);
}

static struct bundle_member *add_member(struct reading *r, const char *path, struct err *e)
{
	struct bundle *b = r->b;
	struct bundle_member *m;

	r->name_bytes += strlen(path);
	if (b->n >= r->limits->members || r->name_bytes > r->limits->name_bytes) {
		err_set(e, EFBIG, "the archive has too many members (more than %zu, or %zu bytes of names)",
			r->limits->members, r->limits->name_bytes);
		return NULL;
	}
	if (b->n % 64 == 0) {
		m = realloc(b->members, (b->n + 64) * sizeof(*m));
		if (!m) {
			err_sys(e, "read the archive");
			return NULL;
		}
		b->members = m;
	}
	m = &b->members[b->n];
	*m = (struct bundle_member){ .name = strdup(path), .number = b->n };
	if (!m->name) {
		err_sys(e, "read the archive");
		return NULL;
	}
	b->n++;
	return m;
}

static int take_entry(struct reading *r, struct archive_entry *entry, struct err *e)
{
	const char *name = archive_entry_pathname(entry);
	char path[PATH_MAX], shown[QUOTE_MAX];
	struct bundle_member *m;
	int rc;

	if (!name)
		return err_set(e, EBADMSG, "an entry without a name");
	if (!archive_entry_hardlink(entry) && archive_entry_filetype(entry) == AE_IFDIR)
		return 0;
	if (tree_path(name, path, e) < 0)
		return err_wrap(e, "archive entry %s", quote(name, shown));
	m = add_member(r, path, e);
	if (!m)
		return -1;
	if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK)
		rc = take_link(r, entry, m, e);
	else if (archive_entry_filetype(entry) == AE_IFREG)
		rc = take_file(r, m, e);
	else
		rc = err_set(e, EBADMSG, "neither a file nor a link");
	return rc < 0 ? err_wrap(e, "archive entry %s", quote(name, shown)) : 0;
}

static int compare_members(const void *a, const void *b)
{
	return strcmp(((const struct bundle_member *)a)->name, ((const struct bundle_member *)b)->name);
}

/* One name, two contents: which one is meant would depend on the reader. */
static int refuse_duplicates(const struct bundle *b, struct err *e)
{
	char shown[QUOTE_MAX];

	for (size_t i = 1; i < b->n; i++) {
		const struct bundle_member *x = &b->members[i - 1], *y = &b->members[i];

		if (strcmp(x->name, y->name))
			continue;
		if (x->target && y->target ? strcmp(x->target, y->target) != 0
					   : x->target || y->target || !digest_equal(&x->digest, &y->digest))
			return err_set(e, EBADMSG, "archive entry %s comes twice, with different contents",
				       quote(x->name, shown));
	}
	return 0;
}

/* What a pipe's writer still sends behind the archive's end mark, so that it isn't killed by SIGPIPE. */
static void drain(int fd)
{
	char rest[4096];

	for (int i = 0; i < 4096 && read(fd, rest, sizeof(rest)) > 0; i++)
		;
}

static int read_members(struct reading *r, int fd, struct err *e)
{
	struct archive_entry *entry;
	int rc;

	if (archive_read_support_filter_gzip(r->tar) < ARCHIVE_WARN ||
	    archive_read_support_filter_zstd(r->tar) < ARCHIVE_WARN ||
	    archive_read_support_format_tar(r->tar) < ARCHIVE_WARN)
		return tar_failed(r->tar, e);
	if (archive_read_open_fd(r->tar, fd, READ_BLOCK) != ARCHIVE_OK)
		return tar_failed(r->tar, e);
	while ((rc = archive_read_next_header(r->tar, &entry)) != ARCHIVE_EOF) {
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			return tar_failed(r->tar, e);
		if (archive_filter_count(r->tar) > 2)
			return err_set(e, EBADMSG, "the archive is compressed more than once");
		if (take_entry(r, entry, e) < 0)
			return -1;
	}
	drain(fd);
	return 0;
}

int bundle_read(int fd, int dir, const struct bundle_limits *limits, struct bundle *out, struct err *e)
{
	cleanup_bundle struct bundle b = { .dir = dir };
	struct reading r = { .tar = archive_read_new(), .b = &b, .limits = limits };
	int rc;

	if (!r.tar)
		return err_set(e, ENOMEM, "read the archive");
	rc = read_members(&r, fd, e);
	archive_read_free(r.tar);
	if (rc < 0)
		return -1;
	if (b.n)
		qsort(b.members, b.n, sizeof(*b.members), compare_members);
	if (refuse_duplicates(&b, e) < 0)
		return -1;
	*out = b;
	b = (struct bundle){ 0 };
	return 0;
}

void bundle_free(struct bundle *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->members[i].name);
		free(b->members[i].target);
	}
	free(b->members);
	*b = (struct bundle){ 0 };
}

const struct bundle_member *bundle_find(const struct bundle *b, const char *name)
{
	for (int links = 0; b->n > 0 && links < LINKS_MAX; links++) {
		struct bundle_member key = { .name = (char *)name };
		const struct bundle_member *m = bsearch(&key, b->members, b->n, sizeof(*m), compare_members);

		if (!m || !m->target)
			return m;
		name = m->target;
	}
	return NULL;
}

const struct bundle_member *bundle_find_blob(const struct bundle *b, const struct digest *d)
{
	char text[DIGEST_TEXT_MAX], name[8 + DIGEST_TEXT_MAX];

	digest_format(d, text);
	text[6] = '/';
	snprintf(name, sizeof(name), "blobs/%s", text);
	return bundle_find(b, name);
}

int bundle_open(const struct bundle *b, const struct bundle_member *m, struct err *e)
{
	char name[32];
	int fd;

	number_name(m, name);
	fd = openat(b->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "open a part of the archive") : fd;
}

int bundle_text(const struct bundle *b, const struct bundle_member *m, char **text, size_t *len, struct err *e)
{
	char name[32];

	number_name(m, name);
	return fs_read(b->dir, name, MANIFEST_BYTES_MAX, text, len, e) < 0 ? err_wrap(e, "%s", m->name) : 0;
}
