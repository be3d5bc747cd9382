/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "init/snapshot.h"

static void put_number(struct snapshot *s, const char *key, double n, size_t padding)
{
	struct err e;
	cleanup_json cJSON *v = cJSON_CreateObject();
	char *text = calloc(1, padding + 1);
	memset(text, 'x', padding);
	cJSON_AddNumberToObject(v, "n", n);
	cJSON_AddStringToObject(v, "padding", text);
	free(text);
	assert_int_equal(snapshot_put(s, key, v, &e), 0);
}

static double get_number(const struct snapshot *s, const char *key)
{
	cleanup_json cJSON *v = snapshot_get(s, key);
	return v ? cJSON_GetNumberValue(json_get(v, "n")) : -1;
}

/* As a re-exec does: nothing but the descriptor remains. */
static struct snapshot *again(struct snapshot *s, size_t *lost)
{
	struct err e;
	int fd = dup(snapshot_fd(s));
	snapshot_free(s);
	s = snapshot_resume(fd, lost, &e);
	assert_non_null(s);
	return s;
}

static void count(void *arg, const char *key, const cJSON *value)
{
	assert_true(strncmp(key, "unit/", 5) == 0);
	assert_true(cJSON_IsObject(value));
	++*(int *)arg;
}

static void test_keeps(void **state)
{
	(void)state;
	struct err e;
	size_t lost;
	struct snapshot *s = snapshot_create(&e);
	for (int round = 0; round < 5; round++)
		for (int i = 0; i < 100; i++) {
			char key[32];
			snprintf(key, sizeof(key), "unit/%d", i);
			put_number(s, key, i * 10 + round, (size_t)(round * 100 + i));
		}
	put_number(s, "boot", 7, 0);
	snapshot_delete(s, "unit/50");
	snapshot_delete(s, "no such key");
	s = again(s, &lost);
	assert_int_equal(lost, 0);
	for (int i = 0; i < 100; i++) {
		char key[32];
		snprintf(key, sizeof(key), "unit/%d", i);
		assert_true(get_number(s, key) == (i == 50 ? -1 : i * 10 + 4));
	}
	int n = 0;
	snapshot_each(s, "unit/", count, &n);
	assert_int_equal(n, 99);
	snapshot_free(s);
}

