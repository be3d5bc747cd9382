/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults for tests of deadlines: only in a build with -DHULL_FAULTS, whose kernel command line carries
 * `hull_fault=POINT:HOW` (several: separated by commas). HOW: hang (sleeps for ever), freeze (freezes the state
 * filesystem, so that what follows waits in the kernel, unkillable), fail (ends the task without an answer).
 */
#pragma once

#ifdef HULL_FAULTS
void task_fault(const char *point);
#else
static inline void task_fault(const char *point)
{
	(void)point;
}
#endif
