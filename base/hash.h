/* SPDX-License-Identifier: Apache-2.0 */
/* Digests (OpenSSL EVP) and their text forms: hex and OCI's "sha256:HEX". */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HASH_MAX 64 /* bytes: sha512 */
#define HASH_SHA256_HEX 65 /* with NUL */

enum hash_kind { HASH_SHA256, HASH_SHA512 };
struct hash; /* a running digest */

struct hash *hash_new(enum hash_kind kind); /* NULL: ENOMEM */
int hash_update(struct hash *h, const void *data, size_t len);
/* Writes hash_size(kind) bytes and frees h. */
int hash_final(struct hash *h, uint8_t out[HASH_MAX]);
void hash_free(struct hash *h);
size_t hash_size(enum hash_kind kind);
int hash_sha256(const void *data, size_t len, uint8_t out[32]);
/* The whole file from offset 0; the file offset is left alone. */
int hash_sha256_fd(int fd, uint8_t out[32], struct err *e);

void hex_encode(const uint8_t *in, size_t len, char *out /* 2*len+1 */);
int hex_decode(const char *in, size_t hex_len, uint8_t *out); /* lower or upper case; -1 on anything else */

/* base64 (RFC 4648, padded). encode: malloc'ed text; decode: malloc'ed bytes, NUL behind. NULL on error. */
char *base64_encode(const void *data, size_t len);
uint8_t *base64_decode(const char *text, size_t len, size_t *out_len);

/* An OCI digest, "sha256:" or "sha512:" and lower-case hex of the right length. */
struct digest {
	enum hash_kind kind;
	uint8_t bytes[HASH_MAX];
};
int digest_parse(const char *text, struct digest *out, struct err *e);
#define DIGEST_TEXT_MAX 136
void digest_format(const struct digest *d, char out[DIGEST_TEXT_MAX]);
bool digest_equal(const struct digest *a, const struct digest *b);
