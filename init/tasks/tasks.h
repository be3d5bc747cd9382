/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasks' functions (init/task.h says how they run): parameters and result of each. A parameter that is missing is
 * an error unless marked `?`. All run as root in PID 1's mount namespace; none is called in PID 1 itself.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "init/task.h"

/* Boot and machine (BOOT). */

/*
 * Loads kernel modules: {"names":[..]?, "optional":[..]?, "aliases":[..]?, "coldplug":bool?, "softdog":bool?}: by
 * name (optional ones need not exist), by modalias, for every device the buses show, and the software watchdog if
 * no other is there. -> {"loaded":N, "failed":[text..]}
 */
int task_modules(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
/*
 * Mounts the state on /var/lib/hull: {"kind":"partition"|"directory"|"tmpfs", "disk":"/dev/vda"?,
 * "directory":PATH?, "reset":bool?, "filesystems":[..]?}. Modules of filesystems that the kernel lacks are loaded
 * first. Already mounted: says what is there. -> {"kind", "device"?, "readonly":bool, "reason"?}. What can't be had
 * is replaced by a tmpfs, with the reason.
 */
int task_state(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
/* Grows partition and filesystem to the disk's end while mounted: {"disk":PATH} -> {"grown":bool, "bytes":N} */
int task_state_grow(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
/*
 * Machine id, hostname, entropy seed, clock: {"hostname":TEXT ("" for none), "contained":bool, "durable":bool}
 * (durable: the state lasts). Writes /run/hull/machine-id and hostname. -> {"machine_id", "hostname",
 * "clock":TEXT?, "notes":[..]}
 */
int task_identity(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
/* At the end: saves seed and clock in the state: {"contained":bool} -> {} */
int task_save(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
/* {"disk":PATH, "slot":"a"|"b"} -> {} */
int task_commit_slot(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
/* The same; -> {"fallback":bool} false: it is the only one, and stays. */
int task_distrust_slot(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
/* Loads the slot's kernel for kexec: {"slot":TEXT} ("" for none) -> {} */
int task_kexec_load(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
/* Unmounts all but the root and the API filesystems: {} -> {"left":[..]} what is still mounted writable */
int task_unmount(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
/* Flushes: {"directory":PATH?} only the filesystem of it -> {} */
int task_sync(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
#ifdef HULL_FAULTS
/* Hangs: {"how":"sleep"|"freeze", "path":PATH?}: for ever; or freezes the filesystem and waits in the kernel. */
int task_hang(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
#endif
