/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/inflate.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

#define READ_BLOCK 65536

struct inflate {
	struct archive *raw; /* libarchive's filters around its "raw" format: one entry, the stream */
	struct hash *hash;
	enum hash_kind kind;
	struct inflate_limits limits;
	int64_t bytes;
	int ended; /* 1: the end was seen */
};

static int archive_failed(struct inflate *in, struct err *e)
{
	const char *text = archive_error_string(in->raw);

	return err_set(e, archive_errno(in->raw) > 0 ? archive_errno(in->raw) : EBADMSG, "decompress: %s",
		       text ? text : "unknown error");
}

static int start(struct inflate *in, int fd, struct err *e)
{
	struct archive_entry *entry;
	int r;

	if (archive_read_support_filter_gzip(in->raw) < ARCHIVE_WARN ||
	    archive_read_support_filter_zstd(in->raw) < ARCHIVE_WARN ||
	    archive_read_support_format_raw(in->raw) < ARCHIVE_WARN ||
	    archive_read_support_format_empty(in->raw) < ARCHIVE_WARN)
		return archive_failed(in, e);
	if (archive_read_open_fd(in->raw, fd, READ_BLOCK) != ARCHIVE_OK)
		return archive_failed(in, e);
	r = archive_read_next_header(in->raw, &entry);
	if (r == ARCHIVE_EOF)
		in->ended = 1;
	else if (r < ARCHIVE_WARN)
		return archive_failed(in, e);
	/* Compressed once and the raw bytes: more is a bomb in a bomb. */
	if (archive_filter_count(in->raw) > 2)
		return err_set(e, EBADMSG, "compressed more than once");
	return 0;
}

struct inflate *inflate_open(int fd, enum hash_kind kind, const struct inflate_limits *limits, struct err *e)
{
	struct inflate *in = calloc(1, sizeof(*in));

	if (!in) {
		err_sys(e, "decompress");
		return NULL;
	}
	in->limits = *limits;
	in->kind = kind;
	in->hash = hash_new(kind);
	in->raw = archive_read_new();
	if (!in->hash || !in->raw) {
		err_set(e, ENOMEM, "decompress: out of memory");
	} else if (start(in, fd, e) == 0) {
		return in;
	}
	inflate_free(in);
	return NULL;
}

static int check_limits(struct inflate *in, struct err *e)
{
	int64_t packed = archive_filter_bytes(in->raw, -1);

	if (in->bytes > in->limits.bytes)
		return err_set(e, EFBIG, "more than %lld bytes when uncompressed", (long long)in->limits.bytes);
	if (in->bytes > in->limits.ratio_from_bytes && packed > 0 && in->bytes / packed > in->limits.ratio)
		return err_set(e, EFBIG, "a compression bomb: %lld bytes became more than %lld", (long long)packed,
			       (long long)in->bytes);
	return 0;
}

ssize_t inflate_next(struct inflate *in, const void **data, struct err *e)
{
	size_t size = 0;
	la_int64_t offset;
	int r;

	while (!in->ended && size == 0) {
		r = archive_read_data_block(in->raw, data, &size, &offset);
		if (r == ARCHIVE_EOF)
			in->ended = 1;
		else if (r != ARCHIVE_OK)
			return archive_failed(in, e);
	}
	if (in->ended)
		return 0;
	in->bytes += (int64_t)size;
	if (check_limits(in, e) < 0)
		return -1;
	if (hash_update(in->hash, *data, size) < 0)
		return err_set(e, EIO, "decompress: hash failed");
	return (ssize_t)size;
}

int inflate_finish(struct inflate *in, struct digest *out, struct err *e)
{
	const void *data;
	ssize_t n;

	while ((n = inflate_next(in, &data, e)) > 0)
		;
	if (n < 0)
		return -1;
	out->kind = in->kind;
	n = hash_final(in->hash, out->bytes);
	in->hash = NULL;
	return n < 0 ? err_set(e, EIO, "decompress: hash failed") : 0;
}

void inflate_free(struct inflate *in)
{
	if (!in)
		return;
	hash_free(in->hash);
	if (in->raw)
		archive_read_free(in->raw);
	free(in);
}
