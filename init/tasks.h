/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1's book of running tasks (init/task.h is what others call). */
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "init/pid1.h"

int tasks_open(struct pid1 *p, struct err *e); /* makes p->tasks; tasks of an earlier image end unheard */
/* A child ended that may have been a task's. */
void tasks_exited(struct pid1 *p, int pid);
bool tasks_running(const struct pid1 *p);
