/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "init/boot/boot_state.h"
#include "init/boot/mounts.h"
#include "init/boot/sysctl.h"
#include "init/cgroup.h"
#include "init/snapshot.h"
#include "init/task.h"
#include "init/watchdog.h"

#define BOOT_JSON "/run/hull/boot.json" /* stage 0's word */
#define START_TRIES 3
#define RETRY_MS 500

const char *boot_end_name(enum boot_end how)
{
	static const char *const names[] = {[BOOT_POWEROFF] = "poweroff", [BOOT_REBOOT] = "reboot", [BOOT_KEXEC] = "kexec"};

	return names[how];
}

/* --- the record --- */

void boot_record(struct pid1 *p)
{
	struct err e;

	if (snapshot_put(p->snapshot, "boot", p->boot->record, &e) < 0)
		log_err("snapshot: %s", e.text);
}

void boot_record_member(struct boot *b, const char *key, cJSON *v)
{
	cJSON_DeleteItemFromObjectCaseSensitive(b->record, key);
	cJSON_AddItemToObject(b->record, key, v);
}

void boot_record_set(struct pid1 *p, const char *key, cJSON *v)
{
	boot_record_member(p->boot, key, v);
	boot_record(p);
}

const char *boot_slot_text(const struct pid1 *p, const char *key)
{
	const cJSON *slot = json_get(p->boot->record, "slot"), *v = slot ? json_get(slot, key) : NULL;

	return cJSON_IsString(v) ? v->valuestring : "";
}

bool boot_slot_flag(const struct pid1 *p, const char *key)
{
	const cJSON *slot = json_get(p->boot->record, "slot");

	return slot && cJSON_IsTrue(json_get(slot, key));
}

bool boot_has_slot(const struct pid1 *p)
{
	const char *slot = boot_slot_text(p, "slot");

	return !p->contained && (!strcmp(slot, "a") || !strcmp(slot, "b")) && boot_slot_text(p, "disk")[0];
}

cJSON *boot_slot_params(const struct pid1 *p)
{
	cJSON *v = cJSON_CreateObject();

	cJSON_AddStringToObject(v, "disk", boot_slot_text(p, "disk"));
	cJSON_AddStringToObject(v, "slot", boot_slot_text(p, "slot"));
	return v;
}

const char *boot_state_text(const struct pid1 *p, const char *key)
{
	const cJSON *state = json_get(p->boot->record, "state"), *v = state ? json_get(state, key) : NULL;

	return cJSON_IsString(v) ? v->valuestring : "";
}

bool boot_state_readonly(const struct pid1 *p)
{
	const cJSON *state = json_get(p->boot->record, "state");

	return state && cJSON_IsTrue(json_get(state, "readonly"));
}

static int64_t monotonic_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

void boot_mark(struct pid1 *p, const char *what)
{
	cJSON *times = cJSON_GetObjectItemCaseSensitive(p->boot->record, "times");

	if (!times)
		times = cJSON_AddObjectToObject(p->boot->record, "times");
	if (!times || json_get(times, what))
		return;
	cJSON_AddNumberToObject(times, what, (double)monotonic_us());
	boot_record(p);
}

static struct boot *new_boot(cJSON *record)
{
	struct boot *b = calloc(1, sizeof(*b));

	if (!b || !record) {
		free(b);
		cJSON_Delete(record);
		return NULL;
	}
	b->record = record;
	return b;
}

/* --- before the loop --- */

static void read_slot(struct pid1 *p)
{
	cleanup_free char *text = NULL;
	size_t len;
	struct err e;
	cJSON *slot = NULL;

	if (!p->contained && (fs_read(AT_FDCWD, BOOT_JSON, 65536, &text, &len, &e) < 0 ||
			      !(slot = json_parse(text, len, &JSON_MESSAGE, &e))))
		log_warn("no word from stage 0: %s", e.text);
	boot_record_member(p->boot, "slot", slot ? slot : cJSON_CreateObject());
	if (boot_slot_flag(p, "committed"))
		boot_record_member(p->boot, "committed", cJSON_CreateTrue());
}

