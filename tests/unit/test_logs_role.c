/* SPDX-License-Identifier: Apache-2.0 */
/* The role's work on real pipes: attach, detach, readers that wait, floods, and a kill in the middle of it all. */
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
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "supervisor/logs.h"
#include "supervisor/logs_role.h"

#define ANSWERS 64

struct bench {
	char path[64];
	struct event_base *base;
	struct logs *logs;
	struct {
		uint64_t id;
		bool failed;
		cJSON *result;
		char message[256];
	} answers[ANSWERS];
	size_t n;
};

static void on_done(void *arg, uint64_t id, const cJSON *result)
{
	struct bench *b = arg;

	assert_true(b->n < ANSWERS);
	b->answers[b->n].id = id;
	b->answers[b->n].failed = false;
	b->answers[b->n++].result = result ? cJSON_Duplicate(result, true) : cJSON_CreateObject();
}

static void on_fail(void *arg, uint64_t id, const char *error, const char *message)
{
	struct bench *b = arg;

	assert_true(b->n < ANSWERS);
	assert_string_equal(error, "org.hull.Error");
	b->answers[b->n].id = id;
	b->answers[b->n].failed = true;
	snprintf(b->answers[b->n++].message, 256, "%s", message);
}

static const struct logs_answers callbacks = { on_done, on_fail };

static void open_logs(struct bench *b)
{
	static const uint8_t boot[16] = { 7 };

	b->base = event_base_new();
	b->logs = logs_new(b->base, logs_store_open(open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &LOGS_DEFAULT, boot), &callbacks, b);
	assert_non_null(b->logs);
}

static void close_logs(struct bench *b)
{
	logs_free(b->logs);
	event_base_free(b->base);
	for (size_t i = 0; i < b->n; i++)
		cJSON_Delete(b->answers[i].result);
	b->n = 0;
	memset(b->answers, 0, sizeof(b->answers));
}

static void bench_make(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	strcpy(b->path, "/tmp/test_role.XXXXXX");
	assert_non_null(mkdtemp(b->path));
	open_logs(b);
}

static void bench_end(struct bench *b)
{
	close_logs(b);
	assert_int_equal(fs_remove_tree(AT_FDCWD, b->path, NULL), 0);
}

static void work(struct bench *b, uint64_t id, const char *op, const char *params, const int *fds, size_t n_fds)
{
	cJSON *v = json_parse(params, strlen(params), &JSON_MESSAGE, NULL);

	assert_non_null(v);
	logs_work(b->logs, id, op, v, fds, n_fds);
	cJSON_Delete(v);
}

/* Turns the loop until the request is answered, for at most some seconds. Returns its place. */
static size_t answer(struct bench *b, uint64_t id)
{
	for (int i = 0; i < 2000; i++) {
		static const struct timeval limit = { .tv_usec = 5000 };

		for (size_t k = 0; k < b->n; k++)
			if (b->answers[k].id == id)
				return k;
		event_base_loopexit(b->base, &limit);
		event_base_loop(b->base, EVLOOP_ONCE);
	}
	fail_msg("request %d was not answered", (int)id);
	return 0;
}

static bool answered(const struct bench *b, uint64_t id)
{
	for (size_t k = 0; k < b->n; k++)
		if (b->answers[k].id == id)
			return true;
	return false;
}

/* The texts of an answered read, joined. */
static const char *texts(struct bench *b, uint64_t id)
{
	static char out[65536];
	size_t k = answer(b, id);
	const cJSON *line;

	assert_false(b->answers[k].failed);
	out[0] = '\0';
	cJSON_ArrayForEach(line, json_get(b->answers[k].result, "lines"))
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", cJSON_GetStringValue(json_get(line, "text")),
			 cJSON_IsTrue(json_get(line, "partial")) ? "" : "\n");
	return out;
}

static bool eof(struct bench *b, uint64_t id)
{
	return cJSON_IsTrue(json_get(b->answers[answer(b, id)].result, "eof"));
}

