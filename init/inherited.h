/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that came through execve. After a re-exec the records name those that go on being used; each is taken
 * once, and what nobody takes is closed: a crash between the making of a descriptor and its record leaks nothing, and a
 * record that was not yet corrected never gets hold of a descriptor that this image opened.
 */
#pragma once
#include <stddef.h>

#include "init/pid1.h"

/* Before anything is opened. On a first start all above 2 are closed: whatever started us has no business with us. */
void inherited_open(struct pid1 *p);
/* The descriptor, now the caller's (not CLOEXEC), or -1 when it did not come through execve or was taken before. */
int inherited_take(struct pid1 *p, int fd);
/* Closes the rest; how many there were. */
size_t inherited_close(struct pid1 *p);
