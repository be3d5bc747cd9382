/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/hostname.h"

#include <stddef.h>

static bool alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool hostname_valid(const char *name)
{
	size_t i = 0;

	for (; name[i]; i++) {
		bool edge = i == 0 || name[i - 1] == '.' || name[i + 1] == '\0' || name[i + 1] == '.';

		if (i >= HOSTNAME_MAX || !(alphanumeric(name[i]) || (!edge && (name[i] == '-' || name[i] == '.'))))
			return false;
	}
	return i > 0;
}
