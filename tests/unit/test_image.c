/* SPDX-License-Identifier: Apache-2.0 */
/* The store, loading into it, listing and removal, and the confinement of all that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "containers/confine.h"
#include "containers/image.h"
#include "containers/load.h"
#include "containers/operations.h"
#include "tests/unit/tar_maker.h"

#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"

struct fixture {
	char path[64];
	int dir;
	struct store store;
	struct tar_maker archive;
	cJSON *result;
	struct err e;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->path, "/tmp/hull-test-image-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->result = cJSON_CreateObject();
	tar_start(&f->archive, ARCHIVE_FILTER_NONE);
	*state = f;
	return store_open(f->dir, true, &f->store, &f->e);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(&f->store);
	tar_free(&f->archive);
	cJSON_Delete(f->result);
	close(f->dir);
	fs_remove_tree(AT_FDCWD, f->path, NULL);
	free(f);
	return 0;
}

/* ---- making archives ---- */

struct blob {
	char digest[DIGEST_TEXT_MAX];
	size_t size;
};

static struct blob add_blob(struct fixture *f, const void *data, size_t len)
{
	struct digest d = tar_digest(data, len);
	struct blob b = { .size = len };
	char name[256];

	digest_format(&d, b.digest);
	snprintf(name, sizeof(name), "blobs/sha256/%s", b.digest + 7);
	tar_write(&f->archive, tar_entry(name, AE_IFREG, 0644), data, len);
	return b;
}

static struct blob add_text(struct fixture *f, const char *text)
{
	return add_blob(f, text, strlen(text));
}

/* A layer with one file of this name; its diff-id is its digest. */
static struct blob add_layer(struct fixture *f, const char *file)
{
	struct tar_maker t;
	struct blob b;

	tar_start(&t, ARCHIVE_FILTER_NONE);
	tar_file(&t, file, file);
	tar_end(&t);
	b = add_blob(f, t.data, t.len);
	tar_free(&t);
	return b;
}

static const char *config_text(const struct blob *layers, size_t n, const char *user)
{
	static char text[8192];
	size_t len = (size_t)snprintf(text, sizeof(text), "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":"
				      "\"%s\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[", user);

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\"%s\"", i ? "," : "", layers[i].digest);
	snprintf(text + len, sizeof(text) - len, "]}}");
	return text;
}

static struct blob add_manifest(struct fixture *f, struct blob config, const struct blob *layers, size_t n)
{
	static char text[8192];
	size_t len = (size_t)snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd."
				      "oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[", config.digest,
				      config.size);

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1."
					"tar\",\"digest\":\"%s\",\"size\":%zu}", i ? "," : "", layers[i].digest, layers[i].size);
	snprintf(text + len, sizeof(text) - len, "]}");
	return add_text(f, text);
}

static struct blob add_image(struct fixture *f, const struct blob *layers, size_t n, const char *user)
{
	return add_manifest(f, add_text(f, config_text(layers, n, user)), layers, n);
}

static void index_entry(char *to, size_t size, const char *type, struct blob b, const char *name)
{
	size_t len = strlen(to);

	snprintf(to + len, size - len, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu%s%s%s}", len ? "," : "", type,
		 b.digest, b.size, name ? ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" : "", name ? name : "",
		 name ? "\"}" : "");
}

static void add_layout(struct fixture *f, const char *entries)
{
	char text[8192];

	tar_file(&f->archive, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"manifests\":[%s]}", entries);
	tar_file(&f->archive, "index.json", text);
}

static int load(struct fixture *f, const char *name)
{
	int fd, rc;

	if (f->archive.out)
		tar_end(&f->archive);
	fd = tar_memfd(f->archive.data, f->archive.len);
	cJSON_Delete(f->result);
	f->result = cJSON_CreateObject();
	rc = load_archive(&f->store, fd, name, f->result, &f->e);
	close(fd);
	tar_free(&f->archive);
	tar_start(&f->archive, ARCHIVE_FILTER_NONE);
	return rc;
}

static void load_one(struct fixture *f, const char *file, const char *name)
{
	struct blob layer = add_layer(f, file), image = add_image(f, &layer, 1, "");
	char entries[1024] = "";

	index_entry(entries, sizeof(entries), OCI_MANIFEST, image, name);
	add_layout(f, entries);
	if (load(f, NULL) < 0)
		fail_msg("%s", f->e.text);
}

