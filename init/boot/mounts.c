/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"

struct api_mount {
	const char *target, *type;
	unsigned long magic; /* statfs f_type when it is there */
	unsigned long flags;
	const char *options;
	bool contained; /* also looked after in a container */
	bool needed;
};

static const struct api_mount api_mounts[] = {
	{"/proc", "proc", PROC_SUPER_MAGIC, MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, true, true},
	{"/sys", "sysfs", SYSFS_MAGIC, MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, true, false},
	/* devtmpfs calls itself tmpfs in statfs(2). */
	{"/dev", "devtmpfs", TMPFS_MAGIC, MS_NOSUID | MS_NOEXEC, "mode=0755", false, true},
	{"/dev/pts", "devpts", DEVPTS_SUPER_MAGIC, MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666", false, false},
	{"/dev/shm", "tmpfs", TMPFS_MAGIC, MS_NOSUID | MS_NODEV, "mode=1777", false, false},
	{"/run", "tmpfs", TMPFS_MAGIC, MS_NOSUID | MS_NODEV, "mode=0755", true, true},
	{"/tmp", "tmpfs", TMPFS_MAGIC, MS_NOSUID | MS_NODEV, "mode=1777", false, false},
};

static bool is_mount_point(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_TYPE, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static bool is_there(const struct api_mount *m, bool contained)
{
	struct statfs fs;
	char self[16] = "";

	if (contained && !strcmp(m->target, "/run"))
		return is_mount_point("/run/hull");
	if (statfs(m->target, &fs) < 0 || (unsigned long)fs.f_type != m->magic || !is_mount_point(m->target))
		return false;
	/* A /proc of the pid namespace outside shows us under another number. */
	if (!strcmp(m->target, "/proc"))
		return readlink("/proc/self", self, sizeof(self) - 1) > 0 && !strcmp(self, "1");
	return true;
}

static int mount_one(const struct api_mount *m, struct err *e)
{
	/* Fails on a read-only root, where the directory is part of the image. */
	if (mkdir(m->target, 0755) < 0 && errno != EEXIST && errno != EROFS)
		return err_sys(e, "mkdir %s", m->target);
	if (mount(m->type, m->target, m->type, m->flags, m->options) < 0)
		return err_sys(e, "mount %s on %s", m->type, m->target);
	return 0;
}

int mounts_api(bool contained, struct err *e)
{
	struct err why;

	/* Nothing we mount may show outside of our namespace, nor the other way round. */
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	for (size_t i = 0; i < sizeof(api_mounts) / sizeof(api_mounts[0]); i++) {
		const struct api_mount *m = &api_mounts[i];

		if ((contained && !m->contained) || is_there(m, contained) || mount_one(m, &why) == 0)
			continue;
		/* A read-only /sys of a container runtime can't be replaced; it serves. */
		if (m->needed && !contained)
			return err_set(e, why.code, "%s", why.text);
		log_warn("%s", why.text);
	}
	if (fs_mkdirs(AT_FDCWD, "/run/hull", 0755, e) < 0)
		return -1;
	return 0;
}

void mounts_console(void)
{
	/* O_NOCTTY: PID 1 has no terminal of its own, or Ctrl-C on the console would be a signal to it. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int console = open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int out = console >= 0 ? console : null;

	if (null >= 0)
		dup2(null, 0);
	if (out >= 0) {
		dup2(out, 1);
		dup2(out, 2);
	}
	if (null > 2)
		close(null);
	if (console > 2)
		close(console);
}
