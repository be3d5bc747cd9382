/* SPDX-License-Identifier: Apache-2.0 */
#ifdef HULL_FAULTS
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "init/boot.h"
#include "init/tasks/fault.h"
#include "init/tasks/tasks.h"

static _Noreturn void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static void freeze(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, FIFREEZE, 0) < 0)
		log_warn("fault: freeze %s: %s", path, strerror(errno));
}

void task_fault(const char *point)
{
	char line[4096], want[64], *found;

	if (fs_read_line(AT_FDCWD, "/proc/cmdline", line, sizeof(line), NULL) < 0)
		return;
	snprintf(want, sizeof(want), "%s:", point);
	found = strstr(line, "hull_fault=");
	found = found ? strstr(found, want) : NULL;
	if (!found)
		return;
	found += strlen(want);
	log_warn("fault: %s%.16s", want, found);
	if (!strncmp(found, "hang", 4))
		sleep_for_ever();
	else if (!strncmp(found, "freeze", 6))
		freeze(BOOT_STATE_DIR);
	else if (!strncmp(found, "fail", 4))
		_exit(3);
}

int task_hang(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	const cJSON *how = json_get(params, "how"), *path = json_get(params, "path");

	(void)io;
	(void)result;
	if (!cJSON_IsString(how))
		return err_set(e, EINVAL, "hang: how is missing");
	if (!strcmp(how->valuestring, "freeze")) {
		const char *dir = cJSON_IsString(path) ? path->valuestring : BOOT_STATE_DIR;
		char file[512];

		freeze(dir);
		snprintf(file, sizeof(file), "%s/.frozen", dir);
		/* Waits in the kernel until the filesystem thaws: no signal ends it. */
		fs_replace(AT_FDCWD, file, "x", 1, 0600, NULL);
	}
	sleep_for_ever();
}
#else
typedef int hang_is_only_in_the_fault_build;
#endif