static size_t count(struct fixture *f, const char *folder)
{
	int fd = openat(f->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	struct dirent *entry;
	size_t n = 0;

	while ((entry = readdir(d)))
		n += entry->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Nothing but empty folders. */
static void assert_untouched(struct fixture *f)
{
	assert_int_equal(count(f, "refs") + count(f, "layers") + count(f, "blobs/sha256") + count(f, "tmp"), 0);
}

static void refused(struct fixture *f, const char *why)
{
	f->e.text[0] = '\0';
	assert_int_equal(load(f, NULL), -1);
	if (!strstr(f->e.text, why))
		fail_msg("'%s' doesn't say '%s'", f->e.text, why);
	assert_untouched(f);
}

/* ---- tests ---- */

static void load_list_remove(void **state)
{
	struct fixture *f = *state;
	cJSON *out = cJSON_CreateObject();
	const cJSON *list;
	struct image i;

	load_one(f, "a", "one");
	load_one(f, "b", "reg.example.com/two:x");
	assert_int_equal(image_list(&f->store, NULL, out, &f->e), 0);
	list = json_get(out, "images");
	assert_int_equal(cJSON_GetArraySize(list), 2);
	assert_string_equal(json_get(cJSON_GetArrayItem(list, 0), "reference")->valuestring, "docker.io/library/one:latest");
	assert_int_equal(json_get(cJSON_GetArrayItem(list, 0), "size_bytes")->valueint, 1);
	assert_true(cJSON_IsFalse(json_get(out, "more")));
	cJSON_Delete(out);

	assert_int_equal(image_open(&f->store, "one", &i, &f->e), 0);
	assert_non_null(i.layers[0]);
	image_close(&i);
	assert_int_equal(image_open(&f->store, "three", &i, &f->e), -1);
	assert_int_equal(f->e.code, ENOENT);

	out = cJSON_CreateObject();
	assert_int_equal(image_remove(&f->store, "one", NULL, out, &f->e), 0);
	assert_int_equal(image_collect(&f->store, NULL, out, &f->e), 0);
	assert_int_equal(json_get(out, "layers")->valueint, 1);
	cJSON_Delete(out);
	assert_int_equal(count(f, "layers"), 2); /* a layer and its description */
	assert_int_equal(count(f, "blobs/sha256"), 2);
	assert_int_equal(count(f, "tmp"), 0);
	out = cJSON_CreateObject();
	assert_int_equal(image_remove(&f->store, "one", NULL, out, &f->e), -1);
	assert_int_equal(f->e.code, ENOENT);
	cJSON_Delete(out);
}

static void shared_layers_are_kept_once(void **state)
{
	struct fixture *f = *state;
	struct blob layer = add_layer(f, "base"), x = add_image(f, &layer, 1, "x"), y = add_image(f, &layer, 1, "y");
	char entries[2048] = "";
	cJSON *out = cJSON_CreateObject();
	struct image i;

	index_entry(entries, sizeof(entries), OCI_MANIFEST, x, "x");
	index_entry(entries, sizeof(entries), OCI_MANIFEST, y, "y");
	index_entry(entries, sizeof(entries), OCI_MANIFEST, y, "z");
	add_layout(f, entries);
	if (load(f, NULL) < 0)
		fail_msg("%s", f->e.text);
	assert_int_equal(cJSON_GetArraySize(json_get(f->result, "images")), 3);
	assert_int_equal(count(f, "layers"), 2);
	assert_int_equal(image_remove(&f->store, "x", NULL, out, &f->e), 0);
	assert_int_equal(image_collect(&f->store, NULL, out, &f->e), 0);
	assert_int_equal(image_open(&f->store, "y", &i, &f->e), 0);
	assert_string_equal(i.config.user, "y");
	image_close(&i);
	cJSON_Delete(out);
}

static void what_a_container_uses_stays(void **state)
{
	struct fixture *f = *state;
	char *by_name[] = { "one", NULL }, digest[DIGEST_TEXT_MAX], *by_digest[] = { digest, NULL };
	cJSON *out = cJSON_CreateObject();
	struct digest d;

	load_one(f, "a", "one");
	assert_int_equal(image_resolve(&f->store, "one", &d, &f->e), 1);
	digest_format(&d, digest);
	assert_int_equal(image_remove(&f->store, "one", by_name, out, &f->e), -1);
	assert_int_equal(f->e.code, EBUSY);
	cJSON_Delete(out);
	/* The name moves on; a running container still has the old layers. */
	load_one(f, "b", "one");
	load_one(f, "c", "other");
	out = cJSON_CreateObject();
	assert_int_equal(image_remove(&f->store, "other", by_digest, out, &f->e), 0);
	assert_int_equal(image_collect(&f->store, by_digest, out, &f->e), 0);
	assert_int_equal(json_get(out, "layers")->valueint, 1);
	cJSON_Delete(out);
	assert_int_equal(count(f, "layers"), 4);
}

static void references_with_digests(void **state)
{
	struct fixture *f = *state;
	char digest[DIGEST_TEXT_MAX], text[512];
	struct digest d, again;

	load_one(f, "a", "one:tag");
	assert_int_equal(image_resolve(&f->store, "one:tag", &d, &f->e), 1);
	digest_format(&d, digest);
	snprintf(text, sizeof(text), "one@%s", digest);
	assert_int_equal(image_resolve(&f->store, text, &again, &f->e), 1);
	assert_true(digest_equal(&d, &again));
	assert_int_equal(image_resolve(&f->store, digest, &again, &f->e), 1);
	snprintf(text, sizeof(text), "two@%s", digest);
	assert_int_equal(image_resolve(&f->store, text, &again, &f->e), 0);
	assert_int_equal(image_resolve(&f->store, "one", &again, &f->e), 0);
}

static void names(void **state)
{
	struct fixture *f = *state;
	struct blob layer = add_layer(f, "a"), image = add_image(f, &layer, 1, "");
	char entries[1024] = "";
	struct digest d;

	/* Nobody names it: its digest does. */
	index_entry(entries, sizeof(entries), OCI_MANIFEST, image, NULL);
	add_layout(f, entries);
	assert_int_equal(load(f, NULL), 0);
	assert_int_equal(image_resolve(&f->store, image.digest, &d, &f->e), 1);

	layer = add_layer(f, "a");
	image = add_image(f, &layer, 1, "");
	add_layout(f, entries);
	assert_int_equal(load(f, "Bad Name"), -1);

	layer = add_layer(f, "a");
	image = add_image(f, &layer, 1, "");
	add_layout(f, entries);
	assert_int_equal(load(f, "given:1"), 0);
	assert_int_equal(image_resolve(&f->store, "given:1", &d, &f->e), 1);
}

static void by_platform_through_indexes(void **state)
{
	struct fixture *f = *state;
	struct blob layer = add_layer(f, "a"), image = add_image(f, &layer, 1, ""), x;
	char entries[1024] = "", text[2048];

	index_entry(entries, sizeof(entries), OCI_MANIFEST, image, NULL);
	snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"%s\","
		 "\"size\":9,\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}},%s]}", layer.digest, entries);
	x = add_text(f, text);
	entries[0] = '\0';
	index_entry(entries, sizeof(entries), OCI_INDEX, x, "multi");
	add_layout(f, entries);
	if (load(f, NULL) < 0)
		fail_msg("%s", f->e.text);
}

static void nested_too_deep(void **state)
{
	struct fixture *f = *state;
	struct blob layer = add_layer(f, "a"), x = add_image(f, &layer, 1, "");
	char entries[1024] = "", text[2048];

	index_entry(entries, sizeof(entries), OCI_MANIFEST, x, NULL);
	for (int i = 0; i < INDEX_DEPTH_MAX; i++) {
		snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"manifests\":[%s]}", entries);
		x = add_text(f, text);
		entries[0] = '\0';
		index_entry(entries, sizeof(entries), OCI_INDEX, x, NULL);
	}
	add_layout(f, entries);
	refused(f, "index in an index");
}

