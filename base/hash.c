/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CHUNK 131072

struct hash {
	EVP_MD_CTX *ctx;
};

static const struct {
	const char *name; /* in OCI digests */
	size_t size;
	const EVP_MD *(*md)(void);
} kinds[] = {
	[HASH_SHA256] = { "sha256", 32, EVP_sha256 },
	[HASH_SHA512] = { "sha512", 64, EVP_sha512 },
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct hash *hash_new(enum hash_kind kind)
{
	/* No openssl.cnf, whatever the environment or the root we stand on says. */
	if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL))
		return NULL;
	struct hash *h = malloc(sizeof(*h));
	if (!h)
		return NULL;
	h->ctx = EVP_MD_CTX_new();
	if (h->ctx && EVP_DigestInit_ex(h->ctx, kinds[kind].md(), NULL) == 1)
		return h;
	hash_free(h);
	return NULL;
}

int hash_update(struct hash *h, const void *data, size_t len)
{
	return EVP_DigestUpdate(h->ctx, data, len) == 1 ? 0 : -1;
}

int hash_final(struct hash *h, uint8_t out[HASH_MAX])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	int ok = EVP_DigestFinal_ex(h->ctx, digest, &size) == 1 && size <= HASH_MAX;
	if (ok)
		memcpy(out, digest, size);
	hash_free(h);
	return ok ? 0 : -1;
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

size_t hash_size(enum hash_kind kind)
{
	return kinds[kind].size;
}

int hash_sha256(const void *data, size_t len, uint8_t out[32])
{
	uint8_t digest[HASH_MAX];
	struct hash *h = hash_new(HASH_SHA256);
	if (!h)
		return -1;
	if (hash_update(h, data, len) < 0) {
		hash_free(h);
		return -1;
	}
	if (hash_final(h, digest) < 0)
		return -1;
	memcpy(out, digest, 32);
	return 0;
}

/* Feeds the whole file to h. */
static int feed(struct hash *h, int fd, struct err *e)
{
	cleanup_free uint8_t *chunk = malloc(CHUNK);
	if (!chunk)
		return err_set(e, ENOMEM, "hash: out of memory");
	for (off_t at = 0;;) {
		ssize_t n = pread(fd, chunk, CHUNK, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "hash: read at %lld", (long long)at);
		if (n == 0)
			return 0;
		if (hash_update(h, chunk, (size_t)n) < 0)
			return err_set(e, EIO, "hash: OpenSSL failed");
		at += n;
	}
}

int hash_sha256_fd(int fd, uint8_t out[32], struct err *e)
{
	uint8_t digest[HASH_MAX];
	struct hash *h = hash_new(HASH_SHA256);
	if (!h)
		return err_set(e, ENOMEM, "hash: out of memory");
	if (feed(h, fd, e) < 0) {
		hash_free(h);
		return -1;
	}
	if (hash_final(h, digest) < 0)
		return err_set(e, EIO, "hash: OpenSSL failed");
	memcpy(out, digest, 32);
	return 0;
}

int digest_parse(const char *text, struct digest *out, struct err *e)
{
	for (size_t k = 0; k < N_KINDS; k++) {
		size_t name = strlen(kinds[k].name), hex = kinds[k].size * 2;
		if (strncmp(text, kinds[k].name, name) != 0 || text[name] != ':')
			continue;
		const char *digits = text + name + 1;
		struct digest d = { .kind = (enum hash_kind)k };
		/* Upper case is refused: one digest must have one text, which names files. */
		if (strlen(digits) != hex || strspn(digits, "0123456789abcdef") != hex ||
		    hex_decode(digits, hex, d.bytes) < 0)
			break;
		*out = d;
		return 0;
	}
	return err_set(e, EINVAL, "'%.140s' is not a digest (sha256: or sha512: and lower-case hex)", text);
}

void digest_format(const struct digest *d, char out[DIGEST_TEXT_MAX])
{
	size_t name = strlen(kinds[d->kind].name);
	memcpy(out, kinds[d->kind].name, name);
	out[name] = ':';
	hex_encode(d->bytes, kinds[d->kind].size, out + name + 1);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return a->kind == b->kind && memcmp(a->bytes, b->bytes, kinds[a->kind].size) == 0;
}
