/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "containers/bundle.h"
#include "containers/manifest.h"
#include "containers/quote.h"
#include "containers/reference.h"
#include "containers/strings.h"

struct ready_layer { /* unpacked in scratch/layer-N, N its index */
	struct digest diff_id;
	struct layer_info info;
};
struct ready_image {
	char *manifest, *config; /* owned texts */
	size_t manifest_len, config_len;
	struct digest manifest_digest, config_digest;
	char **references; /* owned, normalised */
};
struct load {
	const struct store *store;
	struct bundle bundle;
	int scratch;
	struct ready_layer *layers;
	size_t n_layers;
	struct ready_image *images;
	size_t n_images;
};

/* What one image is made of, found in the archive. */
struct source {
	const struct bundle_member *config;
	const struct bundle_member *layers[MANIFEST_LAYERS_MAX];
	size_t n_layers;
};

static bool layer_ready(const struct load *l, const struct digest *diff_id)
{
	for (size_t i = 0; i < l->n_layers; i++)
		if (digest_equal(&l->layers[i].diff_id, diff_id))
			return true;
	return false;
}

static int make_scratch_dir(const struct load *l, const char *name, struct err *e)
{
	int fd;

	/* 0755: what the container's root directory is, unless the layer says otherwise. */
	if (mkdirat(l->scratch, name, 0755) < 0)
		return err_sys(e, "image store: create a directory");
	fd = openat(l->scratch, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "image store: open a directory") : fd;
}

static int take_layer(struct load *l, const struct bundle_member *m, const struct digest *diff_id, struct err *e)
{
	cleanup_close int blob = bundle_open(&l->bundle, m, e), dir = -1;
	struct ready_layer ready = { .diff_id = *diff_id };
	struct ready_layer *bigger;
	char name[32];
	int there;

	if (blob < 0)
		return -1;
	there = layer_ready(l, diff_id) ? 1 : store_layer_get(l->store, diff_id, NULL, e);
	if (there < 0)
		return -1;
	/* What is there stays; that this blob holds the same is checked all the same. */
	if (there)
		return layer_unpack(blob, diff_id, -1, &LAYER_LIMITS, NULL, e);
	bigger = realloc(l->layers, (l->n_layers + 1) * sizeof(*bigger));
	if (!bigger)
		return err_sys(e, "load the layer");
	l->layers = bigger;
	snprintf(name, sizeof(name), "layer-%zu", l->n_layers);
	dir = make_scratch_dir(l, name, e);
	if (dir < 0 || layer_unpack(blob, diff_id, dir, &LAYER_LIMITS, &ready.info, e) < 0)
		return -1;
	l->layers[l->n_layers++] = ready;
	return 0;
}

static void ready_image_free(struct ready_image *i)
{
	free(i->manifest);
	free(i->config);
	strings_free(&i->references);
}

static int digest_of(const char *text, size_t len, struct digest *out, struct err *e)
{
	out->kind = HASH_SHA256;
	return hash_sha256(text, len, out->bytes) < 0 ? err_set(e, EIO, "hash failed") : 0;
}

/* manifest: taken over, also on failure. digest: NULL: its sha256. references: copied. */
static int take_image(struct load *l, const struct source *s, char *manifest, size_t manifest_len,
		      const struct digest *digest, char *const *references, struct err *e)
{
	struct ready_image *i = realloc(l->images, (l->n_images + 1) * sizeof(*i));
	cleanup_image_config struct image_config c = { 0 };

	if (!i) {
		free(manifest);
		return err_sys(e, "load the image");
	}
	l->images = i;
	i += l->n_images++;
	*i = (struct ready_image){ .manifest = manifest, .manifest_len = manifest_len, .config_digest = s->config->digest };
	if (digest)
		i->manifest_digest = *digest;
	else if (digest_of(manifest, manifest_len, &i->manifest_digest, e) < 0)
		return -1;
	for (; *references; references++)
		if (strings_add(&i->references, *references) < 0)
			return err_sys(e, "load the image");
	if (bundle_text(&l->bundle, s->config, &i->config, &i->config_len, e) < 0 ||
	    image_config_parse(i->config, i->config_len, &c, e) < 0)
		return -1;
	if (c.n_diff_ids != s->n_layers)
		return err_set(e, EBADMSG, "the image has %zu layers, its configuration tells of %zu", s->n_layers, c.n_diff_ids);
	for (size_t n = 0; n < s->n_layers; n++)
		if (take_layer(l, s->layers[n], &c.diff_ids[n], e) < 0)
			return err_wrap(e, "layer %zu of %zu", n + 1, s->n_layers);
	return 0;
}

