/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image archives. The first byte chooses: 'l' the rest is one layer, else a whole archive for `image load`. It writes
 * to a directory in /dev/shm, without the confinement that comes on top in earnest.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "containers/layer.h"
#include "containers/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct layer_limits small = {
	.content_bytes = 1 << 20, .stream_bytes = 2 << 20, .apparent_bytes = 1 << 24, .entries = 200,
	.ratio = 200, .ratio_from_bytes = 1 << 18, .xattr_bytes = 4096, .name_bytes = 1 << 16,
};

static char path[64];

static void clean_up(void)
{
	fs_remove_tree(AT_FDCWD, path, NULL);
}

static int directory(void)
{
	int fd;

	if (!path[0]) {
		snprintf(path, sizeof(path), "/dev/shm/hull-fuzz-%d", (int)getpid());
		umask(022);
		atexit(clean_up);
	}
	fs_remove_tree(AT_FDCWD, path, NULL);
	if (mkdir(path, 0700) < 0 || (fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		abort();
	return fd;
}

/* Whatever came in, nothing may have got out of the directory beside it. */
static void one_layer(int fd)
{
	static const struct digest none = { .kind = HASH_SHA256 };
	int dir = directory(), inner;
	struct stat st;

	mkdirat(dir, "layer", 0755);
	inner = openat(dir, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	layer_unpack(fd, &none, inner, &small, NULL, NULL);
	if (fstat(dir, &st) < 0 || st.st_nlink != 3)
		abort();
	close(inner);
	close(dir);
}

static void whole_archive(int fd)
{
	struct store store = STORE_NONE;
	cJSON *result = cJSON_CreateObject();
	int dir = directory();

	if (store_open(dir, true, &store, NULL) == 0)
		load_archive(&store, fd, NULL, result, NULL);
	store_close(&store);
	cJSON_Delete(result);
	close(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (size < 1)
		return 0;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1) || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (data[0] == 'l')
		one_layer(fd);
	else
		whole_archive(fd);
	close(fd);
	return 0;
}
