/* SPDX-License-Identifier: Apache-2.0 */
/* The three ends of a machine are one request. */
#pragma once
#include "init/cli/cli.h"

/* how: "poweroff", "reboot" or "kexec". Returns once the machine has begun to; an exit code. */
int ending_request(struct cli *c, const char *how);
