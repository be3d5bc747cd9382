/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's device events (NETLINK_KOBJECT_UEVENT). Other processes' messages are dropped: port 0 is the kernel. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define UEVENT_MAX 8192 /* bytes; the kernel's own bound is 2048 + the path */

/* One event. The strings point into text; those that were not in the event are "". */
struct uevent {
	const char *action, *devpath, *subsystem, *modalias, *devname, *devtype;
	bool verity_error; /* DM_VERITY_ERR_BLOCK_NR was there */
	uint64_t verity_block;
	char text[UEVENT_MAX];
};

/* A non-blocking, CLOEXEC descriptor to poll; -1 on error. */
int uevent_open(struct err *e);
/*
 * 1: an event; 0: none waiting; -1: error. Code ENOBUFS means that events were lost: look at /sys again. Malformed and
 * foreign messages are skipped.
 */
int uevent_receive(int fd, struct uevent *out, struct err *e);
/* Parses one kernel message ("add@/devices/...\0KEY=VALUE\0..."). -1 with EBADMSG when it is not one. */
int uevent_parse(const void *message, size_t len, struct uevent *out, struct err *e);