static void another_platform_only(void **state)
{
	struct fixture *f = *state;
	struct blob x;
	char entries[1024] = "";

	x = add_text(f, "{\"schemaVersion\":2,\"manifests\":[]}");
	index_entry(entries, sizeof(entries), OCI_INDEX, x, "x");
	add_layout(f, entries);
	refused(f, "linux/amd64");
}

static void lies_about_digests_and_sizes(void **state)
{
	struct fixture *f = *state;
	struct blob layer = add_layer(f, "a"), image = add_image(f, &layer, 1, ""), other;
	char entries[1024] = "", name[128];

	image.size++;
	index_entry(entries, sizeof(entries), OCI_MANIFEST, image, "x");
	add_layout(f, entries);
	refused(f, "bytes, not");

	/* A blob with another content than its name says. */
	memset(name, 0, sizeof(name));
	strcpy(name, "blobs/sha256/");
	memset(name + 13, 'a', 64);
	tar_file(&f->archive, name, "something else");
	refused(f, "digest");

	/* A layer whose content isn't the configuration's diff-id. */
	layer = add_layer(f, "a");
	other = add_layer(f, "b");
	image = add_manifest(f, add_text(f, config_text(&other, 1, "")), &layer, 1);
	entries[0] = '\0';
	index_entry(entries, sizeof(entries), OCI_MANIFEST, image, "x");
	add_layout(f, entries);
	refused(f, "layer 1 of 1");

	/* More layers than diff-ids. */
	layer = add_layer(f, "a");
	image = add_manifest(f, add_text(f, config_text(&layer, 1, "")), (struct blob[]){ layer, layer }, 2);
	entries[0] = '\0';
	index_entry(entries, sizeof(entries), OCI_MANIFEST, image, "x");
	add_layout(f, entries);
	refused(f, "2 layers");

	/* A layer that isn't there. */
	memset(layer.digest + 7, 'b', 64);
	image = add_image(f, &layer, 1, "");
	entries[0] = '\0';
	index_entry(entries, sizeof(entries), OCI_MANIFEST, image, "x");
	add_layout(f, entries);
	refused(f, "doesn't hold the layer");
}

