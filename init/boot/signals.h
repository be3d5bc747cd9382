/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a signal to PID 1 asks for: one table of the conventions of sysvinit, busybox, systemd and container
 * runtimes.
 */
#pragma once
#include <stdbool.h>

#include "init/boot.h"

/* False: the signal asks for nothing. */
bool signals_end_asked(int signo, bool contained, enum boot_end *how);
