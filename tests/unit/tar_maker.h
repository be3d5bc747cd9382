/* SPDX-License-Identifier: Apache-2.0 */
/* Archives for tests, made entry by entry in memory. */
#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"

#define TAR_MAX (8u << 20)

struct tar_maker {
	struct archive *out;
	char *data; /* TAR_MAX bytes */
	size_t len;
};

/* filter: ARCHIVE_FILTER_NONE, _GZIP, _ZSTD */
static inline void tar_start(struct tar_maker *t, int filter)
{
	t->data = malloc(TAR_MAX);
	t->len = 0;
	t->out = archive_write_new();
	archive_write_add_filter(t->out, filter);
	archive_write_set_format_pax_restricted(t->out);
	archive_write_set_bytes_in_last_block(t->out, 1);
	if (!t->data || archive_write_open_memory(t->out, t->data, TAR_MAX, &t->len) != ARCHIVE_OK)
		abort();
}

static inline struct archive_entry *tar_entry(const char *name, unsigned type, unsigned mode)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_copy_pathname(e, name);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, mode);
	archive_entry_set_mtime(e, 1000000000, 0);
	return e;
}

/* Frees e. */
static inline void tar_write(struct tar_maker *t, struct archive_entry *e, const void *content, size_t len)
{
	if (archive_entry_filetype(e) == AE_IFREG && !archive_entry_hardlink(e) && !archive_entry_size_is_set(e))
		archive_entry_set_size(e, (la_int64_t)len);
	if (archive_write_header(t->out, e) < ARCHIVE_WARN)
		abort();
	if (len > 0 && archive_write_data(t->out, content, len) < 0)
		abort();
	archive_entry_free(e);
}

static inline void tar_file(struct tar_maker *t, const char *name, const char *content)
{
	tar_write(t, tar_entry(name, AE_IFREG, 0644), content, strlen(content));
}

static inline void tar_dir(struct tar_maker *t, const char *name)
{
	tar_write(t, tar_entry(name, AE_IFDIR, 0755), NULL, 0);
}

static inline void tar_symlink(struct tar_maker *t, const char *name, const char *target)
{
	struct archive_entry *e = tar_entry(name, AE_IFLNK, 0777);

	archive_entry_copy_symlink(e, target);
	tar_write(t, e, NULL, 0);
}

static inline void tar_hardlink(struct tar_maker *t, const char *name, const char *target)
{
	struct archive_entry *e = tar_entry(name, AE_IFREG, 0644);

	archive_entry_copy_hardlink(e, target);
	tar_write(t, e, NULL, 0);
}

static inline void tar_device(struct tar_maker *t, const char *name, unsigned type, unsigned major, unsigned minor)
{
	struct archive_entry *e = tar_entry(name, type, 0600);

	archive_entry_set_rdevmajor(e, major);
	archive_entry_set_rdevminor(e, minor);
	tar_write(t, e, NULL, 0);
}

static inline void tar_end(struct tar_maker *t)
{
	archive_write_close(t->out);
	archive_write_free(t->out);
	t->out = NULL;
}

static inline void tar_free(struct tar_maker *t)
{
	if (t->out)
		archive_write_free(t->out); /* it still writes its end */
	free(t->data);
	*t = (struct tar_maker){ 0 };
}

/* Puts a pax header with these records ("path=x"; NULL-ended) in front of a finished archive, for its first entry. */
static inline void tar_prepend_pax(struct tar_maker *t, const char *const *records)
{
	char *header = t->data, *body = t->data + 512;
	size_t len = 0;
	unsigned sum = 0;

	memmove(t->data + 1024, t->data, t->len);
	t->len += 1024;
	memcpy(header, header + 1024, 512);
	memset(body, 0, 512);
	for (; *records; records++) {
		size_t n = strlen(*records) + 3; /* the space, the newline, one digit */

		n += n + 1 >= 100 ? 2 : n >= 10 ? 1 : 0;
		len += (size_t)snprintf(body + len, 512 - len, "%zu %s\n", n, *records);
	}
	snprintf(header + 124, 12, "%011o", (unsigned)len);
	header[156] = 'x';
	memset(header + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
}

/* A memfd with these bytes, at offset 0. */
static inline int tar_memfd(const void *data, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

static inline struct digest tar_digest(const void *data, size_t len)
{
	struct digest d = { .kind = HASH_SHA256 };

	hash_sha256(data, len, d.bytes);
	return d;
}
