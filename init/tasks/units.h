/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task `units`: reads unit files, which are foreign documents of any size, so that PID 1 sees bounded records only.
 * {"directories":[PATH..]?} (default: /etc/hull/units, /var/lib/hull/units; one that is missing is empty): every *.json
 * in the order of the names, regular files of at most 1 MiB, no symlinks. A bad file loses only itself. The same unit name in a
 * later directory replaces that of an earlier one; within a directory the first stays.
 * -> {"units":N, "errors":[text..], "notes":[text..]} (at most 64 each, then one that counts the rest), and one memfd with
 * N unit_spec JSON records, each of less than UNIT_SPEC_JSON_MAX bytes and ended by NUL.
 */
#pragma once
#include "init/task.h"

#define UNITS_LOAD_MAX 1024

int task_units(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
extern const struct sandbox units_sandbox;