/* A foreign layer is taken when it is there, and told when not. */
static void foreign_layers(void **state)
{
	struct fixture *f = *state;
	struct blob layer = add_layer(f, "a"), config = add_text(f, config_text(&layer, 1, "")), image;
	char entries[1024] = "", text[2048];

	snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\","
		 "\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"application/vnd.docker.image.rootfs.foreign.diff.tar"
		 "\",\"digest\":\"%s\",\"size\":%zu,\"urls\":[\"http://example.com/x\"]}]}", config.digest, config.size,
		 layer.digest, layer.size);
	image = add_text(f, text);
	index_entry(entries, sizeof(entries), "application/vnd.docker.distribution.manifest.v2+json", image, "x");
	add_layout(f, entries);
	if (load(f, NULL) < 0)
		fail_msg("%s", f->e.text);
}

static void a_foreign_layer_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct blob layer = { .size = 9 }, config, image;
	char entries[1024] = "", text[2048];

	snprintf(layer.digest, sizeof(layer.digest), "sha256:%064d", 7);
	config = add_text(f, config_text(&layer, 1, ""));
	snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		 "\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.nondistributable.v1"
		 ".tar\",\"digest\":\"%s\",\"size\":9}]}", config.digest, config.size, layer.digest);
	image = add_text(f, text);
	index_entry(entries, sizeof(entries), OCI_MANIFEST, image, "x");
	add_layout(f, entries);
	refused(f, "foreign");
}

/* One bad image, and nothing of the good one beside it is taken. */
static void all_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct blob layer = add_layer(f, "a"), good = add_image(f, &layer, 1, ""), bad = add_text(f, "{}");
	char entries[2048] = "";

	index_entry(entries, sizeof(entries), OCI_MANIFEST, good, "good");
	index_entry(entries, sizeof(entries), OCI_MANIFEST, bad, "bad");
	add_layout(f, entries);
	refused(f, "bad");
}

