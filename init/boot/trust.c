/* SPDX-License-Identifier: Apache-2.0 */
/* The slot's good name: committed once the units are healthy, lost when its blocks don't match their hashes. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "init/boot/boot_state.h"
#include "init/task.h"

static void commit_done(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds,
			const struct err *error)
{
	(void)arg, (void)result, (void)fds, (void)n_fds;
	p->boot->committing = false;
	if (error)
		return; /* logged with the task; the next call tries again */
	boot_record_set(p, "committed", cJSON_CreateTrue());
	log_info("slot %s is committed", boot_slot_text(p, "slot"));
}

void boot_commit_slot(struct pid1 *p)
{
	struct boot *b = p->boot;
	struct err e;

	if (!boot_has_slot(p) || b->committing || p->shutting_down || cJSON_IsTrue(json_get(b->record, "committed")) ||
	    cJSON_IsTrue(json_get(b->record, "distrusted")))
		return;
	cleanup_json cJSON *params = boot_slot_params(p);
	b->committing = task_start(p, "commit-slot", params, NULL, 0, commit_done, NULL, &e) == 0;
	if (!b->committing)
		log_warn("commit of the slot: %s", e.text);
}

/* A committed slot has proven itself and its machine may serve on; an uncommitted one gives way at once. */
static void give_way(struct pid1 *p)
{
	if (cJSON_IsTrue(json_get(p->boot->record, "committed")) || p->shutting_down)
		return;
	log_err("slot %s was not committed yet: back to the other slot", boot_slot_text(p, "slot"));
	shutdown_start(p, BOOT_REBOOT);
}

static void distrust_done(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds,
			const struct err *error)
{
	(void)arg, (void)fds, (void)n_fds;
	if (!error && cJSON_IsFalse(json_get(result, "fallback"))) {
		log_err("slot %s is damaged, but no other can be booted: it stays", boot_slot_text(p, "slot"));
		return;
	}
	if (!error)
		log_err("slot %s is not trusted any more", boot_slot_text(p, "slot"));
	/* If the table could not be written, the try that this boot has cost still leads to the other slot in the end. */
	give_way(p);
}

void boot_verity_error(struct pid1 *p, const char *device, uint64_t block)
{
	struct err e;

	log_err("%s: block %" PRIu64 " does not match the root hash of slot %s", device, block, boot_slot_text(p, "slot"));
	if (!boot_has_slot(p) || cJSON_IsTrue(json_get(p->boot->record, "distrusted")))
		return;
	boot_record_set(p, "distrusted", cJSON_CreateTrue());
	cleanup_json cJSON *params = boot_slot_params(p);
	if (task_start(p, "distrust-slot", params, NULL, 0, distrust_done, NULL, &e) < 0) {
		log_err("%s", e.text);
		give_way(p);
	}
}
