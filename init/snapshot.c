/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memfd is divided into blocks. A record has two extents of the same capacity, each starting with a copy_header;
 * a put goes to the older one. Resuming scans for headers, so nothing but the file itself is needed to read it.
 */
#include "init/snapshot.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define SNAPSHOT_BLOCK 256u
#define SNAPSHOT_MAGIC 0x4e53484cu /* "LHSN" */
#define SNAPSHOT_VERSION 1u /* readers of version N also read N-1 */
#define SNAPSHOT_KEY_MAX 128u
#define SNAPSHOT_VALUE_MAX 131072u /* a message's worth and what is noted beside it */
#define SNAPSHOT_BLOCKS_MAX (256u * 1024u * 1024u / SNAPSHOT_BLOCK)

/* Larger than JSON_MESSAGE: whatever a message may bring must come back out of a record. */
static const struct json_limits record_limits = { .bytes = SNAPSHOT_VALUE_MAX, .values = 8192, .depth = 24 };

struct copy_header {
	uint32_t magic, version;
	uint64_t generation;
	uint32_t blocks; /* of this extent, header included */
	uint32_t key_len, value_len;
	uint32_t data_crc; /* of key and value */
	uint32_t header_crc; /* of all above */
	uint32_t reserved;
};

struct record {
	char *key;
	uint32_t first[2]; /* extents' first blocks */
	uint32_t blocks;
	uint64_t generation[2]; /* 0: no valid copy there */
};

struct snapshot {
	int fd;
	uint64_t generation;
	uint8_t *used; /* a byte a block */
	uint32_t n_blocks;
	struct record *records;
	size_t n_records, room;
};

static uint32_t header_crc(const struct copy_header *h)
{
	return (uint32_t)crc32(0, (const Bytef *)h, offsetof(struct copy_header, header_crc));
}

static struct record *find(const struct snapshot *s, const char *key)
{
	for (size_t i = 0; i < s->n_records; i++)
		if (strcmp(s->records[i].key, key) == 0)
			return &s->records[i];
	return NULL;
}

static struct record *add_record(struct snapshot *s, const char *key)
{
	if (s->n_records == s->room) {
		size_t room = s->room ? s->room * 2 : 16;
		struct record *r = reallocarray(s->records, room, sizeof(*r));
		if (!r)
			return NULL;
		s->records = r;
		s->room = room;
	}
	struct record *r = &s->records[s->n_records];
	*r = (struct record){ .key = strdup(key) };
	if (!r->key)
		return NULL;
	s->n_records++;
	return r;
}

static int grow(struct snapshot *s, uint32_t n_blocks)
{
	if (n_blocks > SNAPSHOT_BLOCKS_MAX) {
		errno = ENOSPC;
		return -1;
	}
	uint8_t *used = realloc(s->used, n_blocks);
	if (!used)
		return -1;
	memset(used + s->n_blocks, 0, n_blocks - s->n_blocks);
	s->used = used;
	if (ftruncate(s->fd, (off_t)n_blocks * SNAPSHOT_BLOCK) < 0)
		return -1;
	s->n_blocks = n_blocks;
	return 0;
}

/* First fit; grows the file when nothing fits. */
static int allocate(struct snapshot *s, uint32_t blocks, uint32_t *first)
{
	uint32_t run = 0;
	for (uint32_t i = 0; i < s->n_blocks; i++) {
		run = s->used[i] ? 0 : run + 1;
		if (run == blocks) {
			*first = i + 1 - blocks;
			memset(s->used + *first, 1, blocks);
			return 0;
		}
	}
	uint32_t start = s->n_blocks - run;
	if (grow(s, start + blocks + 16) < 0)
		return -1;
	*first = start;
	memset(s->used + start, 1, blocks);
	return 0;
}

static void release(struct snapshot *s, uint32_t first, uint32_t blocks)
{
	static const struct copy_header none;
	fs_pwrite_full(s->fd, &none, sizeof(none), (off_t)first * SNAPSHOT_BLOCK);
	memset(s->used + first, 0, blocks);
}

static int write_copy(struct snapshot *s, struct record *r, int which, const char *value, size_t len)
{
	size_t key_len = strlen(r->key), size = sizeof(struct copy_header) + key_len + len;
	cleanup_free char *out = malloc(size);
	if (!out)
		return -1;
	struct copy_header h = { .magic = SNAPSHOT_MAGIC, .version = SNAPSHOT_VERSION, .generation = ++s->generation,
		.blocks = r->blocks, .key_len = (uint32_t)key_len, .value_len = (uint32_t)len };
	memcpy(out + sizeof(h), r->key, key_len);
	memcpy(out + sizeof(h) + key_len, value, len);
	h.data_crc = (uint32_t)crc32(0, (const Bytef *)out + sizeof(h), (uInt)(key_len + len));
	h.header_crc = header_crc(&h);
	memcpy(out, &h, sizeof(h));
	if (fs_pwrite_full(s->fd, out, size, (off_t)r->first[which] * SNAPSHOT_BLOCK) < 0)
		return -1;
	r->generation[which] = h.generation;
	return 0;
}