static void attach(struct bench *b, uint64_t id, const char *stream, int fd)
{
	char params[128];

	snprintf(params, sizeof(params), "{\"name\":\"web\",\"stream\":\"%s\"}", stream);
	work(b, id, "logs.attach", params, &fd, 1);
	assert_false(b->answers[answer(b, id)].failed);
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void pair(int out[2])
{
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
}

static void a_run(void **st)
{
	struct bench b;
	int out[2], err[2];

	(void)st;
	bench_make(&b);
	pair(out);
	pair(err);
	attach(&b, 1, "stdout", out[0]);
	attach(&b, 2, "stderr", err[0]);
	attach(&b, 3, "stdout", out[0]); /* issued again */
	put(out[1], "hello\nwor");
	put(err[1], "trouble\n");
	work(&b, 4, "logs.detach", "{\"name\":\"web\"}", NULL, 0);
	assert_false(answered(&b, 4));
	put(out[1], "ld");
	close(out[1]);
	close(err[1]);
	assert_false(b.answers[answer(&b, 4)].failed);
	work(&b, 5, "logs.read", "{\"name\":\"web\",\"cursor\":\"\",\"follow\":true}", NULL, 0);
	assert_true(eof(&b, 5));
	assert_non_null(strstr(texts(&b, 5), "hello\n"));
	assert_non_null(strstr(texts(&b, 5), "world"));
	assert_non_null(strstr(texts(&b, 5), "trouble\n"));
	work(&b, 6, "logs.remove", "{\"name\":\"web\"}", NULL, 0);
	assert_false(b.answers[answer(&b, 6)].failed);
	work(&b, 7, "logs.read", "{\"name\":\"web\"}", NULL, 0);
	assert_string_equal(texts(&b, 7), "");
	assert_true(eof(&b, 7));
	close(out[0]);
	close(err[0]);
	bench_end(&b);
}

static void a_prompt_without_its_line_end_comes_through(void **st)
{
	struct bench b;
	int out[2];

	(void)st;
	bench_make(&b);
	pair(out);
	attach(&b, 1, "stdout", out[0]);
	work(&b, 2, "logs.read", "{\"name\":\"web\",\"follow\":true}", NULL, 0);
	put(out[1], "name? ");
	assert_string_equal(texts(&b, 2), "name? ");
	assert_false(eof(&b, 2));
	work(&b, 3, "logs.read", "{\"name\":\"web\"}", NULL, 0);
	assert_true(eof(&b, 3)); /* for who doesn't follow */
	close(out[0]);
	close(out[1]);
	bench_end(&b);
}

static void followers(void **st)
{
	struct bench b;
	char params[256];
	int out[2];

	(void)st;
	bench_make(&b);
	pair(out);
	attach(&b, 1, "stdout", out[0]);
	put(out[1], "old\n");
	work(&b, 2, "logs.read", "{\"name\":\"web\",\"follow\":true}", NULL, 0);
	assert_string_equal(texts(&b, 2), "old\n");
	snprintf(params, sizeof(params), "{\"name\":\"web\",\"follow\":true,\"cursor\":\"%s\"}",
		 cJSON_GetStringValue(json_get(b.answers[answer(&b, 2)].result, "cursor")));
	work(&b, 3, "logs.read", params, NULL, 0);
	work(&b, 4, "logs.read", params, NULL, 0);
	work(&b, 5, "logs.read", "{\"name\":\"web\",\"follow\":true,\"tail\":0}", NULL, 0);
	assert_false(answered(&b, 3) || answered(&b, 4) || answered(&b, 5));
	work(&b, 6, "logs.cancel", "{\"id\":4}", NULL, 0);
	assert_true(answered(&b, 4) && answered(&b, 6));
	assert_false(eof(&b, 4));
	work(&b, 7, "logs.cancel", "{\"id\":999}", NULL, 0);
	assert_true(answered(&b, 7));
	put(out[1], "new\n");
	assert_string_equal(texts(&b, 3), "new\n");
	assert_string_equal(texts(&b, 5), "new\n");
	snprintf(params, sizeof(params), "{\"name\":\"web\",\"follow\":true,\"cursor\":\"%s\"}",
		 cJSON_GetStringValue(json_get(b.answers[answer(&b, 3)].result, "cursor")));
	work(&b, 8, "logs.read", params, NULL, 0);
	work(&b, 9, "logs.remove", "{\"name\":\"web\"}", NULL, 0);
	assert_true(b.answers[answer(&b, 9)].failed); /* it is attached */
	close(out[1]);
	assert_true(eof(&b, 8));
	assert_string_equal(texts(&b, 8), "");
	close(out[0]);
	bench_end(&b);
}

/* A writer that somebody else keeps open doesn't hold the end up, and the next run's pipe takes over from the last. */
static void forced_and_replaced(void **st)
{
	struct bench b;
	int a[2], c[2];

	(void)st;
	bench_make(&b);
	pair(a);
	pair(c);
	attach(&b, 1, "stdout", a[0]);
	put(a[1], "one\ntw");
	work(&b, 2, "logs.detach", "{\"name\":\"web\",\"force\":true}", NULL, 0);
	assert_true(answered(&b, 2));
	put(a[1], "late");
	attach(&b, 3, "stdout", a[0]); /* it comes back to it */
	attach(&b, 4, "stdout", c[0]);
	put(c[1], "next\n");
	close(c[1]);
	work(&b, 5, "logs.detach", "{\"name\":\"web\"}", NULL, 0);
	answer(&b, 5);
	work(&b, 6, "logs.read", "{\"name\":\"web\"}", NULL, 0);
	assert_string_equal(texts(&b, 6), "one\ntwlatenext\n");
	/* a detach that brings the pipes itself: the role is new */
	pair(c);
	put(c[1], "last words\n");
	work(&b, 7, "logs.detach", "{\"name\":\"job\",\"force\":true,\"streams\":[\"stderr\"]}", &c[0], 1);
	assert_true(answered(&b, 7));
	work(&b, 8, "logs.read", "{\"name\":\"job\"}", NULL, 0);
	assert_string_equal(texts(&b, 8), "last words\n");
	bench_end(&b);
}

/* Without a store the end of a unit's log is in memory, and stays readable when the unit has ended; a remove ends it. */
static void last_words_without_a_store(void **st)
{
	static const uint8_t boot[16] = { 7 };
	struct bench b;
	int out[2], err[2];

	(void)st;
	bench_make(&b);
	logs_free(b.logs);
	b.logs = logs_new(b.base, logs_store_open(-1, &LOGS_DEFAULT, boot), &callbacks, &b);
	pair(out);
	pair(err);
	attach(&b, 1, "stdout", out[0]);
	attach(&b, 2, "stderr", err[0]);
	put(out[1], "bye\n");
	close(out[1]);
	close(err[1]);
	work(&b, 3, "logs.detach", "{\"name\":\"web\"}", NULL, 0);
	answer(&b, 3);
	work(&b, 4, "logs.read", "{\"name\":\"web\"}", NULL, 0);
	assert_non_null(strstr(texts(&b, 4), "bye"));
	work(&b, 5, "logs.remove", "{\"name\":\"web\"}", NULL, 0);
	answer(&b, 5);
	work(&b, 6, "logs.read", "{\"name\":\"web\"}", NULL, 0);
	assert_null(strstr(texts(&b, 6), "bye"));
	close(out[0]);
	close(err[0]);
	bench_end(&b);
}

static void refused(void **st)
{
	static const struct {
		const char *op, *params;
	} cases[] = {
		{ "logs.attach", "{\"name\":\"web\",\"stream\":\"stdout\"}" }, { "logs.attach", "{\"name\":\"../x\",\"stream\":\"stdout\"}" },
		{ "logs.attach", "{}" }, { "logs.read", "{\"name\":\"\"}" }, { "logs.read", "{\"name\":7}" }, { "logs.remove", "{\"name\":\".\"}" },
		{ "logs.shred", "{\"name\":\"web\"}" },
	};
	struct bench b;
	int null = open("/dev/null", O_RDONLY);

	(void)st;
	bench_make(&b);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		work(&b, i + 1, cases[i].op, cases[i].params, NULL, 0);
		assert_true(b.answers[answer(&b, i + 1)].failed);
	}
	work(&b, 50, "logs.attach", "{\"name\":\"web\",\"stream\":\"stdout\"}", &null, 1);
	assert_string_equal(b.answers[answer(&b, 50)].message, "not a pipe");
	close(null);
	bench_end(&b);
}

