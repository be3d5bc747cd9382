/* SPDX-License-Identifier: Apache-2.0 */
/* Cleanup by attribute: the variable's resource is given back when it leaves its scope. */
#pragma once
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_close_fn(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
static inline void cleanup_free_fn(void *p)
{
	free(*(void **)p);
}
static inline void cleanup_closedir_fn(DIR **d)
{
	if (*d)
		closedir(*d);
}
#define cleanup_close __attribute__((cleanup(cleanup_close_fn)))
#define cleanup_free __attribute__((cleanup(cleanup_free_fn)))
#define cleanup_closedir __attribute__((cleanup(cleanup_closedir_fn)))

/* Gives ownership out of a cleanup_ variable. */
#define take_fd(fd) ({ int *p_ = &(fd); int v_ = *p_; *p_ = -1; v_; })
#define take_ptr(p) ({ __typeof__(p) *p_ = &(p); __typeof__(p) v_ = *p_; *p_ = NULL; v_; })