static struct snapshot *new_snapshot(int fd, struct err *e)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	if (!s) {
		err_sys(e, "snapshot");
		return NULL;
	}
	s->fd = fd;
	return s;
}

struct snapshot *snapshot_create(struct err *e)
{
	int fd = memfd_create("hull-snapshot", 0);
	if (fd < 0) {
		err_sys(e, "snapshot: memfd_create");
		return NULL;
	}
	struct snapshot *s = new_snapshot(fd, e);
	if (!s)
		close(fd);
	return s;
}

/* Reads the copy at this block. 1: header good (r_key malloc'ed, or NULL when the data is damaged), 0: no header. */
static int read_copy(const struct snapshot *s, uint32_t block, struct copy_header *h, char **data)
{
	*data = NULL;
	if (fs_pread_full(s->fd, h, sizeof(*h), (off_t)block * SNAPSHOT_BLOCK) < 0)
		return 0;
	if (h->magic != SNAPSHOT_MAGIC || h->header_crc != header_crc(h) || h->version > SNAPSHOT_VERSION || !h->blocks ||
	    h->blocks > s->n_blocks - block || h->key_len > SNAPSHOT_KEY_MAX || h->value_len > SNAPSHOT_VALUE_MAX ||
	    sizeof(*h) + h->key_len + h->value_len > (size_t)h->blocks * SNAPSHOT_BLOCK)
		return 0;
	size_t len = h->key_len + h->value_len;
	char *text = malloc(len + 2);
	if (!text)
		return 1;
	if (fs_pread_full(s->fd, text, len, (off_t)block * SNAPSHOT_BLOCK + (off_t)sizeof(*h)) < 0 ||
	    crc32(0, (const Bytef *)text, (uInt)len) != h->data_crc) {
		free(text);
		return 1;
	}
	/* "key\0value\0" */
	memmove(text + h->key_len + 1, text + h->key_len, h->value_len);
	text[h->key_len] = '\0';
	text[len + 1] = '\0';
	*data = text;
	return 1;
}

/* Takes a copy found at `block` into its record. A third copy can only be an extent that was being replaced: the two
 * newest of one capacity stay. */
static int adopt_copy(struct snapshot *s, uint32_t block, const struct copy_header *h, const char *key)
{
	struct record *r = find(s, key);
	if (!r && !(r = add_record(s, key)))
		return -1;
	uint64_t newest = r->generation[0] > r->generation[1] ? r->generation[0] : r->generation[1];
	if (r->blocks && r->blocks != h->blocks) {
		if (h->generation < newest) {
			release(s, block, h->blocks);
			return 0;
		}
		for (int i = 0; i < 2; i++)
			if (r->generation[i])
				release(s, r->first[i], r->blocks);
		r->generation[0] = r->generation[1] = 0;
	}
	int which = r->generation[0] ? 1 : 0;
	if (r->generation[which]) {
		release(s, block, h->blocks);
		return 0;
	}
	r->blocks = h->blocks;
	r->first[which] = block;
	r->generation[which] = h->generation;
	memset(s->used + block, 1, h->blocks);
	return 0;
}

struct snapshot *snapshot_resume(int fd, size_t *lost, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0) {
		err_sys(e, "snapshot: descriptor %d", fd);
		return NULL;
	}
	struct snapshot *s = new_snapshot(fd, e);
	if (!s)
		return NULL;
	*lost = 0;
	if (st.st_size && grow(s, (uint32_t)(st.st_size / SNAPSHOT_BLOCK)) < 0)
		goto fail;
	for (uint32_t block = 0; block < s->n_blocks;) {
		struct copy_header h;
		char *data;
		if (!read_copy(s, block, &h, &data)) {
			block++;
			continue;
		}
		if (h.generation > s->generation)
			s->generation = h.generation;
		if (!data)
			++*lost;
		else if (adopt_copy(s, block, &h, data) < 0) {
			free(data);
			goto fail;
		}
		free(data);
		block += h.blocks;
	}
	/* A record with one copy gets room for its second at the next put. */
	for (size_t i = 0; i < s->n_records; i++)
		for (int k = 0; k < 2; k++)
			if (!s->records[i].generation[k] && allocate(s, s->records[i].blocks, &s->records[i].first[k]) < 0)
				goto fail;
	return s;
