/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "containers/strings.h"

static const struct json_limits MANIFEST_LIMITS = { MANIFEST_BYTES_MAX, 100000, 32 };

static const struct {
	const char *type;
	enum media_kind kind;
} media_types[] = {
	{ "application/vnd.oci.image.index.v1+json", MEDIA_INDEX },
	{ "application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX },
	{ "application/vnd.oci.image.manifest.v1+json", MEDIA_MANIFEST },
	{ "application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST },
	{ "application/vnd.oci.image.config.v1+json", MEDIA_CONFIG },
	{ "application/vnd.docker.container.image.v1+json", MEDIA_CONFIG },
	{ "application/vnd.oci.image.layer.v1.tar", MEDIA_LAYER },
	{ "application/vnd.oci.image.layer.v1.tar+gzip", MEDIA_LAYER },
	{ "application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_LAYER },
	{ "application/vnd.docker.image.rootfs.diff.tar", MEDIA_LAYER },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_LAYER },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_LAYER_FOREIGN },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_LAYER_FOREIGN },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_LAYER_FOREIGN },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar", MEDIA_LAYER_FOREIGN },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER_FOREIGN },
};

enum media_kind media_kind(const char *media_type)
{
	for (size_t i = 0; i < sizeof(media_types) / sizeof(media_types[0]); i++)
		if (!strcmp(media_types[i].type, media_type))
			return media_types[i].kind;
	return MEDIA_UNKNOWN;
}

/* "platform" of a descriptor. Absent: not foreign. */
static int platform_read(const cJSON *platform, const char *where, bool *foreign, struct err *e)
{
	struct {
		const char *os, *arch, *variant;
	} p = { 0 };
	static const struct json_field fields[] = {
		{ .key = "os", .type = JSON_STRING, .offset = 0 },
		{ .key = "architecture", .type = JSON_STRING, .offset = sizeof(char *) },
	};

	*foreign = false;
	if (!platform)
		return 0;
	if (json_read(platform, fields, 2, JSON_ALLOW_UNKNOWN, where, &p, e) < 0)
		return -1;
	*foreign = !p.os || !p.arch || strcmp(p.os, "linux") || strcmp(p.arch, "amd64");
	return 0;
}

/* The annotation that names the image, borrowed; NULL: none. Values of other annotations don't matter. */
static const char *annotation_name(const cJSON *annotations)
{
	static const char *const keys[] = { "io.containerd.image.name", "org.opencontainers.image.ref.name" };

	for (size_t i = 0; annotations && i < 2; i++) {
		const cJSON *v = json_get(annotations, keys[i]);

		if (v && cJSON_IsString(v) && v->valuestring[0])
			return v->valuestring;
	}
	return NULL;
}

static int descriptor_read(const cJSON *v, const char *where, struct descriptor *out, struct err *e)
{
	struct {
		const char *media_type, *digest;
		int64_t size;
		const cJSON *annotations, *platform;
	} d = { 0 };
	static const struct json_field fields[] = {
		{ .key = "mediaType", .type = JSON_STRING, .offset = 0, .required = true },
		{ .key = "digest", .type = JSON_STRING, .offset = 8, .required = true },
		{ .key = "size", .type = JSON_INT, .offset = 16, .required = true, .min = 0, .max = INT64_C(1) << 50 },
		{ .key = "annotations", .type = JSON_OBJECT, .offset = 24 },
		{ .key = "platform", .type = JSON_OBJECT, .offset = 32 },
	};
	const char *name;

	_Static_assert(sizeof(d) == 40, "the offsets above");
	if (json_read(v, fields, 5, JSON_ALLOW_UNKNOWN, where, &d, e) < 0)
		return -1;
	*out = (struct descriptor){ .kind = media_kind(d.media_type), .size = d.size };
	if (digest_parse(d.digest, &out->digest, e) < 0 || platform_read(d.platform, where, &out->foreign, e) < 0)
		return err_wrap(e, "%s", where);
	name = annotation_name(d.annotations);
	if (name && !(out->name = strdup(name)))
		return err_sys(e, "%s", where);
	return 0;
}

/* What a document is by its content. */
static enum media_kind sniff(const cJSON *root, struct err *e)
{
	bool index = json_get(root, "manifests") != NULL;
	bool manifest = json_get(root, "layers") || json_get(root, "config");

