/* SPDX-License-Identifier: Apache-2.0 */
/* Records, files, memory, marks and readers of a log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants those first */
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "supervisor/logs_memory.h"
#include "supervisor/logs_read.h"

static const uint8_t this_boot[16] = { 1 }, next_boot[16] = { 2 };
static const struct logs_limits small = { .file_bytes = 4096, .files = 3, .total_bytes = 1 << 20, .memory_bytes = 1024, .retry_ms = 0 };

struct place {
	char path[64];
	int dirfd;
};

static void place_make(struct place *p)
{
	strcpy(p->path, "/tmp/test_logs.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->dirfd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->dirfd >= 0);
}

static void place_remove(struct place *p)
{
	close(p->dirfd);
	assert_int_equal(fs_remove_tree(AT_FDCWD, p->path, NULL), 0);
}

static struct logs_store *store_at(const struct place *p, const struct logs_limits *limits, const uint8_t *boot)
{
	return logs_store_open(fcntl(p->dirfd, F_DUPFD_CLOEXEC, 3), limits, boot);
}

static void append_all(struct logs_file *f, enum log_stream stream, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		size_t used = logs_file_append(f, stream, text, len, true);

		assert_true(used > 0 && used <= len);
		logs_file_consumed(f, stream);
		text += used;
		len -= used;
	}
}

/* Reads all from *cursor on into out: texts, with '\n' behind those that end a line. Returns the number of records. */
static int drain(struct logs_file *f, char *cursor, int64_t tail, size_t max, char *out, size_t size)
{
	int records = 0;
	bool end = false;

	*out = '\0';
	while (!end) {
		struct logs_query q = { cursor, tail, max };
		cJSON *result = cJSON_CreateObject();
		const cJSON *line;

		assert_int_equal(logs_read(f, &q, result, &end, NULL), 0);
		cJSON_ArrayForEach(line, json_get(result, "lines")) {
			const char *text = cJSON_GetStringValue(json_get(line, "text"));

			snprintf(out + strlen(out), size - strlen(out), "%s%s", text ? text : "(data)",
				 cJSON_IsTrue(json_get(line, "partial")) ? "" : "\n");
			records++;
		}
		snprintf(cursor, LOGS_CURSOR_MAX, "%s", cJSON_GetStringValue(json_get(result, "cursor")));
		tail = -1;
		cJSON_Delete(result);
	}
	return records;
}

static void times(void **st)
{
	static const struct {
		uint64_t s;
		const char *text;
	} known[] = {
		{ 0, "1970-01-01T00:00:00.000000007Z" },	   { 951782400, "2000-02-29T00:00:00.000000007Z" },
		{ 1795356000, "2026-11-22T14:00:00.000000007Z" }, { 4107542399, "2100-02-28T23:59:59.000000007Z" },
	};
	static const char *const bad[] = { "2026-13-01T00:00:00.000000000Z", "2026-01-01 00:00:00.000000000Z", "1969-01-01T00:00:00.000000000Z",
					   "2026-01-01T24:00:00.000000000Z", "2026-01-01T00:00:00.00000000xZ", "short" };
	char text[LOG_TIME_LEN + 1];
	uint64_t ns;

	(void)st;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		log_time_format(known[i].s * 1000000000 + 7, text);
		assert_string_equal(text, known[i].text);
		assert_int_equal(log_time_parse(text, LOG_TIME_LEN, &ns), 0);
		assert_int_equal(ns, known[i].s * 1000000000 + 7);
	}
	for (uint64_t day = 0; day < 80000; day += 13) { /* against libc's own arithmetic */
		time_t t = (time_t)(day * 86400 + 12345);
		struct tm tm;
		char want[32];

		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm);
		log_time_format((uint64_t)t * 1000000000, text);
		assert_memory_equal(text, want, 19);
		assert_int_equal(log_time_parse(text, LOG_TIME_LEN, &ns), 0);
		assert_int_equal(ns / 1000000000, (uint64_t)t);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(log_time_parse(bad[i], strlen(bad[i]), &ns), -1);
}

#define T "2026-11-22T14:00:00.000000007Z"

