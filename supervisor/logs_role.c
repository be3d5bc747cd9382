/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/logs_role.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/role.h"
#include "supervisor/logs.h"

#define LOGS_UID 902
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14) /* of a kernel newer than these headers; older ones drop it */
#endif

/* Beyond the event loop: files below its root, and looking into pipes. */
static const int syscalls[] = {
	SCMP_SYS(openat), SCMP_SYS(mkdirat), SCMP_SYS(unlinkat), SCMP_SYS(renameat), SCMP_SYS(ftruncate), SCMP_SYS(getdents64),
	SCMP_SYS(fstatfs), SCMP_SYS(statx), SCMP_SYS(tee), -1,
};

const struct sandbox logs_sandbox = {
	.root = LOGS_DIRECTORY,
	.root_writable = true,
	.uid = LOGS_UID,
	.syscalls = syscalls,
	.landlock_fs = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
		       LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
		       LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_TRUNCATE,
};

struct logs_role {
	struct role *role;
	struct logs *logs;
	bool stored; /* there is a directory for the logs */
	uint8_t boot_id[16];
};

/* The role's own directory, made and given to it while this is still root. */
static int prepare_directory(struct err *e)
{
	if (fs_mkdirs(AT_FDCWD, LOGS_DIRECTORY, 0700, e) < 0)
		return -1;
	if (chown(LOGS_DIRECTORY, LOGS_UID, LOGS_UID) < 0)
		return err_sys(e, "chown %s", LOGS_DIRECTORY);
	return 0;
}

/* Sixteen bytes that are others after each boot; all zero when the kernel doesn't tell. */
static void read_boot_id(uint8_t out[16])
{
	char text[64], hex[33];
	size_t n = 0;

	if (fs_read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text), NULL) < 0)
		return;
	for (const char *p = text; *p && n < 32; p++)
		if (*p != '-')
			hex[n++] = *p;
	if (n == 32)
		hex_decode(hex, n, out);
}

static int acquire(struct role *role, void *state, struct err *e)
{
	struct logs_role *r = state;
	struct rlimit files;

	(void)e;
	r->role = role;
	read_boot_id(r->boot_id);
	/* Two pipes, a log and its mark for each container: as many as the system lets us. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return 0;
}

static void answer_done(void *arg, uint64_t id, const cJSON *result)
{
	role_done(((struct logs_role *)arg)->role, id, result);
}

static void answer_fail(void *arg, uint64_t id, const char *error, const char *message)
{
	role_fail(((struct logs_role *)arg)->role, id, error, message);
}

static const struct logs_answers answers = { answer_done, answer_fail };

static int start(struct role *role, void *state, struct err *e)
{
	struct logs_role *r = state;
	int dirfd = r->stored ? open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct logs_store *store;

	if (r->stored && dirfd < 0)
		return err_sys(e, "open %s", LOGS_DIRECTORY);
	store = logs_store_open(dirfd, &LOGS_DEFAULT, r->boot_id);
	r->logs = store ? logs_new(role_base(role), store, &answers, r) : NULL;
	return r->logs ? 0 : err_set(e, ENOMEM, "out of memory");
}

static void work(struct role *role, void *state, uint64_t id, const char *op, const cJSON *params, const int *fds, size_t n_fds)
{
	struct logs_role *r = state;

	(void)role;
	logs_work(r->logs, id, op, params, fds, n_fds);
}

static const struct role_ops ops = { "logs", acquire, start, work };

void logs_role_main(void)
{
	static struct logs_role r;
	struct sandbox sandbox = logs_sandbox;
	struct err e;

	log_use_fd("hull-logs", 2, getenv("HULL_KMSG") != NULL);
	r.stored = prepare_directory(&e) == 0;
	if (!r.stored) {
		/* Containers must not stand still for want of a disk. */
		log_err("logs are kept in memory only: %s", e.text);
		sandbox.root = NULL;
		sandbox.root_writable = false;
	}
	role_run(&ops, &sandbox, &r);
}
