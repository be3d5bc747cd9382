/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/handover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"

int handover_record(const struct boot_record *r, struct err *e)
{
	cleanup_json cJSON *o = cJSON_CreateObject();
	cleanup_free char *text = NULL;
	cleanup_close int fd = -1;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	cJSON_AddStringToObject(o, "slot", r->slot);
	cJSON_AddStringToObject(o, "verity_device", r->verity_device);
	cJSON_AddStringToObject(o, "root_hash", r->root_hash);
	cJSON_AddStringToObject(o, "disk", r->disk);
	cJSON_AddNumberToObject(o, "init_start_us", (double)r->init_start_us);
	cJSON_AddNumberToObject(o, "stage0_us", (double)t.tv_sec * 1e6 + (double)(t.tv_nsec / 1000));
	cJSON_AddBoolToObject(o, "kexeced", r->kexeced);
	cJSON_AddBoolToObject(o, "committed", r->committed);
	text = json_print(o);
	if (!text)
		return err_set(e, ENOMEM, "out of memory");
	if (fs_mkdirs(AT_FDCWD, "/run/hull", 0755, e))
		return -1;
	fd = open("/run/hull/boot.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || fs_write_full(fd, text, strlen(text)))
		return err_sys(e, "/run/hull/boot.json");
	return 0;
}

/* Removes what lies on the initramfs itself; mounts stay. Only memory is at stake, so errors don't matter. */
static void free_initramfs(void)
{
	cleanup_closedir DIR *d = opendir("/");
	struct stat root, st;
	struct dirent *entry;

	if (!d || fstat(dirfd(d), &root))
		return;
	while ((entry = readdir(d)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    !fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) && st.st_dev == root.st_dev)
			fs_remove_tree(dirfd(d), entry->d_name, NULL);
}

int handover_exec(const char *root, struct err *e)
{
	static const char *const mounts[] = {"/proc", "/sys", "/dev", "/run"};
	static char *const argv[] = {"/sbin/init", NULL}, *const envp[] = {NULL};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		char to[PATH_MAX];

		snprintf(to, sizeof(to), "%s%s", root, mounts[i]);
		if (mount(mounts[i], to, NULL, MS_MOVE, NULL))
			return err_sys(e, "moving %s to the new root", mounts[i]);
	}
	if (chdir(root))
		return err_sys(e, "%s", root);
	free_initramfs();
	if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		return err_sys(e, "changing to the new root");
	execve(argv[0], argv, envp);
	return err_sys(e, "%s", argv[0]);
}
