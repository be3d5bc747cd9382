/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"
#include "containers/confine_syscalls.h"

#define CHANNEL_FD 3 /* in the child */
#define INPUT_FD 4
#define MEMORY_MAX (512u << 20) /* zstd's largest window and the names of a million entries fit */
#define FILES_MAX 256

/* ---- the child ---- */

static int drop_capabilities(struct err *e)
{
	static const int kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP };
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { 0 };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		data[kept[i] / 32].permitted |= 1u << kept[i] % 32;
		data[kept[i] / 32].effective |= 1u << kept[i] % 32;
	}
	return syscall(SYS_capset, &header, data) < 0 ? err_sys(e, "confine: drop capabilities") : 0;
}

static int limit_resources(struct err *e)
{
	const struct rlimit files = { FILES_MAX, FILES_MAX }, none = { 0, 0 };

	if (setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return err_sys(e, "confine: set limits");
#ifndef __SANITIZE_ADDRESS__ /* whose shadow memory counts */
	const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };

	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return err_sys(e, "confine: set limits");
#endif
	return 0;
}

/* The directory becomes "/", and there is no way back. */
static int enter_directory(const char *dir, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(e, "confine: make mounts private");
	if (mount(dir, dir, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_sys(e, "confine: bind %s", dir);
	if (mount_setattr(AT_FDCWD, dir, 0, &attr, sizeof(attr)) < 0)
		return err_sys(e, "confine: set attributes of %s", dir);
	if (chdir(dir) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(e, "confine: make %s the root", dir);
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(e, "confine: leave the old root");
	return 0;
}

static int await_maps(struct err *e)
{
	char byte;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return err_sys(e, "confine: make namespaces");
	if (fs_write_full(CHANNEL_FD, "u", 1) < 0 || fs_read_full(CHANNEL_FD, &byte, 1) < 0)
		return err_sys(e, "confine: wait for the id maps");
	/* Lost when credentials changed above. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, "confine: prctl");
	return 0;
}

/* A channel and an input, and nothing else that is open here. in: -1: none. */
static int keep_descriptors(int channel, int in, struct err *e)
{
	int high_channel = fcntl(channel, F_DUPFD_CLOEXEC, 10), high_in = in < 0 ? -1 : fcntl(in, F_DUPFD_CLOEXEC, 10);

	if (high_channel < 0 || (in >= 0 && high_in < 0))
		return err_sys(e, "confine: descriptors");
	if (dup3(high_channel, CHANNEL_FD, O_CLOEXEC) < 0 || (in >= 0 && dup3(high_in, INPUT_FD, O_CLOEXEC) < 0))
		return err_sys(e, "confine: descriptors");
	return close_range(in >= 0 ? INPUT_FD + 1 : INPUT_FD, ~0u, 0) < 0 ? err_sys(e, "confine: descriptors") : 0;
}

static int run_confined(const char *dir, int in, confine_fn *fn, const void *arg, cJSON *result, struct err *e)
{
	cleanup_close int root = -1;
	uint8_t warm[32];

	/* OpenSSL sets itself up while it still may. */
	if (hash_sha256("", 0, warm) < 0)
		return err_set(e, EIO, "confine: digests don't work");
	umask(022);
	if (await_maps(e) < 0 || enter_directory(dir, e) < 0 || limit_resources(e) < 0 || drop_capabilities(e) < 0)
		return -1;
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, "confine: open %s", dir);
	if (confine_syscalls(e) < 0)
		return -1;
	return fn(root, in >= 0 ? INPUT_FD : -1, arg, result, e);
}

static _Noreturn void child(int channel, const char *dir, int in, confine_fn *fn, const void *arg)
{
	cJSON *answer = cJSON_CreateObject(), *result = cJSON_AddObjectToObject(answer, "result");
	struct err e = { EIO, "confine: failed" };
	char *text;

	/* Beyond this point failures have to go through CHANNEL_FD; without it the parent only sees the end. */
	if (!result || keep_descriptors(channel, in, &e) < 0)
		_exit(1);
	if (run_confined(dir, in, fn, arg, result, &e) < 0) {
		cJSON *error = cJSON_CreateObject();

		cJSON_AddNumberToObject(error, "code", e.code);
		cJSON_AddStringToObject(error, "message", e.text);
		cJSON_AddItemToObject(answer, "error", error);
	}
	text = json_print(answer);
	if (!text || fs_write_full(CHANNEL_FD, text, strlen(text)) < 0)
		_exit(1);
	_exit(0);
}

/* ---- the parent ---- */

/* Every id that exists here becomes itself there. */
static int write_map(pid_t pid, const char *name, struct err *e)
{
	cleanup_free char *own = NULL;
	char path[64], map[4096], *line, *state = NULL;
	size_t len, used = 0;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	if (fs_read(AT_FDCWD, path, sizeof(map), &own, &len, e) < 0)
		return -1;
	for (line = strtok_r(own, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		unsigned inside, outside, count;

		if (sscanf(line, "%u %u %u", &inside, &outside, &count) != 3 || used + 64 > sizeof(map))
			return err_set(e, EBADMSG, "confine: unexpected %s", path);
		used += (size_t)snprintf(map + used, sizeof(map) - used, "%u %u %u\n", inside, inside, count);
	}
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fs_put(AT_FDCWD, path, map, e) < 0 ? err_wrap(e, "confine: map ids") : 0;
}

static int read_answer(int channel, struct buf *in, struct err *e)
{
	char block[4096];
	ssize_t n;

	while ((n = read(channel, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || buf_add(in, block, (size_t)n) < 0)
			return err_sys(e, "confine: read the answer");
	}
	return 0;
}

/* Serves the child until it ends its side of the channel. */
static int talk(int channel, pid_t pid, struct buf *in, struct err *e)
{
	char byte;

	if (fs_read_full(channel, &byte, 1) < 0)
		return 0; /* it died: waitpid tells */
	if (byte != 'u')
		return buf_add(in, &byte, 1) < 0 ? err_sys(e, "confine") : read_answer(channel, in, e);
	if (write_map(pid, "uid_map", e) < 0 || write_map(pid, "gid_map", e) < 0)
		return -1;
	if (fs_write_full(channel, "g", 1) < 0)
		return err_sys(e, "confine: start the child");
	return read_answer(channel, in, e);
}

static int take_answer(const struct buf *in, int status, cJSON *result, struct err *e)
{
	cleanup_json cJSON *answer = NULL;
	const cJSON *error, *code, *message;
	cJSON *from;

	if (WIFSIGNALED(status))
		return err_set(e, EPROTO, "the confined process was killed by signal %d%s", WTERMSIG(status),
			       WTERMSIG(status) == SIGSYS ? ": a system call that is not allowed there" : "");
	if (in->len == 0)
		return err_set(e, EPROTO, "the confined process ended without an answer");
	answer = json_parse(in->data, in->len, &JSON_DOCUMENT, e);
	if (!answer)
		return err_wrap(e, "the confined process' answer");
	error = json_get(answer, "error");
	if (error) {
		code = json_get(error, "code");
		message = json_get(error, "message");
		return err_set(e, code && cJSON_IsNumber(code) ? code->valueint : EIO, "%s",
			       message && cJSON_IsString(message) ? message->valuestring : "unknown error");
	}
	from = cJSON_GetObjectItemCaseSensitive(answer, "result");
	while (from && from->child) {
		cJSON *item = cJSON_DetachItemViaPointer(from, from->child);

		if (!cJSON_AddItemToObject(result, item->string, item))
			return err_set(e, ENOMEM, "out of memory");
	}
	return 0;
}

int confine_run(const char *dir, int in, confine_fn *fn, const void *arg, cJSON *result, struct err *e)
{
	cleanup_buf struct buf answer = { .max = CONFINE_RESULT_MAX };
	int channel[2], status = 0, rc;
	pid_t pid;

	if (dir[0] != '/')
		return err_set(e, EINVAL, "confine: '%s' is not an absolute path", dir);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
		return err_sys(e, "confine: socketpair");
	pid = fork();
	if (pid == 0)
		child(channel[1], dir, in, fn, arg);
	close(channel[1]);
	if (pid < 0) {
		err_sys(e, "confine: fork");
		close(channel[0]);
		return -1;
	}
	rc = talk(channel[0], pid, &answer, e);
	close(channel[0]);
	/* A child that still waits for its maps sees the channel's end. */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return rc < 0 ? -1 : take_answer(&answer, status, result, e);
}
