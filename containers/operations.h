/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done to an image store from outside, each in a confined child (confine.h) because it parses what strangers
 * wrote: for the image tasks of PID 1 and for `hull image load --store DIR FILE`, which builds a store offline.
 * store_dir: an absolute path; load makes it when missing. Results as in load.h and image.h. Needs root.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"

/* archive_fd: file or pipe, stays the caller's. name may be NULL. */
int image_load_offline(const char *store_dir, int archive_fd, const char *name, cJSON *result, struct err *e);
/* One page of the list; after: the last reference of the page before, NULL for the first. */
int image_list_offline(const char *store_dir, const char *after, cJSON *result, struct err *e);
/* Only the name; in_use: NULL-ended references or digests that units have; may be NULL. */
int image_remove_offline(const char *store_dir, const char *reference, char *const *in_use, cJSON *result,
			 struct err *e);
/*
 * Takes out what neither a reference needs nor a container in containers_dir stands on (LAUNCH_IMAGE_FILE in its
 * directory; NULL: there are none). After a load, which may have moved a name, and after a removal.
 */
int image_collect_offline(const char *store_dir, const char *containers_dir, cJSON *result, struct err *e);
