/* SPDX-License-Identifier: Apache-2.0 */
/* A blob's uncompressed bytes, hashed as they pass: plain, gzip or zstd, one layer of compression at most. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/hash.h"

struct inflate;

struct inflate_limits {
	int64_t bytes; /* of the uncompressed stream */
	int64_t ratio, ratio_from_bytes; /* see layer.h */
};
/* Reads fd from its present offset; fd and limits stay the caller's and must outlive the object. */
struct inflate *inflate_open(int fd, enum hash_kind kind, const struct inflate_limits *limits, struct err *e);
/* The next piece, borrowed until the next call. Its length; 0 at the end; -1. */
ssize_t inflate_next(struct inflate *in, const void **data, struct err *e);
/* Reads what is left and tells the digest of the whole. */
int inflate_finish(struct inflate *in, struct digest *out, struct err *e);
void inflate_free(struct inflate *in);