static void records(void **st)
{
	static char out[3 * LOG_RECORD_MAX], text[40000];
	struct log_record r;
	size_t n;

	(void)st;
	assert_int_equal(log_records("a\n\nbc", 5, false, T, LOG_STDOUT, out, sizeof(out), &n), 3);
	assert_int_equal(n, strlen(T " stdout F a\n" T " stdout F \n"));
	assert_memory_equal(out, T " stdout F a\n" T " stdout F \n", n);
	assert_int_equal(log_records("bc", 2, false, T, LOG_STDERR, out, sizeof(out), &n), 0);
	assert_int_equal(log_records("bc", 2, true, T, LOG_STDERR, out, sizeof(out), &n), 2);
	assert_memory_equal(out, T " stderr P bc\n", n);
	/* a long line in pieces, the last of which ends it */
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	assert_int_equal(log_records(text, sizeof(text), false, T, LOG_STDOUT, out, sizeof(out), &n), sizeof(text));
	assert_int_equal(log_record_parse(out, LOG_RECORD_MAX - 1, &r), 0);
	assert_true(r.partial);
	assert_int_equal(r.len, LOG_TEXT_MAX);
	/* exactly the longest line is one record */
	text[LOG_TEXT_MAX] = '\n';
	assert_int_equal(log_records(text, LOG_TEXT_MAX + 1, false, T, LOG_STDOUT, out, sizeof(out), &n), LOG_TEXT_MAX + 1);
	assert_int_equal(n, LOG_RECORD_MAX);
	/* no piece ends within a character */
	memset(text, 'x', sizeof(text));
	memcpy(text + LOG_TEXT_MAX - 1, "\xe2\x82\xac", 3);
	log_records(text, LOG_TEXT_MAX + 10, false, T, LOG_STDOUT, out, sizeof(out), &n);
	assert_int_equal(n, LOG_RECORD_MAX - 1);
	/* bounded by the room there is */
	memset(text, '\n', sizeof(text));
	assert_true(log_records(text, sizeof(text), false, T, LOG_STDOUT, out, sizeof(out), &n) < sizeof(text));
	assert_true(n <= sizeof(out));
	assert_int_equal(log_record_parse(T " stdout F ", strlen(T) + 10, &r), 0);
	assert_int_equal(r.len, 0);
	assert_int_equal(log_record_parse(T " stdout X ", strlen(T) + 10, &r), -1);
	assert_int_equal(log_record_parse(T " system F ", strlen(T) + 10, &r), -1);
	assert_int_equal(log_record_parse("", 0, &r), -1);
}

static void writes_and_reads(void **st)
{
	struct place p;
	struct logs_store *s;
	struct logs_file *f;
	char cursor[LOGS_CURSOR_MAX] = "", out[1024];
	struct stat sb;

	(void)st;
	place_make(&p);
	s = store_at(&p, &small, this_boot);
	f = logs_file_open(s, "web");
	assert_int_equal(drain(f, cursor, -1, 1000, out, sizeof(out)), 0);
	assert_string_equal(cursor, "");
	assert_int_equal(fstatat(p.dirfd, "web", &sb, 0), -1); /* reading makes nothing */
	append_all(f, LOG_STDOUT, "one\ntwo\n");
	append_all(f, LOG_STDERR, "err");
	assert_int_equal(drain(f, cursor, -1, 1000, out, sizeof(out)), 3);
	assert_string_equal(out, "one\ntwo\nerr");
	assert_int_equal(drain(f, cursor, -1, 1000, out, sizeof(out)), 0);
	append_all(f, LOG_STDOUT, "three\n");
	assert_int_equal(drain(f, cursor, -1, 1000, out, sizeof(out)), 1);
	assert_string_equal(out, "three\n");
	/* one record at a time comes to the same */
	cursor[0] = '\0';
	assert_int_equal(drain(f, cursor, -1, 1, out, sizeof(out)), 4);
	assert_string_equal(out, "one\ntwo\nerrthree\n");
	for (int tail = 0; tail < 6; tail++)
		assert_int_equal(drain(f, cursor, tail, 1000, out, sizeof(out)), tail < 4 ? tail : 4);
	logs_file_close(f);
	/* another process carries on with the cursor */
	f = logs_file_open(s, "web");
	append_all(f, LOG_STDOUT, "four\n");
	assert_int_equal(drain(f, cursor, -1, 1000, out, sizeof(out)), 1);
	assert_string_equal(out, "four\n");
	logs_file_close(f);
	assert_true(logs_store_bytes(s) > 0);
	assert_int_equal(logs_store_remove(s, "web", NULL), 0);
	assert_int_equal(logs_store_bytes(s), 0);
	assert_int_equal(logs_store_remove(s, "web", NULL), 0);
	logs_store_free(s);
	place_remove(&p);
}

