/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_add_and_print(void **state)
{
	(void)state;
	cleanup_buf struct buf b = { 0 };
	assert_int_equal(buf_add(&b, "", 0), 0);
	assert_string_equal(b.data, "");
	assert_int_equal(buf_add(&b, "abc", 3), 0);
	assert_int_equal(buf_printf(&b, "-%d-%s", 42, "x"), 0);
	assert_string_equal(b.data, "abc-42-x");
	assert_int_equal(b.len, 8);
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_int_equal(b.len, 8);
}

static void test_bound(void **state)
{
	(void)state;
	cleanup_buf struct buf b = { .max = 8 };
	assert_int_equal(buf_add(&b, "12345678", 8), 0);
	assert_int_equal(buf_add(&b, "9", 1), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(buf_printf(&b, "%d", 9), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(buf_add(&b, "x", SIZE_MAX), -1);
	assert_string_equal(b.data, "12345678");
	buf_drop(&b, 1);
	assert_int_equal(buf_add(&b, "9", 1), 0);
	assert_string_equal(b.data, "23456789");
}

static void test_default_bound(void **state)
{
	(void)state;
	cleanup_buf struct buf b = { 0 };
	char *large = calloc(1, (1 << 20) + 1);
	assert_int_equal(buf_add(&b, large, (1 << 20) + 1), -1);
	assert_int_equal(buf_add(&b, large, 1 << 20), 0);
	free(large);
	buf_drop(&b, b.len);
	assert_int_equal(b.len, 0);
	assert_null(b.data); /* a large emptied buffer is given back */
}

static void test_drop(void **state)
{
	(void)state;
	cleanup_buf struct buf b = { 0 };
	buf_drop(&b, 5);
	assert_int_equal(buf_add(&b, "abcdef", 6), 0);
	buf_drop(&b, 2);
	assert_string_equal(b.data, "cdef");
	buf_drop(&b, 0);
	buf_drop(&b, 100);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	assert_int_equal(buf_add(&b, "z", 1), 0);
	assert_string_equal(b.data, "z");
}

/* The same stream through a model: whatever the mix of adding and dropping, the content is right. */
static void test_against_model(void **state)
{
	(void)state;
	cleanup_buf struct buf b = { .max = 300 };
	uint8_t next_in = 0, next_out = 0;
	unsigned seed = 7;
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1103515245u + 12345u;
		size_t n = (seed >> 16) % 97;
		if (seed & 0x8000000) {
			uint8_t chunk[97];
			for (size_t k = 0; k < n; k++)
				chunk[k] = (uint8_t)(next_in + k);
			if (b.len + n > 300) {
				assert_int_equal(buf_add(&b, chunk, n), -1);
			} else {
				assert_int_equal(buf_add(&b, chunk, n), 0);
				next_in = (uint8_t)(next_in + n);
			}
		} else {
			n = n < b.len ? n : b.len;
			for (size_t k = 0; k < n; k++)
				assert_int_equal((uint8_t)b.data[k], next_out++);
			buf_drop(&b, n);
		}
		if (b.data)
			assert_int_equal(b.data[b.len], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_and_print), cmocka_unit_test(test_bound),
		cmocka_unit_test(test_default_bound), cmocka_unit_test(test_drop),
		cmocka_unit_test(test_against_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
