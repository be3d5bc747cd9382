/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature of a slot: JSON {"rootHash": hex, "certificateFingerprint": hex, "signature": base64 of PKCS#7 DER} as
 * the Discoverable Partitions Specification has it; the detached content is the root hash as lower-case hex text.
 * The signer must be exactly one of the pinned certificates. Their dates and key usages do not count: the clock may
 * stand in 1970, and a pinned certificate is trusted because it is pinned.
 */
#pragma once
#include <stddef.h>

#include "base/err.h"

#define SIGNATURE_MAX 65536	   /* bytes of JSON */
#define SIGNATURE_CERTIFICATES_MAX 16
#define ROOT_HASH_TEXT 65	   /* 64 hex digits and NUL */

struct certificates; /* a set of pinned certificates */

/* Every *.pem and *.crt file of a directory, one certificate in PEM each. None at all: ENOENT; a bad one: an error. */
struct certificates *certificates_load(const char *dir, struct err *e);
size_t certificates_count(const struct certificates *c);
void certificates_free(struct certificates *c);

/*
 * text: the content of the signature partition: JSON, then zeros only. On 0 root_hash has the signed root hash; on -1
 * it is untouched.
 */
int signature_check(const char *text, size_t len, const struct certificates *c, char root_hash[ROOT_HASH_TEXT],
		    struct err *e);
