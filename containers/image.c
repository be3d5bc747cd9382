/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "containers/reference.h"
#include "containers/strings.h"

/* Whether the stored reference `name`, which leads to `has`, is one that r (with a digest) means. */
static bool same_image(const struct reference *r, const struct digest *wanted, const char *name,
		       const struct digest *has)
{
	struct reference other;

	if (!digest_equal(wanted, has) || reference_parse(name, &other, NULL) < 0)
		return false;
	return r->path[0] == '\0' || (!strcmp(r->domain, other.domain) && !strcmp(r->path, other.path));
}

/* A bare NAME that is not there as docker.io's may be one built here, as podman takes it: localhost/NAME. */
static bool short_name_at_home(const char *text, struct reference *r)
{
	if (strchr(text, '/') || strncmp(r->path, "library/", 8) != 0)
		return false;
	memmove(r->path, r->path + 8, strlen(r->path + 8) + 1);
	strcpy(r->domain, "localhost");
	return true;
}

/* The stored references that `reference` means: itself, or all that lead to its digest. *manifest: where they lead. */
static int matching(const struct store *s, const char *reference, char ***out, struct digest *manifest, struct err *e)
{
	cleanup_strings char **all = NULL, **found = calloc(1, sizeof(*found));
	char name[REFERENCE_MAX + 1];
	struct digest d, wanted;
	struct reference r;
	int got;

	if (!found)
		return err_sys(e, "image");
	if (reference_parse(reference, &r, e) < 0)
		return -1;
	if (!r.digest[0]) {
		reference_format(&r, name);
		got = store_ref_get(s, name, &d, e);
		if (got == 0 && short_name_at_home(reference, &r)) {
			reference_format(&r, name);
			got = store_ref_get(s, name, &d, e);
		}
		if (got < 0)
			return -1;
		if (got && strings_add(&found, name) < 0)
			return err_sys(e, "image");
	} else if (digest_parse(r.digest, &wanted, e) < 0 || store_refs(s, &all, e) < 0) {
		return -1;
	}
	for (size_t i = 0; all && all[i]; i++) {
		got = store_ref_get(s, all[i], &d, e);
		if (got < 0)
			return -1;
		if (got && same_image(&r, &wanted, all[i], &d) && strings_add(&found, all[i]) < 0)
			return err_sys(e, "image");
	}
	if (found[0])
		*manifest = r.digest[0] ? wanted : d;
	*out = take_ptr(found);
	return 0;
}

int image_resolve(const struct store *s, const char *reference, struct digest *manifest, struct err *e)
{
	cleanup_strings char **found = NULL;

	if (matching(s, reference, &found, manifest, e) < 0)
		return -1;
	return found[0] != NULL;
}

void image_close(struct image *i)
{
	image_config_free(&i->config);
	strings_free(&i->layers);
	*i = (struct image){ 0 };
}

static int read_config(const struct store *s, const struct digest *digest, struct manifest *m, struct image_config *c,
		       struct err *e)
{
	cleanup_free char *text = NULL, *config = NULL;
	size_t len;

	if (store_blob_read(s, digest, &text, &len, e) < 0 || manifest_parse(text, len, NULL, m, e) < 0 ||
	    store_blob_read(s, &m->config.digest, &config, &len, e) < 0 || image_config_parse(config, len, c, e) < 0)
		return -1;
	if (c->n_diff_ids != m->n_layers)
		return err_set(e, EBADMSG, "the manifest has %zu layers, the configuration %zu", m->n_layers, c->n_diff_ids);
	return 0;
}

static bool in_list(char *const *list, const char *s)
{
	for (; list && *list; list++)
		if (!strcmp(*list, s))
			return true;
	return false;
}

/*
 * The stack of an image, from the top: a layer whose root is opaque ends it, since overlayfs doesn't look at the root
 * directory's attribute. Of a layer that comes twice only the upper one counts: it brings all that the lower one does,
 * and overlayfs refuses one directory twice.
 */
