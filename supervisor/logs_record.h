/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of a log in CRI's format, `2026-11-22T15:00:00.123456789Z stdout F text\n`: F ends a line, P is a piece of
 * one that goes on with the next record of its stream. A text is any bytes but '\n'.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_STREAMS };

#define LOG_TEXT_MAX 16384
#define LOG_TIME_LEN 30
#define LOG_RECORD_MAX (LOG_TIME_LEN + 10 + LOG_TEXT_MAX + 1)

const char *log_stream_name(enum log_stream s);
int log_stream_parse(const char *name, enum log_stream *out);

/* ns since 1970 in UTC; years 1970 to 9999. */
void log_time_format(uint64_t ns, char out[LOG_TIME_LEN + 1]);
int log_time_parse(const char *text, size_t len, uint64_t *ns);

/*
 * Turns what a stream delivered into records of one time: whole lines, and pieces of LOG_TEXT_MAX of longer ones; with
 * flush also what is left without its end. Returns how much of data was used; what was written to out is in *out_len.
 * Both are bounded by out_size (at least LOG_RECORD_MAX), so call again with the rest.
 */
size_t log_records(const char *data, size_t len, bool flush, const char time[LOG_TIME_LEN], enum log_stream stream, char *out,
		   size_t out_size, size_t *out_len);

struct log_record {
	const char *time; /* LOG_TIME_LEN bytes, borrowed like text */
	enum log_stream stream;
	bool partial;
	const char *text;
	size_t len;
};
/* line without its '\n'. -1: no record. */
int log_record_parse(const char *line, size_t len, struct log_record *out);
