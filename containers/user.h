/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user of an image's configuration, "USER[:GROUP]" by names or numbers, looked up in the root filesystem's own
 * /etc/passwd and /etc/group, read without NSS and without ever leaving that root.
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define USER_GROUPS_MAX 256

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS_MAX]; /* supplementary; none when a group was given, as with Docker */
	size_t n_groups;
	char home[256]; /* "/" when unknown */
};
/* root_fd: the root directory. text "" is root. */
int user_resolve(int root_fd, const char *text, struct user *out, struct err *e);