static int stack_layers(const struct store *s, struct image *i, struct err *e)
{
	i->layers = calloc(1, sizeof(*i->layers));
	if (!i->layers)
		return err_sys(e, "image");
	for (size_t n = i->config.n_diff_ids; n-- > 0; ) {
		const struct digest *d = &i->config.diff_ids[n];
		struct layer_info info;
		char hex[STORE_HEX_MAX];
		int got = store_layer_get(s, d, &info, e);

		store_hex(d, hex);
		if (got <= 0)
			return got < 0 ? -1 : err_set(e, EBADMSG, "the image's layer %.16s... is missing in the store: "
						      "load the image again", hex);
		if (in_list(i->layers, hex))
			continue;
		if (strings_add(&i->layers, hex) < 0)
			return err_sys(e, "image");
		i->opaque |= info.opaque;
		i->content_bytes += info.content_bytes;
		if (info.opaque_root)
			break;
	}
	return 0;
}

static int open_manifest(const struct store *s, const struct digest *digest, struct image *out, struct err *e)
{
	cleanup_image struct image i = { .manifest = *digest };
	cleanup_manifest struct manifest m = { 0 };

	if (read_config(s, digest, &m, &i.config, e) < 0 || stack_layers(s, &i, e) < 0)
		return -1;
	*out = i;
	i = (struct image){ 0 };
	return 0;
}

int image_open(const struct store *s, const char *reference, struct image *out, struct err *e)
{
	struct digest d;
	int got = image_resolve(s, reference, &d, e);

	if (got < 0)
		return -1;
	if (!got)
		return err_set(e, ENOENT, "no image '%s' on this machine: load it by `hull image load`", reference);
	return open_manifest(s, &d, out, e) < 0 ? err_wrap(e, "image '%s'", reference) : 0;
}

static int list_one(const struct store *s, const char *reference, cJSON *list, struct err *e)
{
	cJSON *v = cJSON_CreateObject();
	cleanup_image struct image i = { 0 };
	char text[DIGEST_TEXT_MAX];
	struct err why = { 0 };
	struct digest d;

	if (!v || !cJSON_AddItemToArray(list, v) || !cJSON_AddStringToObject(v, "reference", reference))
		return err_set(e, ENOMEM, "image list: out of memory");
	if (store_ref_get(s, reference, &d, &why) > 0) {
		digest_format(&d, text);
		cJSON_AddStringToObject(v, "digest", text);
		if (open_manifest(s, &d, &i, &why) == 0) {
			cJSON_AddNumberToObject(v, "size_bytes", (double)i.content_bytes);
			cJSON_AddNumberToObject(v, "layers", (double)i.config.n_diff_ids);
			return 0;
		}
	}
	why.text[160] = '\0'; /* so that a page stays within a task's answer */
	cJSON_AddStringToObject(v, "error", why.text);
	return 0;
}

int image_list(const struct store *s, const char *after, cJSON *out, struct err *e)
{
	cJSON *list = cJSON_AddArrayToObject(out, "images");
	cleanup_strings char **refs = NULL;
	size_t i = 0, end;

	if (store_refs(s, &refs, e) < 0)
		return -1;
	while (after && refs[i] && strcmp(refs[i], after) <= 0)
		i++;
	for (end = i + IMAGE_LIST_PAGE; refs[i] && i < end; i++)
		if (list_one(s, refs[i], list, e) < 0)
			return -1;
	if (!cJSON_AddBoolToObject(out, "more", refs[i] != NULL))
		return err_set(e, ENOMEM, "image list: out of memory");
	return 0;
}

/* Adds what this manifest needs to the lists of what stays. */
static int mark(const struct store *s, const struct digest *digest, char ***blobs, char ***layers, struct err *e)
{
	cleanup_image_config struct image_config c = { 0 };
	cleanup_manifest struct manifest m = { 0 };
	char hex[STORE_HEX_MAX];

	store_hex(digest, hex);
	if (in_list(*blobs, hex))
		return 0;
	if (read_config(s, digest, &m, &c, e) < 0)
		return -1;
	if (strings_add(blobs, hex) < 0)
		return err_sys(e, "image store");
	store_hex(&m.config.digest, hex);
	if (strings_add(blobs, hex) < 0)
		return err_sys(e, "image store");
	for (size_t i = 0; i < c.n_diff_ids; i++) {
		store_hex(&c.diff_ids[i], hex);
		if (!in_list(*layers, hex) && strings_add(layers, hex) < 0)
			return err_sys(e, "image store");
	}
	return 0;
}

