/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a role process: a socket (SOCK_SEQPACKET) to PID 1 on fd 3, work as replies to one `more` call
 * org.hull.Role.Work, answers by org.hull.Role.Done. Each role's main reads alike: acquire, drop, loop.
 */
#pragma once
#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/sandbox.h"

struct role;

struct role_ops {
	const char *name;
	/* Before the sandbox: open what will be needed. */
	int (*acquire)(struct role *r, void *state, struct err *e);
	/* After the sandbox, before the loop. */
	int (*start)(struct role *r, void *state, struct err *e);
	/*
	 * One piece of work. params and fds are valid during the call (dup what is kept; the caller closes fds).
	 * Answer now or later with role_done/role_fail, exactly once for each id. The same id may come again after a
	 * restart of this role or of PID 1: answers must be idempotent.
	 */
	void (*work)(struct role *r, void *state, uint64_t id, const char *op, const cJSON *params, const int *fds,
		     size_t n_fds);
};

/*
 * Runs until PID 1 closes the socket or ends the Work call (exit 0) or an error (logged as "hull-NAME: ..."; exit 1). Does
 * not return. The log goes to stderr, as /dev/kmsg when it is that. Dies with PID 1. sandbox NULL: keeps its rights (tests).
 */
_Noreturn void role_run(const struct role_ops *ops, const struct sandbox *sandbox, void *state);

/* There from acquire on. No signal events. */
struct event_base *role_base(struct role *r);
/*
 * Sent at once, or queued in order while PID 1 takes nothing (beyond 8 MiB the role gives up and exits 1). An answer of
 * more than 64 KiB becomes the error org.hull.Role.TooLarge, such a call is dropped and logged.
 */
void role_done(struct role *r, uint64_t id, const cJSON *result); /* result borrowed, may be NULL */
void role_fail(struct role *r, uint64_t id, const char *error, const char *message);
/* A oneway call to PID 1, e.g. "org.hull.Role.Report". parameters borrowed. */
void role_call(struct role *r, const char *method, const cJSON *parameters);
