/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1's side of the roles: table, spawn, restart with backoff, work and answers. base/role.h is the other side. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/sandbox.h"
#include "init/pid1.h"

enum role_id { ROLE_LOGS, ROLE_NET, ROLE_COUNT };

/* error NULL: success; else the role's error, or "org.hull.Role.Gone" after roles_cancel. */
typedef void role_answer_fn(struct pid1 *p, void *arg, const cJSON *result, const char *error, const char *message);

int roles_open(struct pid1 *p, struct err *e); /* makes p->roles; resumes from the snapshot after a re-exec */
void roles_start(struct pid1 *p, enum role_id id);
/* After a re-exec, once all is open: what was asked of the roles without an answer is asked again. */
void roles_resumed(struct pid1 *p);
void roles_stop_all(struct pid1 *p);
bool roles_running(const struct pid1 *p);
/* A child ended: true when it was a role. */
bool roles_exited(struct pid1 *p, int pid, int status);
/* Queues work; it is issued again when the role restarts until it is answered. fds are dup'ed and kept until then.
 * Returns the id (> 0), 0 when full (8,192 a role). */
uint64_t roles_work(struct pid1 *p, enum role_id id, const char *op, const cJSON *params, const int *fds, size_t n_fds,
		    role_answer_fn *answer, void *arg);
/* Forgets the callback of a request; the answer is dropped when it comes. */
void roles_forget(struct pid1 *p, uint64_t work_id);
const char *roles_name(enum role_id id);
cJSON *roles_info(const struct pid1 *p);
