/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "init/boot/mounts.h"
#include "init/cgroup.h"

#define OWN_PREFIX "hull-contained-" /* groups of contained machines in the host's root group */

static int mount_tree(struct err *e)
{
	static const char *const options[] = {"nsdelegate,memory_recursiveprot", "nsdelegate", NULL};

	/* Older kernels refuse options they don't know; a second mount of the tree only takes the first one's. */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (mount("cgroup2", CGROUP_ROOT, "cgroup2", MS_NOSUID | MS_NOEXEC | MS_NODEV, options[i]) == 0)
			return 0;
	return err_sys(e, "mount cgroup2 on " CGROUP_ROOT);
}

static bool tree_is_mounted(void)
{
	struct statfs fs;

	return statfs(CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Takes away what ended machines left behind; one that lives is populated, so rmdir refuses. */
static void sweep_own_groups(void)
{
	cleanup_closedir DIR *dir = opendir(CGROUP_ROOT);

	for (struct dirent *d; dir && (d = readdir(dir));)
		if (!strncmp(d->d_name, OWN_PREFIX, strlen(OWN_PREFIX)) && cgroup_empty(d->d_name))
			cgroup_remove(d->d_name, NULL);
}

/* The mounted tree is the host's: makes a group in it, goes there, and mounts what a namespace of it shows. */
static int enter_own_group(struct err *e)
{
	char dir[128], procs[160];
	struct timespec now;

	sweep_own_groups();
	clock_gettime(CLOCK_REALTIME, &now);
	for (int try = 0;; try++) {
		snprintf(dir, sizeof(dir), "%s/%s%lld%09ld", CGROUP_ROOT, OWN_PREFIX, (long long)now.tv_sec, now.tv_nsec + try);
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", dir);
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return err_sys(e, "mkdir %s", dir);
		if (fs_put(AT_FDCWD, procs, "0", e) == 0)
			break;
		if (try == 3) /* another machine's sweep may have been faster, but hardly each time */
			return -1;
	}
	if (unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(e, "new cgroup namespace");
	if (umount2(CGROUP_ROOT, MNT_DETACH) < 0)
		return err_sys(e, "umount " CGROUP_ROOT);
	return mount_tree(e);
}

/* Enables what controllers `dir` has for its children: all at once, since each write waits for the whole kernel. */
static int delegate_together(const char *path, const char *list)
{
	char words[512] = "", copy[256], *save = NULL;
	size_t len = 0;

	snprintf(copy, sizeof(copy), "%s", list);
	for (char *name = strtok_r(copy, " ", &save); name && len < sizeof(words); name = strtok_r(NULL, " ", &save))
		len += (size_t)snprintf(words + len, sizeof(words) - len, "%s+%s", len ? " " : "", name);
	return len ? fs_put(AT_FDCWD, path, words, NULL) : 0;
}

/* One refusal doesn't keep the others out: then each by itself. */
static void delegate(const char *dir)
{
	char path[128], list[256], word[64];
	struct err e;

	snprintf(path, sizeof(path), CGROUP_ROOT "%s/cgroup.controllers", dir);
	if (fs_read_line(AT_FDCWD, path, list, sizeof(list), &e) < 0) {
		log_warn("cgroup controllers: %s", e.text);
		return;
	}
	snprintf(path, sizeof(path), CGROUP_ROOT "%s/cgroup.subtree_control", dir);
	if (delegate_together(path, list) == 0)
		return;
	for (char *save = NULL, *name = strtok_r(list, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		snprintf(word, sizeof(word), "+%s", name);
		if (fs_put(AT_FDCWD, path, word, &e) < 0)
			log_warn("cgroup controller %s below %s/: %s", name, dir, e.text);
	}
}

/*
 * A fork bomb in a container fails at this, not the clone of PID 1's next task: the kernel's own bound, which follows
 * from the memory, is one for all.
 */
static void bound_units(void)
{
	char text[32];
	unsigned long threads;
	struct err e;

	if (!fs_exists(AT_FDCWD, CGROUP_ROOT "/units/pids.max") ||
	    fs_read_line(AT_FDCWD, "/proc/sys/kernel/threads-max", text, sizeof(text), NULL) < 0)
		return;
	threads = strtoul(text, NULL, 10);
	snprintf(text, sizeof(text), "%lu", threads - threads / 8);
	if (fs_put(AT_FDCWD, CGROUP_ROOT "/units/pids.max", text, &e) < 0)
		log_warn("bound of the containers' processes: %s", e.text);
}

int mounts_cgroup(bool contained, struct err *e)
{
	static const char *const groups[] = {"/hull", "/hull/pid1", "/hull/roles", "/hull/tasks", "/units"};
	static const char *const delegated[] = {"", "/hull", "/hull/roles", "/units"};
	char path[128];

	if (!tree_is_mounted() && mount_tree(e) < 0)
		return -1;
	/* Only the hierarchy's very root has no cgroup.events. */
	if (contained && !fs_exists(AT_FDCWD, CGROUP_ROOT "/cgroup.events") && enter_own_group(e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		snprintf(path, sizeof(path), CGROUP_ROOT "%s", groups[i]);
		if (fs_mkdirs(AT_FDCWD, path, 0755, e) < 0)
			return -1;
	}
	/* Before the delegation: a group other than the very root can't have both processes and controllers below it. */
	if (fs_put(AT_FDCWD, CGROUP_ROOT "/hull/pid1/cgroup.procs", "0", e) < 0)
		return err_wrap(e, "PID 1 into its cgroup");
	for (size_t i = 0; i < sizeof(delegated) / sizeof(delegated[0]); i++)
		delegate(delegated[i]);
	bound_units();
	return 0;
}
