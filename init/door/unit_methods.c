/* SPDX-License-Identifier: Apache-2.0 */
/* org.hull.Units, but for Logs (unit_logs.c). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/signame.h"
#include "init/door/methods.h"
#include "init/units.h"

#define LIST_PART 40 /* units a reply: below 64 KiB whatever their texts */

/* A unit named by the parameters, or NULL with the call ended. */
static struct unit *find_unit(struct pid1 *p, struct call *c, const cJSON *params)
{
	const cJSON *name = json_get(params, "name");
	if (!cJSON_IsString(name)) {
		call_invalid(c, "name");
		return NULL;
	}
	struct unit *u = supervisor_find(units_supervisor(p), name->valuestring);
	if (!u)
		call_fail(c, "`hull ps` lists the units", "there is no unit %.64s", name->valuestring);
	return u;
}

static void reply_unit(struct call *c, const struct unit *u)
{
	cJSON *v = cJSON_CreateObject();
	cJSON_AddItemToObject(v, "unit", units_describe(u));
	call_reply(c, v, false);
}

/* --- List: in parts, each when the one before was taken, by the name it ended with --- */

static void list_part(struct call *c)
{
	struct unit *u = supervisor_first(units_supervisor(c->p));
	char *after = c->state;
	if (after) {
		struct unit *last = supervisor_find(units_supervisor(c->p), after);
		if (last)
			u = last->next;
		free(after);
		c->state = NULL;
	}
	cJSON *v = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(v, "units");
	const struct unit *last = NULL;
	for (int n = 0; u && n < LIST_PART; u = u->next, n++) {
		cJSON_AddItemToArray(list, units_describe(u));
		last = u;
	}
	bool continues = u && c->more;
	c->state = continues ? strdup(last->spec.name) : NULL;
	call_reply(c, v, continues && c->state);
}

static void list_cancel(struct call *c)
{
	free(c->state);
}

void units_list(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)p, (void)params;
	c->drained = list_part;
	c->cancel = list_cancel;
	list_part(c);
}

void units_get(struct pid1 *p, struct call *c, const cJSON *params)
{
	struct unit *u = find_unit(p, c, params);
	if (u)
		reply_unit(c, u);
}

/* --- Run, Start, Remove --- */

/* The wire's spec, which may leave out the name and give the stop signal by name, as the form units are kept in. */
static int read_spec(struct pid1 *p, const cJSON *wire, struct unit_spec *out, struct err *e)
{
	static const char *const known[] = { "name", "image", "command", "entrypoint", "environment", "hostname", "restart",
		"stop_signal", "stop_grace_ms", "network_host", "remove" };
	const cJSON *field;
	cJSON_ArrayForEach(field, wire) {
		bool ok = false;
		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			ok = ok || strcmp(field->string, known[i]) == 0;
		if (!ok)
			return err_set(e, EINVAL, "spec.%s: not a key of a unit", field->string);
	}
	cleanup_json cJSON *spec = cJSON_Duplicate(wire, true);
	for (cJSON *at = spec ? spec->child : NULL, *next; at; at = next) { /* null is the same as absent */
		next = at->next;
		if (cJSON_IsNull(at))
			cJSON_Delete(cJSON_DetachItemViaPointer(spec, at));
	}
	const cJSON *image = json_get(spec, "image"), *stop = json_get(spec, "stop_signal");
	if (!cJSON_IsString(image) || !image->valuestring[0])
		return err_set(e, EINVAL, "spec.image: must be an image's reference");
	if (!json_get(spec, "name")) {
		char name[UNIT_NAME_MAX + 1];
		units_make_name(p, image->valuestring, name);
		cJSON_AddStringToObject(spec, "name", name);
	}
	if (cJSON_IsString(stop)) {
		int sig = signame_parse(stop->valuestring);
		if (sig < 1)
			return err_set(e, EINVAL, "spec.stop_signal: %.32s is no signal", stop->valuestring);
		cJSON_ReplaceItemInObjectCaseSensitive(spec, "stop_signal", cJSON_CreateNumber(sig));
	}
	return unit_spec_from_json(spec, out, e);
}

void units_method_run(struct pid1 *p, struct call *c, const cJSON *params)
{
	struct unit_spec spec = { 0 };
	struct err e;
	const cJSON *wire = json_get(params, "spec");
	if (!cJSON_IsObject(wire)) {
		call_invalid(c, "spec");
		return;
	}
	if (p->shutting_down) {
		call_fail(c, NULL, "the machine is shutting down");
		return;
	}
	if (read_spec(p, wire, &spec, &e) < 0) {
		call_fail(c, NULL, "%s", e.text);
		return;
	}
	bool there = supervisor_find(units_supervisor(p), spec.name) != NULL;
	if (!there)
		units_forget_logs(p, spec.name); /* of an earlier boot's, or of one whose removal a crash cut short */
	struct unit *u = there ? NULL : units_run(p, &spec, cJSON_IsTrue(json_get(params, "attach")), &e);
	if (!u) {
		if (there)
			call_fail(c, "choose another, or `hull rm` it first", "the name %s is taken", spec.name);
		else
			call_fail(c, NULL, "%s", e.text);
		unit_spec_free(&spec);
		return;
	}
	cJSON *v = cJSON_CreateObject();
	cJSON_AddStringToObject(v, "name", u->spec.name);
	call_reply(c, v, false);
}

