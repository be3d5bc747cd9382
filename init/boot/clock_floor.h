/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock never runs before what is known to have been: the later of the time the OS was built (in the binary)
 * and the time saved at the last orderly end (the text in identity/clock, seconds since 1970). The kernel sets the
 * clock from the RTC itself where the driver is built in. Tasks only, not contained.
 */
#pragma once
#include <stddef.h>

#include "base/err.h"

/* text: what was done, for the log; "" when the clock was fine. */
int clock_floor_apply(char *text, size_t size, struct err *e);
int clock_floor_save(struct err *e);