static void odd_texts(void **st)
{
	struct place p;
	struct logs_store *s;
	struct logs_file *f;
	static const char bytes[] = "\xff\xfe\n\0x\n\033[1m\n\"\\\n";
	cJSON *result = cJSON_CreateObject();
	bool end;
	char *text;

	(void)st;
	place_make(&p);
	s = store_at(&p, &small, this_boot);
	f = logs_file_open(s, "web");
	assert_int_equal(logs_file_append(f, LOG_STDOUT, bytes, sizeof(bytes) - 1, false), sizeof(bytes) - 1);
	assert_int_equal(logs_read(f, &(struct logs_query){ "", -1, 9999 }, result, &end, NULL), 0);
	text = json_print(json_get(result, "lines"));
	assert_non_null(strstr(text, "\"data\":\"//4=\""));
	assert_non_null(strstr(text, "\"data\":\"AHg=\""));
	assert_non_null(strstr(text, "\"\\\"\\\\\""));
	free(text);
	cJSON_Delete(result);
	logs_file_close(f);
	logs_store_free(s);
	place_remove(&p);
}

static void bad_cursors(void **st)
{
	static const char *const bad[] = { "x", "1", "1:", ":1", "-1:0", "1:-1", "1:2:3", "99999999999999999999999:1", " 1:1", "1:1 " };
	struct place p;
	struct logs_store *s;
	struct logs_file *f;

	(void)st;
	place_make(&p);
	s = store_at(&p, &small, this_boot);
	f = logs_file_open(s, "web");
	append_all(f, LOG_STDOUT, "one\n");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cJSON *result = cJSON_CreateObject();
		bool end;

		assert_int_equal(logs_read(f, &(struct logs_query){ bad[i], -1, 100 }, result, &end, NULL), -1);
		assert_null(result->child);
		cJSON_Delete(result);
	}
	logs_file_close(f);
	logs_store_free(s);
	place_remove(&p);
}

/* A reader that keeps up sees every line once, over any number of rotations; one that doesn't is told. */
static void rotation(void **st)
{
	struct place p;
	struct logs_store *s;
	struct logs_file *f;
	char cursor[LOGS_CURSOR_MAX] = "", slow[LOGS_CURSOR_MAX] = "", line[64], want[64];
	static char out[65536];
	struct stat sb;

	(void)st;
	place_make(&p);
	s = store_at(&p, &small, this_boot);
	f = logs_file_open(s, "web");
	append_all(f, LOG_STDOUT, "first\n");
	assert_int_equal(drain(f, slow, -1, 1000, out, sizeof(out)), 1);
	drain(f, cursor, -1, 1000, out, sizeof(out));
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		append_all(f, LOG_STDOUT, line);
		if (i % 7 == 0) {
			drain(f, cursor, -1, 200, out, sizeof(out));
			snprintf(want, sizeof(want), "line %d\n", i);
			assert_non_null(strstr(out, want));
			if (i > 0) {
				snprintf(want, sizeof(want), "line %d\n", i - 6);
				assert_memory_equal(out, want, strlen(want));
			}
		}
		assert_null(strstr(out, "skipped"));
	}
	assert_true(logs_store_bytes(s) <= 3 * small.file_bytes);
	assert_int_equal(fstatat(p.dirfd, "web/2", &sb, 0), 0);
	assert_int_equal(fstatat(p.dirfd, "web/3", &sb, 0), -1);
	drain(f, slow, -1, 1000, out, sizeof(out));
	assert_memory_equal(out, "[hull: records were skipped here", 32);
	assert_non_null(strstr(out, "line 999\n"));
	/* a tail that goes over files */
	assert_int_equal(drain(f, cursor, 120, 1000, out, sizeof(out)), 120);
	assert_memory_equal(out, "line 880\n", 9);
	logs_file_close(f);
	logs_store_free(s);
	place_remove(&p);
}

static void bound_of_all(void **st)
{
	const struct logs_limits tight = { .file_bytes = 1 << 20, .files = 3, .total_bytes = 300000, .memory_bytes = 1024 };
	struct place p;
	struct logs_store *s;
	struct logs_file *a, *b;
	static char line[1025];

	(void)st;
	place_make(&p);
	s = store_at(&p, &tight, this_boot);
	memset(line, 'x', 1023);
	line[1023] = '\n';
	a = logs_file_open(s, "a");
	b = logs_file_open(s, "b");
	append_all(b, LOG_STDOUT, "quiet\n");
	for (int i = 0; i < 2000; i++)
		append_all(a, LOG_STDOUT, line);
	assert_true(logs_store_bytes(s) < tight.total_bytes + 2 * 65536);
	append_all(b, LOG_STDOUT, "still here\n");
	{
		char cursor[LOGS_CURSOR_MAX] = "", out[256];

		assert_int_equal(drain(b, cursor, -1, 1000, out, sizeof(out)), 2);
	}
	logs_file_close(a);
	logs_file_close(b);
	logs_store_free(s);
	/* what was there counts when the store is opened again */
	s = store_at(&p, &tight, this_boot);
	assert_true(logs_store_bytes(s) > 1024);
	logs_store_free(s);
	place_remove(&p);
}