/* The blob that a descriptor names, with the size it says. */
static const struct bundle_member *blob(const struct load *l, const struct descriptor *d, const char *what,
					struct err *e)
{
	const struct bundle_member *m = bundle_find_blob(&l->bundle, &d->digest);
	char text[DIGEST_TEXT_MAX];

	digest_format(&d->digest, text);
	if (!m)
		err_set(e, ENOENT, "the archive doesn't hold the %s %s%s", what, text,
			d->kind == MEDIA_LAYER_FOREIGN ? " (a foreign layer)" : "");
	else if (!digest_equal(&m->digest, &d->digest))
		err_set(e, EBADMSG, "the %s %s has another content", what, text);
	else if (m->size != d->size)
		err_set(e, EBADMSG, "the %s %s has %lld bytes, not %lld", what, text, (long long)m->size, (long long)d->size);
	else
		return m;
	return NULL;
}

/* Turns what an archive or the operator calls an image into the store's form. */
static int normalise(const char *name, char ***references, struct err *e)
{
	char text[REFERENCE_MAX + 1], shown[QUOTE_MAX];
	struct reference r;

	if (reference_parse(name, &r, e) < 0)
		return err_wrap(e, "%s can't be the image's name (give one by --name)", quote(name, shown));
	reference_format(&r, text);
	return strings_add(references, text) < 0 ? err_sys(e, "name of the image") : 0;
}

/* The references for an image: the one given, else the archive's, else its digest. */
static int name_image(const char *given, char *const *own, const struct digest *digest, char ***out, struct err *e)
{
	char text[DIGEST_TEXT_MAX];

	if (given)
		return normalise(given, out, e);
	for (; own && *own; own++)
		if (normalise(*own, out, e) < 0)
			return -1;
	if (*out)
		return 0;
	digest_format(digest, text);
	return strings_add(out, text) < 0 ? err_sys(e, "name of the image") : 0;
}

static int load_oci_manifest(struct load *l, const struct descriptor *d, char *text, size_t len,
			     char *const *references, struct err *e)
{
	cleanup_manifest struct manifest m = { 0 };
	cleanup_free struct source *s = calloc(1, sizeof(*s));
	cleanup_free char *owned = text;

	if (!s)
		return err_sys(e, "load the image");
	if (manifest_parse(text, len, NULL, &m, e) < 0)
		return -1;
	s->config = blob(l, &m.config, "configuration", e);
	if (!s->config)
		return -1;
	for (; s->n_layers < m.n_layers; s->n_layers++) {
		s->layers[s->n_layers] = blob(l, &m.layers[s->n_layers], "layer", e);
		if (!s->layers[s->n_layers])
			return -1;
	}
	return take_image(l, s, take_ptr(owned), len, &d->digest, references, e);
}

/* A manifest, or an index that leads to one for this platform. */
static int load_oci_entry(struct load *l, const struct descriptor *entry, char *const *references, struct err *e)
{
	cleanup_index struct index x = { 0 };
	const struct descriptor *d = entry;

	for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		const struct bundle_member *m = blob(l, d, "manifest", e);
		cleanup_free char *text = NULL;
		struct index next;
		size_t len;

		if (!m || bundle_text(&l->bundle, m, &text, &len, e) < 0)
			return -1;
		if (d->kind == MEDIA_MANIFEST)
			return load_oci_manifest(l, d, take_ptr(text), len, references, e);
		if (index_parse(text, len, NULL, &next, e) < 0)
			return -1;
		index_free(&x);
		x = next;
		d = index_pick(&x);
		if (!d)
			return err_set(e, ENOEXEC, "the image isn't there for linux/amd64");
	}
	return err_set(e, EBADMSG, "an index in an index, more than %d deep", INDEX_DEPTH_MAX);
}

static int load_named_entry(struct load *l, const struct descriptor *d, const char *given, struct err *e)
{
	char *own[] = { d->name, NULL };
	cleanup_strings char **references = NULL;

	if (name_image(given, own, &d->digest, &references, e) < 0)
		return -1;
	return load_oci_entry(l, d, references, e);
}

static int check_layout(const struct load *l, struct err *e)
{
	const struct bundle_member *m = bundle_find(&l->bundle, "oci-layout");
	cleanup_free char *text = NULL;
	cleanup_json cJSON *root = NULL;
	const cJSON *version;
	size_t len;

	if (bundle_text(&l->bundle, m, &text, &len, e) < 0 || !(root = json_parse(text, len, &JSON_MESSAGE, e)))
		return err_wrap(e, "oci-layout");
	version = json_get(root, "imageLayoutVersion");
	if (!version || !cJSON_IsString(version) || strncmp(version->valuestring, "1.", 2))
		return err_set(e, EBADMSG, "oci-layout: imageLayoutVersion isn't 1.x");
	return 0;
}

