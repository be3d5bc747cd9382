/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults for tests of deadlines: only in a build with -DHULL_FAULTS. `hull_fault=TASK:HOW[,TASK:HOW..]` on the kernel
 * command line, or the same list in /run/hull/fault, says what goes wrong, the first time the task runs in a boot. HOW:
 * hang (sleeps for ever), freeze (freezes the state filesystem, so that what follows waits in the kernel, unkillable),
 * fail (ends without an answer).
 */
#pragma once

#ifdef HULL_FAULTS
void task_fault(const char *task);
#else
static inline void task_fault(const char *task)
{
	(void)task;
}
#endif
