/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel modules by name or modalias, from the text files that depmod(8) writes (modules.dep, modules.alias,
 * modules.softdep, modules.builtin), loaded with finit_module(2). Loading blocks: stage 0 and tasks only.
 */
#pragma once
#include "base/err.h"

struct kmod;

/* Loads the module file at path (open as fd). 0, or -1 with errno; EEXIST counts as loaded. */
typedef int kmod_insert_fn(void *arg, int fd, const char *path);
/* A module that would not load: told once for each try, the load goes on with the next. */
typedef void kmod_complaint(void *arg, const char *text);

/*
 * dir: NULL for /lib/modules/$(uname -r). insert: NULL for finit_module(2); tests pass their own. A missing
 * modules.dep is an error, the other files may be missing. NULL on error. Free with kmod_close.
 */
struct kmod *kmod_open(const char *dir, kmod_insert_fn *insert, void *arg, struct err *e);
void kmod_close(struct kmod *k);

/*
 * Loads a module and what it depends on, dependencies first. `-` and `_` in names are the same. Returns 0 also when it
 * was there already or is built in; -1 with ENOENT when there is no such module.
 */
int kmod_load(struct kmod *k, const char *name, struct err *e);
/* Loads every module whose alias matches (fnmatch). Returns how many modules were inserted, 0 when none matched. */
int kmod_load_alias(struct kmod *k, const char *alias, kmod_complaint *complain, void *arg);
/*
 * Loads for every `modalias` of a device on a bus (SYS/bus/BUS/devices/DEVICE/modalias), again until a pass finds
 * nothing new, at most 8 passes. Returns how many modules were inserted. Cheap to repeat: a modalias that was looked up
 * before is not looked up again.
 */
int kmod_coldplug(struct kmod *k, const char *sys, kmod_complaint *complain, void *arg);
