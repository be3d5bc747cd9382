/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/state_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "init/boot.h"
#include "init/boot/mountinfo.h"

#define MOUNTINFO_MAX ((size_t)16 << 20)
/*
 * Filesystems are mounted here first and moved: a mount(2) that hangs until PID 1 has put a tmpfs in its place
 * must not appear on top of that afterwards.
 */
#define STAGING "/run/hull/state"

int state_mounted(struct state_mounted *out, struct err *e)
{
	cleanup_free char *text = NULL;
	struct mount_list l;
	size_t len;

	*out = (struct state_mounted){0};
	if (fs_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, &len, e) < 0 || mount_list_parse(text, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		const struct mount_entry *m = &l.entries[i];
		bool tmpfs = !strcmp(m->type, "tmpfs"), state = m->block && !strncmp(m->source, "/dev/", 5);

		if (strcmp(m->target, BOOT_STATE_DIR))
			continue;
		/* The last one is on top. A directory's own filesystem can be of any type. */
		snprintf(out->kind, sizeof(out->kind), "%s", tmpfs ? "tmpfs" : state ? "partition" : "directory");
		snprintf(out->device, sizeof(out->device), "%.63s", state ? m->source : "");
		out->readonly = m->readonly;
	}
	mount_list_free(&l);
	return 0;
}

static int move_to_place(struct err *e)
{
	if (mount(STAGING, BOOT_STATE_DIR, NULL, MS_MOVE, NULL) < 0) {
		err_sys(e, "move the mount to " BOOT_STATE_DIR);
		umount2(STAGING, MNT_DETACH);
		return -1;
	}
	return 0;
}

int state_mount_ext4(const char *device, bool readonly, struct err *e)
{
	struct libmnt_context *c = mnt_new_context();
	unsigned long flags = MS_NODEV | MS_NOATIME | (readonly ? MS_RDONLY : 0);
	int rc;

	if (!c)
		return err_set(e, ENOMEM, "mount %s: out of memory", device);
	if (fs_mkdirs(AT_FDCWD, STAGING, 0700, e) < 0) {
		mnt_free_context(c);
		return -1;
	}
	/* No fstab, no helpers, no mtab: exactly this mount. */
	mnt_context_set_optsmode(c, MNT_OMODE_NOTAB);
	mnt_context_disable_helpers(c, 1);
	mnt_context_disable_mtab(c, 1);
	mnt_context_disable_canonicalize(c, 1);
	rc = mnt_context_set_source(c, device);
	rc = rc ? rc : mnt_context_set_target(c, STAGING);
	rc = rc ? rc : mnt_context_set_fstype(c, "ext4");
	rc = rc ? rc : mnt_context_set_mflags(c, flags);
	rc = rc ? rc : mnt_context_set_options(c, "errors=remount-ro");
	rc = rc ? rc : mnt_context_mount(c);
	if (rc && mnt_context_syscall_called(c) && mnt_context_get_syscall_errno(c))
		rc = mnt_context_get_syscall_errno(c);
	mnt_free_context(c);
	if (rc)
		return err_set(e, abs(rc), "mount %s: %s", device, strerror(abs(rc)));
	return move_to_place(e);
}

unsigned state_mount_errors(const char *device)
{
	const char *name = strrchr(device, '/');
	char path[128], line[16];

	snprintf(path, sizeof(path), "/sys/fs/ext4/%s/errors_count", name ? name + 1 : device);
	if (fs_read_line(AT_FDCWD, path, line, sizeof(line), NULL) < 0)
		return 0;
	return (unsigned)strtoul(line, NULL, 10);
}

int state_mount_set_readonly(struct err *e)
{
	if (mount(NULL, BOOT_STATE_DIR, NULL, MS_REMOUNT | MS_RDONLY | MS_NODEV | MS_NOATIME, NULL) < 0)
		return err_sys(e, "remount " BOOT_STATE_DIR " read-only");
	return 0;
}

/* A contained machine's root may lack it; on a verified root it is part of the image. */
static int make_mount_point(struct err *e)
{
	return fs_exists(AT_FDCWD, BOOT_STATE_DIR) ? 0 : fs_mkdirs(AT_FDCWD, BOOT_STATE_DIR, 0755, e);
}

int state_mount_directory(const char *directory, struct err *e)
{
	if (make_mount_point(e) < 0)
		return -1;
	if (mount(directory, BOOT_STATE_DIR, NULL, MS_BIND, NULL) < 0)
		return err_sys(e, "bind %s on " BOOT_STATE_DIR, directory);
	/* Refused in a user namespace where other flags are locked: then they are stricter anyway. */
	mount(NULL, BOOT_STATE_DIR, NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL);
	return 0;
}

int state_mount_tmpfs(struct err *e)
{
	if (make_mount_point(e) < 0)
		return -1;
	if (mount("hull-state", BOOT_STATE_DIR, "tmpfs", MS_NODEV, "mode=0755") < 0)
		return err_sys(e, "mount tmpfs on " BOOT_STATE_DIR);
	return 0;
}

int state_make_directories(struct err *e)
{
	static const char *const names[] = {"images", "containers", "logs", "units", "identity"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), BOOT_STATE_DIR "/%s", names[i]);
		if (fs_mkdirs(AT_FDCWD, path, 0700, e) < 0)
			return -1;
	}
	return 0;
}
