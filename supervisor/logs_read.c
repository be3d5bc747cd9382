/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/logs_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/utf8.h"

#define CHUNK 65536
#define LINE_OVERHEAD 96 /* keys, time and stream of a line in JSON */

/* One reading under way: where it is, what it has. */
struct reading {
	struct logs_segment segments[LOGS_SEGMENTS_MAX];
	size_t n, at; /* segment */
	uint64_t offset; /* within the segments' own counting: base to base + len */
	cJSON *lines;
	size_t size, max; /* bytes of JSON */
	char *chunk;
};

static uint64_t segment_end(const struct logs_segment *s)
{
	return s->base + s->len;
}

/* Up to len bytes at offset, borrowed: of the memory itself or of the chunk. NULL when it can't be read. */
static const char *segment_bytes(struct reading *r, const struct logs_segment *s, uint64_t offset, size_t len)
{
	if (s->memory)
		return s->memory + (offset - s->base);
	return fs_pread_full(s->fd, r->chunk, len, (off_t)offset) < 0 ? NULL : r->chunk;
}

static int cursor_parse(const char *text, uint64_t *generation, uint64_t *offset)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	*generation = strtoull(text, &end, 10);
	if (errno || *end != ':' || end[1] < '0' || end[1] > '9')
		return -1;
	*offset = strtoull(end + 1, &end, 10);
	return errno || *end ? -1 : 0;
}

/* How much a text takes in JSON between its quotes. */
static size_t escaped_size(const char *text, size_t len)
{
	size_t size = len;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\' || c == '\t' || c == '\r' || c == '\b' || c == '\f')
			size += 1;
		else if (c < 0x20)
			size += 5;
	}
	return size;
}

static cJSON *text_value(const char *text, size_t len)
{
	cleanup_free char *copy = strndup(text, len);

	return copy ? cJSON_CreateString(copy) : NULL;
}

static cJSON *data_value(const char *text, size_t len)
{
	cleanup_free char *encoded = base64_encode(text, len);

	return encoded ? cJSON_CreateString(encoded) : NULL;
}

/* 1: added, 0: no room left, -1: ENOMEM. */
static int add_line(struct reading *r, const struct log_record *record)
{
	size_t plain = escaped_size(record->text, record->len), coded = (record->len + 2) / 3 * 4;
	/* cJSON's strings end at a NUL; and a text full of escapes takes less in base64. */
	bool data = plain > coded || memchr(record->text, '\0', record->len) || !utf8_valid(record->text, record->len);
	size_t size = LINE_OVERHEAD + (data ? coded : plain);
	char time[LOG_TIME_LEN + 1];
	cJSON *line, *value;

	if (r->size > 0 && r->size + size > r->max)
		return 0;
	memcpy(time, record->time, LOG_TIME_LEN);
	time[LOG_TIME_LEN] = '\0';
	line = cJSON_CreateObject();
	value = data ? data_value(record->text, record->len) : text_value(record->text, record->len);
	if (!line || !value || !cJSON_AddStringToObject(line, "time", time) ||
	    !cJSON_AddStringToObject(line, "stream", log_stream_name(record->stream)) ||
	    !cJSON_AddItemToObject(line, data ? "data" : "text", value)) {
		cJSON_Delete(value);
		cJSON_Delete(line);
		return -1;
	}
	if (record->partial)
		cJSON_AddTrueToObject(line, "partial");
	cJSON_AddItemToArray(r->lines, line);
	r->size += size;
	return 1;
}

