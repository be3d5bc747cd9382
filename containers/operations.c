/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/operations.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "containers/confine.h"
#include "containers/image.h"
#include "containers/load.h"
#include "containers/store.h"

struct removal {
	const char *reference;
	char *const *in_use;
};

static int load_there(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	cleanup_store struct store s = STORE_NONE;

	if (store_open(dir, true, &s, e) < 0)
		return -1;
	return load_archive(&s, in, arg, result, e);
}

static int list_there(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	cleanup_store struct store s = STORE_NONE;

	(void)in;
	if (store_open(dir, false, &s, e) < 0)
		return -1;
	return image_list(&s, arg, result, e);
}

static int remove_there(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	cleanup_store struct store s = STORE_NONE;
	const struct removal *r = arg;

	(void)in;
	if (store_open(dir, true, &s, e) < 0)
		return -1;
	return image_remove(&s, r->reference, r->in_use, result, e);
}

int image_load_offline(const char *store_dir, int archive_fd, const char *name, cJSON *result, struct err *e)
{
	if (fs_mkdirs(AT_FDCWD, store_dir, 0700, e) < 0)
		return -1;
	return confine_run(store_dir, archive_fd, load_there, name, result, e);
}

int image_list_offline(const char *store_dir, const char *after, cJSON *result, struct err *e)
{
	/* No store yet: no images. */
	if (!fs_exists(AT_FDCWD, store_dir)) {
		if (!cJSON_AddArrayToObject(result, "images") || !cJSON_AddFalseToObject(result, "more"))
			return err_set(e, ENOMEM, "out of memory");
		return 0;
	}
	return confine_run(store_dir, -1, list_there, after, result, e);
}

int image_remove_offline(const char *store_dir, const char *reference, char *const *in_use, cJSON *result, struct err *e)
{
	const struct removal r = { reference, in_use };

	if (!fs_exists(AT_FDCWD, store_dir))
		return err_set(e, ENOENT, "no image '%s' on this machine", reference);
	return confine_run(store_dir, -1, remove_there, &r, result, e);
}
