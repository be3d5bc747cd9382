/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that one task answers. */
#include <stdlib.h>

#include "init/door/methods.h"
#include "init/task.h"

/* The call of a task: NULL once the client went away. */
struct asked {
	struct call *call;
};

static void asked_cancel(struct call *c)
{
	((struct asked *)c->state)->call = NULL;
}

static void on_task(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds, const struct err *error)
{
	(void)p, (void)fds, (void)n_fds;
	struct asked *a = arg;
	struct call *c = a->call;
	free(a);
	if (!c)
		return;
	c->cancel = NULL;
	if (error)
		call_fail(c, NULL, "%s", error->text);
	else
		call_reply(c, cJSON_Duplicate(result, true), false);
}

void method_by_task(struct call *c, const char *task, const cJSON *params, const int *fds, size_t n_fds)
{
	struct err e;
	struct asked *a = calloc(1, sizeof(*a));
	if (!a) {
		call_fail(c, NULL, "out of memory");
		return;
	}
	a->call = c;
	c->state = a;
	c->cancel = asked_cancel;
	if (task_start(c->p, task, params, fds, n_fds, on_task, a, &e) < 0) {
		free(a);
		c->cancel = NULL;
		call_fail(c, NULL, "%s", e.text);
	}
}