/* Whatever single byte of the file goes bad, a record is as it is or as it was before, and the others are untouched. */
static void test_damage(void **state)
{
	(void)state;
	struct err e;
	struct snapshot *s = snapshot_create(&e);
	put_number(s, "a", 1, 40);
	put_number(s, "b", 1, 300);
	put_number(s, "a", 2, 40);
	put_number(s, "b", 2, 300);
	struct stat st;
	assert_int_equal(fstat(snapshot_fd(s), &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		uint8_t byte, bad;
		size_t lost;
		assert_int_equal(fs_pread_full(snapshot_fd(s), &byte, 1, at), 0);
		bad = byte ^ 0x41;
		assert_int_equal(fs_pwrite_full(snapshot_fd(s), &bad, 1, at), 0);
		struct snapshot *t = snapshot_resume(dup(snapshot_fd(s)), &lost, &e);
		assert_non_null(t);
		double a = get_number(t, "a"), b = get_number(t, "b");
		assert_true((a == 2 && (b == 1 || b == 2)) || (b == 2 && (a == 1 || a == 2)));
		/* It can be written again, and holds. */
		put_number(t, "a", 3, 1000);
		put_number(t, "b", 3, 3);
		t = again(t, &lost);
		assert_true(get_number(t, "a") == 3 && get_number(t, "b") == 3);
		snapshot_free(t);
		/* Back to the beginning. */
		snapshot_free(s);
		s = snapshot_create(&e);
		put_number(s, "a", 1, 40);
		put_number(s, "b", 1, 300);
		put_number(s, "a", 2, 40);
		put_number(s, "b", 2, 300);
	}
	snapshot_free(s);
}

/* Random puts and deletes against a model, with a re-exec now and then; the file doesn't grow without bound. */
static void test_model(void **state)
{
	(void)state;
	enum { KEYS = 20 };
	double model[KEYS];
	struct err e;
	size_t lost;
	struct snapshot *s = snapshot_create(&e);
	unsigned seed = 1;
	for (int i = 0; i < KEYS; i++)
		model[i] = -1;
	for (int step = 0; step < 5000; step++) {
		char key[16];
		int k = rand_r(&seed) % KEYS;
		snprintf(key, sizeof(key), "k%d", k);
		if (rand_r(&seed) % 4 == 0) {
			snapshot_delete(s, key);
			model[k] = -1;
		} else {
			model[k] = step;
			put_number(s, key, step, (size_t)(rand_r(&seed) % 2000));
		}
		if (step % 100 == 0)
			s = again(s, &lost);
		for (int i = 0; i < KEYS; i++) {
			snprintf(key, sizeof(key), "k%d", i);
			assert_true(get_number(s, key) == model[i]);
		}
	}
	struct stat st;
	assert_int_equal(fstat(snapshot_fd(s), &st), 0);
	assert_true(st.st_size < 1 << 20);
	snapshot_free(s);
}

static void test_too_large(void **state)
{
	(void)state;
	struct err e;
	struct snapshot *s = snapshot_create(&e);
	put_number(s, "a", 1, 10);
	cleanup_json cJSON *v = cJSON_CreateObject();
	char *text = calloc(1, 140000);
	memset(text, 'y', 139999);
	cJSON_AddStringToObject(v, "text", text);
	free(text);
	assert_int_equal(snapshot_put(s, "a", v, &e), -1);
	assert_true(get_number(s, "a") == 1);
	snapshot_free(s);
}

/* Whatever a message may hold comes back, with something noted beside it. */
static void test_as_large_as_a_message(void **state)
{
	(void)state;
	struct err e;
	size_t lost;
	struct snapshot *s = snapshot_create(&e);
	cleanup_json cJSON *v = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(v, "environment");
	for (int i = 0; i < 4096; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString("VARIABLE=value"));
	cJSON_AddStringToObject(v, "state", "running");
	assert_int_equal(snapshot_put(s, "a", v, &e), 0);
	s = again(s, &lost);
	cleanup_json cJSON *got = snapshot_get(s, "a");
	assert_true(got && cJSON_Compare(v, got, true));
	snapshot_free(s);
}

/* No more memory: a record is as it was, now and after a re-exec; a new one is not there. With memory all is well again. */
static void test_no_space(void **state)
{
	(void)state;
	struct err e;
	size_t lost;
	struct rlimit before, little;
	struct snapshot *s = snapshot_create(&e);
	put_number(s, "a", 1, 1000);
	put_number(s, "b", 1, 10);
	cleanup_json cJSON *v = cJSON_CreateObject();
	char *text = calloc(1, 50000);
	memset(text, 'y', 49999);
	cJSON_AddStringToObject(v, "text", text);
	free(text);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	little = (struct rlimit){ 16384, before.rlim_max };
	setrlimit(RLIMIT_FSIZE, &little);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(snapshot_put(s, "a", v, &e), -1);
		assert_int_equal(snapshot_put(s, "c", v, &e), -1);
		assert_true(get_number(s, "a") == 1 && get_number(s, "b") == 1 && get_number(s, "c") == -1);
	}
	put_number(s, "a", 2, 1000);
	setrlimit(RLIMIT_FSIZE, &before);
	s = again(s, &lost);
	assert_int_equal(lost, 0);
	assert_true(get_number(s, "a") == 2 && get_number(s, "b") == 1 && get_number(s, "c") == -1);
	assert_int_equal(snapshot_put(s, "a", v, &e), 0);
	s = again(s, &lost);
	assert_true(get_number(s, "a") != 2);
	snapshot_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_as_large_as_a_message),
		cmocka_unit_test(test_no_space),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
