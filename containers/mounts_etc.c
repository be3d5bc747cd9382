/* SPDX-License-Identifier: Apache-2.0 */
/* The three files in /etc that a container gets from its host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "containers/mount_api.h"
#include "containers/mounts.h"

/* An empty file where the image has none, or a link to nowhere, which is the image's to lose. O_PATH. */
static int make_target(int root, const char *name, struct err *e)
{
	cleanup_close int etc = fs_open_in_root(root, "etc", O_PATH | O_DIRECTORY, 0), file = -1;

	if (etc < 0 && errno == ENOENT && mkdirat(root, "etc", 0755) == 0)
		etc = fs_open_in_root(root, "etc", O_PATH | O_DIRECTORY, 0);
	if (etc < 0)
		return err_sys(e, "/etc");
	if (unlinkat(etc, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, "/etc/%s", name);
	file = openat(etc, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (file < 0)
		return err_sys(e, "/etc/%s", name);
	close(take_fd(file));
	file = openat(etc, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return file < 0 ? err_sys(e, "/etc/%s", name) : take_fd(file);
}

static int open_target(int root, const char *name, struct err *e)
{
	cleanup_close int fd = -1;
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "etc/%s", name);
	fd = fs_open_in_root(root, path, O_PATH, 0);
	if (fd < 0 && (errno == ENOENT || errno == ELOOP))
		return make_target(root, name, e);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "/%s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "/%s is a directory in the image", path);
	return take_fd(fd);
}

static int mount_file(int root, int scratch, const char *name, const char *content, struct err *e)
{
	cleanup_close int file = openat(scratch, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	cleanup_close int copy = -1, target = -1;

	if (file < 0 || fs_write_full(file, content, strlen(content)) < 0 || fchmod(file, 0644) < 0)
		return err_sys(e, "/etc/%s", name);
	copy = mount_clone(scratch, name, 0);
	if (copy < 0)
		return err_sys(e, "/etc/%s", name);
	target = open_target(root, name, e);
	if (target < 0)
		return -1;
	return mount_attach(copy, target) < 0 ? err_sys(e, "mount /etc/%s", name) : 0;
}

int mounts_etc(int root, int scratch, const char *hostname, const char *resolv_conf, struct err *e)
{
	char line[256], hosts[512];

	snprintf(line, sizeof(line), "%.200s\n", hostname);
	snprintf(hosts, sizeof(hosts),
		 "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\n"
		 "ff02::2\tip6-allrouters\n127.0.1.1\t%.200s\n", hostname);
	if (mount_file(root, scratch, "hostname", line, e) < 0 || mount_file(root, scratch, "hosts", hosts, e) < 0)
		return -1;
	return mount_file(root, scratch, "resolv.conf", resolv_conf, e);
}
