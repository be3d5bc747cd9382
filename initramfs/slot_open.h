/* SPDX-License-Identifier: Apache-2.0 */
/* From a slot's partitions to a verified, mounted root. */
#pragma once
#include "base/dm.h"
#include "base/err.h"
#include "base/signature.h"
#include "base/slot.h"

struct opened_slot {
	char name[16];		     /* of the device-mapper device, "hull-a" */
	char device[DM_PATH_MAX];    /* "/dev/mapper/hull-a" */
	char root_hash[ROOT_HASH_TEXT];
};

/*
 * Checks the signature, sets up dm-verity, probes it, mounts the erofs read-only on `where` and looks whether there is
 * an init that can be read to its last block. Nothing is left behind on -1; e->text says what failed.
 */
int slot_open(const struct slot *s, const struct certificates *c, const char *where, struct opened_slot *out,
	      struct err *e);
void slot_close(const struct opened_slot *o, const char *where);
