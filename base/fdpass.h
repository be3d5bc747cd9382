/* SPDX-License-Identifier: Apache-2.0 */
/* One packet with descriptors over a unix socket (SCM_RIGHTS). */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#define FDPASS_MAX 16

/*
 * flags as send(2); never SIGPIPE. Returns 0 or -1 with errno. The descriptors stay the caller's. len must not be 0
 * (the receiver would take it for the end). On a blocking stream the whole of data is sent.
 */
int fdpass_send(int sock, const void *data, size_t len, const int *fds, size_t n_fds, int flags);
/*
 * Receives one packet; descriptors arrive CLOEXEC, *n_fds in: room, out: count (n_fds NULL: no room). Returns the
 * length, 0 at the peer's end, or -1 with errno; EMSGSIZE when the packet or its descriptors did not fit (all
 * descriptors are closed then).
 */
ssize_t fdpass_recv(int sock, void *data, size_t size, int *fds, size_t *n_fds, int flags);
