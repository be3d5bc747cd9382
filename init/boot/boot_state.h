/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the boot share (init/boot.h is for everybody else). */
#pragma once
#include <stdbool.h>

#include "base/json.h"
#include "init/boot.h"

enum boot_step { STEP_MODULES, STEP_STATE, STEP_IDENTITY, STEP_GROW, STEP_COUNT };
enum step_state { STEP_WAITING, STEP_RUNNING, STEP_ENDED };
#define BOOT_AFTER(step) (1u << (step))

/* A step that is a task: started as soon as the steps in `after` have ended, however they ended. The table: steps.c. */
struct boot_step_spec {
	const char *name; /* of the task, and in the snapshot */
	unsigned after; /* BOOT_AFTER bits */
	bool gate; /* units wait for it */
	bool (*wanted)(const struct pid1 *p); /* NULL: always */
	cJSON *(*params)(const struct pid1 *p);
	/* Both may be NULL. error NULL: success; result is valid then. */
	void (*done)(struct pid1 *p, const cJSON *result, const struct err *error);
	/* Before done: false when the step is to run again, with what params says now. */
	bool (*judge)(struct pid1 *p, const cJSON *result, const struct err *error);
};
extern const struct boot_step_spec boot_steps[STEP_COUNT];

struct boot {
	void (*ready)(struct pid1 *p);
	enum step_state steps[STEP_COUNT];
	unsigned tries[STEP_COUNT]; /* starts that failed */
	/*
	 * The snapshot's "boot": {slot:{..boot.json}, done:{STEP:true..}, ready, state:{..}, machine_id, hostname,
	 * times:{..}, distrusted, ending:"reboot"}. Always an object.
	 */
	cJSON *record;
	bool committing;
	uint32_t buttons; /* input devices that are watched, by number */
	struct hotplug *hotplug;
	struct shutdown *shutdown;
	struct event *kick; /* runs the steps from the loop */
};

/* Writes the record to the snapshot. */
void boot_record(struct pid1 *p);
/* Sets a member of the record (v taken over); boot_record_set writes it, too. */
void boot_record_member(struct boot *b, const char *key, cJSON *v);
void boot_record_set(struct pid1 *p, const char *key, cJSON *v);
/* A text of what the state task told, "" when missing. */
const char *boot_state_text(const struct pid1 *p, const char *key);
/* A text of the slot's document, "" when missing. */
const char *boot_slot_text(const struct pid1 *p, const char *key);
bool boot_slot_flag(const struct pid1 *p, const char *key);
/* True on a machine booted from slot a or b of a disk. */
bool boot_has_slot(const struct pid1 *p);
/* Parameters of the tasks on slots. New. */
cJSON *boot_slot_params(const struct pid1 *p);
/* Looks whether the state partition can be grown (again). */
void boot_grow(struct pid1 *p);

/* trust.c: dm-verity met a block that doesn't match the root hash. */
void boot_verity_error(struct pid1 *p, const char *device, uint64_t block);

/* power_button.c: looks for buttons that are not watched yet; a press is an orderly poweroff. */
void power_button_scan(struct pid1 *p);

/* hotplug.c: kernel events; coldplug is the step STEP_MODULES. */
void hotplug_open(struct pid1 *p);