void units_start(struct pid1 *p, struct call *c, const cJSON *params)
{
	struct err e;
	struct unit *u = find_unit(p, c, params);
	if (!u)
		return;
	if (supervisor_start(units_supervisor(p), u, &e) < 0)
		call_fail(c, NULL, "%s", e.text);
	else
		call_reply(c, NULL, false);
}

/* --- calls that wait for a unit: Stop, Wait, Remove with force --- */

enum waiting_for { WAIT_STOPPED, WAIT_ENDED, WAIT_REMOVE };

struct waiting {
	struct units_watch watch;
	struct call *call;
	struct unit *unit;
	enum waiting_for what;
	struct event *later; /* Remove: not from within the supervisor's own call */
};

static void free_waiting(struct waiting *w)
{
	units_watch_remove(w->call->p, &w->watch);
	if (w->later)
		event_free(w->later);
	free(w);
}

static void waiting_cancel(struct call *c)
{
	free_waiting(c->state);
}

static void remove_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct waiting *w = arg;
	struct call *c = w->call;
	struct unit *u = w->unit;
	struct err e;
	free_waiting(w);
	c->cancel = NULL;
	if (supervisor_remove(units_supervisor(c->p), u, &e) < 0)
		call_fail(c, NULL, "%s", e.text);
	else
		call_reply(c, NULL, false);
}

static void waiting_answer(struct waiting *w, struct unit *u)
{
	struct call *c = w->call;
	if (w->what == WAIT_REMOVE) {
		if (!evtimer_pending(w->later, NULL)) {
			struct timeval now = { 0, 0 };
			event_add(w->later, &now);
		}
		return;
	}
	bool waited = w->what == WAIT_ENDED;
	free_waiting(w);
	c->cancel = NULL;
	struct pid1 *p = c->p;
	reply_unit(c, u);
	if (waited)
		units_waited(p, u);
}

static void waiting_changed(struct units_watch *watch, struct unit *u, bool removed)
{
	struct waiting *w = watch->arg;
	if (w->unit != u)
		return;
	if (removed) {
		/* Its last state is what was waited for, or it was removed by somebody else: the answer is the same. */
		struct call *c = w->call;
		bool remove = w->what == WAIT_REMOVE;
		free_waiting(w);
		c->cancel = NULL;
		if (remove)
			call_reply(c, NULL, false);
		else
			reply_unit(c, u);
	} else if (units_ended(u)) {
		waiting_answer(w, u);
	}
}

static void wait_for(struct call *c, struct unit *u, enum waiting_for what)
{
	struct waiting *w = calloc(1, sizeof(*w));
	if (!w) {
		call_fail(c, NULL, "out of memory");
		return;
	}
	*w = (struct waiting){ .watch = { .changed = waiting_changed, .arg = w }, .call = c, .unit = u, .what = what };
	w->later = evtimer_new(c->p->loop, remove_later, w);
	if (!w->later) {
		free(w);
		call_fail(c, NULL, "out of memory");
		return;
	}
	c->state = w;
	c->cancel = waiting_cancel;
	units_watch_add(c->p, &w->watch);
	if (units_ended(u))
		waiting_answer(w, u);
}

void units_stop(struct pid1 *p, struct call *c, const cJSON *params)
{
	struct err e;
	struct unit *u = find_unit(p, c, params);
	if (!u)
		return;
	const cJSON *grace = json_get(params, "grace_ms");
	if (grace && !cJSON_IsNull(grace) && !cJSON_IsNumber(grace)) {
		call_invalid(c, "grace_ms");
		return;
	}
	int ret = cJSON_IsNumber(grace) ? supervisor_stop_within(units_supervisor(p), u, (int64_t)grace->valuedouble, &e) :
					  supervisor_stop(units_supervisor(p), u, &e);
	if (ret < 0)
		call_fail(c, NULL, "%s", e.text);
	else
		wait_for(c, u, WAIT_STOPPED);
}

void units_wait(struct pid1 *p, struct call *c, const cJSON *params)
{
	struct unit *u = find_unit(p, c, params);
	if (u)
		wait_for(c, u, WAIT_ENDED);
}

void units_remove(struct pid1 *p, struct call *c, const cJSON *params)
{
	struct err e;
	struct unit *u = find_unit(p, c, params);
	if (!u)
		return;
	if (!units_ended(u) && !cJSON_IsTrue(json_get(params, "force"))) {
		call_fail(c, "`hull stop` it first, or use --force", "%s is %s", u->spec.name, unit_state_name(u->state));
		return;
	}
	if (!units_ended(u) && supervisor_stop_within(units_supervisor(p), u, 0, &e) < 0)
		call_fail(c, NULL, "%s", e.text);
	else
		wait_for(c, u, WAIT_REMOVE);
}
