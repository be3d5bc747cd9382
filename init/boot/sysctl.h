/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel settings of a machine that runs strangers' containers: one commented table (sysctl.c). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct sysctl_entry {
	const char *path; /* below /proc/sys */
	const char *value;
	bool only_if_zero; /* an operator's own value (kernel command line) stays */
	const char *why;
};
extern const struct sysctl_entry sysctl_table[];
extern const size_t sysctl_table_len;

/* Writes them all; one that fails is logged and skipped. For the initial namespaces only. */
void sysctl_apply(void);
