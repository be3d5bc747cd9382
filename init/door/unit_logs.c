/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.hull.Units.Logs: pulls one bounded piece after another from the logs role, the next when the client has taken the
 * last, so a slow client costs nothing. The cursor is the client's: it can carry on after a crash of anything.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "init/door/methods.h"
#include "init/roles.h"
#include "init/units.h"
#include "supervisor/logs_record.h"

#define PIECE_BYTES 24576 /* of text a reply; JSON may double it */
#define CURSOR_MAX 64

struct reader {
	struct units_watch watch;
	struct call *call;
	char name[UNIT_NAME_MAX + 1];
	char cursor[CURSOR_MAX];
	bool follow;
	double tail; /* < 0: all */
	char began[LOG_TIME_LEN + 1]; /* when the call came, as the lines' times are written */
	uint64_t work; /* asked of the role; 0: nothing under way */
	bool parked; /* the unit's output ended, but the unit will run again */
};

static void ask(struct reader *r);

static void free_reader(struct reader *r)
{
	struct pid1 *p = r->call->p;
	if (r->work) {
		roles_forget(p, r->work);
		if (r->follow) {
			cleanup_json cJSON *v = cJSON_CreateObject();
			cJSON_AddNumberToObject(v, "id", (double)r->work);
			roles_work(p, ROLE_LOGS, "logs.cancel", v, NULL, 0, NULL, NULL);
		}
	}
	units_watch_remove(p, &r->watch);
	free(r);
}

static void on_cancel(struct call *c)
{
	free_reader(c->state);
}

/* Without follow: there is nothing more, or what comes was written after the call. (RFC 3339 in UTC: texts sort as times.) */
static bool reached_now(const struct reader *r, const cJSON *lines)
{
	const cJSON *last = cJSON_GetArrayItem(lines, cJSON_GetArraySize(lines) - 1);
	const cJSON *time = last ? json_get(last, "time") : NULL;
	return !cJSON_IsString(time) || strcmp(time->valuestring, r->began) > 0;
}

static void on_answer(struct pid1 *p, void *arg, const cJSON *result, const char *error, const char *message)
{
	struct reader *r = arg;
	struct call *c = r->call;
	r->work = 0;
	if (error || !cJSON_IsObject(result)) {
		free_reader(r);
		c->cancel = NULL;
		call_fail(c, NULL, "logs: %s", error ? message : "an answer that can't be read");
		return;
	}
	const cJSON *cursor = json_get(result, "cursor");
	if (cJSON_IsString(cursor) && strlen(cursor->valuestring) < CURSOR_MAX)
		strcpy(r->cursor, cursor->valuestring);
	r->tail = -1;
	bool eof = cJSON_IsTrue(json_get(result, "eof"));
	const struct unit *u = supervisor_find(units_supervisor(p), r->name);
	bool again = r->follow && u && !units_ended(u);
	bool last = r->follow ? eof && !again : eof || reached_now(r, json_get(result, "lines"));
	cJSON *v = cJSON_Duplicate(result, true);
	cJSON_ReplaceItemInObjectCaseSensitive(v, "eof", cJSON_CreateBool(last));
	r->parked = eof && again;
	if (last) {
		free_reader(r);
		c->cancel = NULL;
		c->drained = NULL;
	}
	call_reply(c, v, !last);
}

static void ask(struct reader *r)
{
	if (r->work)
		return;
	cleanup_json cJSON *v = cJSON_CreateObject();
	cJSON_AddStringToObject(v, "name", r->name);
	cJSON_AddStringToObject(v, "cursor", r->cursor);
	cJSON_AddBoolToObject(v, "follow", r->follow);
	cJSON_AddNumberToObject(v, "max", PIECE_BYTES);
	if (r->tail >= 0)
		cJSON_AddNumberToObject(v, "tail", r->tail);
	r->work = roles_work(r->call->p, ROLE_LOGS, "logs.read", v, NULL, 0, on_answer, r);
	if (!r->work) {
		struct call *c = r->call;
		free_reader(r);
		c->cancel = NULL;
		call_fail(c, "try again", "the logs role has too much to do");
	}
}

static void on_drained(struct call *c)
{
	struct reader *r = c->state;
	if (!r->parked)
		ask(r);
}

static void on_change(struct units_watch *w, struct unit *u, bool removed)
{
	struct reader *r = w->arg;
	if (strcmp(u->spec.name, r->name) != 0 || !r->parked)
		return;
	if (u->state == UNIT_RUNNING || units_ended(u) || removed) {
		r->parked = false;
		if (removed)
			r->follow = false;
		ask(r);
	}
}

void units_logs(struct pid1 *p, struct call *c, const cJSON *params)
{
	const cJSON *name = json_get(params, "name"), *cursor = json_get(params, "cursor"), *tail = json_get(params, "tail");
	if (!cJSON_IsString(name)) {
		call_invalid(c, "name");
		return;
	}
	if (cursor && !cJSON_IsNull(cursor) && (!cJSON_IsString(cursor) || strlen(cursor->valuestring) >= CURSOR_MAX)) {
		call_invalid(c, "cursor");
		return;
	}
	if (!supervisor_find(units_supervisor(p), name->valuestring)) {
		call_fail(c, "`hull ps` lists the units", "there is no unit %.64s", name->valuestring);
		return;
	}
	struct reader *r = calloc(1, sizeof(*r));
	if (!r) {
		call_fail(c, NULL, "out of memory");
		return;
	}
	*r = (struct reader){ .watch = { .changed = on_change, .arg = r }, .call = c, .follow = cJSON_IsTrue(json_get(params, "follow")),
		.tail = cJSON_IsNumber(tail) && tail->valuedouble >= 0 ? tail->valuedouble : -1 };
	strcpy(r->name, name->valuestring); /* a unit's, so it fits */
	if (cJSON_IsString(cursor))
		strcpy(r->cursor, cursor->valuestring);
	/* Not gmtime(3), which would read /etc/localtime: the root's device may hang. */
	log_time_format((uint64_t)time(NULL) * 1000000000 + 999999999, r->began);
	c->state = r;
	c->cancel = on_cancel;
	c->drained = on_drained;
	units_watch_add(p, &r->watch);
	ask(r);
}
