/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/self/mountinfo (proc(5)), and the order in which its mounts can be taken down. Pure: works on the text. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct mount_entry {
	int id, parent;
	char *target; /* owned; octal escapes resolved */
	char *type, *source; /* owned */
	bool block; /* backed by a block device (major number not 0) */
	bool readonly; /* this mount, or its filesystem */
	int depth; /* mounts above it; 0: the root of the tree */
};
struct mount_list {
	struct mount_entry *entries; /* owned */
	size_t n;
};

/* At most 100,000 mounts. Free with mount_list_free. */
int mount_list_parse(const char *text, struct mount_list *out, struct err *e);
/* Children before their parents, the later mount of a stack before what it covers; stable. */
void mount_list_order_for_unmount(struct mount_list *l);
void mount_list_free(struct mount_list *l);
/* True for what stays to the end: the root and the API filesystems that the rest of the shutdown works with. */
bool mount_stays(const struct mount_entry *m);
