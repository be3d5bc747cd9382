/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signature.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"

#define PEM_FILE_MAX 65536

struct certificates {
	STACK_OF(X509) *stack;
};

static void free_x509s(STACK_OF(X509) **s)
{
	sk_X509_free(*s);
}
static void free_pkcs7(PKCS7 **p)
{
	PKCS7_free(*p);
}
static void free_bio(BIO **b)
{
	BIO_free(*b);
}
#define cleanup_x509s __attribute__((cleanup(free_x509s)))
#define cleanup_pkcs7 __attribute__((cleanup(free_pkcs7)))
#define cleanup_bio __attribute__((cleanup(free_bio)))

static int no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1; /* the default would ask on the terminal */
}

static int add_file(struct certificates *c, int dir, const char *name, struct err *e)
{
	cleanup_free char *text = NULL;
	cleanup_bio BIO *bio = NULL;
	X509 *x = NULL;
	size_t len;

	if (fs_read(dir, name, PEM_FILE_MAX, &text, &len, e))
		return -1;
	bio = BIO_new_mem_buf(text, (int)len);
	if (bio)
		x = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	ERR_clear_error();
	if (!x)
		return err_set(e, EBADMSG, "%s: not a certificate in PEM form", name);
	if (!sk_X509_push(c->stack, x)) {
		X509_free(x);
		return err_set(e, ENOMEM, "out of memory");
	}
	return 0;
}

struct certificates *certificates_load(const char *dir, struct err *e)
{
	cleanup_closedir DIR *d = opendir(dir);
	struct certificates *c;
	struct dirent *entry;

	if (!d) {
		err_sys(e, "%s", dir);
		return NULL;
	}
	/* No configuration file: on a root that is not yet trusted it would name engines and providers to load. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	c = calloc(1, sizeof(*c));
	if (c)
		c->stack = sk_X509_new_null();
	if (!c || !c->stack) {
		err_set(e, ENOMEM, "out of memory");
		goto fail;
	}
	while ((entry = readdir(d))) {
		const char *suffix = strrchr(entry->d_name, '.');

		if (!suffix || suffix == entry->d_name || (strcmp(suffix, ".pem") && strcmp(suffix, ".crt")))
			continue;
		if (sk_X509_num(c->stack) == SIGNATURE_CERTIFICATES_MAX) {
			err_set(e, E2BIG, "%s: more than %d certificates", dir, SIGNATURE_CERTIFICATES_MAX);
			goto fail;
		}
		if (add_file(c, dirfd(d), entry->d_name, e)) {
			err_wrap(e, "%s", dir);
			goto fail;
		}
	}
	if (!sk_X509_num(c->stack)) {
		err_set(e, ENOENT, "%s: no certificate", dir);
		goto fail;
	}
	return c;
fail:
	certificates_free(c);
	return NULL;
}

size_t certificates_count(const struct certificates *c)
{
	return (size_t)sk_X509_num(c->stack);
}

void certificates_free(struct certificates *c)
{
	if (!c)
		return;
	sk_X509_pop_free(c->stack, X509_free);
	free(c);
}

static bool is_sha2(const X509_ALGOR *digest)
{
	int nid = OBJ_obj2nid(digest->algorithm);

	return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

/*
 * Every signer must be pinned; PKCS7_get0_signers fails at the first that is not among c, by issuer and serial.
 * A pinned certificate signs with SHA-2; older digests would let a collision stand in for the hash that was signed.
 */
static int check_signers(PKCS7 *p7, const struct certificates *c, struct err *e)
{
	STACK_OF(PKCS7_SIGNER_INFO) *infos = PKCS7_get_signer_info(p7);
	STACK_OF(X509_ALGOR) *digests = p7->d.sign->md_algs;
	cleanup_x509s STACK_OF(X509) *signers = NULL;

	if (!infos || sk_PKCS7_SIGNER_INFO_num(infos) < 1)
		return err_set(e, EBADMSG, "nobody signed");
	/* One that it does not know, or a second one, and PKCS7_verify() fails with memory lost. */
	if (sk_X509_ALGOR_num(digests) != 1 || !is_sha2(sk_X509_ALGOR_value(digests, 0)))
		return err_set(e, EBADMSG, "signed over a digest other than SHA-2");
	signers = PKCS7_get0_signers(p7, c->stack, PKCS7_NOINTERN);
	if (!signers)
		return err_set(e, EKEYREJECTED, "signed by none of %zu certificates", certificates_count(c));
	for (int i = 0; i < sk_PKCS7_SIGNER_INFO_num(infos); i++) {
		X509_ALGOR *digest;

		PKCS7_SIGNER_INFO_get0_algs(sk_PKCS7_SIGNER_INFO_value(infos, i), NULL, &digest, NULL);
		if (!is_sha2(digest))
			return err_set(e, EBADMSG, "signed over a digest other than SHA-2");
	}
	return 0;
}

static int check_pkcs7(const uint8_t *der, size_t len, const char *content, const struct certificates *c,
		       struct err *e)
{
	const unsigned char *p = der;
	cleanup_pkcs7 PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)len);
	cleanup_bio BIO *bio = NULL;

	if (!p7 || p != der + len || !PKCS7_type_is_signed(p7) || !p7->d.sign)
		return err_set(e, EBADMSG, "not a signed PKCS#7 message");
	if (!PKCS7_get_detached(p7))
		return err_set(e, EBADMSG, "the PKCS#7 message has a content of its own");
	if (check_signers(p7, c, e))
		return -1;
	bio = BIO_new_mem_buf(content, -1);
	if (!bio)
		return err_set(e, ENOMEM, "out of memory");
	/* NOVERIFY: no chain, dates or usages. NOINTERN: no certificate of the message's own. Both or neither. */
	if (PKCS7_verify(p7, c->stack, NULL, bio, NULL,
			 PKCS7_NOINTERN | PKCS7_NOVERIFY | PKCS7_BINARY | PKCS7_NO_DUAL_CONTENT) != 1)
		return err_set(e, EKEYREJECTED, "the signature does not match the root hash");
	return 0;
}

