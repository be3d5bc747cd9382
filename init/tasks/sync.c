/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "init/tasks/tasks.h"

int task_sync(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	const cJSON *directory = json_get(params, "directory");

	(void)io;
	(void)result;
	if (cJSON_IsString(directory)) {
		/* A contained machine shares its host's filesystems: only its own is its business. */
		cleanup_close int fd = open(directory->valuestring, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 || syncfs(fd) < 0)
			return err_sys(e, "sync %s", directory->valuestring);
		return 0;
	}
	sync();
	return 0;
}
