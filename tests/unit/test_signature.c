/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates are made here, with dates that suit no clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/signature.h"

static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct signer {
	EVP_PKEY *key;
	X509 *cert;
};

static struct signer ours, next, stranger;
static char dir[] = "/tmp/hull-cert-XXXXXX";

static struct signer make_signer(const char *name, const char *from, const char *until)
{
	struct signer s = {EVP_RSA_gen(2048), X509_new()};
	X509_NAME *n = X509_get_subject_name(s.cert);

	X509_set_version(s.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(s.cert), 1);
	ASN1_TIME_set_string(X509_getm_notBefore(s.cert), from);
	ASN1_TIME_set_string(X509_getm_notAfter(s.cert), until);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(s.cert, n);
	X509_set_pubkey(s.cert, s.key);
	assert_true(X509_sign(s.cert, s.key, EVP_sha256()) > 0);
	return s;
}

static void free_signer(struct signer *s)
{
	EVP_PKEY_free(s->key);
	X509_free(s->cert);
}

static void pin(const char *name, X509 *cert)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	PEM_write_X509(f, cert);
	fclose(f);
}

static void unpin(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

/* The PKCS#7 over content, as JSON that claims root_hash and the fingerprint of claimed. */
static char *make_json(const struct signer *s, X509 *claimed, const char *content, const char *root_hash,
		       const EVP_MD *md, int flags)
{
	BIO *bio = BIO_new_mem_buf(content, -1);
	PKCS7 *p7 = PKCS7_sign(NULL, NULL, NULL, bio, flags | PKCS7_BINARY | PKCS7_PARTIAL);
	unsigned char *der = NULL, print[32];
	char *base64, *json, hex[65];
	int len;

	assert_non_null(PKCS7_sign_add_signer(p7, s->cert, s->key, md, flags | PKCS7_BINARY));
	assert_int_equal(PKCS7_final(p7, bio, flags | PKCS7_BINARY), 1);
	len = i2d_PKCS7(p7, &der);
	base64 = base64_encode(der, (size_t)len);
	assert_int_equal(X509_digest(claimed, EVP_sha256(), print, NULL), 1);
	hex_encode(print, 32, hex);
	assert_true(asprintf(&json, "{\"rootHash\":\"%s\",\"certificateFingerprint\":\"%s\",\"signature\":\"%s\"}\n",
			     root_hash, hex, base64) > 0);
	free(base64);
	OPENSSL_free(der);
	PKCS7_free(p7);
	BIO_free(bio);
	return json;
}

#define PLAIN (PKCS7_DETACHED | PKCS7_NOCERTS | PKCS7_NOATTR) /* as the build and systemd make them */

static int check(const char *json, struct err *e)
{
	struct certificates *c = certificates_load(dir, e);
	char *padded = calloc(1, 16384), got[ROOT_HASH_TEXT] = "untouched";
	int result;

	assert_non_null(c);
	strcpy(padded, json);
	result = signature_check(padded, 16384, c, got, e);
	assert_string_equal(got, result ? "untouched" : hash);
	free(padded);
	certificates_free(c);
	return result;
}

static void expect_good(char *json)
{
	struct err e;

	if (check(json, &e))
		fail_msg("%s", e.text);
	free(json);
}

static void expect_bad(char *json, const char *text)
{
	struct err e;

	assert_int_equal(check(json, &e), -1);
	if (!strstr(e.text, text))
		fail_msg("%s: no '%s'", e.text, text);
	free(json);
}

static void test_good(void **state)
{
	(void)state;
	expect_good(make_json(&ours, ours.cert, hash, hash, EVP_sha256(), PLAIN));
	expect_good(make_json(&ours, ours.cert, hash, hash, EVP_sha512(), PKCS7_DETACHED)); /* with attributes */
}

static void test_rotation(void **state)
{
	struct err e;
	struct certificates *c;

	(void)state;
	expect_bad(make_json(&next, next.cert, hash, hash, EVP_sha256(), PLAIN), "signed by none of 1 certificates");
	pin("next.crt", next.cert);
	c = certificates_load(dir, &e);
	assert_int_equal(certificates_count(c), 2);
	certificates_free(c);
	expect_good(make_json(&next, next.cert, hash, hash, EVP_sha256(), PLAIN));
	expect_good(make_json(&ours, ours.cert, hash, hash, EVP_sha256(), PLAIN));
	expect_bad(make_json(&stranger, stranger.cert, hash, hash, EVP_sha256(), PLAIN),
		   "signed by none of 2 certificates");
	unpin("next.crt");
}

static void test_strangers(void **state)
{
	(void)state;
	/* Claims our fingerprint, signed by another; with its own certificate inside of the message, too. */
	expect_bad(make_json(&stranger, ours.cert, hash, hash, EVP_sha256(), PLAIN), "signed by none of 1");
	expect_bad(make_json(&stranger, ours.cert, hash, hash, EVP_sha256(), PKCS7_DETACHED), "signed by none of 1");
	/* Our subject and serial, but another key. */
	struct signer twin = make_signer("ours", "20900101000000Z", "20910101000000Z");

	expect_bad(make_json(&twin, ours.cert, hash, hash, EVP_sha256(), PLAIN), "does not match");
	expect_bad(make_json(&twin, ours.cert, hash, hash, EVP_sha256(), PKCS7_DETACHED), "does not match");
	free_signer(&twin);
	/* Signed by one of us, but it says another did. */
	expect_bad(make_json(&ours, stranger.cert, hash, hash, EVP_sha256(), PLAIN), "signed by none of 1");
}

static void test_other_content(void **state)
{
	char other[65];

	(void)state;
	strcpy(other, hash);
	other[63] = '0';
	expect_bad(make_json(&ours, ours.cert, other, hash, EVP_sha256(), PLAIN), "does not match the root hash");
	expect_bad(make_json(&ours, ours.cert, hash, other, EVP_sha256(), PLAIN), "does not match the root hash");
	expect_bad(make_json(&ours, ours.cert, hash, hash, EVP_sha256(), PKCS7_NOCERTS), "content of its own");
	expect_bad(make_json(&ours, ours.cert, hash, hash, EVP_sha1(), PLAIN), "SHA-2");
}

static void expect_text(const char *text, const char *error)
{
	expect_bad(strdup(text), error);
}

static void test_documents(void **state)
{
	char *good = make_json(&ours, ours.cert, hash, hash, EVP_sha256(), PLAIN), *p;

	(void)state;
	expect_text("", "empty");
	expect_text("{}", "rootHash");
	expect_text("[1]", "");
	expect_text("{\"rootHash\":1,\"certificateFingerprint\":\"\",\"signature\":\"\"}", "");
	expect_text("{\"rootHash\":\"00\",\"certificateFingerprint\":\"00\",\"signature\":\"\"}", "rootHash");
	p = strdup(good);
	*strstr(p, "abcdef") = 'A';
	expect_bad(p, "lower case");
	p = strdup(good);
	memcpy(strstr(p, "signature\":\"") + 12, "AAAA", 4);
	expect_bad(p, "PKCS#7");
	p = strdup(good);
	*(strstr(p, "signature\":\"") + 20) = '!';
	expect_bad(p, "base64");
	p = strdup(good);
	strstr(p, "certificateFingerprint\":\"")[25] = 'x';
	expect_bad(p, "certificateFingerprint");
	free(good);
}

static void test_padding(void **state)
{
	char *good = make_json(&ours, ours.cert, hash, hash, EVP_sha256(), PLAIN), text[8192] = {0}, got[ROOT_HASH_TEXT];
	struct certificates *c;
	struct err e;

	(void)state;
	c = certificates_load(dir, &e);
	strcpy(text, good);
	assert_int_equal(signature_check(text, strlen(text), c, got, &e), 0); /* no padding at all */
	assert_int_equal(signature_check(text, sizeof(text), c, got, &e), 0);
	text[8000] = 'x';
	assert_int_equal(signature_check(text, sizeof(text), c, got, &e), -1);
	assert_int_equal(signature_check(text, 100, c, got, &e), -1); /* cut */
	certificates_free(c);
	free(good);
}

static void test_certificate_files(void **state)
{
	struct err e;
	int fd;

	(void)state;
	assert_null(certificates_load("/nonexistent", &e));
	unpin("ours.pem");
	assert_null(certificates_load(dir, &e));
	assert_int_equal(e.code, ENOENT);
	pin("ours.pem", ours.cert);
	pin("readme.txt", stranger.cert); /* not ours to read */
	fd = open(dir, O_DIRECTORY | O_RDONLY);
	assert_int_equal(fs_replace(fd, "bad.pem", "no PEM", 6, 0644, &e), 0);
	assert_null(certificates_load(dir, &e));
	assert_non_null(strstr(e.text, "bad.pem"));
	unpin("bad.pem");
	unpin("readme.txt");
	close(fd);
}

static int group_set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	ours = make_signer("ours", "20900101000000Z", "20910101000000Z"); /* not yet valid, as with a clock in 1970 */
	next = make_signer("next", "19800101000000Z", "19810101000000Z"); /* long expired */
	stranger = make_signer("stranger", "19700101000000Z", "20991231235959Z");
	pin("ours.pem", ours.cert);
	return 0;
}

static int group_tear_down(void **state)
{
	(void)state;
	fs_remove_tree(AT_FDCWD, dir, NULL);
	free_signer(&ours);
	free_signer(&next);
	free_signer(&stranger);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	       cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_strangers),      cmocka_unit_test(test_other_content),
		cmocka_unit_test(test_documents),      cmocka_unit_test(test_padding),
		cmocka_unit_test(test_certificate_files),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