/* What runs, as far as it is there: a container whose image is damaged can't need more than that. */
static int mark_kept(const struct store *s, char *const *keep, char ***blobs, char ***layers, struct err *e)
{
	for (; keep && *keep; keep++) {
		struct digest d;
		char *text;
		size_t len;

		if (digest_parse(*keep, &d, NULL) < 0 || store_blob_read(s, &d, &text, &len, NULL) < 0)
			continue;
		free(text);
		if (mark(s, &d, blobs, layers, e) < 0)
			return -1;
	}
	return 0;
}

int image_collect(const struct store *s, char *const *keep, cJSON *out, struct err *e)
{
	cleanup_strings char **refs = NULL, **blobs = calloc(1, sizeof(*blobs)), **layers = calloc(1, sizeof(*layers));
	size_t removed;

	if (!blobs || !layers)
		return err_sys(e, "image store");
	if (store_refs(s, &refs, e) < 0)
		return -1;
	for (size_t i = 0; refs[i]; i++) {
		struct digest d;
		int got = store_ref_get(s, refs[i], &d, e);

		if (got < 0 || (got && mark(s, &d, &blobs, &layers, e) < 0))
			return err_wrap(e, "image '%s' is damaged, so nothing was cleaned up; remove or load it again", refs[i]);
	}
	if (mark_kept(s, keep, &blobs, &layers, e) < 0 || store_collect(s, blobs, layers, &removed, e) < 0)
		return -1;
	return cJSON_AddNumberToObject(out, "layers", (double)removed) ? 0 : err_set(e, ENOMEM, "out of memory");
}

/* Whether a reference outside of `going` leads to the manifest. */
static int has_other_reference(const struct store *s, const struct digest *manifest, char *const *going, struct err *e)
{
	cleanup_strings char **refs = NULL;

	if (store_refs(s, &refs, e) < 0)
		return -1;
	for (size_t i = 0; refs[i]; i++) {
		struct digest d;
		int got = in_list(going, refs[i]) ? 0 : store_ref_get(s, refs[i], &d, e);

		if (got < 0)
			return -1;
		if (got && digest_equal(&d, manifest))
			return 1;
	}
	return 0;
}

static int check_unused(const struct store *s, const struct digest *manifest, char *const *going, char *const *in_use,
			struct err *e)
{
	int other = has_other_reference(s, manifest, going, e);

	if (other)
		return other < 0 ? -1 : 0;
	for (; in_use && *in_use; in_use++) {
		struct digest d;

		if (digest_parse(*in_use, &d, NULL) < 0 && image_resolve(s, *in_use, &d, NULL) <= 0)
			continue;
		if (digest_equal(&d, manifest))
			return err_set(e, EBUSY, "the image '%s' is used by a container: remove the container first", going[0]);
	}
	return 0;
}

int image_remove(const struct store *s, const char *reference, char *const *in_use, cJSON *out, struct err *e)
{
	cleanup_strings char **going = NULL;
	struct digest manifest;
	cJSON *list = cJSON_AddArrayToObject(out, "removed");

	if (!list)
		return err_set(e, ENOMEM, "out of memory");
	if (matching(s, reference, &going, &manifest, e) < 0)
		return -1;
	if (!going[0])
		return err_set(e, ENOENT, "no image '%s' on this machine", reference);
	if (check_unused(s, &manifest, going, in_use, e) < 0)
		return -1;
	for (size_t i = 0; going[i]; i++) {
		if (store_ref_remove(s, going[i], e) < 0)
			return -1;
		cJSON_AddItemToArray(list, cJSON_CreateString(going[i]));
	}
	return 0;
}
