/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image archive (tar, plain or by gzip or zstd) taken apart: its members in a scratch directory under numbers, each
 * hashed as it passes, so that what they are called never touches the filesystem. Order in the archive doesn't matter.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

struct bundle_limits {
	int64_t bytes; /* of all members */
	int64_t ratio, ratio_from_bytes; /* see layer.h */
	size_t members;
	size_t name_bytes; /* of all members' names and link targets */
};
extern const struct bundle_limits BUNDLE_LIMITS;

struct bundle_member {
	char *name; /* owned; relative, without "." and ".." */
	char *target; /* owned; a link's: a member's name. NULL: a file */
	size_t number;
	int64_t size;
	struct digest digest; /* sha256; sha512 for blobs/sha512/... */
};
struct bundle {
	int dir; /* borrowed */
	struct bundle_member *members; /* owned, sorted by name */
	size_t n;
};

/*
 * Reads fd (a file or a pipe, from its present offset) to the archive's end. dir: an empty directory, borrowed. A
 * member blobs/ALGORITHM/HEX with another content than its name says is refused.
 */
int bundle_read(int fd, int dir, const struct bundle_limits *limits, struct bundle *out, struct err *e);
void bundle_free(struct bundle *b);
#define cleanup_bundle __attribute__((cleanup(bundle_free)))

/* The file of this name, through links (of old `docker save`). NULL: none. */
const struct bundle_member *bundle_find(const struct bundle *b, const char *name);
const struct bundle_member *bundle_find_blob(const struct bundle *b, const struct digest *d);
/* A new descriptor at offset 0. */
int bundle_open(const struct bundle *b, const struct bundle_member *m, struct err *e);
/* A whole document (at most MANIFEST_BYTES_MAX); malloc'ed, NUL behind. */
int bundle_text(const struct bundle *b, const struct bundle_member *m, char **text, size_t *len, struct err *e);