static void hostile_members(void **state)
{
	struct fixture *f = *state;

	tar_file(&f->archive, "../x", "");
	refused(f, "'../x'");
	tar_symlink(&f->archive, "a/b", "../../etc/passwd");
	refused(f, "'a/b'");
	tar_device(&f->archive, "sda", AE_IFBLK, 8, 0);
	refused(f, "'sda'");
	tar_file(&f->archive, "index.json", "1");
	tar_file(&f->archive, "index.json", "2");
	refused(f, "twice");
	tar_file(&f->archive, "readme", "hello");
	refused(f, "not an image archive");
	refused(f, "not an image archive"); /* empty */
}

/* `docker save` before 25: HEX.json, HEX/layer.tar, later ones links to the same. */
static void old_docker_archive(void **state)
{
	struct fixture *f = *state;
	struct tar_maker t;
	struct digest d;
	struct blob layers[2];
	char name[256], text[1024];
	const char *config;
	struct image i;

	tar_start(&t, ARCHIVE_FILTER_NONE);
	tar_file(&t, "file", "content");
	tar_end(&t);
	d = tar_digest(t.data, t.len);
	digest_format(&d, layers[0].digest);
	layers[1] = layers[0];
	tar_dir(&f->archive, "one");
	tar_write(&f->archive, tar_entry("one/layer.tar", AE_IFREG, 0644), t.data, t.len);
	tar_symlink(&f->archive, "two/layer.tar", "../one/layer.tar");
	tar_free(&t);
	config = config_text(layers, 2, "");
	d = tar_digest(config, strlen(config));
	digest_format(&d, layers[1].digest);
	snprintf(name, sizeof(name), "%s.json", layers[1].digest + 7);
	tar_file(&f->archive, name, config);
	snprintf(text, sizeof(text), "[{\"Config\":\"%s\",\"RepoTags\":[\"old:1\",\"old:2\"],\"Layers\":[\"one/layer.tar\","
		 "\"two/layer.tar\"]}]", name);
	tar_file(&f->archive, "manifest.json", text);
	tar_file(&f->archive, "repositories", "{}");
	if (load(f, NULL) < 0)
		fail_msg("%s", f->e.text);
	assert_int_equal(image_open(&f->store, "old:2", &i, &f->e), 0);
	/* The same layer twice is stacked once: overlayfs would refuse it. */
	assert_non_null(i.layers[0]);
	assert_null(i.layers[1]);
	image_close(&i);
	/* A configuration under a false name. */
	name[0] = name[0] == '0' ? '1' : '0';
	tar_file(&f->archive, name, "{}");
	snprintf(text, sizeof(text), "[{\"Config\":\"%s\",\"RepoTags\":[],\"Layers\":[]}]", name);
	tar_file(&f->archive, "manifest.json", text);
	assert_int_equal(load(f, NULL), -1);
}

static void an_opaque_root_ends_the_stack(void **state)
{
	struct fixture *f = *state;
	struct blob layers[2] = { add_layer(f, "lower"), add_layer(f, ".wh..wh..opq") }, image = add_image(f, layers, 2, "");
	char entries[1024] = "";
	struct image i;

	index_entry(entries, sizeof(entries), OCI_MANIFEST, image, "x");
	add_layout(f, entries);
	assert_int_equal(load(f, NULL), 0);
	assert_int_equal(image_open(&f->store, "x", &i, &f->e), 0);
	assert_string_equal(i.layers[0], layers[1].digest + 7);
	assert_null(i.layers[1]);
	image_close(&i);
}

