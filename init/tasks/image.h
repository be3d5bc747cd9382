/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks on the image store (containers/operations.h). They start with PID 1's rights (no sandbox in the table): each
 * puts the work into a confined child of its own, which needs root once to map its ids. "store" is this machine's own
 * unless given.
 *
 * image-load:   {"store":DIR?,"name":TEXT?}, fd 0: the archive (file or pipe) -> {"images":[{"reference","digest"}]}
 * image-list:   {"store":DIR?,"after":REFERENCE?} ->
 *               {"images":[{"reference","digest","size_bytes","layers"}],"more":bool}
 *               in pages of 100, sorted; "after" is the last reference of the page before
 * image-remove: {"store":DIR?,"reference":TEXT,"in_use":[REFERENCE or DIGEST..]?} ->
 *               {"removed":[REFERENCE..],"layers":N}
 *               in_use: of every unit that exists; layers that containers stand on stay in any case
 * Error codes: ENOENT no such image, EBUSY used by a container, ENOSPC, EBADMSG a bad archive or a damaged store.
 */
#pragma once
#include "init/task.h"

int task_image_load(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
int task_image_list(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
int task_image_remove(struct task_io *io, const cJSON *params, cJSON *result, struct err *e);
