/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/operations.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "containers/bundle.h"
#include "containers/confine.h"
#include "containers/image.h"
#include "containers/launch.h"
#include "containers/load.h"
#include "containers/store.h"
#include "containers/strings.h"

#define SPOOL_CHUNK 65536

struct removal {
	const char *reference;
	char *const *in_use;
};

/*
 * What comes by a pipe comes at its writer's pace, so it is taken into a file without a name first: nobody else waits for
 * the store meanwhile, and a power cut leaves nothing of it. A filesystem that has no such files gets the pipe itself.
 */
static int spool(int dir, int in, struct err *e)
{
	struct stat st;
	cleanup_close int out = -1;
	cleanup_free char *chunk = malloc(SPOOL_CHUNK);
	int64_t total = 0;

	if (!chunk || fstat(in, &st) < 0)
		return err_sys(e, "archive");
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		out = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (out < 0)
		return fcntl(in, F_DUPFD_CLOEXEC, 3);
	for (;;) {
		ssize_t n = read(in, chunk, SPOOL_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "archive: read");
		if (n == 0)
			break;
		if ((total += n) > BUNDLE_LIMITS.bytes)
			return err_set(e, EFBIG, "archive: more than %lld bytes", (long long)BUNDLE_LIMITS.bytes);
		if (fs_write_full(out, chunk, (size_t)n) < 0)
			return err_sys(e, "image store: take the archive in");
	}
	if (lseek(out, 0, SEEK_SET) < 0)
		return err_sys(e, "archive");
	return take_fd(out);
}

static int load_there(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	cleanup_store struct store s = STORE_NONE;
	cleanup_close int archive = spool(dir, in, e);

	if (archive < 0 || store_open(dir, true, &s, e) < 0)
		return -1;
	return load_archive(&s, archive, arg, result, e);
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

static int collect_there(int dir, int in, const void *arg, cJSON *result, struct err *e)
{
	cleanup_store struct store s = STORE_NONE;

	(void)in;
	if (store_open(dir, true, &s, e) < 0)
		return -1;
	return image_collect(&s, arg, result, e);
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

int image_remove_offline(const char *store_dir, const char *reference, char *const *in_use, cJSON *result,
			 struct err *e)
{
	const struct removal r = { reference, in_use };

	if (!fs_exists(AT_FDCWD, store_dir))
		return err_set(e, ENOENT, "no image '%s' on this machine", reference);
	return confine_run(store_dir, -1, remove_there, &r, result, e);
}

/* What the launchers noted: the images that containers stand on, whatever their names lead to by now. */
static int read_containers(const char *path, char ***keep, struct err *e)
{
	cleanup_closedir DIR *dir = opendir(path);
	struct dirent *d;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, "%s", path);
	while ((d = readdir(dir))) {
		char file[NAME_MAX + 16], digest[DIGEST_TEXT_MAX + 1];

		if (d->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/" LAUNCH_IMAGE_FILE, d->d_name);
		/* One that was never launched, or is just going away. */
		if (fs_read_line(dirfd(dir), file, digest, sizeof(digest), NULL) < 0)
			continue;
		if (strings_add(keep, digest) < 0)
			return err_set(e, ENOMEM, "out of memory");
	}
	return 0;
}

int image_collect_offline(const char *store_dir, const char *containers_dir, cJSON *result, struct err *e)
{
	cleanup_close int dir = open(store_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_store struct store s = STORE_NONE;
	cleanup_strings char **keep = NULL;

	if (dir < 0)
		return err_sys(e, "%s", store_dir);
	/* A launcher that looked an image up before its name was changed has noted it behind this point. */
	if (store_open(dir, false, &s, e) < 0 || store_barrier(&s, e) < 0 ||
	    (containers_dir && read_containers(containers_dir, &keep, e) < 0))
		return -1;
	store_close(&s);
	return confine_run(store_dir, -1, collect_there, keep, result, e);
}
