/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of an image, and references: the first byte chooses which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "containers/manifest.h"
#include "containers/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A reference that is taken is its own normal form. */
static void one_reference(const char *text)
{
	char first[REFERENCE_MAX + 1], second[REFERENCE_MAX + 1];
	struct reference r;

	if (reference_parse(text, &r, NULL) < 0)
		return;
	reference_format(&r, first);
	if (reference_parse(first, &r, NULL) < 0)
		abort();
	reference_format(&r, second);
	if (strcmp(first, second) != 0 || strchr(first, '+'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct index x = { 0 };
	struct manifest m = { 0 };
	struct image_config c = { 0 };
	struct docker_archive a = { 0 };
	char *text;

	if (size < 1)
		return 0;
	text = calloc(1, size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	switch (data[0]) {
	case 'i':
		index_parse(text, size - 1, NULL, &x, NULL);
		index_free(&x);
		break;
	case 'm':
		manifest_parse(text, size - 1, NULL, &m, NULL);
		manifest_free(&m);
		break;
	case 'c':
		image_config_parse(text, size - 1, &c, NULL);
		image_config_free(&c);
		break;
	case 'd':
		docker_archive_parse(text, size - 1, &a, NULL);
		docker_archive_free(&a);
		break;
	default:
		one_reference(text);
	}
	free(text);
	return 0;
}
