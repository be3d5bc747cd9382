/* SPDX-License-Identifier: Apache-2.0 */
/* The roles: who they are, what they may do, what they may ask of PID 1. One table (role_table.c). */
#pragma once
#include <stddef.h>

#include "base/json.h"
#include "base/sandbox.h"
#include "init/roles.h"

/* What a role may ask, apart from Work and Done. A false answer ends the role: it has spoken out of turn. */
typedef bool role_request_fn(struct pid1 *p, enum role_id from, const cJSON *params);

struct role_request {
	const char *method; /* "org.hull.Role.Report" */
	size_t max_bytes; /* of the whole message */
	role_request_fn *handle;
};

struct role_spec {
	const char *name;
	const char *why; /* one line */
	void (*main)(void) __attribute__((noreturn)); /* in the child */
	const struct sandbox *sandbox; /* for `hull status`: entered by the role itself, first thing */
	const struct role_request *requests; /* ended by a NULL method; NULL: none */
	void (*started)(struct pid1 *p); /* it listens: gives it what every new process of it needs; may come again */
};
extern const struct role_spec role_table[ROLE_COUNT];

/* `hull --role NAME`: does not return. */
_Noreturn void role_main(const char *name);
