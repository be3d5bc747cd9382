/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents of an image, read strictly: OCI image-spec 1.1 index, manifest and configuration, their Docker schema 2
 * counterparts, and the manifest.json of `docker save`. Keys that the specification doesn't know are allowed, as it
 * wants; a document that could be taken for an index as well as for a manifest is refused (CVE-2021-41190).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"

#define MANIFEST_BYTES_MAX (4u << 20) /* any of these documents */
#define MANIFEST_LAYERS_MAX 500 /* what overlayfs stacks at most */
#define MANIFEST_ENTRIES_MAX 4096 /* of an index, or of a docker archive */
#define INDEX_DEPTH_MAX 4 /* an index in an index */

enum media_kind {
	MEDIA_UNKNOWN,
	MEDIA_INDEX,
	MEDIA_MANIFEST,
	MEDIA_CONFIG,
	MEDIA_LAYER, /* tar, plain or by gzip or zstd: told from its bytes */
	MEDIA_LAYER_FOREIGN, /* non-distributable: usable when the archive holds it all the same */
};
enum media_kind media_kind(const char *media_type);

struct descriptor {
	enum media_kind kind;
	struct digest digest;
	int64_t size;
	bool foreign; /* its platform is given and isn't linux/amd64 */
	char *name; /* owned; NULL: none. From io.containerd.image.name, else org.opencontainers.image.ref.name */
};

struct index {
	struct descriptor *entries; /* owned */
	size_t n;
};
/* media_type: what the descriptor that led here said; NULL when nothing did (index.json). */
int index_parse(const char *text, size_t len, const char *media_type, struct index *out, struct err *e);
void index_free(struct index *x);
/* The entry for linux/amd64: the first manifest or index that isn't another platform's. NULL: none. */
const struct descriptor *index_pick(const struct index *x);

struct manifest {
	struct descriptor config;
	struct descriptor *layers; /* owned; lowest first */
	size_t n_layers;
};
int manifest_parse(const char *text, size_t len, const char *media_type, struct manifest *out, struct err *e);
void manifest_free(struct manifest *m);

/* What a configuration says about running the image; lists are NULL-ended and never NULL. */
struct image_config {
	char *user, *working_dir, *stop_signal; /* owned, never NULL, "" when absent */
	char **environment, **entrypoint, **command; /* owned */
	struct digest *diff_ids; /* owned; lowest layer first */
	size_t n_diff_ids;
};
/* Refuses other platforms than linux/amd64, and an image without layers. */
int image_config_parse(const char *text, size_t len, struct image_config *out, struct err *e);
void image_config_free(struct image_config *c);

/* manifest.json of `docker save`: one entry an image, names of files in the archive. */
struct docker_image {
	char *config; /* owned */
	char **layers, **tags; /* owned, NULL-ended */
	size_t n_layers;
};
struct docker_archive {
	struct docker_image *images; /* owned */
	size_t n;
};
int docker_archive_parse(const char *text, size_t len, struct docker_archive *out, struct err *e);
void docker_archive_free(struct docker_archive *a);

#define cleanup_index __attribute__((cleanup(index_free)))
#define cleanup_manifest __attribute__((cleanup(manifest_free)))
#define cleanup_image_config __attribute__((cleanup(image_config_free)))
#define cleanup_docker_archive __attribute__((cleanup(docker_archive_free)))