	if (index && manifest) {
		err_set(e, EBADMSG, "a document that is both an index and a manifest");
		return MEDIA_UNKNOWN;
	}
	if (json_get(root, "fsLayers")) {
		err_set(e, EBADMSG, "a manifest in Docker's schema 1, which is obsolete and isn't supported");
		return MEDIA_UNKNOWN;
	}
	if (!index && !manifest)
		err_set(e, EBADMSG, "neither an index nor a manifest");
	return index ? MEDIA_INDEX : manifest ? MEDIA_MANIFEST : MEDIA_UNKNOWN;
}

/* Parses and checks that the document is of this kind, by what points to it, by what it says and by its content. */
static cJSON *document_parse(const char *text, size_t len, const char *media_type, enum media_kind kind, struct err *e)
{
	cleanup_json cJSON *root = json_parse(text, len, &MANIFEST_LIMITS, e);
	const cJSON *version, *own;
	enum media_kind seen;

	if (!root)
		return NULL;
	if (!cJSON_IsObject(root)) {
		err_set(e, EBADMSG, "not a JSON object");
		return NULL;
	}
	seen = sniff(root, e);
	if (seen == MEDIA_UNKNOWN)
		return NULL;
	version = json_get(root, "schemaVersion");
	own = json_get(root, "mediaType");
	if (!version || !cJSON_IsNumber(version) || version->valuedouble != 2) {
		err_set(e, EBADMSG, "schemaVersion isn't 2");
		return NULL;
	}
	if (seen != kind || (media_type && media_kind(media_type) != kind) ||
	    (own && (!cJSON_IsString(own) || media_kind(own->valuestring) != kind)) ||
	    (own && media_type && strcmp(own->valuestring, media_type))) {
		err_set(e, EBADMSG, "media types contradict each other: meant as %s, says %s, holds %s",
			media_type ? media_type : kind == MEDIA_INDEX ? "an index" : "a manifest",
			own && cJSON_IsString(own) ? own->valuestring : "nothing",
			seen == MEDIA_INDEX ? "an index" : "a manifest");
		return NULL;
	}
	return take_ptr(root);
}

int index_parse(const char *text, size_t len, const char *media_type, struct index *out, struct err *e)
{
	cleanup_json cJSON *root = document_parse(text, len, media_type, MEDIA_INDEX, e);
	cleanup_index struct index x = { 0 };
	const cJSON *list, *v;
	int n;

	if (!root)
		return err_wrap(e, "image index");
	list = json_get(root, "manifests");
	if (!cJSON_IsArray(list))
		return err_set(e, EBADMSG, "image index: 'manifests' isn't an array");
	n = cJSON_GetArraySize(list);
	if (n > MANIFEST_ENTRIES_MAX)
		return err_set(e, EBADMSG, "image index with %d entries, at most %d are taken", n, MANIFEST_ENTRIES_MAX);
	x.entries = calloc((size_t)n + 1, sizeof(*x.entries));
	if (!x.entries)
		return err_sys(e, "image index");
	cJSON_ArrayForEach(v, list)
		if (descriptor_read(v, "image index: manifests", &x.entries[x.n++], e) < 0)
			return -1;
	*out = x;
	x = (struct index){ 0 };
	return 0;
}

void index_free(struct index *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->entries[i].name);
	free(x->entries);
	*x = (struct index){ 0 };
}

const struct descriptor *index_pick(const struct index *x)
{
	for (size_t i = 0; i < x->n; i++) {
		const struct descriptor *d = &x->entries[i];

		if (!d->foreign && (d->kind == MEDIA_MANIFEST || d->kind == MEDIA_INDEX))
			return d;
	}
	return NULL;
}

static int manifest_layers(const cJSON *list, struct manifest *m, struct err *e)
{
	const cJSON *v;
	int n = cJSON_GetArraySize(list);

	if (n > MANIFEST_LAYERS_MAX)
		return err_set(e, EBADMSG, "image manifest with %d layers, at most %d are taken", n, MANIFEST_LAYERS_MAX);
	m->layers = calloc((size_t)n + 1, sizeof(*m->layers));
	if (!m->layers)
		return err_sys(e, "image manifest");
	cJSON_ArrayForEach(v, list) {
		struct descriptor *d = &m->layers[m->n_layers++];

		if (descriptor_read(v, "image manifest: layers", d, e) < 0)
			return -1;
		if (d->kind != MEDIA_LAYER && d->kind != MEDIA_LAYER_FOREIGN)
			return err_set(e, EBADMSG, "image manifest: layer %zu has media type '%s', which is no layer",
				       m->n_layers, json_get(v, "mediaType")->valuestring);
	}
	return 0;
}

