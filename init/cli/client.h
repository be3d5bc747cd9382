/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to a machine's door for the verbs: connects at the first call, tells errors in words, and outlives a re-exec of
 * PID 1 (which drops its connections and is back within a moment) where asking twice does no harm.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "base/varlink.h"
#include "init/cli/cli.h"

/* What a lost connection means for a call. */
enum client_loss {
	CLIENT_FAIL, /* an error: whether it was done is unknown */
	CLIENT_REPEAT, /* ask again */
	CLIENT_EXPECTED, /* success: the call was to end the machine */
};
#define CLIENT_TIMEOUT_MS 30000
#define CLIENT_FOR_EVER (-1)

/* Connects unless connected. 0, or an exit code with the error told. */
int client_open(struct cli *c);
/* After ECONNRESET: closes and connects anew, trying for 20 s. 0, or an exit code with the error told. */
int client_again(struct cli *c);
/*
 * One call, one reply. params is taken over (NULL: none). *out (may be NULL) is owned by the caller; set on 0 only, and
 * NULL when the loss was expected. Returns 0, or an exit code with the error told.
 */
int client_call(struct cli *c, const char *method, cJSON *params, enum client_loss loss, int timeout_ms, cJSON **out);
/* Calls with `more` and gathers the array `key` of all replies into a new array. As client_call with CLIENT_REPEAT. */
int client_list(struct cli *c, const char *method, const char *key, cJSON **out);
/* Tells a Varlink error (reply->error is set). Returns the exit code. */
int client_refused(struct cli *c, const struct varlink_reply *reply);
/* Tells a failure of the connection itself. Returns the exit code. */
int client_lost(struct cli *c, const struct err *e);
/*
 * Waits for a reply or a signal: 0 a reply, 1 interrupt_fd is readable (it wins over nothing but waiting), -1 with e.
 * interrupt_fd < 0: none.
 */
int client_wait(struct cli *c, int interrupt_fd, struct varlink_reply *out, struct err *e);
