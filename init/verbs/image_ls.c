/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "init/cli/client.h"
#include "init/cli/table.h"
#include "init/verbs/print.h"
#include "init/verbs/verbs.h"

const struct args_option image_ls_options[] = {
	{ "quiet", 'q', NULL, .help = "references alone, one a line" },
	{ 0 },
};

static int add_image(struct table *t, const cJSON *image)
{
	char layers[PRINT_CELL], size[PRINT_CELL], digest[sizeof("sha256:") + 12];

	snprintf(digest, sizeof(digest), "%s", print_text(image, "digest"));
	const char *cells[] = {
		print_text(image, "reference"),
		digest,
		print_count(print_number(image, "layers", 0), 0, layers),
		print_size(print_number(image, "size_bytes", 0), size),
	};
	return table_row(t, cells);
}

int verb_image_ls(struct cli *c, const struct args *a)
{
	static const char *const headers[] = { "REFERENCE", "DIGEST", "LAYERS", "SIZE", NULL };
	cleanup_json cJSON *images = NULL;
	cleanup_table struct table t = { 0 };
	const cJSON *image;
	int code = client_list(c, "org.hull.Images.List", "images", &images);

	if (code)
		return code;
	if (c->json)
		return print_json(c, images);
	if (args_has(a, "quiet")) {
		cJSON_ArrayForEach(image, images)
			puts(print_text(image, "reference"));
		return CLI_OK;
	}
	if (table_begin(&t, headers) < 0)
		return cli_error(c, CLI_FAILED, NULL, "out of memory");
	cJSON_ArrayForEach(image, images) {
		if (add_image(&t, image) < 0)
			return cli_error(c, CLI_FAILED, NULL, "out of memory");
	}
	table_print(&t, stdout);
	return CLI_OK;
}