int boot_early(struct pid1 *p, struct err *e)
{
	int64_t began = monotonic_us();
	struct err why;

	umask(022);
	if (mounts_api(p->contained, e) < 0)
		return -1;
	if (!p->contained) {
		mounts_console();
		sysctl_apply();
		/* From now on Ctrl-Alt-Del is a SIGINT to us instead of a reset. */
		if (reboot(RB_DISABLE_CAD) < 0)
			log_warn("Ctrl-Alt-Del: %s", strerror(errno));
	}
	p->cgroups = mounts_cgroup(p->contained, &why) == 0;
	if (!p->cgroups)
		log_warn("no cgroups: %s", why.text);
	p->boot = new_boot(cJSON_CreateObject());
	if (!p->boot)
		return err_set(e, ENOMEM, "boot: out of memory");
	read_slot(p);
	cJSON *times = cJSON_AddObjectToObject(p->boot->record, "times");
	cJSON_AddNumberToObject(times, "pid1_us", (double)began);
	return 0;
}

/* --- steps --- */

static void run_steps(struct pid1 *p);

static void kick(struct pid1 *p, int ms)
{
	struct timeval t = {ms / 1000, ms % 1000 * 1000};

	evtimer_add(p->boot->kick, &t);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	run_steps(arg);
}

static void end_step(struct pid1 *p, enum boot_step i)
{
	struct boot *b = p->boot;
	cJSON *done = cJSON_GetObjectItemCaseSensitive(b->record, "done");
	char when[32];

	snprintf(when, sizeof(when), "%s_us", boot_steps[i].name);
	boot_mark(p, when);
	b->steps[i] = STEP_ENDED;
	if (!done)
		done = cJSON_AddObjectToObject(b->record, "done");
	if (done && !json_get(done, boot_steps[i].name))
		cJSON_AddTrueToObject(done, boot_steps[i].name);
	boot_record(p);
	kick(p, 0);
}

static void step_answer(struct pid1 *p, const struct boot_step_spec *s, const cJSON *result, const struct err *error)
{
	enum boot_step i = (enum boot_step)(s - boot_steps);

	if (s->judge && !s->judge(p, result, error)) {
		p->boot->steps[i] = STEP_WAITING;
		kick(p, 0);
		return;
	}
	if (s->done)
		s->done(p, result, error);
	end_step(p, i);
}

static void on_task(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds,
			const struct err *error)
{
	(void)fds, (void)n_fds;
	step_answer(p, arg, result, error);
}

static void start_step(struct pid1 *p, enum boot_step i)
{
	struct boot *b = p->boot;
	cleanup_json cJSON *params = boot_steps[i].params(p);
	struct err e;

	if (params && task_start(p, boot_steps[i].name, params, NULL, 0, on_task, (void *)&boot_steps[i], &e) == 0) {
		b->steps[i] = STEP_RUNNING;
		return;
	}
	if (!params)
		err_set(&e, ENOMEM, "out of memory");
	log_err("boot step %s: %s", boot_steps[i].name, e.text);
	/* EAGAIN and ENOMEM may pass. */
	if (++b->tries[i] < START_TRIES)
		kick(p, RETRY_MS);
	else
		step_answer(p, &boot_steps[i], NULL, &e);
}

static void call_ready(struct pid1 *p)
{
	struct boot *b = p->boot;

	if (boot_is_ready(p))
		return;
	for (int i = 0; i < STEP_COUNT; i++)
		if (boot_steps[i].gate && b->steps[i] != STEP_ENDED)
			return;
	boot_mark(p, "ready_us");
	boot_record_set(p, "ready", cJSON_CreateTrue());
	b->ready(p);
}

static void run_steps(struct pid1 *p)
{
	struct boot *b = p->boot;
	unsigned ended = 0;

	if (p->shutting_down)
		return;
	for (unsigned i = 0; i < STEP_COUNT; i++)
		ended |= b->steps[i] == STEP_ENDED ? BOOT_AFTER(i) : 0;
	for (unsigned i = 0; i < STEP_COUNT; i++) {
		if (b->steps[i] != STEP_WAITING || (boot_steps[i].after & ~ended))
			continue;
		if (boot_steps[i].wanted && !boot_steps[i].wanted(p))
			end_step(p, i);
		else
			start_step(p, i);
	}
	call_ready(p);
}

