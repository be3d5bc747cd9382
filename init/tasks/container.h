/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "init/task.h"

/* Removes one container's directory: {"id":HEX} -> {} */
int task_container_remove(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
/* At boot: removes what power loss or a crash left: {"keep":[HEX..]} -> {"removed":N} */
int task_container_sweep(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
