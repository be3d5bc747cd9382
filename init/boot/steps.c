/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of the boot that are tasks: what each is given, and what becomes of its answer. boot.c runs them. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "init/boot/boot_state.h"
#include "init/watchdog.h"

#define UTS_INIT_INODE 0xeffffffe /* the kernel's PROC_UTS_INIT_INO: the host's own UTS namespace */

static bool on_machine(const struct pid1 *p)
{
	return !p->contained;
}

static cJSON *words(const char *list)
{
	cJSON *v = cJSON_CreateArray();
	char copy[CMDLINE_VALUE_MAX], *save = NULL;

	memccpy(copy, list, '\0', sizeof(copy));
	copy[sizeof(copy) - 1] = '\0';
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
		cJSON_AddItemToArray(v, cJSON_CreateString(w));
	return v;
}

static cJSON *modules_params(const struct pid1 *p)
{
	cJSON *v = cJSON_CreateObject();

	cJSON_AddItemToObject(v, "names", words(cmdline_text(&p->cmdline, CMDLINE_MODULES)));
	cJSON_AddItemToObject(v, "optional", words("evdev")); /* for the power button */
	cJSON_AddTrueToObject(v, "coldplug");
	if (cmdline_number(&p->cmdline, CMDLINE_WATCHDOG) > 0)
		cJSON_AddTrueToObject(v, "softdog");
	return v;
}

static void modules_done(struct pid1 *p, const cJSON *result, const struct err *error)
{
	(void)result, (void)error;
	watchdog_start(p);
}

static const char *state_kind(const struct pid1 *p)
{
	const char *asked = cmdline_text(&p->cmdline, CMDLINE_STATE);

	if (cJSON_IsTrue(json_get(p->boot->record, "state_given_up")))
		return "tmpfs";
	if (asked[0] == '/' && p->contained)
		return "directory";
	if (asked[0] == '/')
		log_warn("hull.state=%s is for contained machines only: taken as auto", asked);
	return strcmp(asked, "tmpfs") && boot_has_slot(p) ? "partition" : "tmpfs";
}

static cJSON *state_params(const struct pid1 *p)
{
	cJSON *v = cJSON_CreateObject();
	const char *kind = state_kind(p);

	cJSON_AddStringToObject(v, "kind", kind);
	if (!strcmp(kind, "directory"))
		cJSON_AddStringToObject(v, "directory", cmdline_text(&p->cmdline, CMDLINE_STATE));
	if (!strcmp(kind, "partition")) {
		cJSON_AddStringToObject(v, "disk", boot_slot_text(p, "disk"));
		cJSON_AddBoolToObject(v, "reset", cmdline_bool(&p->cmdline, CMDLINE_STATE_RESET));
	}
	/* What the first container needs, before the buses are looked at. */
	if (!p->contained)
		cJSON_AddItemToObject(v, "filesystems", words("ext4,overlay"));
	return v;
}

static bool judge_state(struct pid1 *p, const cJSON *result, const struct err *error)
{
	cJSON *state;

	/* Once more, for a tmpfs: even a machine whose disk hangs is to be reached and told what to do. */
	if (error && !cJSON_IsTrue(json_get(p->boot->record, "state_given_up"))) {
		boot_record_set(p, "state_given_up", cJSON_CreateTrue());
		boot_record_set(p, "state_reason", cJSON_CreateString(error->text));
		return false;
	}
	state = error ? cJSON_CreateObject() : cJSON_Duplicate(result, true);
	if (error)
		cJSON_AddStringToObject(state, "kind", "none");
	if (!json_get(state, "reason") && json_get(p->boot->record, "state_reason"))
		cJSON_AddItemToObject(state, "reason", cJSON_Duplicate(json_get(p->boot->record, "state_reason"), true));
	boot_record_set(p, "state", state);
	if (boot_state_text(p, "reason")[0])
		log_err("state: %s%s", boot_state_text(p, "reason"),
			strcmp(boot_state_text(p, "kind"), "tmpfs") ? "" : "; the state is in memory and goes with this boot");
	else
		log_info("state: %s%s%s", boot_state_text(p, "kind"), boot_state_text(p, "device")[0] ? " " : "",
			 boot_state_text(p, "device"));
	return true;
}

static cJSON *identity_params(const struct pid1 *p)
{
	cJSON *v = cJSON_CreateObject();

	cJSON_AddStringToObject(v, "hostname", cmdline_text(&p->cmdline, CMDLINE_HOSTNAME));
	cJSON_AddBoolToObject(v, "contained", p->contained);
	cJSON_AddBoolToObject(v, "durable", !boot_state_readonly(p) && strcmp(boot_state_text(p, "kind"), "tmpfs") &&
						    strcmp(boot_state_text(p, "kind"), "none"));
	return v;
}

/* A contained machine that was given no UTS namespace would rename its host. */
static bool own_uts(const struct pid1 *p)
{
	struct stat st;

	return !p->contained || (stat("/proc/self/ns/uts", &st) == 0 && st.st_ino != UTS_INIT_INODE);
}

static void identity_done(struct pid1 *p, const cJSON *result, const struct err *error)
{
	const cJSON *id = error ? NULL : json_get(result, "machine_id");
	const cJSON *name = error ? NULL : json_get(result, "hostname"), *n;

	if (!cJSON_IsString(id) || !cJSON_IsString(name))
		return;
	cJSON_ArrayForEach(n, json_get(result, "notes"))
		log_info("%s", n->valuestring);
	boot_record_member(p->boot, "machine_id", cJSON_CreateString(id->valuestring));
	boot_record_member(p->boot, "hostname", cJSON_CreateString(name->valuestring));
	if (own_uts(p) && sethostname(name->valuestring, strlen(name->valuestring)) < 0)
		log_warn("hostname %s: %s", name->valuestring, strerror(errno));
	log_info("machine %s, id %s", name->valuestring, id->valuestring);
}

static bool grow_wanted(const struct pid1 *p)
{
	return !strcmp(boot_state_text(p, "kind"), "partition") && !boot_state_readonly(p);
}

static void grow_done(struct pid1 *p, const cJSON *result, const struct err *error)
{
	const cJSON *bytes = error ? NULL : json_get(result, "bytes");

	(void)p;
	if (!error && cJSON_IsTrue(json_get(result, "grown")))
		log_info("state grown to %.0f MiB", cJSON_GetNumberValue(bytes) / 1048576);
}

const struct boot_step_spec boot_steps[STEP_COUNT] = {
	[STEP_MODULES] = { .name = "modules", .wanted = on_machine, .params = modules_params, .done = modules_done },
	[STEP_STATE] = { .name = "state", .gate = true, .params = state_params, .judge = judge_state },
	[STEP_IDENTITY] = { .name = "identity", .after = BOOT_AFTER(STEP_STATE), .gate = true, .params = identity_params,
			    .done = identity_done },
	/* After the identity: growing takes the disk's time, units shall have it first. */
	[STEP_GROW] = { .name = "state-grow", .after = BOOT_AFTER(STEP_STATE) | BOOT_AFTER(STEP_IDENTITY),
			.wanted = grow_wanted, .params = boot_slot_params, .done = grow_done },
};
