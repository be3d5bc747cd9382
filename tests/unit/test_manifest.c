/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "containers/manifest.h"

#define D(c) "sha256:" c c c c c c c c c c c c c c c c
#define A D("aaaa")
#define B D("bbbb")
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar+gzip"

#define DESCRIPTOR(type, digest) "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":3}"
#define MANIFEST(more) "{\"schemaVersion\":2" more ",\"config\":" DESCRIPTOR(OCI_CONFIG, A) \
	",\"layers\":[" DESCRIPTOR(OCI_LAYER, B) "]}"

static int manifest(const char *text, const char *type, struct err *e)
{
	struct manifest m = { 0 };
	int rc = manifest_parse(text, strlen(text), type, &m, e);

	manifest_free(&m);
	return rc;
}

static int index_of(const char *text, const char *type, struct err *e)
{
	struct index x = { 0 };
	int rc = index_parse(text, strlen(text), type, &x, e);

	index_free(&x);
	return rc;
}

static void a_manifest(void **state)
{
	const char *text = MANIFEST(",\"mediaType\":\"" OCI_MANIFEST "\",\"unknown\":{\"x\":[1]}");
	struct manifest m;
	struct err e;

	(void)state;
	if (manifest_parse(text, strlen(text), OCI_MANIFEST, &m, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(m.n_layers, 1);
	assert_int_equal(m.layers[0].kind, MEDIA_LAYER);
	assert_int_equal(m.layers[0].digest.bytes[0], 0xbb);
	assert_int_equal(m.config.size, 3);
	manifest_free(&m);
	/* OCI allows a manifest without a mediaType of its own. */
	assert_int_equal(manifest(MANIFEST(""), NULL, &e), 0);
	assert_int_equal(manifest(MANIFEST(""), OCI_MANIFEST, &e), 0);
}

/* CVE-2021-41190 */
static void confusion(void **state)
{
	const char *both = "{\"schemaVersion\":2,\"manifests\":[],\"config\":" DESCRIPTOR(OCI_CONFIG, A) ",\"layers\":[]}";
	struct err e;

	(void)state;
	assert_int_equal(manifest(both, OCI_MANIFEST, &e), -1);
	assert_int_equal(index_of(both, OCI_INDEX, &e), -1);
	assert_int_equal(index_of(both, NULL, &e), -1);
	assert_int_equal(manifest(MANIFEST(""), OCI_INDEX, &e), -1);
	assert_int_equal(manifest(MANIFEST(",\"mediaType\":\"" OCI_INDEX "\""), OCI_MANIFEST, &e), -1);
	assert_int_equal(manifest(MANIFEST(",\"mediaType\":\"" DOCKER_MANIFEST "\""), OCI_MANIFEST, &e), -1);
	assert_int_equal(manifest(MANIFEST(",\"mediaType\":7"), OCI_MANIFEST, &e), -1);
	assert_int_equal(index_of(MANIFEST(""), NULL, &e), -1);
	assert_int_equal(manifest("{\"schemaVersion\":2,\"manifests\":[]}", NULL, &e), -1);
}

static void bad_manifests(void **state)
{
	static const char *const bad[] = {
		"", "[]", "null", "{}", "{\"schemaVersion\":2}",
		"{\"schemaVersion\":1,\"name\":\"x\",\"fsLayers\":[],\"history\":[]}",
		"{\"schemaVersion\":\"2\",\"config\":" DESCRIPTOR(OCI_CONFIG, A) ",\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" DESCRIPTOR(OCI_LAYER, A) ",\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" DESCRIPTOR("application/vnd.cncf.helm.config", A) ",\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" DESCRIPTOR(OCI_CONFIG, A) ",\"layers\":{}}",
		"{\"schemaVersion\":2,\"config\":" DESCRIPTOR(OCI_CONFIG, A) ",\"layers\":[1]}",
		"{\"schemaVersion\":2,\"config\":" DESCRIPTOR(OCI_CONFIG, A) ",\"layers\":[" DESCRIPTOR(OCI_CONFIG, B) "]}",
		"{\"schemaVersion\":2,\"config\":" DESCRIPTOR(OCI_CONFIG, "sha256:12") ",\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" DESCRIPTOR(OCI_CONFIG, "md5:12") ",\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI_CONFIG "\",\"digest\":\"" A "\",\"size\":-1},\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI_CONFIG "\",\"digest\":\"" A "\",\"size\":1.5},\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI_CONFIG "\",\"digest\":\"" A "\"},\"layers\":[]}",
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (manifest(bad[i], NULL, &e) == 0)
			fail_msg("taken: %s", bad[i]);
}

static void an_index(void **state)
{
	const char *text =
		"{\"schemaVersion\":2,\"manifests\":["
		"{\"mediaType\":\"application/x-unknown\",\"digest\":\"" A "\",\"size\":1},"
		"{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"" A "\",\"size\":1,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}},"
		"{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"" B "\",\"size\":1,"
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"v2\"},"
		"\"annotations\":{\"org.opencontainers.image.ref.name\":\"tag\",\"io.containerd.image.name\":\"full/name:tag\"}},"
		"{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"" A "\",\"size\":1,"
		"\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}}]}";
	const struct descriptor *picked;
	struct index x;
	struct err e;

	(void)state;
	if (index_parse(text, strlen(text), NULL, &x, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(x.n, 4);
	picked = index_pick(&x);
	assert_non_null(picked);
	assert_int_equal(picked->digest.bytes[0], 0xbb);
	assert_string_equal(picked->name, "full/name:tag");
	index_free(&x);
}

static int config(const char *text, struct image_config *c, struct err *e)
{
	return image_config_parse(text, strlen(text), c, e);
}

#define ROOTFS ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" A "\"]}"
#define PLATFORM "{\"architecture\":\"amd64\",\"os\":\"linux\""

static void a_config(void **state)
{
	struct image_config c;
	struct err e;

	(void)state;
	assert_int_equal(config(PLATFORM ROOTFS ",\"config\":{\"User\":\"web\",\"Env\":[\"A=1\"],\"Entrypoint\":null,"
				"\"Cmd\":[\"sh\",\"-c\"],\"WorkingDir\":\"/w\",\"StopSignal\":\"SIGQUIT\",\"Labels\":{\"a\":\"b\"}},"
				"\"history\":[{}]}", &c, &e), 0);
	assert_string_equal(c.user, "web");
	assert_string_equal(c.environment[0], "A=1");
	assert_null(c.entrypoint[0]);
	assert_string_equal(c.command[1], "-c");
	assert_string_equal(c.stop_signal, "SIGQUIT");
	assert_int_equal(c.n_diff_ids, 1);
	image_config_free(&c);
	assert_int_equal(config(PLATFORM ROOTFS "}", &c, &e), 0);
	assert_string_equal(c.user, "");
	image_config_free(&c);
}

static void bad_configs(void **state)
{
	static const char *const bad[] = {
		"{}", "[]", PLATFORM "}", PLATFORM ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
		PLATFORM ",\"rootfs\":{\"type\":\"windows\",\"diff_ids\":[\"" A "\"]}}",
		PLATFORM ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}",
		PLATFORM ROOTFS ",\"config\":{\"Env\":[7]}}", PLATFORM ROOTFS ",\"config\":{\"Cmd\":\"sh\"}}",
		PLATFORM ROOTFS ",\"config\":{\"User\":\"a\\u0000b\"}}",
		"{\"architecture\":\"arm64\",\"os\":\"linux\"" ROOTFS "}", "{\"architecture\":\"amd64\",\"os\":\"windows\"" ROOTFS "}",
	};
	struct image_config c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (config(bad[i], &c, &e) == 0)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(config("{\"architecture\":\"arm64\",\"os\":\"linux\"" ROOTFS "}", &c, &e), -1);
	assert_int_equal(e.code, ENOEXEC);
}

static void docker_archives(void **state)
{
	const char *good = "[{\"Config\":\"c.json\",\"RepoTags\":[\"a:1\",\"b:2\"],\"Layers\":[\"l1/layer.tar\",\"l2/layer.tar\"]},"
			   "{\"Config\":\"d.json\",\"RepoTags\":null,\"Layers\":[],\"Parent\":\"x\"}]";
	static const char *const bad[] = { "{}", "[]", "[1]", "[{\"Config\":\"c\"}]", "[{\"Config\":1,\"Layers\":[]}]",
					   "[{\"Config\":\"c\",\"Layers\":[1]}]" };
	struct docker_archive a;
	struct err e;

	(void)state;
	assert_int_equal(docker_archive_parse(good, strlen(good), &a, &e), 0);
	assert_int_equal(a.n, 2);
	assert_string_equal(a.images[0].tags[1], "b:2");
	assert_int_equal(a.images[0].n_layers, 2);
	assert_null(a.images[1].tags[0]);
	docker_archive_free(&a);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (docker_archive_parse(bad[i], strlen(bad[i]), &a, &e) == 0)
			fail_msg("taken: %s", bad[i]);
}

static void too_many_layers(void **state)
{
	const char *head = "{\"schemaVersion\":2,\"config\":" DESCRIPTOR(OCI_CONFIG, A) ",\"layers\":[", *one =
		DESCRIPTOR(OCI_LAYER, B);
	char *text = malloc(1u << 20);
	struct err e;

	(void)state;
	strcpy(text, head);
	for (int i = 0; i <= MANIFEST_LAYERS_MAX; i++) {
		strcat(text, i ? "," : "");
		strcat(text, one);
	}
	strcat(text, "]}");
	assert_int_equal(manifest(text, NULL, &e), -1);
	assert_non_null(strstr(e.text, "501 layers"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest), cmocka_unit_test(confusion), cmocka_unit_test(bad_manifests),
		cmocka_unit_test(an_index), cmocka_unit_test(a_config), cmocka_unit_test(bad_configs),
		cmocka_unit_test(docker_archives), cmocka_unit_test(too_many_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
