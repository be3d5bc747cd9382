/* SPDX-License-Identifier: Apache-2.0 */
/* Faults injected in a test build (-DHULL_FAULTS): nothing of it is in a release. */
#pragma once

#ifdef HULL_FAULTS
#include "init/door/door.h"
/* Crashes here when armed for this point: org.hull.Test.Arm {point, kind: pointer|stack|abort|hang, after}. */
void fault_hit(const char *point);
/* org.hull.Test.Hang {how, path?}: starts the task that never ends. */
method_fn fault_method_arm, fault_method_hang;
#define FAULT(point) fault_hit(point)
#else
#define FAULT(point) ((void)0)
#endif