static void torn_by_a_power_cut(void **st)
{
	struct place p;
	struct logs_store *s;
	struct logs_file *f;
	char cursor[LOGS_CURSOR_MAX] = "", out[1024];
	int fd;

	(void)st;
	place_make(&p);
	s = store_at(&p, &small, this_boot);
	f = logs_file_open(s, "web");
	append_all(f, LOG_STDOUT, "whole\n");
	logs_file_close(f);
	fd = openat(p.dirfd, "web/current", O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, T " stdout F hal\0\0\0", strlen(T) + 16), strlen(T) + 16);
	close(fd);
	f = logs_file_open(s, "web");
	assert_int_equal(drain(f, cursor, -1, 1000, out, sizeof(out)), 1); /* a reader leaves it and waits before it */
	append_all(f, LOG_STDOUT, "after\n");
	assert_int_equal(drain(f, cursor, -1, 1000, out, sizeof(out)), 1);
	assert_string_equal(out, "after\n");
	logs_file_close(f);
	/* garbage in the middle is passed over, and nothing but garbage is survived */
	fd = openat(p.dirfd, "web/current", O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "garbage\n" T " stdout F good\nmore", 8 + strlen(T) + 19), 8 + strlen(T) + 19);
	close(fd);
	f = logs_file_open(s, "web");
	append_all(f, LOG_STDOUT, "after\n");
	cursor[0] = '\0';
	assert_int_equal(drain(f, cursor, -1, 1000, out, sizeof(out)), 2);
	assert_string_equal(out, "good\nafter\n");
	logs_file_close(f);
	logs_store_free(s);
	place_remove(&p);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit r = { bytes, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* The store refuses writes for a while: what fits in memory is read without a gap, and gets into the file later. */
static void memory_while_the_store_is_full(void **st)
{
	struct place p;
	struct logs_store *s;
	struct logs_file *f;
	char cursor[LOGS_CURSOR_MAX] = "", line[32];
	static char out[65536];

	(void)st;
	place_make(&p);
	s = store_at(&p, &small, this_boot);
	f = logs_file_open(s, "web");
	append_all(f, LOG_STDOUT, "before\n");
	drain(f, cursor, -1, 1000, out, sizeof(out));
	limit_files(60);
	append_all(f, LOG_STDOUT, "during 1\n");
	drain(f, cursor, -1, 1000, out, sizeof(out));
	assert_memory_equal(out, "[hull: the log can't be stored: File too large", 46);
	assert_non_null(strstr(out, "]\nduring 1\n"));
	append_all(f, LOG_STDOUT, "during 2\n");
	limit_files(RLIM_INFINITY);
	append_all(f, LOG_STDOUT, "after\n");
	drain(f, cursor, -1, 1000, out, sizeof(out));
	assert_string_equal(out, "during 2\nafter\n"); /* the cursor went along */
	cursor[0] = '\0';
	drain(f, cursor, -1, 1000, out, sizeof(out));
	assert_memory_equal(out, "before\n[hull: the log", 21);
	assert_non_null(strstr(out, "]\nduring 1\nduring 2\nafter\n"));
	/* more than memory holds: the newest stay, and the loss is told */
	limit_files(60);
	for (int i = 0; i < 200; i++) {
		snprintf(line, sizeof(line), "flood %d\n", i);
		append_all(f, LOG_STDOUT, line);
	}
	drain(f, cursor, -1, 1000, out, sizeof(out));
	assert_non_null(strstr(out, "flood 199\n"));
	assert_null(strstr(out, "flood 10\n"));
	limit_files(RLIM_INFINITY);
	append_all(f, LOG_STDOUT, "end\n");
	cursor[0] = '\0';
	drain(f, cursor, -1, 1000, out, sizeof(out));
	assert_non_null(strstr(out, "bytes of the log were lost here]\nflood "));
	assert_non_null(strstr(out, "flood 199\nend\n"));
	logs_file_close(f);
	logs_store_free(s);
	place_remove(&p);
}

static void memory_without_a_store(void **st)
{
	struct logs_store *s = logs_store_open(-1, &small, this_boot);
	struct logs_file *f = logs_file_open(s, "web");
	char cursor[LOGS_CURSOR_MAX] = "", out[2048];
	static char big[70000];

	(void)st;
	append_all(f, LOG_STDOUT, "one\n");
	assert_int_equal(drain(f, cursor, -1, 1000, out, sizeof(out)), 2);
	append_all(f, LOG_STDERR, "two\n");
	assert_int_equal(drain(f, cursor, -1, 1000, out, sizeof(out)), 1);
	assert_int_equal(drain(f, cursor, 1, 1000, out, sizeof(out)), 1);
	assert_string_equal(out, "two\n");
	memset(big, 'y', sizeof(big) - 1); /* a record longer than all of memory */
	append_all(f, LOG_STDOUT, big);
	append_all(f, LOG_STDOUT, "three\n");
	drain(f, cursor, -1, 1000, out, sizeof(out));
	assert_non_null(strstr(out, "three\n"));
	assert_int_equal(logs_store_remove(s, "web", NULL), 0);
	logs_file_close(f);
	logs_store_free(s);
}

static void memory_drops_whole_records(void **st)
{
	struct logs_memory m;
	uint64_t total = 0;

	(void)st;
	assert_int_equal(logs_memory_begin(&m, 100, 1), 0);
	for (int i = 0; i < 500; i++) {
		char record[200];
		int n = snprintf(record, sizeof(record), "%0*d|\n", i % 90 + 1, i);

		logs_memory_put(&m, record, (size_t)n);
		total += (uint64_t)n;
		assert_true(m.len <= 100);
		assert_int_equal(m.base + m.len, total);
		assert_true(m.len == 0 || m.data[m.len - 1] == '\n');
	}
	logs_memory_end(&m);
}

/* Killed between writing and consuming: the next one finds in the pipe what is in the log already. */
static void unconsumed(void **st)
{
	struct place p;
	struct logs_store *s;
	struct logs_file *f;

	(void)st;
	place_make(&p);
	s = store_at(&p, &small, this_boot);
	f = logs_file_open(s, "web");
	append_all(f, LOG_STDOUT, "same\n");
	append_all(f, LOG_STDERR, "other\n");
	logs_file_append(f, LOG_STDOUT, "same\nsa", 7, true);
	logs_file_append(f, LOG_STDERR, "other\n", 6, true);
	logs_file_consumed(f, LOG_STDERR);
	logs_file_close(f);
	logs_store_free(s);

	s = store_at(&p, &small, this_boot);
	f = logs_file_open(s, "web");
	assert_int_equal(logs_file_unconsumed(f, LOG_STDOUT, "same\nsame\n", 10), 7);
	assert_int_equal(logs_file_unconsumed(f, LOG_STDOUT, "else\nsame\n", 10), 0);
	assert_int_equal(logs_file_unconsumed(f, LOG_STDOUT, "same\n", 5), 0);
	assert_int_equal(logs_file_unconsumed(f, LOG_STDOUT, "", 0), 0);
	assert_int_equal(logs_file_unconsumed(f, LOG_STDERR, "other\n", 6), 0);
	logs_file_consumed(f, LOG_STDOUT);
	assert_int_equal(logs_file_unconsumed(f, LOG_STDOUT, "same\nsame\n", 10), 0);
	/* the batch that made the file rotate */
	{
		static char line[3000];

		memset(line, 'r', sizeof(line) - 1);
		line[sizeof(line) - 2] = '\n';
		logs_file_append(f, LOG_STDOUT, line, strlen(line), false);
		logs_file_consumed(f, LOG_STDOUT);
		logs_file_append(f, LOG_STDOUT, line, strlen(line), false);
		logs_file_close(f);
		f = logs_file_open(s, "web");
		assert_int_equal(logs_file_unconsumed(f, LOG_STDOUT, line, strlen(line)), strlen(line));
	}
	logs_file_close(f);
	logs_store_free(s);
	/* after a boot pipes are new, and a program may begin with the words it ended with */
	s = store_at(&p, &small, next_boot);
	f = logs_file_open(s, "web");
	{
		static char line[3000];

		memset(line, 'r', sizeof(line) - 1);
		line[sizeof(line) - 2] = '\n';
		assert_int_equal(logs_file_unconsumed(f, LOG_STDOUT, line, strlen(line)), 0);
	}
	logs_file_close(f);
	logs_store_free(s);
	place_remove(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(records),
		cmocka_unit_test(writes_and_reads),
		cmocka_unit_test(odd_texts),
		cmocka_unit_test(bad_cursors),
		cmocka_unit_test(rotation),
		cmocka_unit_test(bound_of_all),
		cmocka_unit_test(torn_by_a_power_cut),
		cmocka_unit_test(memory_while_the_store_is_full),
		cmocka_unit_test(memory_without_a_store),
		cmocka_unit_test(memory_drops_whole_records),
		cmocka_unit_test(unconsumed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
