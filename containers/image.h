/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images in the store: from a reference to what a container needs, the list, removal with what nothing needs any more.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "containers/manifest.h"
#include "containers/store.h"

/*
 * 1: *manifest is what the reference leads to; 0: no such image; -1. A reference with a digest needs some reference of
 * the same repository (any, for a bare digest) with that manifest.
 */
int image_resolve(const struct store *s, const char *reference, struct digest *manifest, struct err *e);

struct image {
	struct digest manifest;
	struct image_config config;
	char **layers; /* owned, NULL-ended: names in the store's layers/, the topmost first, as overlayfs wants them */
	bool opaque; /* some layer has opaque directories: the overlay must read user.overlay.* */
	int64_t content_bytes;
};
/* ENOENT with what to do when the reference is unknown; EBADMSG when the store is damaged. */
int image_open(const struct store *s, const char *reference, struct image *out, struct err *e);
void image_close(struct image *i);
#define cleanup_image __attribute__((cleanup(image_close)))

/*
 * Adds {"images":[{"reference","digest","size_bytes","layers"}],"more":bool}: references sorted, those behind `after`
 * (NULL: from the first), at most IMAGE_LIST_PAGE of them. A damaged image has "error" instead of size and layers.
 */
#define IMAGE_LIST_PAGE 100
int image_list(const struct store *s, const char *after, cJSON *out, struct err *e);

/*
 * Removes a reference (with a digest: all that lead to it). EBUSY when nothing else would lead to the image although
 * in_use (NULL-ended references or digests; may be NULL) has it. Adds {"removed":[references]}. What only it needed is
 * garbage then.
 */
int image_remove(const struct store *s, const char *reference, char *const *in_use, cJSON *out, struct err *e);

/*
 * Removes all blobs and layers that neither a reference nor `keep` (NULL-ended digests of manifests; may be NULL)
 * needs. Adds {"layers":N}: how many layers went. Nothing goes when an image with a reference is damaged.
 */
int image_collect(const struct store *s, char *const *keep, cJSON *out, struct err *e);
