/* SPDX-License-Identifier: Apache-2.0 */
/* The three ends of a machine are one request. */
#pragma once
#include "init/cli.h"

/* how: "poweroff", "reboot" or "kexec". Returns once the machine has begun to; an exit code. */
int machine_end(struct cli *c, const char *how);
