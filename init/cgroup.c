/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define DEPTH_MAX 8 /* of what is removed: PID 1's stack and descriptors */

static int full_path(char out[PATH_MAX], const char *path, const char *file)
{
	int n = snprintf(out, PATH_MAX, CGROUP_ROOT "/%s%s%s", path, file ? "/" : "", file ? file : "");
	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int cgroup_open(const char *path, struct err *e)
{
	char full[PATH_MAX];
	if (full_path(full, path, NULL) < 0)
		return err_sys(e, "cgroup %s", path);
	if (fs_mkdirs(AT_FDCWD, full, 0755, e) < 0)
		return -1;
	int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "cgroup %s", path);
	return fd;
}

size_t cgroup_pids(const char *path, pid_t *pids, size_t max)
{
	char full[PATH_MAX];
	cleanup_free char *text = NULL;
	size_t len, n = 0;
	if (full_path(full, path, "cgroup.procs") < 0 || fs_read(AT_FDCWD, full, 1 << 20, &text, &len, NULL) < 0)
		return 0;
	for (char *at = text, *end; *at; at = end) {
		long pid = strtol(at, &end, 10);
		if (end == at)
			break;
		if (n < max)
			pids[n] = (pid_t)pid;
		n++;
		while (*end == '\n')
			end++;
	}
	return n;
}

int cgroup_kill(const char *path, struct err *e)
{
	char full[PATH_MAX];
	if (full_path(full, path, "cgroup.kill") < 0)
		return err_sys(e, "cgroup %s", path);
	if (fs_exists(AT_FDCWD, full))
		return fs_put(AT_FDCWD, full, "1", e);
	pid_t pids[256];
	size_t n = cgroup_pids(path, pids, sizeof(pids) / sizeof(*pids));
	for (size_t i = 0; i < n && i < sizeof(pids) / sizeof(*pids); i++)
		kill(pids[i], SIGKILL);
	return 0;
}

bool cgroup_empty(const char *path)
{
	char full[PATH_MAX], text[256];
	cleanup_close int fd = full_path(full, path, "cgroup.events") < 0 ? -1 : open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT; /* and not when we lack descriptors to look */
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return errno == ENODEV; /* removed meanwhile */
	text[n] = '\0';
	return strstr(text, "populated 1") == NULL;
}

/* Containers can't make cgroups below theirs, so what is there is of our making and flat; anything else stays. */
static int remove_below(const char *path, int depth, struct err *e)
{
	char full[PATH_MAX];
	if (depth > DEPTH_MAX)
		return err_set(e, ELOOP, "cgroup %s: nested too deeply", path);
	if (full_path(full, path, NULL) < 0)
		return err_sys(e, "cgroup %s", path);
	cleanup_closedir DIR *dir = opendir(full);
	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, "cgroup %s", path);
	for (struct dirent *d; (d = readdir(dir));) {
		char below[PATH_MAX];
		if (d->d_type != DT_DIR || strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, d->d_name) < (int)sizeof(below))
			remove_below(below, depth + 1, NULL);
	}
	if (rmdir(full) < 0 && errno != ENOENT)
		return err_sys(e, "cgroup %s: remove", path);
	return 0;
}

int cgroup_remove(const char *path, struct err *e)
{
	return remove_below(path, 0, e);
}