static void begin(struct pid1 *p, void (*ready)(struct pid1 *p))
{
	struct boot *b = p->boot;

	b->ready = ready;
	b->kick = evtimer_new(p->loop, on_kick, p);
	if (!b->kick)
		panic_now(p, "boot: out of memory");
	if (!p->contained) {
		hotplug_open(p);
		power_button_scan(p);
	}
}

void boot_start(struct pid1 *p, void (*ready)(struct pid1 *p))
{
	boot_record(p);
	begin(p, ready);
	run_steps(p);
}

static bool take_up_end(struct pid1 *p)
{
	const cJSON *ending = json_get(p->boot->record, "ending");

	for (enum boot_end how = BOOT_POWEROFF; cJSON_IsString(ending) && how <= BOOT_KEXEC; how++)
		if (!strcmp(ending->valuestring, boot_end_name(how))) {
			shutdown_start(p, how);
			return true;
		}
	return false;
}

int boot_resume(struct pid1 *p, void (*ready)(struct pid1 *p), struct err *e)
{
	cJSON *record = snapshot_get(p->snapshot, "boot");
	const cJSON *done;

	p->boot = new_boot(record ? record : cJSON_CreateObject());
	if (!p->boot)
		return err_set(e, ENOMEM, "boot: out of memory");
	p->cgroups = fs_exists(AT_FDCWD, CGROUP_ROOT "/hull/pid1/cgroup.procs");
	if (!record)
		read_slot(p);
	done = json_get(p->boot->record, "done");
	/* A task that ran when we crashed is repeated: each finds what its forerunner has done. */
	for (int i = 0; i < STEP_COUNT; i++)
		if (done && cJSON_IsTrue(json_get(done, boot_steps[i].name)))
			p->boot->steps[i] = STEP_ENDED;
	begin(p, ready);
	watchdog_start(p);
	if (!take_up_end(p))
		kick(p, 0);
	return 0;
}

bool boot_is_ready(const struct pid1 *p)
{
	return cJSON_IsTrue(json_get(p->boot->record, "ready"));
}

void boot_grow(struct pid1 *p)
{
	struct boot *b = p->boot;

	if (b->steps[STEP_GROW] != STEP_ENDED || !boot_steps[STEP_GROW].wanted(p))
		return; /* it is still to come, or runs: then the next event or boot sees the rest */
	b->steps[STEP_GROW] = STEP_WAITING;
	kick(p, 0);
}

cJSON *boot_info(const struct pid1 *p)
{
	static const char *const from_slot[] = {"init_start_us", "stage0_us"};
	static const char *const from_record[] = {"state", "machine_id", "hostname", "distrusted"};
	cJSON *v = cJSON_CreateObject(), *times;
	const cJSON *record = p->boot->record, *slot = json_get(record, "slot"), *item;

	cJSON_AddStringToObject(v, "slot", p->contained ? "none" : boot_slot_text(p, "slot"));
	cJSON_AddStringToObject(v, "root_hash", boot_slot_text(p, "root_hash"));
	cJSON_AddStringToObject(v, "disk", boot_slot_text(p, "disk"));
	cJSON_AddBoolToObject(v, "committed", cJSON_IsTrue(json_get(record, "committed")));
	for (size_t i = 0; i < sizeof(from_record) / sizeof(from_record[0]); i++)
		if ((item = json_get(record, from_record[i])))
			cJSON_AddItemToObject(v, from_record[i], cJSON_Duplicate(item, true));
	item = json_get(record, "times");
	times = item ? cJSON_Duplicate(item, true) : cJSON_CreateObject();
	for (size_t i = 0; i < sizeof(from_slot) / sizeof(from_slot[0]); i++)
		if (slot && (item = json_get(slot, from_slot[i])))
			cJSON_AddItemToObject(times, from_slot[i], cJSON_Duplicate(item, true));
	cJSON_AddItemToObject(v, "boot", times);
	cJSON_AddItemToObject(v, "watchdog", watchdog_info(p));
	return v;
}