/* Only says which certificate was meant; a signature counts by its signer. */
static int check_fingerprint(const char *fingerprint, const struct certificates *c, struct err *e)
{
	uint8_t want[32], have[EVP_MAX_MD_SIZE];
	unsigned n;

	if (strlen(fingerprint) != 64 || hex_decode(fingerprint, 64, want))
		return err_set(e, EBADMSG, "certificateFingerprint is not a SHA-256 in hex");
	for (int i = 0; i < sk_X509_num(c->stack); i++)
		if (X509_digest(sk_X509_value(c->stack, i), EVP_sha256(), have, &n) && n == sizeof(want) &&
		    !memcmp(want, have, sizeof(want)))
			return 0;
	return err_set(e, EKEYREJECTED, "signed by none of %zu certificates", certificates_count(c));
}

static int check_padding(const char *text, size_t len, size_t *json_len, struct err *e)
{
	*json_len = strnlen(text, len);
	if (!*json_len)
		return err_set(e, ENODATA, "empty");
	if (*json_len > SIGNATURE_MAX)
		return err_set(e, EFBIG, "over %d bytes", SIGNATURE_MAX);
	for (size_t i = *json_len; i < len; i++)
		if (text[i])
			return err_set(e, EBADMSG, "bytes behind the JSON");
	return 0;
}

int signature_check(const char *text, size_t len, const struct certificates *c, char root_hash[ROOT_HASH_TEXT],
		    struct err *e)
{
	struct {
		const char *root_hash, *fingerprint, *signature;
	} s;
	static const struct json_field fields[] = {
		{.key = "rootHash", .type = JSON_STRING, .offset = 0, .required = true},
		{.key = "certificateFingerprint", .type = JSON_STRING, .offset = sizeof(char *), .required = true},
		{.key = "signature", .type = JSON_STRING, .offset = 2 * sizeof(char *), .required = true},
	};
	cleanup_json cJSON *root = NULL;
	cleanup_free uint8_t *der = NULL;
	uint8_t hash[32];
	char hex[ROOT_HASH_TEXT];
	size_t json_len, der_len;
	int result;

	if (check_padding(text, len, &json_len, e))
		return -1;
	root = json_parse(text, json_len, &JSON_MESSAGE, e);
	if (!root || json_read(root, fields, 3, JSON_ALLOW_UNKNOWN, "signature", &s, e))
		return -1;
	if (strlen(s.root_hash) != 64 || hex_decode(s.root_hash, 64, hash))
		return err_set(e, EBADMSG, "rootHash is not a SHA-256 in hex");
	hex_encode(hash, sizeof(hash), hex);
	if (strcmp(hex, s.root_hash)) /* the text is what was signed */
		return err_set(e, EBADMSG, "rootHash is not in lower case");
	der = base64_decode(s.signature, strlen(s.signature), &der_len);
	if (!der)
		return err_set(e, EBADMSG, "signature is not base64");
	result = check_fingerprint(s.fingerprint, c, e);
	if (!result)
		result = check_pkcs7(der, der_len, hex, c, e);
	ERR_clear_error();
	if (!result)
		memcpy(root_hash, hex, sizeof(hex));
	return result;
}