static int load_oci(struct load *l, const struct bundle_member *index, const char *given, struct err *e)
{
	cleanup_index struct index x = { 0 };
	const struct descriptor *one = NULL;
	cleanup_free char *text = NULL;
	size_t len, named = 0;

	if (check_layout(l, e) < 0 || bundle_text(&l->bundle, index, &text, &len, e) < 0 ||
	    index_parse(text, len, NULL, &x, e) < 0)
		return -1;
	for (size_t i = 0; i < x.n; i++) {
		const struct descriptor *d = &x.entries[i];

		if (!d->name || d->foreign || (d->kind != MEDIA_MANIFEST && d->kind != MEDIA_INDEX))
			continue;
		/* Several names of one image count as one when a name is given. */
		if (one && given && digest_equal(&one->digest, &d->digest))
			continue;
		one = d;
		named++;
	}
	if (given && named > 1)
		return err_set(e, EINVAL, "the archive holds %zu images, so --name can't be given", named);
	if (named == 0)
		one = index_pick(&x);
	if (!one)
		return err_set(e, ENOENT, "the archive holds no image for linux/amd64");
	if (given || named == 0)
		return load_named_entry(l, one, given, e);
	for (size_t i = 0; i < x.n; i++) {
		const struct descriptor *d = &x.entries[i];

		if (d->name && !d->foreign && (d->kind == MEDIA_MANIFEST || d->kind == MEDIA_INDEX) &&
		    load_named_entry(l, d, NULL, e) < 0)
			return err_wrap(e, "image '%s'", d->name);
	}
	return 0;
}

static const char *layer_type(const struct load *l, const struct bundle_member *m)
{
	cleanup_close int fd = bundle_open(&l->bundle, m, NULL);
	unsigned char magic[4] = { 0 };

	if (fd >= 0 && fs_pread_full(fd, magic, sizeof(magic), 0) == 0) {
		if (magic[0] == 0x1f && magic[1] == 0x8b)
			return "application/vnd.oci.image.layer.v1.tar+gzip";
		if (!memcmp(magic, "\x28\xb5\x2f\xfd", 4))
			return "application/vnd.oci.image.layer.v1.tar+zstd";
	}
	return "application/vnd.oci.image.layer.v1.tar";
}

static void add_descriptor(cJSON *to, const char *media_type, const struct bundle_member *m)
{
	char text[DIGEST_TEXT_MAX];

	digest_format(&m->digest, text);
	cJSON_AddStringToObject(to, "mediaType", media_type);
	cJSON_AddStringToObject(to, "digest", text);
	cJSON_AddNumberToObject(to, "size", (double)m->size);
}

/* docker-archive has no manifest in the registry's sense: one in OCI's form is made of what it holds. malloc'ed. */
static char *make_manifest(const struct load *l, const struct source *s)
{
	cleanup_json cJSON *root = cJSON_CreateObject();
	cJSON *layers;

	cJSON_AddNumberToObject(root, "schemaVersion", 2);
	cJSON_AddStringToObject(root, "mediaType", "application/vnd.oci.image.manifest.v1+json");
	add_descriptor(cJSON_AddObjectToObject(root, "config"), "application/vnd.oci.image.config.v1+json", s->config);
	layers = cJSON_AddArrayToObject(root, "layers");
	for (size_t i = 0; i < s->n_layers; i++) {
		cJSON *v = cJSON_CreateObject();

		cJSON_AddItemToArray(layers, v);
		add_descriptor(v, layer_type(l, s->layers[i]), s->layers[i]);
	}
	return json_print(root);
}

/* "HEX.json" has to be what its name says, as a blob has. */
static int check_config_name(const struct bundle_member *m, struct err *e)
{
	char hex[STORE_HEX_MAX];

	store_hex(&m->digest, hex);
	if (strlen(m->name) == 69 && !strcmp(m->name + 64, ".json") && strncmp(m->name, hex, 64))
		return err_set(e, EBADMSG, "%s: its content has the digest sha256:%s", m->name, hex);
	return 0;
}

