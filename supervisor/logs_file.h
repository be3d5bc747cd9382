/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a unit: NAME/current and the rotated NAME/1 (newer), NAME/2, ... in CRI's format (logs_record.h), bounded in
 * size and number. Appending never fails: while the store can't be written (full, read-only, absent) the newest records
 * are kept in memory, with a record that says so, and go to the file when that works again.
 *
 * A position in a log is "generation:offset". A file's generation is the time of its first record in ns, so it goes with
 * the file when that is renamed, and nothing has to be kept beside it.
 *
 * NAME/mark says for each stream up to where the log is also consumed from its pipe: a role that was killed between
 * writing a batch and consuming it finds the batch again at the pipe's head, and drops it (logs_file_unconsumed).
 *
 * The store's directory is the role's alone; a torn last record, of a power cut, is cut off when a file is opened.
 */
#pragma once
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "supervisor/logs_record.h"

#define LOGS_FILES_MAX 9
#define LOGS_NAME_MAX 64

struct logs_limits {
	uint64_t file_bytes; /* a file is rotated before it gets longer */
	unsigned files; /* of a unit, current included; 1 to LOGS_FILES_MAX */
	uint64_t total_bytes; /* of all units; over it, a unit that writes keeps no more than a small current file */
	size_t memory_bytes; /* of a unit, while the store can't be written */
	unsigned retry_ms; /* how soon it is tried again */
};
extern const struct logs_limits LOGS_DEFAULT; /* 4 MiB, 3, 256 MiB (but an eighth of the filesystem at most), 64 KiB, 5 s */

struct logs_store;
/* dirfd is taken over; -1: there is no store, memory only. boot_id: marks of another boot don't count. NULL: ENOMEM. */
struct logs_store *logs_store_open(int dirfd, const struct logs_limits *limits, const uint8_t boot_id[16]);
void logs_store_free(struct logs_store *s);
uint64_t logs_store_bytes(const struct logs_store *s);
/* Removes a unit's files; none is fine. No logs_file of it may be open. */
int logs_store_remove(struct logs_store *s, const char *name, struct err *e);

struct logs_file;
/* name: checked by the caller (no slash, no dot in front). Nothing is created before the first record. NULL: ENOMEM. */
struct logs_file *logs_file_open(struct logs_store *s, const char *name);
void logs_file_close(struct logs_file *f);

/* Appends what data holds as log_records does; returns how much was used (0: only a line without its end, no flush). */
size_t logs_file_append(struct logs_file *f, enum log_stream stream, const char *data, size_t len, bool flush);
/* What was appended last has been taken off the stream's pipe. */
void logs_file_consumed(struct logs_file *f, enum log_stream stream);
/* How many bytes at the head of a pipe (data: what is in it) are in the log already. */
size_t logs_file_unconsumed(struct logs_file *f, enum log_stream stream, const char *data, size_t len);

/* Its newest records are in memory alone: they are lost when it is closed. */
bool logs_file_in_memory(const struct logs_file *f);

/* What can be read now, oldest first. Valid until the next append; records are at the offsets base to base + len. */
struct logs_segment {
	int fd; /* -1: memory */
	bool owned;
	const char *memory;
	uint64_t generation, base, len;
};
#define LOGS_SEGMENTS_MAX (LOGS_FILES_MAX + 1)
size_t logs_file_segments(struct logs_file *f, struct logs_segment out[LOGS_SEGMENTS_MAX]);
void logs_segments_close(struct logs_segment *segments, size_t n);
/* A position in what was in memory and is now in a file; others stay as they are. */
void logs_file_moved(const struct logs_file *f, uint64_t *generation, uint64_t *offset);
