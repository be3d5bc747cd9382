/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of a confined process (confine.h). */
#pragma once
#include "base/err.h"

/* Installs the filter; it sets no_new_privs too. */
int confine_syscalls(struct err *e);