fail:
	err_sys(e, "snapshot: resume");
	s->fd = -1;
	snapshot_free(s);
	return NULL;
}

int snapshot_fd(const struct snapshot *s)
{
	return s->fd;
}

/* Gives the record two extents that hold `size` bytes; the old ones are released by the caller after the first write. */
static int reserve(struct snapshot *s, struct record *r, size_t size)
{
	uint32_t blocks = (uint32_t)((size + size / 4 + SNAPSHOT_BLOCK - 1) / SNAPSHOT_BLOCK), first[2];
	if (allocate(s, blocks, &first[0]) < 0)
		return -1;
	if (allocate(s, blocks, &first[1]) < 0) {
		memset(s->used + first[0], 0, blocks);
		return -1;
	}
	r->first[0] = first[0];
	r->first[1] = first[1];
	r->blocks = blocks;
	r->generation[0] = r->generation[1] = 0;
	return 0;
}

/* Nothing was written: the record is as it was before. */
static void take_back(struct snapshot *s, struct record *r, const struct record *old)
{
	for (int i = 0; i < 2 && r->blocks != old->blocks; i++)
		release(s, r->first[i], r->blocks);
	if (old->blocks) {
		*r = *old;
	} else {
		free(r->key);
		*r = s->records[--s->n_records];
	}
}

static int put_text(struct snapshot *s, const char *key, const char *text, size_t len, struct err *e)
{
	size_t size = sizeof(struct copy_header) + strlen(key) + len;
	struct record *r = find(s, key);
	if (!r && !(r = add_record(s, key)))
		return err_sys(e, "snapshot: %s", key);
	struct record old = *r;
	if ((size > (size_t)r->blocks * SNAPSHOT_BLOCK && reserve(s, r, size) < 0) ||
	    write_copy(s, r, r->generation[0] <= r->generation[1] ? 0 : 1, text, len) < 0) {
		err_sys(e, "snapshot: %s", key);
		take_back(s, r, &old);
		return -1;
	}
	if (old.blocks && old.first[0] != r->first[0])
		for (int i = 0; i < 2; i++)
			release(s, old.first[i], old.blocks);
	return 0;
}

int snapshot_put(struct snapshot *s, const char *key, const cJSON *value, struct err *e)
{
	cleanup_free char *text = json_print(value);
	if (!text)
		return err_set(e, ENOMEM, "snapshot: %s: out of memory", key);
	size_t len = strlen(text);
	if (len > SNAPSHOT_VALUE_MAX || strlen(key) > SNAPSHOT_KEY_MAX)
		return err_set(e, EMSGSIZE, "snapshot: %s: %zu bytes are too many", key, len);
	return put_text(s, key, text, len, e);
}

void snapshot_delete(struct snapshot *s, const char *key)
{
	struct record *r = find(s, key);
	if (!r)
		return;
	/* The older copy first: a crash in between must not bring it back. */
	int older = r->generation[0] <= r->generation[1] ? 0 : 1;
	release(s, r->first[older], r->blocks);
	release(s, r->first[!older], r->blocks);
	free(r->key);
	*r = s->records[--s->n_records];
}

static cJSON *read_record(const struct snapshot *s, const struct record *r)
{
	int newest = r->generation[0] > r->generation[1] ? 0 : 1;
	for (int i = 0; i < 2; i++) {
		int which = i ? !newest : newest;
		struct copy_header h;
		char *data;
		if (!r->generation[which] || !read_copy(s, r->first[which], &h, &data) || !data)
			continue;
		cJSON *v = json_parse(data + h.key_len + 1, h.value_len, &record_limits, NULL);
		free(data);
		if (v)
			return v;
	}
	return NULL;
}

cJSON *snapshot_get(const struct snapshot *s, const char *key)
{
	const struct record *r = find(s, key);
	return r ? read_record(s, r) : NULL;
}

void snapshot_each(const struct snapshot *s, const char *prefix, void (*fn)(void *arg, const char *key, const cJSON *value),
		   void *arg)
{
	for (size_t i = 0; i < s->n_records; i++) {
		if (strncmp(s->records[i].key, prefix, strlen(prefix)) != 0)
			continue;
		cleanup_json cJSON *v = read_record(s, &s->records[i]);
		if (v)
			fn(arg, s->records[i].key, v);
	}
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_records; i++)
		free(s->records[i].key);
	free(s->records);
	free(s->used);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}
