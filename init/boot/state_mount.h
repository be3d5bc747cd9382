/* SPDX-License-Identifier: Apache-2.0 */
/* Mounting the state on BOOT_STATE_DIR. Tasks only. */
#pragma once
#include <stdbool.h>

#include "base/err.h"

/* What is mounted there. kind: "partition", "directory", "tmpfs", or "" for nothing. */
struct state_mounted {
	char kind[16], device[64];
	bool readonly;
};
int state_mounted(struct state_mounted *out, struct err *e);

/* nodev: devices come from /dev and the containers' own tmpfs. setuid and exec stay: containers' programs live here. */
int state_mount_ext4(const char *device, bool readonly, struct err *e);
/*
 * Errors that the kernel has counted on the mounted ext4 of a device, those that a replayed journal brought
 * included.
 */
unsigned state_mount_errors(const char *device);
int state_mount_set_readonly(struct err *e);
int state_mount_directory(const char *directory, struct err *e);
int state_mount_tmpfs(struct err *e);
/* images/ containers/ logs/ units/ identity/ */
int state_make_directories(struct err *e);
