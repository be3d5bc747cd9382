/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of a machine's virtio port (see base/varlink.h): who may use it, and where its session begins. Inside
 * varlink_client.c and varlink_port.c only.
 */
#pragma once
#include <stdint.h>

#include "base/varlink.h"

#define VARLINK_PORTS 4

/* Locks PATH.lock, beside the socket, for one client; the lock goes with the descriptor. EWOULDBLOCK: taken. */
int varlink_port_lock(const char *path, struct err *e);
/* Says hello until this session's own answer comes; drops everything that belongs to others before it. */
int varlink_port_hello(struct varlink_client *c, int64_t deadline, struct err *e);

/* From varlink_client.c: a CLOCK_MONOTONIC deadline in ms (INT64_MAX: none), raw bytes out, one raw message in. */
int64_t varlink_deadline(int timeout_ms);
int varlink_write(struct varlink_client *c, const char *data, size_t len, const int *fds, size_t n_fds, struct err *e);
int varlink_next(struct varlink_client *c, char **text, size_t *len, int64_t deadline, struct err *e);
