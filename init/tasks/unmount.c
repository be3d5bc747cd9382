/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end's unmounting. Each umount(2) runs in a child of its own with a bound: one filesystem that hangs in the kernel
 * (a dead disk, a dead server) costs that bound and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "init/boot/mountinfo.h"
#include "init/clock.h"
#include "init/tasks/tasks.h"

#define MOUNTINFO_MAX ((size_t)16 << 20)
#define PASSES 3
#define PASS_PAUSE_MS 100
#define ONE_LIMIT_MS 3000
#define ALL_LIMIT_MS 12000 /* below the task's own deadline, so that the answer still comes */

enum way { UNMOUNT, READONLY, DETACH };

static int act(const char *target, enum way way)
{
	switch (way) {
	case UNMOUNT:
		return umount2(target, UMOUNT_NOFOLLOW);
	case READONLY:
		return mount(NULL, target, NULL, MS_REMOUNT | MS_RDONLY, NULL);
	case DETACH:
		return umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH);
	}
	return -1;
}

static void pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* 0, or an errno; ETIMEDOUT: the child hangs in the kernel and is left there. */
static int bounded(const char *target, enum way way, int64_t end_ms)
{
	int64_t limit = clock_mono_ms() + ONE_LIMIT_MS;
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(act(target, way) < 0 ? errno : 0);
	if (limit > end_ms)
		limit = end_ms;
	for (long wait_ms = 1;; wait_ms = wait_ms < 20 ? wait_ms * 2 : 20) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
		if (clock_mono_ms() >= limit)
			break;
		pause_ms(wait_ms);
	}
	kill(pid, SIGKILL);
	return ETIMEDOUT;
}

static int read_mounts(struct mount_list *out, struct err *e)
{
	cleanup_free char *text = NULL;
	size_t len;

	if (fs_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, &len, e) < 0 ||
	    mount_list_parse(text, out, e) < 0)
		return -1;
	mount_list_order_for_unmount(out);
	return 0;
}

/* One try at everything that is to go; how many are left that another pass may get rid of. */
static size_t pass(enum way way, cJSON *hung, int64_t end_ms, struct err *e)
{
	struct mount_list l;
	size_t left = 0;

	if (read_mounts(&l, e) < 0)
		return 0;
	for (size_t i = 0; i < l.n; i++) {
		const struct mount_entry *m = &l.entries[i];
		int code;

		if (mount_stays(m) || (way == READONLY && !m->block))
			continue;
		code = bounded(m->target, way, end_ms);
		if (code == ETIMEDOUT) {
			log_warn("%s (%s): %s hangs, left behind", m->target, m->type, way == READONLY ? "remount" : "umount");
			cJSON_AddItemToArray(hung, cJSON_CreateString(m->target));
		} else if (code && code != EINVAL && code != ENOENT) {
			left++;
		}
	}
	mount_list_free(&l);
	return left;
}

/* What still holds a disk goes read-only by force (as sysrq-u), so that its journal ends in order. */
static void emergency_readonly(void)
{
	struct err e;

	log_warn("emergency remount read-only of what could not be unmounted");
	if (fs_put(AT_FDCWD, "/proc/sysrq-trigger", "u", &e) < 0)
		log_warn("%s", e.text);
	else
		pause_ms(500); /* the kernel does it in the background and says nothing at the end */
}

int task_unmount(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	cJSON *hung = cJSON_AddArrayToObject(result, "left");
	int64_t end_ms = clock_mono_ms() + ALL_LIMIT_MS;
	size_t left = 1;

	(void)io;
	(void)params;
	e->code = 0;
	for (int i = 0; i < PASSES && left; i++) {
		if (i)
			pause_ms(PASS_PAUSE_MS);
		left = pass(UNMOUNT, hung, end_ms, e);
		if (e->code)
			return -1;
	}
	if (left && pass(READONLY, hung, end_ms, e))
		emergency_readonly();
	if (left)
		pass(DETACH, hung, end_ms, e);
	return e->code ? -1 : 0;
}
