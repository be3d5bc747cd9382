/* SPDX-License-Identifier: Apache-2.0 */
#include "init/tasks/image.h"

#include <errno.h>

#include "base/log.h"
#include "containers/operations.h"
#include "containers/strings.h"
#include "init/units.h"

int task_image_load(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	struct {
		const char *store, *name;
	} p = { .store = UNITS_STORE };
	static const struct json_field fields[] = {
		{ .key = "store", .type = JSON_STRING, .offset = 0 },
		{ .key = "name", .type = JSON_STRING, .offset = sizeof(char *) },
	};
	cleanup_json cJSON *garbage = NULL;
	struct err ignored;

	if (json_read(params, fields, 2, 0, "image-load", &p, e) < 0)
		return -1;
	if (io->n_fds != 1)
		return err_set(e, EINVAL, "image-load: exactly one descriptor, the archive, is needed");
	if (image_load_offline(p.store, io->fds[0], p.name, result, e) < 0)
		return -1;
	/* A name that was moved left garbage; the image is there, whether that can be taken out now or not. */
	garbage = cJSON_CreateObject();
	if (garbage && image_collect_offline(p.store, UNITS_CONTAINERS, garbage, &ignored) < 0)
		log_warn("images: %s", ignored.text);
	return 0;
}

int task_image_list(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	struct {
		const char *store, *after;
	} p = { .store = UNITS_STORE };
	static const struct json_field fields[] = {
		{ .key = "store", .type = JSON_STRING, .offset = 0 },
		{ .key = "after", .type = JSON_STRING, .offset = sizeof(char *) },
	};

	(void)io;
	if (json_read(params, fields, 2, 0, "image-list", &p, e) < 0)
		return -1;
	return image_list_offline(p.store, p.after, result, e);
}

int task_image_remove(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	struct {
		const char *store, *reference;
		const cJSON *in_use;
	} p = { .store = UNITS_STORE };
	static const struct json_field fields[] = {
		{ .key = "store", .type = JSON_STRING, .offset = 0 },
		{ .key = "reference", .type = JSON_STRING, .offset = sizeof(char *), .required = true },
		{ .key = "in_use", .type = JSON_STRINGS, .offset = 2 * sizeof(char *) },
	};
	cleanup_strings char **in_use = NULL;

	(void)io;
	if (json_read(params, fields, 3, 0, "image-remove", &p, e) < 0)
		return -1;
	in_use = strings_from_json(p.in_use);
	if (!in_use)
		return err_set(e, ENOMEM, "image-remove: out of memory");
	if (image_remove_offline(p.store, p.reference, in_use, result, e) < 0)
		return -1;
	return image_collect_offline(p.store, UNITS_CONTAINERS, result, e);
}