int manifest_parse(const char *text, size_t len, const char *media_type, struct manifest *out, struct err *e)
{
	cleanup_json cJSON *root = document_parse(text, len, media_type, MEDIA_MANIFEST, e);
	cleanup_manifest struct manifest m = { 0 };
	const cJSON *config, *layers;

	if (!root)
		return err_wrap(e, "image manifest");
	config = json_get(root, "config");
	layers = json_get(root, "layers");
	if (!cJSON_IsObject(config) || !cJSON_IsArray(layers))
		return err_set(e, EBADMSG, "image manifest: 'config' must be an object and 'layers' an array");
	if (descriptor_read(config, "image manifest: config", &m.config, e) < 0)
		return -1;
	if (m.config.kind != MEDIA_CONFIG)
		return err_set(e, EBADMSG, "image manifest: its configuration has media type '%s': an artifact, not an image",
			       json_get(config, "mediaType")->valuestring);
	if (manifest_layers(layers, &m, e) < 0)
		return -1;
	*out = m;
	m = (struct manifest){ 0 };
	return 0;
}

void manifest_free(struct manifest *m)
{
	free(m->config.name);
	for (size_t i = 0; i < m->n_layers; i++)
		free(m->layers[i].name);
	free(m->layers);
	*m = (struct manifest){ 0 };
}

static int config_diff_ids(const cJSON *rootfs, struct image_config *c, struct err *e)
{
	struct {
		const char *type;
		const cJSON *diff_ids;
	} r = { 0 };
	static const struct json_field fields[] = {
		{ .key = "type", .type = JSON_STRING, .offset = 0, .required = true },
		{ .key = "diff_ids", .type = JSON_STRINGS, .offset = 8 },
	};
	const cJSON *v;
	int n;

	if (json_read(rootfs, fields, 2, JSON_ALLOW_UNKNOWN, "image configuration: rootfs", &r, e) < 0)
		return -1;
	n = r.diff_ids ? cJSON_GetArraySize(r.diff_ids) : 0;
	if (strcmp(r.type, "layers"))
		return err_set(e, EBADMSG, "image configuration: rootfs type '%s' isn't 'layers'", r.type);
	if (n == 0)
		return err_set(e, EBADMSG, "the image has no layers: nothing in it could run");
	if (n > MANIFEST_LAYERS_MAX)
		return err_set(e, EBADMSG, "the image has %d layers, at most %d are taken", n, MANIFEST_LAYERS_MAX);
	c->diff_ids = calloc((size_t)n, sizeof(*c->diff_ids));
	if (!c->diff_ids)
		return err_sys(e, "image configuration");
	cJSON_ArrayForEach(v, r.diff_ids)
		if (digest_parse(v->valuestring, &c->diff_ids[c->n_diff_ids++], e) < 0)
			return err_wrap(e, "image configuration: diff_ids");
	return 0;
}

struct run_fields {
	const char *user, *working_dir, *stop_signal;
	const cJSON *environment, *entrypoint, *command;
};

static int config_run(const cJSON *config, struct image_config *c, struct err *e)
{
	struct run_fields r = { 0 };
	static const struct json_field fields[] = {
		{ .key = "User", .type = JSON_STRING, .offset = offsetof(struct run_fields, user), .max = 255 },
		{ .key = "WorkingDir", .type = JSON_STRING, .offset = offsetof(struct run_fields, working_dir), .max = 4095 },
		{ .key = "StopSignal", .type = JSON_STRING, .offset = offsetof(struct run_fields, stop_signal), .max = 32 },
		{ .key = "Env", .type = JSON_STRINGS, .offset = offsetof(struct run_fields, environment) },
		{ .key = "Entrypoint", .type = JSON_STRINGS, .offset = offsetof(struct run_fields, entrypoint) },
		{ .key = "Cmd", .type = JSON_STRINGS, .offset = offsetof(struct run_fields, command) },
	};

	if (config && json_read(config, fields, 6, JSON_ALLOW_UNKNOWN, "image configuration: config", &r, e) < 0)
		return -1;
	c->user = strdup(r.user ? r.user : "");
	c->working_dir = strdup(r.working_dir ? r.working_dir : "");
	c->stop_signal = strdup(r.stop_signal ? r.stop_signal : "");
	c->environment = strings_from_json(r.environment);
	c->entrypoint = strings_from_json(r.entrypoint);
	c->command = strings_from_json(r.command);
	if (!c->user || !c->working_dir || !c->stop_signal || !c->environment || !c->entrypoint || !c->command)
		return err_sys(e, "image configuration");
	return 0;
}

