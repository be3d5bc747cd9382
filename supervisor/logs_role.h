/* SPDX-License-Identifier: Apache-2.0 */
/* Role logs: containers' output into files (logs.h says what it does). Confined to /var/lib/hull/logs, no network. */
#pragma once
#include "base/sandbox.h"

#define LOGS_DIRECTORY "/var/lib/hull/logs"

/* Does not return. */
void logs_role_main(void) __attribute__((noreturn));
extern const struct sandbox logs_sandbox;
