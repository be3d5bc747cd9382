/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "init/task.h"

/*
 * What Hull's own processes cost: {} -> {"total_bytes","available_bytes" (of the machine), "pss_bytes" (sum),
 * "processes":[{"pid","name","pss_bytes","private_dirty_bytes","relocation_bytes"}]}. relocation: the part of the
 * private dirty memory that is the binary's own pages, written once by its self-relocation.
 */
int task_memory(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
