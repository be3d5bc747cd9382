/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of sandbox_enter() that have files of their own. */
#pragma once
#include "base/sandbox.h"

/* An own mount namespace with the root that s asks for; the old one is gone. */
int sandbox_root(const struct sandbox *s, struct err *e);
/* no_new_privs must be set. A kernel without Landlock: 0, nothing done. */
int sandbox_landlock(const struct sandbox *s, struct err *e);
/* The last step: afterwards only listed system calls work. */
int sandbox_seccomp(const struct sandbox *s, struct err *e);