/* One unit floods without end; the other's lines come through all the same, and the flood is held up by its own pipe. */
static void a_flood_harms_only_itself(void **st)
{
	struct bench b;
	int flood[2], quiet[2], fd;
	pid_t pid;

	(void)st;
	bench_make(&b);
	pair(flood);
	pair(quiet);
	pid = fork();
	if (pid == 0) {
		static char lines[4096];

		memset(lines, '\n', sizeof(lines));
		while (write(flood[1], lines, sizeof(lines)) > 0)
			;
		_exit(0);
	}
	fd = flood[0];
	work(&b, 1, "logs.attach", "{\"name\":\"flood\",\"stream\":\"stdout\"}", &fd, 1);
	attach(&b, 2, "stdout", quiet[0]);
	for (uint64_t i = 0; i < 20; i++) {
		char params[128];

		snprintf(params, sizeof(params), "{\"name\":\"web\",\"follow\":true,\"tail\":0}");
		work(&b, 10 + i, "logs.read", params, NULL, 0);
		put(quiet[1], "tick\n");
		assert_string_equal(texts(&b, 10 + i), "tick\n");
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(flood[0]);
	close(flood[1]);
	close(quiet[0]);
	close(quiet[1]);
	bench_end(&b);
}

/* What the role does until it is killed. */
static _Noreturn void serve(struct bench *b, int fd)
{
	open_logs(b);
	attach(b, 1, "stdout", fd);
	event_base_dispatch(b->base);
	_exit(0);
}

#define LINES 180000 /* 9 MB of log, a little less than is kept */

/* The role is killed again and again while a container counts: each number is in the log, once, in order. */
static void killed_without_a_loss(void **st)
{
	struct bench b;
	int out[2], next = 0, k = 0;
	char cursor[64] = "";
	pid_t writer;

	(void)st;
	memset(&b, 0, sizeof(b));
	strcpy(b.path, "/tmp/test_role.XXXXXX");
	assert_non_null(mkdtemp(b.path));
	pair(out);
	writer = fork();
	if (writer == 0) {
		FILE *f = fdopen(out[1], "w");

		close(out[0]);
		for (int i = 0; i < LINES; i++) {
			fprintf(f, "%d\n", i);
			if (i % 700 == 0)
				fflush(f);
		}
		fflush(f);
		_exit(0);
	}
	close(out[1]);
	for (int round = 0; round < 60; round++) {
		pid_t role = fork();

		if (role == 0)
			serve(&b, out[0]);
		usleep((useconds_t)(500 + round * 377 % 5000));
		kill(role, SIGKILL);
		waitpid(role, NULL, 0);
	}
	open_logs(&b);
	attach(&b, 1, "stdout", out[0]);
	work(&b, 2, "logs.detach", "{\"name\":\"web\"}", NULL, 0);
	answer(&b, 2);
	waitpid(writer, NULL, 0);
	for (bool end = false; !end; k++) {
		const cJSON *line;
		char params[128];

		snprintf(params, sizeof(params), "{\"name\":\"web\",\"cursor\":\"%s\"}", cursor);
		work(&b, 10, "logs.read", params, NULL, 0);
		assert_int_equal(b.n, 3);
		cJSON_ArrayForEach(line, json_get(b.answers[2].result, "lines"))
			assert_int_equal(atoi(cJSON_GetStringValue(json_get(line, "text"))), next++);
		snprintf(cursor, sizeof(cursor), "%s", cJSON_GetStringValue(json_get(b.answers[2].result, "cursor")));
		end = eof(&b, 10);
		cJSON_Delete(b.answers[2].result);
		b.n = 2;
	}
	assert_int_equal(next, LINES);
	close(out[0]);
	bench_end(&b);
}

static void the_sandbox_is_what_it_says(void **st)
{
	(void)st;
	assert_string_equal(logs_sandbox.root, LOGS_DIRECTORY);
	assert_true(logs_sandbox.root_writable && logs_sandbox.uid != 0 && logs_sandbox.capabilities == 0 && !logs_sandbox.network);
	assert_non_null(logs_sandbox.syscalls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run),
		cmocka_unit_test(a_prompt_without_its_line_end_comes_through),
		cmocka_unit_test(followers),
		cmocka_unit_test(forced_and_replaced),
		cmocka_unit_test(last_words_without_a_store), cmocka_unit_test(refused),
		cmocka_unit_test(a_flood_harms_only_itself),
		cmocka_unit_test(killed_without_a_loss),
		cmocka_unit_test(the_sandbox_is_what_it_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
