/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

/* Whether the kernel gets what it asks of /sbin/modprobe under this name, an alias mostly. */
bool modprobe_allowed(const char *name);
