/* SPDX-License-Identifier: Apache-2.0 */
/* The state partition as a device: found, judged, made anew from the template. Tasks only. */
#pragma once
#include "base/err.h"
#include "init/boot/ext4.h"

#define STATE_LABEL "HULL-STATE"
#define STATE_DEVICE_MAX 64
#define STATE_TEMPLATE "/usr/share/hull/state-template"

/* The partition of this label on a disk (by libblkid) and its node, waited for a short while. -1 with ENODEV: none. */
int state_disk_find(const char *disk, char device[STATE_DEVICE_MAX], struct err *e);
/* Reads and judges the superblock. */
int state_disk_check(const char *device, struct ext4_info *out, struct err *e);
/*
 * Overwrites the device with the empty filesystem of the template, with a new UUID. The superblock is written last and
 * erased first, so that a cut in between leaves no filesystem rather than a broken one. EBUSY when mounted.
 *
 * Template: "HULLTPL1", size of the filesystem (le64), then runs {offset le64, length le32, bytes} in rising order,
 * ended by a run of length 0; what no run covers is zero. Made by initramfs/build/state_template.py.
 */
int state_disk_reset(const char *device, const char *template_path, struct err *e);
