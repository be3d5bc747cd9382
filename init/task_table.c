/* SPDX-License-Identifier: Apache-2.0 */
#include "init/task.h"
#include "init/tasks/container.h"
#include "init/tasks/image.h"
#include "init/tasks/memory.h"
#include "init/tasks/tasks.h"
#include "init/tasks/units.h"

#define SECONDS(n) ((n) * 1000)

/*
 * Deadlines are for hardware that hangs, not for slow hardware. Without a sandbox a task runs as PID 1 does, in its
 * mount namespace, because its work is on exactly that; those that read what a stranger wrote confine themselves.
 */
const struct task_spec task_table[] = {
	{ "modules", task_modules, SECONDS(30), NULL, "kernel modules are read from the root and probe devices" },
	{ "state", task_state, SECONDS(60), NULL, "checks and mounts the state partition; replays its journal" },
	{ "state-grow", task_state_grow, SECONDS(300), NULL, "grows state partition and filesystem to the disk" },
	{ "identity", task_identity, SECONDS(15), NULL, "machine id, host name, entropy and clock from the state partition" },
	{ "save", task_save, SECONDS(5), NULL, "saves entropy and clock at the end" },
	{ "commit-slot", task_commit_slot, SECONDS(20), NULL, "writes the slot's bits into the GPT" },
	{ "distrust-slot", task_distrust_slot, SECONDS(20), NULL, "writes the slot's bits into the GPT" },
	{ "kexec-load", task_kexec_load, SECONDS(60), NULL, "reads the slot's kernel" },
	{ "unmount", task_unmount, SECONDS(20), NULL, "unmounting waits for the device" },
	{ "sync", task_sync, SECONDS(20), NULL, "flushing waits for the device" },
	{ "units", task_units, SECONDS(20), &units_sandbox, "reads and parses unit files, which are foreign" },
	{ "memory", task_memory, SECONDS(10), NULL, "reading a process's maps waits for its memory lock" },
	{ "container-remove", task_container_remove, SECONDS(300), NULL, "deletes a container's writable layer" },
	{ "container-sweep", task_container_sweep, SECONDS(300), NULL, "deletes writable layers that nobody has" },
	{ "image-load", task_image_load, SECONDS(1800), NULL, "unpacks an archive, in a user namespace with the store as its root" },
	{ "image-list", task_image_list, SECONDS(60), NULL, "reads the store" },
	{ "image-remove", task_image_remove, SECONDS(300), NULL, "deletes from the store" },
#ifdef HULL_FAULTS
	{ "hang", task_hang, SECONDS(2), NULL, "never ends: for tests of the deadlines" },
#endif
	{ 0 },
};
