/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/kmod.h"
#include "base/log.h"
#include "init/boot/state_disk.h"
#include "init/boot/state_mount.h"
#include "init/tasks/tasks.h"

struct request {
	const char *kind, *disk, *directory;
	const cJSON *filesystems;
	bool reset;
};

struct outcome {
	char kind[16], device[STATE_DEVICE_MAX], reason[ERR_TEXT_MAX + 128];
	bool readonly;
};

static bool has_filesystem(const char *known, const char *name)
{
	char line[64];

	/* "nodev\toverlay\n", "\text4\n" */
	snprintf(line, sizeof(line), "\t%s\n", name);
	return known && strstr(known, line);
}

/* Stage 0 has mostly loaded them, and reading the modules' index takes its time. */
static void load_filesystems(const cJSON *names)
{
	cleanup_free char *known = NULL;
	size_t len;
	struct kmod *k = NULL;
	const cJSON *n;
	struct err e;

	if (fs_read(AT_FDCWD, "/proc/filesystems", 65536, &known, &len, &e) < 0)
		log_warn("%s", e.text);
	cJSON_ArrayForEach(n, names) {
		if (has_filesystem(known, n->valuestring))
			continue;
		if ((!k && !(k = kmod_open(NULL, NULL, NULL, &e))) || kmod_load(k, n->valuestring, &e) < 0)
			log_warn("%s", e.text);
	}
	kmod_close(k);
}

/* A filesystem with recorded errors is kept from further writing: nothing of it is lost until somebody checks it. */
static int mount_partition(const struct ext4_info *info, struct outcome *o, struct err *e)
{
	unsigned counted;

	if (state_mount_ext4(o->device, info->errors, e) < 0)
		return -1;
	counted = state_mount_errors(o->device);
	o->readonly = info->errors;
	if (!info->errors && counted) {
		if (state_mount_set_readonly(e) < 0)
			log_warn("%s", e->text);
		else
			o->readonly = true;
	}
	if (info->errors || counted)
		snprintf(o->reason, sizeof(o->reason),
			 "the filesystem on %s has recorded %u errors%s%s: mounted read-only, nothing is lost; repair it with "
			 "e2fsck from another system, or boot once with hull.state_reset=1 to start anew",
			 o->device, counted ? counted : info->error_count, info->first_error[0] ? ", the first in " : "",
			 info->first_error);
	snprintf(o->kind, sizeof(o->kind), "partition");
	return 0;
}

static int use_partition(const struct request *r, struct outcome *o, struct err *e)
{
	struct ext4_info info;

	if (!r->disk || !r->disk[0])
		return err_set(e, EINVAL, "the boot disk is not known");
	if (state_disk_find(r->disk, o->device, e) < 0)
		return -1;
	if (r->reset) {
		log_warn("hull.state_reset=1: making %s anew, what it held is gone", o->device);
		if (state_disk_reset(o->device, STATE_TEMPLATE, e) < 0)
			return err_wrap(e, "state partition reset");
	}
	if (state_disk_check(o->device, &info, e) < 0) {
		snprintf(o->reason, sizeof(o->reason), "%s; hull.state_reset=1 on the kernel command line makes it anew", e->text);
		return err_set(e, EINVAL, "%s", o->reason);
	}
	if (!info.clean && !info.errors)
		log_info("%s was not unmounted in order: its journal is replayed", o->device);
	return mount_partition(&info, o, e);
}

static int use_directory(const struct request *r, struct outcome *o, struct err *e)
{
	if (!r->directory || r->directory[0] != '/')
		return err_set(e, EINVAL, "hull.state: not an absolute directory");
	snprintf(o->kind, sizeof(o->kind), "directory");
	snprintf(o->device, sizeof(o->device), "%.*s", STATE_DEVICE_MAX - 1, r->directory);
	return state_mount_directory(r->directory, e);
}

static int mount_state(const struct request *r, struct outcome *o, struct err *e)
{
	struct state_mounted there;
	struct err why = {0};

	if (state_mounted(&there, e) < 0)
		return -1;
	if (there.kind[0]) {
		memcpy(o->kind, there.kind, sizeof(o->kind));
		memcpy(o->device, there.device, sizeof(o->device));
		o->readonly = there.readonly;
		return 0;
	}
	if (!strcmp(r->kind, "partition") && use_partition(r, o, &why) == 0)
		return 0;
	if (!strcmp(r->kind, "directory") && use_directory(r, o, &why) == 0)
		return 0;
	snprintf(o->kind, sizeof(o->kind), "tmpfs");
	o->device[0] = '\0';
	snprintf(o->reason, sizeof(o->reason), "%s", why.text);
	return state_mount_tmpfs(e);
}

int task_state(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	struct request r = {0};
	const struct json_field fields[] = {
		{"kind", JSON_STRING, offsetof(struct request, kind), true, 0, 0},
		{"disk", JSON_STRING, offsetof(struct request, disk), false, 0, STATE_DEVICE_MAX - 8},
		{"directory", JSON_STRING, offsetof(struct request, directory), false, 0, 4095},
		{"filesystems", JSON_STRINGS, offsetof(struct request, filesystems), false, 0, 0},
		{"reset", JSON_BOOL, offsetof(struct request, reset), false, 0, 0},
	};
	struct outcome o = {0};

	(void)io;
	if (json_read(params, fields, sizeof(fields) / sizeof(fields[0]), 0, "state", &r, e) < 0)
		return -1;
	load_filesystems(r.filesystems);
	if (mount_state(&r, &o, e) < 0)
		return -1;
	if (!o.readonly && state_make_directories(e) < 0)
		return -1;
	cJSON_AddStringToObject(result, "kind", o.kind);
	if (o.device[0])
		cJSON_AddStringToObject(result, "device", o.device);
	cJSON_AddBoolToObject(result, "readonly", o.readonly);
	if (o.reason[0])
		cJSON_AddStringToObject(result, "reason", o.reason);
	return 0;
}
