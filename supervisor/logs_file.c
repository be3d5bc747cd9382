/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/logs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "supervisor/logs_mark.h"
#include "supervisor/logs_memory.h"

#define BATCH_BYTES (256 * 1024) /* records made of one delivery */
#define SMALL_FILE (64 * 1024) /* what a unit may keep when all together are over the bound */
#define CHUNK 65536
#define PATH_BYTES (LOGS_NAME_MAX + 16)

const struct logs_limits LOGS_DEFAULT = { 4 << 20, 3, 256 << 20, 64 << 10, 5000 };

struct logs_store {
	int dirfd;
	struct logs_limits limits;
	uint8_t boot_id[16];
	uint64_t total;
	char batch[BATCH_BYTES];
};

struct logs_file {
	struct logs_store *store;
	char name[LOGS_NAME_MAX + 1];
	int fd; /* current, open for writing; -1: not yet */
	uint64_t generation, size; /* of current */
	struct logs_mark mark;
	struct logs_memory memory;
	uint64_t retry_ns; /* when the store is tried again */
	struct logs_position memory_was; /* where memory's offset 0 would have been, if it is in a file now */
	struct logs_position memory_is;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* n 0: current. */
static void file_path(const struct logs_file *f, unsigned n, char out[PATH_BYTES])
{
	if (n == 0)
		snprintf(out, PATH_BYTES, "%s/current", f->name);
	else
		snprintf(out, PATH_BYTES, "%s/%u", f->name, n);
}

/* --- the store --- */

static uint64_t directory_bytes(int dirfd, const char *name)
{
	cleanup_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t total = 0;
	char path[16] = "current";
	struct stat st;

	for (unsigned i = 0; fd >= 0 && i < LOGS_FILES_MAX; i++) {
		if (i > 0)
			snprintf(path, sizeof(path), "%u", i);
		if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			total += (uint64_t)st.st_size;
	}
	return total;
}

static uint64_t store_bytes(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* not a copy: that shares the offset */
	cleanup_closedir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	uint64_t total = 0;
	struct dirent *d;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			total += directory_bytes(dirfd, d->d_name);
	return total;
}

struct logs_store *logs_store_open(int dirfd, const struct logs_limits *limits, const uint8_t boot_id[16])
{
	struct logs_store *s = calloc(1, sizeof(*s));
	struct statvfs fs;

