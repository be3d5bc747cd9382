/* SPDX-License-Identifier: Apache-2.0 */
/* A task, because reading another process's smaps waits for its memory lock, which a page fault on a dead disk holds. */
#include "init/tasks/memory.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define SMAPS_MAX (1 << 20)

struct usage {
	long long pss_kb, private_dirty_kb, relocation_kb;
};

static long long field(const char *line, const char *name)
{
	size_t n = strlen(name);
	return strncmp(line, name, n) == 0 ? atoll(line + n) : 0;
}

/* Sums over the mappings; those of the binary's inode are told by the header line "...  INODE  PATH". */
static int read_usage(int proc, const char *pid, ino_t inode, struct usage *out)
{
	char path[300], *text, *save = NULL;
	size_t len;
	bool binary = false;
	snprintf(path, sizeof(path), "%s/smaps", pid);
	if (fs_read(proc, path, SMAPS_MAX, &text, &len, NULL) < 0)
		return -1;
	*out = (struct usage){ 0 };
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long mapped;
		if (sscanf(line, "%*x-%*x %*s %*x %*x:%*x %llu", &mapped) == 1) {
			binary = mapped == inode;
			continue;
		}
		long long dirty = field(line, "Private_Dirty:");
		out->pss_kb += field(line, "Pss:");
		out->private_dirty_kb += dirty;
		if (binary)
			out->relocation_kb += dirty;
	}
	free(text);
	return 0;
}

/* "hull --role net" -> "net"; PID 1 -> "hull". */
static void process_name(int proc, const char *pid, char out[64])
{
	char path[300], *text;
	size_t len;
	snprintf(path, sizeof(path), "%s/cmdline", pid);
	snprintf(out, 64, "hull");
	if (fs_read(proc, path, 4096, &text, &len, NULL) < 0)
		return;
	const char *mode = text + strlen(text) + 1;
	if (mode < text + len && strncmp(mode, "--", 2) == 0 && strcmp(mode, "--resume") != 0) {
		const char *name = mode + strlen(mode) + 1;
		snprintf(out, 64, "%s", name < text + len ? name : mode + 2);
	}
	free(text);
}

static bool same_binary(int proc, const char *pid, const struct stat *self)
{
	char path[300];
	struct stat st;
	snprintf(path, sizeof(path), "%s/exe", pid);
	return fstatat(proc, path, &st, 0) == 0 && st.st_ino == self->st_ino && st.st_dev == self->st_dev;
}

static int add_machine(cJSON *result, struct err *e)
{
	char *text;
	size_t len;
	if (fs_read(AT_FDCWD, "/proc/meminfo", 65536, &text, &len, e) < 0)
		return -1;
	const char *total = strstr(text, "MemTotal:"), *available = strstr(text, "MemAvailable:");
	cJSON_AddNumberToObject(result, "total_bytes", total ? (double)atoll(total + 9) * 1024 : 0);
	cJSON_AddNumberToObject(result, "available_bytes", available ? (double)atoll(available + 13) * 1024 : 0);
	free(text);
	return 0;
}

int task_memory(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	(void)io, (void)params;
	struct stat self;
	char own[16];
	long long pss_kb = 0;
	cleanup_closedir DIR *proc = opendir("/proc");
	if (!proc || stat("/proc/self/exe", &self) < 0)
		return err_sys(e, "/proc");
	if (add_machine(result, e) < 0)
		return -1;
	snprintf(own, sizeof(own), "%d", getpid());
	cJSON *list = cJSON_CreateArray();
	for (struct dirent *d; (d = readdir(proc));) {
		struct usage u;
		char name[64];
		if (!isdigit((unsigned char)d->d_name[0]) || strcmp(d->d_name, own) == 0 || !same_binary(dirfd(proc), d->d_name, &self) ||
		    read_usage(dirfd(proc), d->d_name, self.st_ino, &u) < 0)
			continue;
		process_name(dirfd(proc), d->d_name, name);
		cJSON *v = cJSON_CreateObject();
		cJSON_AddNumberToObject(v, "pid", atoi(d->d_name));
		cJSON_AddStringToObject(v, "name", name);
		cJSON_AddNumberToObject(v, "pss_bytes", (double)u.pss_kb * 1024);
		cJSON_AddNumberToObject(v, "private_dirty_bytes", (double)u.private_dirty_kb * 1024);
		cJSON_AddNumberToObject(v, "relocation_bytes", (double)u.relocation_kb * 1024);
		cJSON_AddItemToArray(list, v);
		pss_kb += u.pss_kb;
	}
	cJSON_AddNumberToObject(result, "pss_bytes", (double)pss_kb * 1024);
	cJSON_AddItemToObject(result, "processes", list);
	return 0;
}