static int load_docker_image(struct load *l, const struct docker_image *image, const char *given, struct err *e)
{
	cleanup_free struct source *s = calloc(1, sizeof(*s));
	cleanup_strings char **references = NULL;
	cleanup_free char *manifest = NULL;
	char shown[QUOTE_MAX];
	struct digest d;
	size_t len;

	if (!s)
		return err_sys(e, "load the image");
	s->config = bundle_find(&l->bundle, image->config);
	if (!s->config)
		return err_set(e, ENOENT, "manifest.json: no file %s in the archive", quote(image->config, shown));
	if (check_config_name(s->config, e) < 0)
		return -1;
	for (; s->n_layers < image->n_layers; s->n_layers++) {
		s->layers[s->n_layers] = bundle_find(&l->bundle, image->layers[s->n_layers]);
		if (!s->layers[s->n_layers])
			return err_set(e, ENOENT, "manifest.json: no file %s in the archive",
				       quote(image->layers[s->n_layers], shown));
	}
	manifest = make_manifest(l, s);
	if (!manifest)
		return err_set(e, ENOMEM, "manifest of the image: out of memory");
	len = strlen(manifest);
	if (digest_of(manifest, len, &d, e) < 0 || name_image(given, image->tags, &d, &references, e) < 0)
		return -1;
	return take_image(l, s, take_ptr(manifest), len, &d, references, e);
}

static int load_docker(struct load *l, const struct bundle_member *list, const char *given, struct err *e)
{
	cleanup_docker_archive struct docker_archive a = { 0 };
	cleanup_free char *text = NULL;
	size_t len;

	if (bundle_text(&l->bundle, list, &text, &len, e) < 0 || docker_archive_parse(text, len, &a, e) < 0)
		return -1;
	if (given && a.n > 1)
		return err_set(e, EINVAL, "the archive holds %zu images, so --name can't be given", a.n);
	for (size_t i = 0; i < a.n; i++)
		if (load_docker_image(l, &a.images[i], given, e) < 0)
			return -1;
	return 0;
}

static int commit_image(const struct load *l, const struct ready_image *i, cJSON *list, struct err *e)
{
	char digest[DIGEST_TEXT_MAX];

	digest_format(&i->manifest_digest, digest);
	if (store_blob_write(l->store, &i->config_digest, i->config, i->config_len, e) < 0 ||
	    store_blob_write(l->store, &i->manifest_digest, i->manifest, i->manifest_len, e) < 0)
		return -1;
	for (char **r = i->references; *r; r++) {
		cJSON *v = cJSON_CreateObject();

		if (store_ref_set(l->store, *r, &i->manifest_digest, e) < 0) {
			cJSON_Delete(v);
			return -1;
		}
		cJSON_AddStringToObject(v, "reference", *r);
		cJSON_AddStringToObject(v, "digest", digest);
		cJSON_AddItemToArray(list, v);
	}
	return 0;
}

static int commit(const struct load *l, cJSON *out, struct err *e)
{
	cJSON *list = cJSON_AddArrayToObject(out, "images");

	if (!list)
		return err_set(e, ENOMEM, "out of memory");
	if (l->n_layers > 0 && store_flush(l->store, e) < 0)
		return -1;
	for (size_t i = 0; i < l->n_layers; i++) {
		char name[32];

		snprintf(name, sizeof(name), "layer-%zu", i);
		if (store_layer_commit(l->store, &l->layers[i].diff_id, l->scratch, name, &l->layers[i].info, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < l->n_images; i++)
		if (commit_image(l, &l->images[i], list, e) < 0)
			return -1;
	return 0;
}

static int read_and_commit(struct load *l, int fd, const char *name, cJSON *out, struct err *e)
{
	cleanup_close int parts = make_scratch_dir(l, "members", e);
	const struct bundle_member *index, *list;
	int rc;

	if (parts < 0 || bundle_read(fd, parts, &BUNDLE_LIMITS, &l->bundle, e) < 0)
		return -1;
	index = bundle_find(&l->bundle, "oci-layout") ? bundle_find(&l->bundle, "index.json") : NULL;
	list = bundle_find(&l->bundle, "manifest.json");
	if (index)
		rc = load_oci(l, index, name, e);
	else if (list)
		rc = load_docker(l, list, name, e);
	else
		rc = err_set(e, EBADMSG, "not an image archive: neither an OCI layout (oci-layout, index.json) nor one of "
			     "`docker save` (manifest.json)");
	return rc < 0 ? -1 : commit(l, out, e);
}

int load_archive(const struct store *store, int fd, const char *name, cJSON *out, struct err *e)
{
	struct load l = { .store = store, .scratch = store_scratch(store, "load", e) };
	struct err ignored;
	int rc;

	if (l.scratch < 0)
		return -1;
	rc = read_and_commit(&l, fd, name, out, e);
	if (rc < 0 && e && e->code == ENOSPC)
		err_set(e, ENOSPC, "no space left for the image on the state partition; nothing was changed");
	bundle_free(&l.bundle);
	for (size_t i = 0; i < l.n_images; i++)
		ready_image_free(&l.images[i]);
	free(l.images);
	for (size_t i = 0; i < l.n_layers; i++)
		layer_info_free(&l.layers[i].info);
	free(l.layers);
	close(l.scratch);
	fs_remove_tree(store->dir, "tmp/load", &ignored);
	return rc;
}
