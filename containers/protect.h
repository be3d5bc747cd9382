/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hull's binary can't be overwritten from inside a container (CVE-2019-5736: an image whose program is /proc/self/exe,
 * or a script with that as its interpreter, makes Hull's own file reachable for writing).
 */
#pragma once
#include "base/err.h"

/*
 * Returns 0 when the running binary is on a read-only mount or in a sealed memfd; executes itself from such a place,
 * with these arguments and all descriptors without CLOEXEC, when not. Before anything else in the process.
 */
int protect_binary(char *const *arguments, struct err *e);
