/* SPDX-License-Identifier: Apache-2.0 */
/* What the role `net` may ask of PID 1 (role_table.c). */
#pragma once
#include "init/role_table.h"

role_request_fn machine_net_report, machine_set_clock;
/* Sends the net role its configuration from the command line: at its start, and again whenever it restarts. */
void machine_configure_net(struct pid1 *p);
