/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One image layer: a tar changeset (OCI image-spec 1.1 "layer"), plain or by gzip or zstd, told from its bytes.
 * Unpacked into a directory that overlayfs (with `userxattr`) takes as a lower one: whiteouts become 0:0 character
 * devices, opaque directories get user.overlay.opaque.
 *
 * What is done with what a stranger may put into one:
 * - refused, naming the entry: ".." in names, a path through a symlink, a hard link to what this layer has not unpacked
 *   before (a link into a lower layer too: layers are unpacked apart), block devices, character devices outside of
 *   dev/, bare or nested whiteouts, more of anything than the limits, a truncated or malformed archive, a wrong
 *   diff-id;
 * - survived: absolute names (taken as relative), duplicates (the last one counts), any bytes in names, setuid, bytes
 *   behind the archive's end (they count for the diff-id);
 * - left out: character devices in dev/ (a container gets its own /dev, and tar files of whole systems have them),
 *   AUFS' own ".wh..wh.*" files, ACLs, attributes other than user.* and security.capability, any user.overlay.*, and
 *   user.* where the filesystem has none.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

struct layer_limits {
	int64_t content_bytes; /* file content in all */
	int64_t stream_bytes; /* uncompressed archive */
	int64_t apparent_bytes; /* sizes of files in all, holes included */
	int64_t entries;
	int64_t ratio; /* uncompressed : compressed, once the stream is over ratio_from_bytes */
	int64_t ratio_from_bytes;
	int64_t xattr_bytes; /* names and values of one entry */
	int64_t name_bytes; /* of all directories, whose times are set at the end */
};
extern const struct layer_limits LAYER_LIMITS;

struct layer_info {
	int64_t content_bytes, entries;
	bool opaque; /* some directory is */
	bool opaque_root; /* hides all lower layers */
	/*
	 * NUL-ended paths of opaque directories that could not be marked, the filesystem having no user.* attributes (tmpfs
	 * before Linux 6.6): who mounts the layer sets trusted.overlay.opaque on them. Owned; freed by layer_info_free.
	 */
	struct buf unmarked;
};
void layer_info_free(struct layer_info *i);

/*
 * Reads blob_fd from its present offset to its end and checks the uncompressed stream against diff_id. dir_fd: an empty
 * directory to unpack into, or -1 to check only. On -1 the directory holds debris. out may be NULL.
 */
int layer_unpack(int blob_fd, const struct digest *diff_id, int dir_fd, const struct layer_limits *limits,
		 struct layer_info *out, struct err *e);