int image_config_parse(const char *text, size_t len, struct image_config *out, struct err *e)
{
	cleanup_json cJSON *root = json_parse(text, len, &MANIFEST_LIMITS, e);
	cleanup_image_config struct image_config c = { 0 };
	struct {
		const char *arch, *os;
		const cJSON *config, *rootfs;
	} f = { 0 };
	static const struct json_field fields[] = {
		{ .key = "architecture", .type = JSON_STRING, .offset = 0, .required = true },
		{ .key = "os", .type = JSON_STRING, .offset = 8, .required = true },
		{ .key = "config", .type = JSON_OBJECT, .offset = 16 },
		{ .key = "rootfs", .type = JSON_OBJECT, .offset = 24, .required = true },
	};

	_Static_assert(sizeof(f) == 32, "the offsets above");
	if (!root || json_read(root, fields, 4, JSON_ALLOW_UNKNOWN, "image configuration", &f, e) < 0)
		return err_wrap(e, "image configuration");
	if (strcmp(f.os, "linux") || strcmp(f.arch, "amd64"))
		return err_set(e, ENOEXEC, "the image is for %s/%s, this machine is linux/amd64", f.os, f.arch);
	if (config_run(f.config, &c, e) < 0 || config_diff_ids(f.rootfs, &c, e) < 0)
		return -1;
	*out = c;
	c = (struct image_config){ 0 };
	return 0;
}

void image_config_free(struct image_config *c)
{
	free(c->user);
	free(c->working_dir);
	free(c->stop_signal);
	strings_free(&c->environment);
	strings_free(&c->entrypoint);
	strings_free(&c->command);
	free(c->diff_ids);
	*c = (struct image_config){ 0 };
}

static int docker_image_read(const cJSON *v, struct docker_image *out, struct err *e)
{
	struct {
		const char *config;
		const cJSON *layers, *tags;
	} f = { 0 };
	static const struct json_field fields[] = {
		{ .key = "Config", .type = JSON_STRING, .offset = 0, .required = true, .max = 4095 },
		{ .key = "Layers", .type = JSON_STRINGS, .offset = 8, .required = true },
		{ .key = "RepoTags", .type = JSON_STRINGS, .offset = 16 },
	};

	_Static_assert(sizeof(f) == 24, "the offsets above");
	if (json_read(v, fields, 3, JSON_ALLOW_UNKNOWN, "manifest.json", &f, e) < 0)
		return -1;
	out->n_layers = (size_t)cJSON_GetArraySize(f.layers);
	if (out->n_layers > MANIFEST_LAYERS_MAX)
		return err_set(e, EBADMSG, "manifest.json: an image with %zu layers, at most %d are taken", out->n_layers,
			       MANIFEST_LAYERS_MAX);
	out->config = strdup(f.config);
	out->layers = strings_from_json(f.layers);
	out->tags = strings_from_json(f.tags);
	if (!out->config || !out->layers || !out->tags)
		return err_sys(e, "manifest.json");
	return 0;
}

int docker_archive_parse(const char *text, size_t len, struct docker_archive *out, struct err *e)
{
	cleanup_json cJSON *root = json_parse(text, len, &MANIFEST_LIMITS, e);
	cleanup_docker_archive struct docker_archive a = { 0 };
	const cJSON *v;
	int n;

	if (!root)
		return err_wrap(e, "manifest.json");
	n = cJSON_IsArray(root) ? cJSON_GetArraySize(root) : 0;
	if (n < 1 || n > MANIFEST_ENTRIES_MAX)
		return err_set(e, EBADMSG, "manifest.json isn't a list of 1 to %d images", MANIFEST_ENTRIES_MAX);
	a.images = calloc((size_t)n, sizeof(*a.images));
	if (!a.images)
		return err_sys(e, "manifest.json");
	cJSON_ArrayForEach(v, root)
		if (docker_image_read(v, &a.images[a.n++], e) < 0)
			return -1;
	*out = a;
	a = (struct docker_archive){ 0 };
	return 0;
}

void docker_archive_free(struct docker_archive *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->images[i].config);
		strings_free(&a->images[i].layers);
		strings_free(&a->images[i].tags);
	}
	free(a->images);
	*a = (struct docker_archive){ 0 };
}
