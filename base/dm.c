/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"

#define CONTROL "/dev/mapper/control"
#define SECTORS_PER_BLOCK (VERITY_BLOCK / 512)

/* One request: the fixed part, and room for one target. */
struct request {
	struct dm_ioctl io;
	struct dm_target_spec target;
	char params[1024];
};
_Static_assert(offsetof(struct request, target) % 8 == 0, "dm wants the target aligned");

static int open_control(struct err *e)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	/* devtmpfs has it as soon as dm-mod is loaded; the fixed minor serves where it has not. */
	if (errno == ENOENT && (mkdir("/dev/mapper", 0755) == 0 || errno == EEXIST) &&
	    (mknod(CONTROL, S_IFCHR | 0600, makedev(10, 236)) == 0 || errno == EEXIST))
		fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s", CONTROL) : fd;
}

static void request_start(struct request *r, const char *name, uint32_t flags)
{
	memset(r, 0, sizeof(*r));
	r->io.version[0] = DM_VERSION_MAJOR;
	r->io.data_size = sizeof(*r);
	r->io.data_start = offsetof(struct request, target);
	r->io.flags = flags;
	snprintf(r->io.name, sizeof(r->io.name), "%s", name);
}

/* The table line of veritysetup(8), see the kernel's admin-guide/device-mapper/verity.rst. */
static int verity_params(char *out, size_t size, const char *root_device, const char *verity_device,
			 const struct verity *v, const char *root_hash)
{
	char salt[2 * VERITY_SALT_MAX + 1] = "-";
	int n;

	if (v->salt_size)
		hex_encode(v->salt, v->salt_size, salt);
	n = snprintf(out, size, "1 %s %s %u %u %lu 1 sha256 %s %s", root_device, verity_device, VERITY_BLOCK,
		     VERITY_BLOCK, v->data_blocks, root_hash, salt);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

static int load_and_resume(int control, struct request *r, const char *name, uint64_t sectors, const char *params,
			   struct err *e)
{
	request_start(r, name, DM_READONLY_FLAG);
	r->io.target_count = 1;
	r->target.length = sectors;
	strcpy(r->target.target_type, "verity");
	strcpy(r->params, params);
	if (ioctl(control, DM_TABLE_LOAD, r))
		return err_sys(e, "verity: loading the table");
	request_start(r, name, 0); /* DM_DEV_SUSPEND without its flag resumes */
	if (ioctl(control, DM_DEV_SUSPEND, r))
		return err_sys(e, "verity: starting the device");
	return 0;
}

static void remove_device(int control, const char *name)
{
	struct request r;

	request_start(&r, name, 0);
	ioctl(control, DM_DEV_REMOVE, &r);
}

int dm_verity_create(const char *name, const char *root_device, const char *verity_device, const struct verity *v,
		     const char *root_hash, char out[DM_PATH_MAX], struct err *e)
{
	cleanup_close int control = open_control(e);
	struct request r;
	char params[sizeof(r.params)], uuid[33];
	dev_t dev;

	if (control < 0)
		return -1;
	if (verity_params(params, sizeof(params), root_device, verity_device, v, root_hash) ||
	    strlen(name) + sizeof("/dev/mapper/") > DM_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "verity: name or table too long");
	request_start(&r, name, 0);
	hex_encode(v->uuid, sizeof(v->uuid), uuid);
	/* The form by which `veritysetup status` knows its own. */
	snprintf(r.io.uuid, sizeof(r.io.uuid), "CRYPT-VERITY-%s-%s", uuid, name);
	if (ioctl(control, DM_DEV_CREATE, &r))
		return err_sys(e, "verity: making the device");
	dev = (dev_t)r.io.dev;
	if (load_and_resume(control, &r, name, v->data_blocks * SECTORS_PER_BLOCK, params, e)) {
		remove_device(control, name);
		return -1;
	}
	snprintf(out, DM_PATH_MAX, "/dev/mapper/%s", name);
	unlink(out);
	if (mknod(out, S_IFBLK | 0600, makedev(major(dev), minor(dev)))) {
		err_sys(e, "%s", out);
		remove_device(control, name);
		return -1;
	}
	return 0;
}

int dm_probe(const char *path, uint64_t data_blocks, struct err *e)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
	cleanup_free void *block = aligned_alloc(VERITY_BLOCK, VERITY_BLOCK);
	const uint64_t at[] = {0, data_blocks - 1};

	if (fd < 0)
		return err_sys(e, "%s", path);
	if (!block)
		return err_set(e, ENOMEM, "out of memory");
	for (int i = 0; i < 2; i++) {
		if (!fs_pread_full(fd, block, VERITY_BLOCK, (off_t)(at[i] * VERITY_BLOCK)))
			continue;
		if (errno == EIO)
			return err_set(e, EIO, "verity: block %lu does not match the root hash", at[i]);
		return err_sys(e, "verity: reading block %lu", at[i]);
	}
	return 0;
}

int dm_remove(const char *name, struct err *e)
{
	cleanup_close int control = open_control(e);
	struct request r;
	char path[DM_PATH_MAX];

	if (control < 0)
		return -1;
	request_start(&r, name, 0);
	if (ioctl(control, DM_DEV_REMOVE, &r))
		return err_sys(e, "verity: removing %s", name);
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	unlink(path);
	return 0;
}
