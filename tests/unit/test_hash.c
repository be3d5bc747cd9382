/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/hash.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                             \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void test_sha(void **state)
{
	(void)state;
	uint8_t out[HASH_MAX];
	char hex[2 * HASH_MAX + 1];
	assert_int_equal(hash_sha256("", 0, out), 0);
	hex_encode(out, 32, hex);
	assert_string_equal(hex, EMPTY);
	struct hash *h = hash_new(HASH_SHA256);
	assert_int_equal(hash_update(h, "a", 1) | hash_update(h, "", 0) | hash_update(h, "bc", 2), 0);
	assert_int_equal(hash_final(h, out), 0);
	hex_encode(out, 32, hex);
	assert_string_equal(hex, ABC);
	h = hash_new(HASH_SHA512);
	assert_int_equal(hash_update(h, "abc", 3), 0);
	assert_int_equal(hash_final(h, out), 0);
	hex_encode(out, hash_size(HASH_SHA512), hex);
	assert_string_equal(hex, ABC512);
	h = hash_new(HASH_SHA256);
	hash_free(h);
	hash_free(NULL);
}

static void test_sha_of_file(void **state)
{
	(void)state;
	struct err e;
	uint8_t out[32], expect[32];
	int fd = memfd_create("hash", MFD_CLOEXEC);
	size_t len = 300001;
	uint8_t *data = malloc(len);
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7);
	assert_int_equal(fs_write_full(fd, data, len), 0);
	assert_int_equal(lseek(fd, 17, SEEK_SET), 17);
	assert_int_equal(hash_sha256_fd(fd, out, &e), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 17);
	assert_int_equal(hash_sha256(data, len, expect), 0);
	assert_memory_equal(out, expect, 32);
	free(data);
	close(fd);
	int p[2];
	assert_int_equal(pipe(p), 0);
	assert_int_equal(hash_sha256_fd(p[0], out, &e), -1);
	assert_int_equal(e.code, ESPIPE);
	assert_memory_equal(out, expect, 32);
	close(p[0]), close(p[1]);
}

static void test_hex(void **state)
{
	(void)state;
	uint8_t out[4] = { 9, 9, 9, 9 };
	assert_int_equal(hex_decode("00fFA5", 6, out), 0);
	assert_memory_equal(out, "\x00\xff\xa5\x09", 4);
	static const char *const bad[] = { "0", "0g", "g0", " 0", "0x", "-1", "\xff\xff" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hex_decode(bad[i], strlen(bad[i]), out), -1);
	assert_memory_equal(out, "\x00\xff\xa5\x09", 4);
	assert_int_equal(hex_decode("", 0, out), 0);
}

static void test_base64(void **state)
{
	(void)state;
	static const char *const pairs[][2] = { { "", "" },
						{ "f", "Zg==" },
						{ "fo", "Zm8=" },
						{ "foo", "Zm9v" },
						{ "foob", "Zm9vYg==" },
						{ "fooba", "Zm9vYmE=" },
						{ "foobar", "Zm9vYmFy" },
						{ "\xfb\xff\xbf", "+/+/" } };
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		size_t len;
		char *text = base64_encode(pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(text, pairs[i][1]);
		uint8_t *bytes = base64_decode(text, strlen(text), &len);
		assert_int_equal(len, strlen(pairs[i][0]));
		assert_string_equal((char *)bytes, pairs[i][0]);
		free(text);
		free(bytes);
	}
	static const char *const bad[] = { "Z",	   "Zg",       "Zg=",	 "Zg===", "=",	  "====",    "Z===", "Zh==",
					   "Zm9=", "Zg==Zg==", "Zm9v\n", "Zm 9",  "Zm-_", "Z\xff==", "=Zg=" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t len = 77;
		assert_null(base64_decode(bad[i], strlen(bad[i]), &len));
		assert_int_equal(len, 77);
	}
}

static void test_digest(void **state)
{
	(void)state;
	struct err e;
	struct digest d, other;
	char text[DIGEST_TEXT_MAX];
	assert_int_equal(digest_parse("sha256:" ABC, &d, &e), 0);
	digest_format(&d, text);
	assert_string_equal(text, "sha256:" ABC);
	assert_int_equal(digest_parse("sha512:" ABC512, &other, &e), 0);
	digest_format(&other, text);
	assert_string_equal(text, "sha512:" ABC512);
	assert_false(digest_equal(&d, &other));
	assert_int_equal(digest_parse("sha256:" EMPTY, &other, &e), 0);
	assert_false(digest_equal(&d, &other));
	other = d;
	assert_true(digest_equal(&d, &other));
	static const char *const bad[] = {
		"",
		"sha256",
		"sha256:",
		"sha256:" ABC "0",
		"sha512:" ABC,
		"sha256:" ABC512,
		"SHA256:" ABC,
		"md5:" ABC,
		ABC,
		"sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha256: " ABC,
		"sha256:../../../../../../../../../../../../../../../../../../etc/passwd/",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(digest_parse(bad[i], &other, &e), -1);
		assert_int_equal(e.code, EINVAL);
		assert_true(digest_equal(&d, &other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha),    cmocka_unit_test(test_sha_of_file), cmocka_unit_test(test_hex),
		cmocka_unit_test(test_base64), cmocka_unit_test(test_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
