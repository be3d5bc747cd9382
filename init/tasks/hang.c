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

/* What the list wants of this task: behind its name; NULL: nothing. */
static const char *wanted(const char *task, char *list, size_t size)
{
	char *found;

	if (fs_read_line(AT_FDCWD, "/run/hull/fault", list, size, NULL) == 0)
		found = list;
	else if (fs_read_line(AT_FDCWD, "/proc/cmdline", list, size, NULL) == 0 && (found = strstr(list, "hull_fault=")))
		found += strlen("hull_fault=");
	else
		return NULL;
	for (char *save = NULL, *w = strtok_r(found, ", ", &save); w; w = strtok_r(NULL, ", ", &save)) {
		size_t n = strlen(task);

		if (!strncmp(w, task, n) && w[n] == ':')
			return w + n + 1;
	}
	return NULL;
}

void task_fault(const char *task)
{
	char list[4096], once[128];
	const char *how = wanted(task, list, sizeof(list));
	int fd;

	if (!how)
		return;
	snprintf(once, sizeof(once), "/run/hull/fault.%s", task);
	fd = open(once, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	close(fd);
	log_warn("fault: %s: %s", task, how);
	if (!strcmp(how, "hang"))
		sleep_for_ever();
	else if (!strcmp(how, "freeze"))
		freeze(BOOT_STATE_DIR);
	else if (!strcmp(how, "fail"))
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