/* A power cut at any point leaves what the next writer sweeps. */
static void debris_is_swept(void **state)
{
	struct fixture *f = *state;

	mkdirat(f->dir, "tmp/load", 0700);
	mkdirat(f->dir, "tmp/load/layer-0", 0700);
	close(openat(f->dir, "refs/.x.0123456789abcdef.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	store_close(&f->store);
	assert_int_equal(store_open(f->dir, true, &f->store, &f->e), 0);
	assert_untouched(f);
	assert_int_equal(faccessat(f->dir, "refs/.x.0123456789abcdef.tmp", F_OK, 0), -1);
}

static void damage_is_told(void **state)
{
	struct fixture *f = *state;
	char path[256], *text;
	struct digest d;
	struct image i;
	size_t len;
	int fd;

	load_one(f, "a", "one");
	assert_int_equal(image_resolve(&f->store, "one", &d, &f->e), 1);
	strcpy(path, "blobs/sha256/");
	store_hex(&d, path + 13);
	fd = openat(f->dir, path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, " ", 1, 0), 1);
	close(fd);
	assert_int_equal(store_blob_read(&f->store, &d, &text, &len, &f->e), -1);
	assert_int_equal(image_open(&f->store, "one", &i, &f->e), -1);
	/* Loading it again repairs it. */
	load_one(f, "a", "one");
	assert_int_equal(image_open(&f->store, "one", &i, &f->e), 0);
	image_close(&i);
}

/* ---- confinement ---- */

static int confined_work(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	struct stat st;
	int fd;

	(void)arg;
	(void)e;
	fd = openat(dir, "made", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	cJSON_AddBoolToObject(result, "writes", fd >= 0);
	cJSON_AddBoolToObject(result, "chowns", fchown(fd, 70000, 5) == 0);
	cJSON_AddBoolToObject(result, "whiteout", mknodat(dir, "w", S_IFCHR, makedev(0, 0)) == 0);
	cJSON_AddBoolToObject(result, "block", mknodat(dir, "b", S_IFBLK | 0600, makedev(8, 0)) == 0);
	cJSON_AddBoolToObject(result, "outside", fstatat(dir, "/etc/passwd", &st, 0) == 0 || fstatat(dir, "../etc", &st, 0) == 0 ||
			      fstatat(dir, "/proc/self", &st, 0) == 0);
	cJSON_AddBoolToObject(result, "input", in >= 0 && read(in, &fd, 1) == 1);
	return 0;
}

static void confined(void **state)
{
	static const struct { const char *key; bool value; } expected[] = {
		{ "writes", true }, { "chowns", true }, { "whiteout", true }, { "block", false }, { "outside", false },
		{ "input", true },
	};
	struct fixture *f = *state;
	int in = tar_memfd("x", 1);
	struct stat st;

	if (confine_run(f->path, in, confined_work, NULL, f->result, &f->e) < 0)
		fail_msg("%s", f->e.text);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (!!cJSON_IsTrue(json_get(f->result, expected[i].key)) != expected[i].value)
			fail_msg("%s", expected[i].key);
	assert_int_equal(fstatat(f->dir, "made", &st, 0), 0);
	assert_int_equal(st.st_uid, 70000);
	close(in);
}

static int refused_socket(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	(void)dir, (void)in, (void)arg, (void)result;
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? err_sys(e, "socket") : 0;
}

static int refused_exec(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	(void)dir, (void)in, (void)arg, (void)result;
	execl("/x", "x", NULL);
	return err_sys(e, "exec");
}

/* Root's uid, even without capabilities, sends any signal to any process by way of a descriptor. */
static int refused_signal(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	(void)in, (void)arg, (void)result;
	return fcntl(dir, F_SETSIG, SIGKILL) < 0 && fcntl(dir, F_SETOWN, 1) < 0 ? err_sys(e, "fcntl") : 0;
}

static int forbidden_setns(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	(void)in, (void)arg, (void)result, (void)e;
	return setns(dir, 0);
}

static int forbidden_mount(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	(void)dir, (void)in, (void)arg, (void)result, (void)e;
	return mount("x", "/", "tmpfs", 0, NULL);
}

static int fails(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	(void)dir, (void)in, (void)arg, (void)result;
	return err_set(e, ENOSPC, "said \"so\"");
}

static void forbidden_calls(void **state)
{
	static confine_fn *const refused[] = { refused_socket, refused_exec, refused_signal };
	static confine_fn *const calls[] = { forbidden_setns, forbidden_mount };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(confine_run(f->path, -1, refused[i], NULL, f->result, &f->e), -1);
		assert_int_equal(f->e.code, EPERM);
	}

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		assert_int_equal(confine_run(f->path, -1, calls[i], NULL, f->result, &f->e), -1);
		assert_non_null(strstr(f->e.text, "not allowed"));
	}
	assert_int_equal(confine_run(f->path, -1, fails, NULL, f->result, &f->e), -1);
	assert_int_equal(f->e.code, ENOSPC);
	assert_string_equal(f->e.text, "said \"so\"");
	assert_int_equal(confine_run("/nonexistent/x", -1, fails, NULL, f->result, &f->e), -1);
}

