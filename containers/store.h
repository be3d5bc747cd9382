/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store, a directory on the state partition:
 *   blobs/sha256/HEX   manifests and configurations, as they came (blobs/sha512 likewise)
 *   layers/HEX         an unpacked layer, HEX of its diff-id; layers/HEX.json what was counted while unpacking;
 *                      layers/HEX.unmarked see layer_info.unmarked
 *   refs/NAME          a normalised reference with '/' as '+'; its content is the manifest's digest
 *   tmp/               what is being written; debris of a power cut is swept by the next writer
 *   lock               held by the one writer; gc.lock: shared by who resolves an image, exclusive while layers go
 * Everything enters by fsync and rename, references last, so what a reference leads to is complete. Whatever no
 * reference leads to is garbage: no counts are stored that could be wrong.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/hash.h"
#include "containers/layer.h"

#define STORE_HEX_MAX 129 /* with NUL: a sha512 */

struct store {
	int dir, lock; /* owned; lock -1: for reading */
};
#define STORE_NONE ((struct store){ -1, -1 })

/*
 * dir_fd stays the caller's. write: makes what is missing, waits for other writers, sweeps tmp/. Without write, a
 * directory that holds no store is an empty one.
 */
int store_open(int dir_fd, bool write, struct store *out, struct err *e);
void store_close(struct store *s);
#define cleanup_store __attribute__((cleanup(store_close)))

/* A fresh empty directory tmp/NAME; its descriptor. */
int store_scratch(const struct store *s, const char *name, struct err *e);

/* A small document (at most MANIFEST_BYTES_MAX), its digest checked; malloc'ed, NUL behind. */
int store_blob_read(const struct store *s, const struct digest *d, char **data, size_t *len, struct err *e);
int store_blob_write(const struct store *s, const struct digest *d, const char *data, size_t len, struct err *e);

/* 1: there, *out filled (may be NULL); 0: not; -1: damaged. */
int store_layer_get(const struct store *s, const struct digest *diff_id, struct layer_info *out, struct err *e);
/* Moves an unpacked tree in. The caller has flushed its content (store_flush). */
int store_layer_commit(const struct store *s, const struct digest *diff_id, int from_dir, const char *from,
		       const struct layer_info *info, struct err *e);
/* Everything written to the store's filesystem so far is on the disk, or an error says that something isn't. */
int store_flush(const struct store *s, struct err *e);

/* reference: normalised text. */
int store_ref_set(const struct store *s, const char *reference, const struct digest *manifest, struct err *e);
/* 1, 0 (no such reference), -1. */
int store_ref_get(const struct store *s, const char *reference, struct digest *manifest, struct err *e);
int store_ref_remove(const struct store *s, const char *reference, struct err *e);
/* All references, sorted; a NULL-ended list of owned strings. */
int store_refs(const struct store *s, char ***out, struct err *e);

/* Holds layers in place until the descriptor is closed; waits while garbage is taken out (short: renames only). */
int store_hold(const struct store *s, struct err *e);
/* Waits until everybody who holds now has let go. */
int store_barrier(const struct store *s, struct err *e);

/*
 * Removes blobs and layers whose names (HEX) aren't in these NULL-ended lists, which are sorted here.
 * *removed: how many layers went.
 */
int store_collect(const struct store *s, char **blobs, char **layers, size_t *removed, struct err *e);

/* The hex part of a digest. */
void store_hex(const struct digest *d, char out[STORE_HEX_MAX]);
