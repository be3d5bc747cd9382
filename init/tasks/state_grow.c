/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/gpt.h"
#include "init/boot.h"
#include "init/boot/state_disk.h"
#include "init/boot/state_mount.h"
#include "init/tasks/tasks.h"

#ifndef EXT4_IOC_RESIZE_FS
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)
#endif
#define WORTH_IT ((uint64_t)8 << 20) /* bytes; less can be too little for a block group of its own */

static int grow_partition(const char *disk, struct err *e)
{
	struct gpt *g = gpt_open(disk, true, e);
	const struct gpt_partition *parts;
	bool grown;
	size_t n;
	int ret = 0;

	if (!g)
		return -1;
	parts = gpt_partitions(g, &n);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(parts[i].label, STATE_LABEL)) {
			ret = gpt_grow(g, parts[i].number, &grown, e);
			break;
		}
	gpt_close(g);
	return ret;
}

/* Also after a power cut between the two: the filesystem is compared with its partition, whoever grew that. */
static int grow_filesystem(const char *device, bool *grown, uint64_t *bytes, struct err *e)
{
	struct ext4_info info;
	uint64_t blocks;
	cleanup_close int part = open(device, O_RDONLY | O_CLOEXEC);
	cleanup_close int dir = open(BOOT_STATE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (part < 0 || ioctl(part, BLKGETSIZE64, bytes) < 0)
		return err_sys(e, "%s", device);
	if (dir < 0)
		return err_sys(e, BOOT_STATE_DIR);
	if (state_disk_check(device, &info, e) < 0)
		return -1;
	blocks = *bytes / info.block_size;
	*grown = false;
	if (blocks * info.block_size < info.blocks * info.block_size + WORTH_IT)
		return 0;
	if (ioctl(dir, EXT4_IOC_RESIZE_FS, &blocks) < 0)
		return err_sys(e, "grow the filesystem on %s to %llu blocks", device, (unsigned long long)blocks);
	*grown = true;
	return 0;
}

int task_state_grow(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	const cJSON *disk = json_get(params, "disk");
	struct state_mounted there;
	bool grown = false;
	uint64_t bytes = 0;

	(void)io;
	if (!cJSON_IsString(disk))
		return err_set(e, EINVAL, "state-grow: disk is missing");
	if (state_mounted(&there, e) < 0)
		return -1;
	if (!strcmp(there.kind, "partition") && !there.readonly &&
	    (grow_partition(disk->valuestring, e) < 0 || grow_filesystem(there.device, &grown, &bytes, e) < 0))
		return -1;
	cJSON_AddBoolToObject(result, "grown", grown);
	cJSON_AddNumberToObject(result, "bytes", (double)bytes);
	return 0;
}
