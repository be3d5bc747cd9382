/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/protect.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "containers/mount_api.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool is_protected(int exe)
{
	struct statvfs fs;
	int seals = fcntl(exe, F_GET_SEALS);

	return (seals >= 0 && (seals & F_SEAL_WRITE)) || (fstatvfs(exe, &fs) == 0 && (fs.f_flag & ST_RDONLY));
}

/*
 * A detached read-only mount of the file: nobody can reach it to make it writable again, and nothing is copied. Only
 * when the binary can be found by name in this mount namespace. -1: no.
 */
static int read_only_copy(int exe)
{
	cleanup_close int tree = -1;
	struct stat running, named;
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return -1;
	path[n] = '\0';
	tree = mount_clone(AT_FDCWD, path, 0);
	if (tree < 0 || fstat(tree, &named) < 0 || fstat(exe, &running) < 0 || named.st_ino != running.st_ino ||
	    named.st_dev != running.st_dev || mount_attributes(tree, MOUNT_ATTR_RDONLY, 0) < 0)
		return -1;
	return take_fd(tree);
}

static int sealed_copy(int exe, struct err *e)
{
	cleanup_close int copy = memfd_create("hull", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;
	off_t at = 0;

	if (copy < 0 || fstat(exe, &st) < 0)
		return err_sys(e, "copy the binary");
	while (at < st.st_size) {
		ssize_t n = sendfile(copy, exe, &at, (size_t)(st.st_size - at));

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return err_sys(e, "copy the binary");
	}
	if (fcntl(copy, F_ADD_SEALS, SEALS) < 0)
		return err_sys(e, "seal the copy of the binary");
	return take_fd(copy);
}

int protect_binary(char *const *arguments, struct err *e)
{
	cleanup_close int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), safe = -1;

	if (exe < 0)
		return err_sys(e, "open the running binary");
	if (is_protected(exe))
		return 0;
	safe = read_only_copy(exe);
	if (safe < 0)
		safe = sealed_copy(exe, e);
	if (safe < 0)
		return -1;
	syscall(SYS_execveat, safe, "", arguments, environ, AT_EMPTY_PATH);
	return err_sys(e, "execute a protected copy of the binary");
}
