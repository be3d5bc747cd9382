/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `image load`: an archive of an OCI layout (skopeo's oci-archive:, a tarred umoci or podman layout, `docker save` of
 * Docker 25) or of `docker save`/`podman save` (docker-archive, old ones with linked layers included) into the store.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "containers/store.h"

/*
 * store: open for writing. fd: the archive, a file or a pipe. name: what to call the image (NULL: the names that the
 * archive gives, by the annotations io.containerd.image.name or org.opencontainers.image.ref.name, or RepoTags; an
 * image without any is stored under its digest); only for an archive of one image.
 * Adds {"images":[{"reference","digest"}]} to out. Nothing becomes visible unless everything in the archive was good.
 */
int load_archive(const struct store *store, int fd, const char *name, cJSON *out, struct err *e);
