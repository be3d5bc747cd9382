/* SPDX-License-Identifier: Apache-2.0 */
/* What removed containers leave on the state partition: their writable layers. */
#include "init/tasks/container.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "init/units.h"

int task_container_remove(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	(void)io, (void)result;
	const cJSON *id = json_get(params, "id");
	if (!cJSON_IsString(id) || !id->valuestring[0] || strspn(id->valuestring, "0123456789abcdef") != strlen(id->valuestring))
		return err_set(e, EINVAL, "id: not a container's");
	cleanup_close int dir = open(UNITS_CONTAINERS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(e, UNITS_CONTAINERS);
	return fs_remove_tree(dir, id->valuestring, e);
}

int task_container_sweep(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	(void)io;
	const cJSON *keep = json_get(params, "keep"), *id;
	cleanup_closedir DIR *dir = opendir(UNITS_CONTAINERS);
	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, UNITS_CONTAINERS);
	int removed = 0;
	for (struct dirent *d; (d = readdir(dir));) {
		bool kept = d->d_name[0] == '.';
		cJSON_ArrayForEach(id, keep)
			kept = kept || (cJSON_IsString(id) && strcmp(id->valuestring, d->d_name) == 0);
		if (!kept && fs_remove_tree(dirfd(dir), d->d_name, e) < 0)
			return -1;
		removed += !kept;
	}
	cJSON_AddNumberToObject(result, "removed", removed);
	return 0;
}