	if (!s) {
		if (dirfd >= 0)
			close(dirfd);
		return NULL;
	}
	s->dirfd = dirfd;
	s->limits = *limits;
	memcpy(s->boot_id, boot_id, sizeof(s->boot_id));
	if (dirfd >= 0)
		s->total = store_bytes(dirfd);
	if (dirfd >= 0 && fstatvfs(dirfd, &fs) == 0 && fs.f_blocks > 0) {
		uint64_t eighth = (uint64_t)fs.f_blocks * fs.f_frsize / 8;

		if (s->limits.total_bytes > eighth)
			s->limits.total_bytes = eighth;
	}
	return s;
}

void logs_store_free(struct logs_store *s)
{
	if (s && s->dirfd >= 0)
		close(s->dirfd);
	free(s);
}

uint64_t logs_store_bytes(const struct logs_store *s)
{
	return s->total;
}

static void store_less(struct logs_store *s, uint64_t bytes)
{
	s->total -= bytes < s->total ? bytes : s->total;
}

int logs_store_remove(struct logs_store *s, const char *name, struct err *e)
{
	if (s->dirfd < 0)
		return 0;
	store_less(s, directory_bytes(s->dirfd, name));
	return fs_remove_tree(s->dirfd, name, e);
}

/* --- opening --- */

struct logs_file *logs_file_open(struct logs_store *s, const char *name)
{
	struct logs_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->store = s;
	f->fd = f->mark.fd = -1;
	snprintf(f->name, sizeof(f->name), "%s", name);
	return f;
}

static void close_current(struct logs_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	logs_mark_close(&f->mark);
}

void logs_file_close(struct logs_file *f)
{
	if (!f)
		return;
	close_current(f);
	logs_memory_end(&f->memory);
	free(f);
}

/* The length up to and with the last '\n'; what is behind it was torn by a power cut. */
static int64_t whole_length(int fd, uint64_t size)
{
	char chunk[4096];

	while (size > 0) {
		size_t n = size < sizeof(chunk) ? (size_t)size : sizeof(chunk);
		const char *end;

		if (fs_pread_full(fd, chunk, n, (off_t)(size - n)) < 0)
			return -1;
		end = memrchr(chunk, '\n', n);
		if (end)
			return (int64_t)(size - n) + (end - chunk) + 1;
		size -= n;
	}
	return 0;
}

/* The time of the first record; damage there must not make two files alike, so the inode stands in. */
static uint64_t read_generation(int fd, const struct stat *st)
{
	char time[LOG_TIME_LEN];
	uint64_t ns;

	if (st->st_size == 0)
		return 0;
	if (fs_pread_full(fd, time, sizeof(time), 0) < 0 || log_time_parse(time, sizeof(time), &ns) < 0)
		return (uint64_t)st->st_ino + 1;
	return ns;
}

/* Opens current for writing. -1 with errno. */
static int open_current(struct logs_file *f, bool create)
{
	char path[PATH_BYTES];
	struct stat st;
	int64_t whole;

	if (f->fd >= 0)
		return 0;
	if (f->store->dirfd < 0) {
		errno = ENODEV;
		return -1;
	}
	if (create && mkdirat(f->store->dirfd, f->name, 0700) < 0 && errno != EEXIST)
		return -1;
	file_path(f, 0, path);
	f->fd = openat(f->store->dirfd, path, O_RDWR | (create ? O_CREAT : 0) | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return -1;
	if (fstat(f->fd, &st) < 0 || (whole = whole_length(f->fd, (uint64_t)st.st_size)) < 0 ||
	    (whole != st.st_size && ftruncate(f->fd, whole) < 0)) {
		int code = errno;

		close(f->fd);
		f->fd = -1;
		errno = code;
		return -1;
	}
	store_less(f->store, (uint64_t)(st.st_size - whole));
	st.st_size = whole;
	f->size = (uint64_t)whole;
	f->generation = read_generation(f->fd, &st);
	if (f->mark.fd < 0) {
		snprintf(path, sizeof(path), "%s/mark", f->name);
		logs_mark_open(&f->mark, f->store->dirfd, path, f->store->boot_id, (struct logs_position){ f->generation, f->size });
	}
	return 0;
}

/* --- writing --- */

static void unlink_counted(struct logs_file *f, unsigned n)
{
	char path[PATH_BYTES];
	struct stat st;

	file_path(f, n, path);
	if (fstatat(f->store->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && unlinkat(f->store->dirfd, path, 0) == 0)
		store_less(f->store, (uint64_t)st.st_size);
}

/* current becomes 1, 1 becomes 2, ...; over the bound of all, nothing old is kept. */
static int rotate(struct logs_file *f, bool over)
{
	unsigned keep = f->store->limits.files;
	char from[PATH_BYTES], to[PATH_BYTES];

	close(f->fd);
	f->fd = -1;
	for (unsigned i = LOGS_FILES_MAX - 1; i > 0; i--)
		if (over || i >= keep - 1)
			unlink_counted(f, i);
	if (keep == 1)
		unlink_counted(f, 0);
	for (unsigned i = keep - 1; i > 0; i--) {
		file_path(f, i - 1, from);
		file_path(f, i, to);
		if (renameat(f->store->dirfd, from, f->store->dirfd, to) < 0 && errno != ENOENT)
			return -1;
	}
	return open_current(f, true);
}

/* Whole records into current. -1 with errno, and nothing of them in the file. */
static int file_put(struct logs_file *f, const char *records, size_t len)
{
	struct logs_store *s = f->store;
	bool over;

	if (open_current(f, true) < 0)
		return -1;
	over = s->total + len > s->limits.total_bytes;
	if (f->size > 0 && (f->size + len > s->limits.file_bytes || (over && f->size + len > SMALL_FILE)) && rotate(f, over) < 0)
		return -1;
	if (fs_pwrite_full(f->fd, records, len, (off_t)f->size) < 0) {
		int code = errno;

		if (ftruncate(f->fd, (off_t)f->size) < 0)
			close_current(f); /* opening it again repairs it */
		errno = code;
		return -1;
	}
	if (f->size == 0)
		log_time_parse(records, LOG_TIME_LEN, &f->generation);
	f->size += len;
	s->total += len;
	return 0;
}

/* A record of our own. */
static size_t notice(char *out, size_t size, const char *text)
{
	char time[LOG_TIME_LEN + 1];

	log_time_format(now_ns(), time);
	return (size_t)snprintf(out, size, "%s stderr F [hull: %.150s]\n", time, text);
}

static void memory_put(struct logs_file *f, const char *records, size_t len, int why)
{
	char text[160], line[256];

	if (!f->memory.data) {
		if (logs_memory_begin(&f->memory, f->store->limits.memory_bytes, now_ns()) < 0)
			return; /* no disk and no memory: nothing is left to keep it in */
		snprintf(text, sizeof(text), "the log can't be stored: %.60s; the last %zu KiB are kept in memory",
			 strerror(why), f->store->limits.memory_bytes / 1024);
		logs_memory_put(&f->memory, line, notice(line, sizeof(line), text));
	}
	logs_memory_put(&f->memory, records, len);
	f->retry_ns = monotonic_ns() + f->store->limits.retry_ms * 1000000ULL;
}

bool logs_file_in_memory(const struct logs_file *f)
{
	return f->memory.data != NULL;
}

/* What memory holds goes to the file, if that can be written again. */
static int memory_flush(struct logs_file *f)
{
	struct logs_memory *m = &f->memory;
	char text[160], line[256];

	if (m->base > 0) {
		snprintf(text, sizeof(text), "%llu bytes of the log were lost here", (unsigned long long)m->base);
		if (file_put(f, line, notice(line, sizeof(line), text)) < 0)
			return -1;
	}
	if (file_put(f, m->data, m->len) < 0)
		return -1;
	f->memory_was = (struct logs_position){ m->generation, m->base };
	f->memory_is = (struct logs_position){ f->generation, f->size - m->len };
	logs_memory_end(m);
	return 0;
}

size_t logs_file_append(struct logs_file *f, enum log_stream stream, const char *data, size_t len, bool flush)
{
	char time[LOG_TIME_LEN + 1], *batch = f->store->batch;
	size_t used, n;

	log_time_format(now_ns(), time);
	used = log_records(data, len, flush, time, stream, batch, BATCH_BYTES, &n);
	if (n == 0)
		return 0;
	if (f->memory.data && (monotonic_ns() < f->retry_ns || memory_flush(f) < 0))
		memory_put(f, batch, n, errno);
	else if (file_put(f, batch, n) < 0)
		memory_put(f, batch, n, errno);
	return used;
}

/* --- marks --- */

void logs_file_consumed(struct logs_file *f, enum log_stream stream)
{
	if (f->fd >= 0)
		logs_mark_set(&f->mark, stream, (struct logs_position){ f->generation, f->size });
}

/* One record against what the pipe holds: bytes that are alike, or -1. */
static int64_t same_as(const struct log_record *r, const char *data, size_t len)
{
	size_t need = r->len + (r->partial ? 0 : 1);

	if (len < need || memcmp(r->text, data, r->len) != 0 || (!r->partial && data[r->len] != '\n'))
		return -1;
	return (int64_t)need;
}

size_t logs_file_unconsumed(struct logs_file *f, enum log_stream stream, const char *data, size_t len)
{
	const struct logs_position *at = &f->mark.at[stream];
	cleanup_free char *chunk = NULL;
	size_t matched = 0, have;
	uint64_t off;

	if (open_current(f, false) < 0 || f->mark.fd < 0 || f->size == 0)
		return 0;
	/* Another generation: the batch itself made it rotate, or the stream has been quiet since. */
	off = at->generation == f->generation ? at->offset : 0;
	chunk = malloc(CHUNK);
	while (chunk && off < f->size) {
		const char *line = chunk, *end;

		have = f->size - off < CHUNK ? (size_t)(f->size - off) : CHUNK;
		if (fs_pread_full(f->fd, chunk, have, (off_t)off) < 0)
			return 0;
		while ((end = memchr(line, '\n', have - (size_t)(line - chunk)))) {
			struct log_record r;

			if (log_record_parse(line, (size_t)(end - line), &r) == 0 && r.stream == stream) {
				int64_t n = same_as(&r, data + matched, len - matched);

				if (n < 0)
					return 0;
				matched += (size_t)n;
			}
			line = end + 1;
		}
		if (line == chunk)
			break;
		off += (uint64_t)(line - chunk);
	}
	return matched;
}

/* --- reading --- */

static bool segment_open(const struct logs_file *f, unsigned n, struct logs_segment *out)
{
	char path[PATH_BYTES];
	struct stat st;
	int fd;

	if (n == 0 && f->fd >= 0) {
		*out = (struct logs_segment){ .fd = f->fd, .generation = f->generation, .len = f->size };
		return f->size > 0;
	}
	file_path(f, n, path);
	fd = openat(f->store->dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
		close(fd);
		return false;
	}
	*out = (struct logs_segment){ .fd = fd, .owned = true, .generation = read_generation(fd, &st), .len = (uint64_t)st.st_size };
	return true;
}

size_t logs_file_segments(struct logs_file *f, struct logs_segment out[LOGS_SEGMENTS_MAX])
{
	size_t n = 0;

	if (f->store->dirfd >= 0)
		for (unsigned i = LOGS_FILES_MAX; i-- > 0;)
			if (segment_open(f, i, &out[n]))
				n++;
	if (f->memory.data)
		out[n++] = (struct logs_segment){ .fd = -1, .memory = f->memory.data, .generation = f->memory.generation,
						  .base = f->memory.base, .len = f->memory.len };
	return n;
}

void logs_segments_close(struct logs_segment *segments, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (segments[i].owned)
			close(segments[i].fd);
}

void logs_file_moved(const struct logs_file *f, uint64_t *generation, uint64_t *offset)
{
	if (*generation == 0 || *generation != f->memory_was.generation || *offset < f->memory_was.offset)
		return;
	*offset = f->memory_is.offset + (*offset - f->memory_was.offset);
	*generation = f->memory_is.generation;
}
