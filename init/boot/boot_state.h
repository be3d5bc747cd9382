/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the boot share (init/boot.h is for everybody else). */
#pragma once
#include <stdbool.h>

#include "base/json.h"
#include "init/boot.h"

/* Steps done by tasks; boot.c has the table. */
enum boot_step { STEP_MODULES, STEP_STATE, STEP_IDENTITY, STEP_GROW, STEP_COUNT };
enum step_state { STEP_WAITING, STEP_RUNNING, STEP_ENDED };

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
/* Sets a member of the record (v taken over) and writes it. */
void boot_record_set(struct pid1 *p, const char *key, cJSON *v);
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
