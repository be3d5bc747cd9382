/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Varlink messages (https://varlink.org/Service): JSON objects, each ended by one NUL on a stream, or one a packet on
 * SOCK_SEQPACKET. This file knows messages and blocking clients; the server is init/door/door.h.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#define VARLINK_MESSAGE_MAX 65536 /* bytes without the NUL */

struct varlink_call {
	cJSON *root; /* owned */
	const char *method; /* borrowed from root, "interface.Method", checked for form */
	cJSON *parameters; /* borrowed; an object, never NULL after parsing (empty when absent) */
	bool more, oneway, upgrade;
};
int varlink_call_parse(const char *text, size_t len, struct varlink_call *out, struct err *e);
void varlink_call_free(struct varlink_call *c);

/* Message texts, malloc'ed, without the final NUL's extra byte (they are C strings). parameters may be NULL; borrowed. */
char *varlink_call_text(const char *method, const cJSON *parameters, bool more, bool oneway);
char *varlink_reply_text(const cJSON *parameters, bool continues);
char *varlink_error_text(const char *error, const cJSON *parameters);

struct varlink_reply {
	cJSON *root; /* owned */
	const char *error; /* NULL: success */
	const cJSON *parameters; /* never NULL */
	bool continues;
};
int varlink_reply_parse(const char *text, size_t len, struct varlink_reply *out, struct err *e);
void varlink_reply_free(struct varlink_reply *r);

/* Takes one whole NUL-ended message off the front of in: 1 got one (*text malloc'ed), 0 need more bytes, -1 too long. */
int varlink_take(struct buf *in, char **text, size_t *len);

/*
 * A blocking client (the CLI). target: a socket path; or a directory with the sockets 0-3 of a machine's virtio ports, of
 * which a free one is taken (flock on PATH.lock beside it). A new client is invisible in the guest, so a port is opened by
 * two NULs and org.hull.Machine.Hello with a nonce that must come back, said again until the timeout: the machine may
 * still boot. A lone NUL from the guest afterwards says that its PID 1 restarted.
 */
struct varlink_client;
struct varlink_client *varlink_connect(const char *target, int timeout_ms, struct err *e);
void varlink_close(struct varlink_client *c);
/* Sends a call; fds only on a unix socket (n_fds 0 otherwise). */
int varlink_send(struct varlink_client *c, const char *method, const cJSON *parameters, bool more, const int *fds,
		 size_t n_fds, struct err *e);
/* Waits for the next reply; timeout_ms < 0: for ever. -1 with code ECONNRESET when the peer went away or restarted. */
int varlink_receive(struct varlink_client *c, struct varlink_reply *out, int timeout_ms, struct err *e);
/* send + receive of a single reply; a Varlink error becomes -1 with its name and message in e. parameters out owned. */
int varlink_simple(struct varlink_client *c, const char *method, const cJSON *parameters, cJSON **out, struct err *e);
/* The descriptor to poll, and whether it can pass fds (a unix socket, not a virtio port). */
int varlink_fd(const struct varlink_client *c);
bool varlink_passes_fds(const struct varlink_client *c);