static int add_notice(struct reading *r, const char *text)
{
	char time[LOG_TIME_LEN + 1];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	log_time_format((uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec, time);
	return add_line(r, &(struct log_record){ time, LOG_STDERR, false, text, strlen(text) });
}

/* Puts the reading where the cursor says, or at the oldest record with a notice when that is gone. */
static int seek_cursor(struct reading *r, const struct logs_file *f, const char *cursor, struct err *e)
{
	uint64_t generation, offset;

	r->at = 0;
	r->offset = r->segments[0].base;
	if (!*cursor)
		return 0;
	if (cursor_parse(cursor, &generation, &offset) < 0)
		return err_set(e, EINVAL, "not a cursor of a log: %.60s", cursor);
	logs_file_moved(f, &generation, &offset);
	for (size_t i = 0; i < r->n; i++) {
		const struct logs_segment *s = &r->segments[i];

		if (s->generation != generation)
			continue;
		r->at = i;
		r->offset = offset < segment_end(s) ? offset : segment_end(s);
		if (offset >= s->base)
			return 0;
		r->offset = s->base;
		break;
	}
	if (add_notice(r, "[hull: records were skipped here: the log was rotated before they were read]") < 0)
		return err_set(e, ENOMEM, "out of memory");
	return 0;
}

/* Looks for the nth '\n' from the end of a segment: true and the offset behind it; else n is less by those that were there. */
static bool seek_back(struct reading *r, const struct logs_segment *s, uint64_t *n, uint64_t *offset)
{
	uint64_t end = segment_end(s);

	while (end > s->base) {
		size_t len = end - s->base < CHUNK ? (size_t)(end - s->base) : CHUNK;
		const char *bytes = segment_bytes(r, s, end - len, len), *at = bytes ? bytes + len : NULL;

		if (!bytes)
			return false;
		while ((at = memrchr(bytes, '\n', (size_t)(at - bytes)))) {
			if (--*n == 0) {
				*offset = end - len + (uint64_t)(at - bytes) + 1;
				return true;
			}
		}
		end -= len;
	}
	return false;
}

static void seek_tail(struct reading *r, int64_t tail)
{
	uint64_t n = (uint64_t)tail + 1; /* the record before them ends with the first '\n' that isn't theirs */

	for (r->at = r->n; r->at-- > 0;)
		if (seek_back(r, &r->segments[r->at], &n, &r->offset))
			return;
	r->at = 0;
	r->offset = r->segments[0].base;
}

/* Takes records of one chunk. 1: go on, 2: no whole record is left in this segment, 0: full, -1: ENOMEM. */
static int read_chunk(struct reading *r, const struct logs_segment *s)
{
	uint64_t left = segment_end(s) - r->offset;
	size_t len = left < CHUNK ? (size_t)left : CHUNK;
	const char *bytes = segment_bytes(r, s, r->offset, len), *line = bytes, *end;

	while (line && (end = memchr(line, '\n', len - (size_t)(line - bytes)))) {
		struct log_record record;
		/* What is no record (a disk that lied) is passed over. */
		int rc = log_record_parse(line, (size_t)(end - line), &record) < 0 ? 1 : add_line(r, &record);

		if (rc <= 0)
			return rc;
		r->offset += (uint64_t)(end + 1 - line);
		line = end + 1;
	}
	if (!bytes || (line == bytes && len < CHUNK))
		return 2; /* torn; it is cut off when the file is next opened for writing */
	if (line == bytes)
		r->offset += len;
	return 1;
}

static int read_on(struct reading *r, bool *end)
{
	*end = false;
	for (;;) {
		const struct logs_segment *s = &r->segments[r->at];
		int rc = 1;

		while (rc == 1 && r->offset < segment_end(s))
			rc = read_chunk(r, s);
		if (rc <= 0)
			return rc;
		if (r->at + 1 == r->n)
			break;
		r->at++;
		r->offset = r->segments[r->at].base;
	}
	*end = true;
	return 0;
}

static int read_segments(struct reading *r, const struct logs_file *f, const struct logs_query *q, char *cursor, bool *end,
			 struct err *e)
{
	if (r->n == 0) {
		*end = true;
		return 0;
	}
	if (q->tail >= 0)
		seek_tail(r, q->tail);
	else if (seek_cursor(r, f, q->cursor, e) < 0)
		return -1;
	if (read_on(r, end) < 0)
		return err_set(e, ENOMEM, "out of memory");
	snprintf(cursor, LOGS_CURSOR_MAX, "%" PRIu64 ":%" PRIu64, r->segments[r->at].generation, r->offset);
	return 0;
}

int logs_read(struct logs_file *f, const struct logs_query *q, cJSON *result, bool *end, struct err *e)
{
	struct reading r = { .max = q->max < LOGS_PIECE_MAX ? q->max : LOGS_PIECE_MAX, .chunk = malloc(CHUNK) };
	char cursor[LOGS_CURSOR_MAX] = "";
	int rc;

	r.lines = cJSON_CreateArray();
	if (!r.chunk || !r.lines) {
		free(r.chunk);
		cJSON_Delete(r.lines);
		return err_set(e, ENOMEM, "out of memory");
	}
	r.n = logs_file_segments(f, r.segments);
	rc = read_segments(&r, f, q, cursor, end, e);
	logs_segments_close(r.segments, r.n);
	free(r.chunk);
	if (rc < 0) {
		cJSON_Delete(r.lines);
		return -1;
	}
	cJSON_AddItemToObject(result, "lines", r.lines);
	cJSON_AddStringToObject(result, "cursor", cursor);
	return 0;
}
