/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PID 1 must not lose in a crash: small JSON documents by key ("unit/web", "role/logs", "boot"), written at each
 * transition to a memfd that is never mapped, so no stray pointer reaches it. Each record has two copies with
 * generation, CRC and version; a write goes to the older copy, so a crash in the middle leaves the newer one.
 */
#pragma once
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

struct snapshot;

struct snapshot *snapshot_create(struct err *e);
/* Reads every record of an inherited memfd; damaged records are dropped and counted in *lost. */
struct snapshot *snapshot_resume(int fd, size_t *lost, struct err *e);
int snapshot_fd(const struct snapshot *s); /* not CLOEXEC */
/* value is borrowed. */
int snapshot_put(struct snapshot *s, const char *key, const cJSON *value, struct err *e);
void snapshot_delete(struct snapshot *s, const char *key);
/* New tree, or NULL. */
cJSON *snapshot_get(const struct snapshot *s, const char *key);
/* Calls fn for each key with this prefix; value is borrowed. */
void snapshot_each(const struct snapshot *s, const char *prefix, void (*fn)(void *arg, const char *key, const cJSON *value),
		   void *arg);
void snapshot_free(struct snapshot *s);
