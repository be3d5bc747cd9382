/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references, read and completed as Docker does it (github.com/distribution/reference's grammar):
 * "nginx" is docker.io/library/nginx:latest; the first part is a registry when it has a '.' or ':' or is "localhost".
 */
#pragma once
#include "base/err.h"
#include "base/hash.h"

#define REFERENCE_MAX 255 /* bytes of the whole normalised text: it becomes a file name in the store */
#define REFERENCE_TAG_MAX 128

struct reference {
	char domain[REFERENCE_MAX + 1]; /* "docker.io", "localhost:5000"; "" for a bare digest */
	char path[REFERENCE_MAX + 1]; /* "library/nginx"; "" for a bare digest */
	char tag[REFERENCE_TAG_MAX + 1]; /* "latest"; "" when only a digest was given */
	char digest[DIGEST_TEXT_MAX]; /* "" or "sha256:..." */
};

/*
 * Takes NAME, NAME:TAG, NAME@DIGEST, NAME:TAG@DIGEST, or a bare DIGEST ("sha256:HEX", an image without a name).
 * A NAME without tag and digest gets the tag "latest". EINVAL with what is wrong.
 */
int reference_parse(const char *text, struct reference *out, struct err *e);
/* The normalised text: DOMAIN/PATH[:TAG][@DIGEST], or the bare digest. */
void reference_format(const struct reference *r, char out[REFERENCE_MAX + 1]);
