/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#define HOSTNAME_MAX 63 /* bytes the kernel takes are 64; one label of DNS is 63 */

/* hostname(7): labels of letters, digits and inner hyphens, separated by dots, at most HOSTNAME_MAX in all. */
bool hostname_valid(const char *name);
