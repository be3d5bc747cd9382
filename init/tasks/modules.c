/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/kmod.h"
#include "base/log.h"
#include "init/tasks/tasks.h"

#define FAILED_MAX 16 /* reasons in the result; the others are only counted by the log */
#define COLDPLUG_NICE 10

static void complain(void *arg, const char *text)
{
	cJSON *failed = arg;

	log_warn("%s", text);
	if (cJSON_GetArraySize(failed) < FAILED_MAX)
		cJSON_AddItemToArray(failed, cJSON_CreateString(text));
}

static bool watchdog_is_there(void)
{
	cleanup_closedir DIR *dir = opendir("/sys/class/watchdog");

	for (struct dirent *d; dir && (d = readdir(dir));)
		if (!strncmp(d->d_name, "watchdog", 8))
			return true;
	return false;
}

static int load_names(struct kmod *k, const cJSON *names, bool optional, cJSON *failed)
{
	const cJSON *n;
	struct err e;
	int loaded = 0;

	cJSON_ArrayForEach(n, names) {
		if (!cJSON_IsString(n))
			continue;
		if (kmod_load(k, n->valuestring, &e) == 0)
			loaded++;
		else if (!optional || e.code != ENOENT)
			complain(failed, e.text);
	}
	return loaded;
}

int task_modules(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	struct {
		const cJSON *names, *optional, *aliases;
		bool coldplug, softdog;
	} want = {0};
	const struct json_field fields[] = {
		{"names", JSON_STRINGS, offsetof(__typeof__(want), names), false, 0, 0},
		{"optional", JSON_STRINGS, offsetof(__typeof__(want), optional), false, 0, 0},
		{"aliases", JSON_STRINGS, offsetof(__typeof__(want), aliases), false, 0, 0},
		{"coldplug", JSON_BOOL, offsetof(__typeof__(want), coldplug), false, 0, 0},
		{"softdog", JSON_BOOL, offsetof(__typeof__(want), softdog), false, 0, 0},
	};
	cJSON *failed = cJSON_AddArrayToObject(result, "failed");
	const cJSON *a;
	struct kmod *k;
	int loaded = 0;

	(void)io;
	if (json_read(params, fields, sizeof(fields) / sizeof(fields[0]), 0, "modules", &want, e) < 0)
		return -1;
	/* Checking signatures takes a processor for long; the first container, which starts meanwhile, goes first. */
	if (want.coldplug)
		setpriority(PRIO_PROCESS, 0, COLDPLUG_NICE);
	k = kmod_open(NULL, NULL, NULL, e);
	if (!k)
		return -1;
	loaded += load_names(k, want.names, false, failed);
	loaded += load_names(k, want.optional, true, failed);
	cJSON_ArrayForEach(a, want.aliases) {
		int n = kmod_load_alias(k, a->valuestring, complain, failed);

		loaded += n > 0 ? n : 0;
	}
	if (want.coldplug) {
		int n = kmod_coldplug(k, "/sys", complain, failed);

		loaded += n > 0 ? n : 0;
	}
	if (want.softdog && !watchdog_is_there()) {
		struct err why;

		if (kmod_load(k, "softdog", &why) == 0)
			loaded++;
		else
			complain(failed, why.text);
	}
	kmod_close(k);
	cJSON_AddNumberToObject(result, "loaded", loaded);
	return 0;
}