/* A collection that is cut off anywhere leaves no layer without what describes it, at which loading would fail for ever. */
static void collection_cut_off(void **state)
{
	enum { LAYERS = 6 };
	struct fixture *f = *state;
	char *none[] = { NULL };
	size_t removed;

	for (int cut = 0; cut < 2 * LAYERS; cut++) {
		char block[32];

		for (int i = 0; i < LAYERS; i++) {
			char data[8], from[32];
			struct digest id;

			id = tar_digest(data, (size_t)snprintf(data, sizeof(data), "%d.%d", cut, i));
			snprintf(from, sizeof(from), "tmp/layer-%d", i);
			assert_int_equal(mkdirat(f->dir, from, 0755), 0);
			assert_int_equal(store_layer_commit(&f->store, &id, f->dir, from, &(struct layer_info){ 0 }, &f->e), 0);
		}
		/* Nothing is renamed over a directory that isn't empty. */
		snprintf(block, sizeof(block), "tmp/gone-2-%d", cut);
		assert_int_equal(mkdirat(f->dir, block, 0755), 0);
		strcat(block, "/full");
		assert_int_equal(mkdirat(f->dir, block, 0755), 0);
		assert_int_equal(store_collect(&f->store, none, none, &removed, &f->e), -1);
		for (int i = 0; i < LAYERS; i++) {
			char data[8];
			struct digest id = tar_digest(data, (size_t)snprintf(data, sizeof(data), "%d.%d", cut, i));

			if (store_layer_get(&f->store, &id, NULL, &f->e) < 0)
				fail_msg("cut off at %d: %s", cut, f->e.text);
		}
		fs_remove_tree(f->dir, "tmp/gone-2-0", NULL);
		store_close(&f->store);
		assert_int_equal(store_open(f->dir, true, &f->store, &f->e), 0);
		assert_int_equal(store_collect(&f->store, none, none, &removed, &f->e), 0);
	}
}

static void operations(void **state)
{
	struct fixture *f = *state;
	struct blob layer = add_layer(f, "a"), image = add_image(f, &layer, 1, "");
	cJSON *out = cJSON_CreateObject();
	char entries[1024] = "", path[128];
	int fd;

	index_entry(entries, sizeof(entries), OCI_MANIFEST, image, "x");
	add_layout(f, entries);
	tar_end(&f->archive);
	fd = tar_memfd(f->archive.data, f->archive.len);
	snprintf(path, sizeof(path), "%s/made/by/load", f->path);
	if (image_load_offline(path, fd, NULL, f->result, &f->e) < 0)
		fail_msg("%s", f->e.text);
	close(fd);
	assert_int_equal(image_list_offline(path, NULL, out, &f->e), 0);
	assert_int_equal(cJSON_GetArraySize(json_get(out, "images")), 1);
	cJSON_Delete(out);
	out = cJSON_CreateObject();
	assert_int_equal(image_remove_offline(path, "x", NULL, out, &f->e), 0);
	assert_int_equal(image_collect_offline(path, NULL, out, &f->e), 0);
	assert_int_equal(json_get(out, "layers")->valueint, 1);
	cJSON_Delete(out);
	out = cJSON_CreateObject();
	assert_int_equal(image_list_offline("/nonexistent/x", NULL, out, &f->e), 0);
	assert_int_equal(cJSON_GetArraySize(json_get(out, "images")), 0);
	cJSON_Delete(out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(load_list_remove), TEST(shared_layers_are_kept_once), TEST(what_a_container_uses_stays),
		TEST(references_with_digests), TEST(names), TEST(by_platform_through_indexes), TEST(nested_too_deep),
		TEST(another_platform_only), TEST(lies_about_digests_and_sizes), TEST(all_or_nothing), TEST(foreign_layers), TEST(a_foreign_layer_elsewhere), TEST(hostile_members),
		TEST(old_docker_archive), TEST(an_opaque_root_ends_the_stack), TEST(debris_is_swept), TEST(damage_is_told),
		TEST(confined), TEST(forbidden_calls), TEST(operations), TEST(collection_cut_off),
	};

	if (geteuid() != 0) {
		fprintf(stderr, "skipped: owners and namespaces need root\n");
		return 0;
	}
	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
