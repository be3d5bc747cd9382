/* SPDX-License-Identifier: Apache-2.0 */
/* An OCI image layout directory as a tar stream, made while it is read. */
#pragma once
#include <sys/types.h>

#include "base/err.h"

/*
 * Starts a child of this process that writes oci-layout, index.json and blobs/ALGORITHM/DIGEST of the directory as a
 * tar archive into a pipe. Returns the pipe's other end (CLOEXEC, the caller's), or -1. *child: to be given to
 * layout_tar_end.
 */
int layout_tar_begin(const char *directory, pid_t *child, struct err *e);
/* Waits for the child (close the pipe first); -1 when it failed, with its own words. */
int layout_tar_end(pid_t child, struct err *e);
