/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/unit.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define UNIT_IMAGE_MAX 512
#define UNIT_HOSTNAME_MAX 64
#define UNIT_RESTART_TIMES_MAX 1000000

static const char *const state_names[UNIT_STATES] = {
	[UNIT_INACTIVE] = "inactive",	[UNIT_PULLING] = "pulling",	[UNIT_STARTING] = "starting",
	[UNIT_RUNNING] = "running",	[UNIT_HEALTHY] = "healthy",	[UNIT_UNHEALTHY] = "unhealthy",
	[UNIT_STOPPING] = "stopping",	[UNIT_EXITED] = "exited",	[UNIT_FAILED] = "failed",
	[UNIT_HELD] = "held",
};

static const char *const restart_names[] = {
	[RESTART_NO] = "no",
	[RESTART_ALWAYS] = "always",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_UNLESS_STOPPED] = "unless-stopped",
};

const char *unit_state_name(enum unit_state s)
{
	return (unsigned)s < UNIT_STATES ? state_names[s] : "unknown";
}

int unit_state_parse(const char *name, enum unit_state *out)
{
	for (int i = 0; i < UNIT_STATES; i++)
		if (strcmp(name, state_names[i]) == 0) {
			*out = (enum unit_state)i;
			return 0;
		}
	return -1;
}

int unit_name_check(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 0)
		return err_set(e, EINVAL, "a unit's name can't be empty");
	if (len > UNIT_NAME_MAX)
		return err_set(e, EINVAL, "a unit's name has at most %d bytes, this one %zu", UNIT_NAME_MAX, len);
	if (!((name[0] >= 'a' && name[0] <= 'z') || (name[0] >= '0' && name[0] <= '9')))
		return err_set(e, EINVAL, "a unit's name starts with a-z or 0-9");
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
			return err_set(e, EINVAL, "a unit's name has only letters, digits, '_', '.' and '-'");
	return 0;
}

int unit_hostname_check(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 0 || len > UNIT_HOSTNAME_MAX)
		return err_set(e, EINVAL, "a host name has 1 to %d bytes", UNIT_HOSTNAME_MAX);
	for (size_t i = 0; i < len; i++) {
		bool edge = i == 0 || i + 1 == len || name[i - 1] == '.' || name[i + 1] == '.';

		if (isalnum((unsigned char)name[i]) || (!edge && strchr("-._", name[i])))
			continue;
		return err_set(e, EINVAL, "a host name has only letters, digits, '-' and '.', and no '-' or '.' at an end");
	}
	return 0;
}

int unit_restart_parse(const char *text, enum unit_restart *restart, int *max, struct err *e)
{
	static const char times[] = "on-failure:";

	for (size_t i = 0; i < sizeof(restart_names) / sizeof(restart_names[0]); i++)
		if (strcmp(text, restart_names[i]) == 0) {
			*restart = (enum unit_restart)i;
			*max = 0;
			return 0;
		}
	if (strncmp(text, times, sizeof(times) - 1) == 0) {
		const char *digits = text + sizeof(times) - 1;
		size_t len = strspn(digits, "0123456789");
		long n = len > 0 && len <= 7 && digits[len] == '\0' ? atol(digits) : -1;

		if (n >= 0 && n <= UNIT_RESTART_TIMES_MAX) {
			*restart = RESTART_ON_FAILURE;
			*max = (int)n;
			return 0;
		}
	}
	return err_set(e, EINVAL, "allowed are \"no\", \"always\", \"on-failure\", \"on-failure:N\" (N up to %d) and "
		       "\"unless-stopped\"", UNIT_RESTART_TIMES_MAX);
}

void unit_restart_format(enum unit_restart restart, int max, char out[UNIT_RESTART_TEXT_MAX])
{
	if (restart == RESTART_ON_FAILURE && max > 0)
		snprintf(out, UNIT_RESTART_TEXT_MAX, "on-failure:%d", max);
	else
		snprintf(out, UNIT_RESTART_TEXT_MAX, "%s", restart_names[restart]);
}

void unit_spec_init(struct unit_spec *s)
{
	*s = (struct unit_spec){ .stop_grace_ms = UNIT_STOP_GRACE_MS };
}

static void strings_free(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

void unit_spec_free(struct unit_spec *s)
{
	free(s->image);
	free(s->hostname);
	strings_free(s->command);
	strings_free(s->entrypoint);
	strings_free(s->environment);
	*s = (struct unit_spec){ 0 };
}

/* NULL list: nothing is added. */
static bool add_strings(cJSON *to, const char *key, char *const *list)
{
	cJSON *array;

	if (!list)
		return true;
	array = cJSON_AddArrayToObject(to, key);
	for (; array && *list; list++) {
		cJSON *item = cJSON_CreateString(*list);

		if (!item || !cJSON_AddItemToArray(array, item)) {
			cJSON_Delete(item);
			return false;
		}
	}
	return array != NULL;
}

static bool add_text(cJSON *to, const char *key, const char *text)
{
	return !text || !*text || cJSON_AddStringToObject(to, key, text);
}

cJSON *unit_spec_to_json(const struct unit_spec *s)
{
	char restart[UNIT_RESTART_TEXT_MAX];
	cJSON *v = cJSON_CreateObject();

	unit_restart_format(s->restart, s->restart_max, restart);
	if (v && add_text(v, "name", s->name) && add_text(v, "project", s->project) && add_text(v, "service", s->service) &&
	    add_text(v, "image", s->image) && add_strings(v, "command", s->command) &&
	    add_strings(v, "entrypoint", s->entrypoint) && add_strings(v, "environment", s->environment) &&
	    add_text(v, "hostname", s->hostname) && add_text(v, "restart", restart) &&
	    cJSON_AddNumberToObject(v, "stop_signal", s->stop_signal) &&
	    cJSON_AddNumberToObject(v, "stop_grace_ms", (double)s->stop_grace_ms) &&
	    cJSON_AddBoolToObject(v, "network_host", s->network_host) && cJSON_AddBoolToObject(v, "remove", s->remove))
		return v;
	cJSON_Delete(v);
	return NULL;
}

int unit_spec_check_size(const struct unit_spec *s, struct err *e)
{
	cleanup_json cJSON *v = unit_spec_to_json(s);
	cleanup_free char *text = v ? json_print(v) : NULL;

	if (!text)
		return err_set(e, ENOMEM, "out of memory");
	if (strlen(text) >= UNIT_SPEC_JSON_MAX)
		return err_set(e, E2BIG, "takes %zu bytes, at most %d are allowed: shorten environment or command",
			       strlen(text), UNIT_SPEC_JSON_MAX - 1);
	return 0;
}

/* array NULL: *out stays NULL. */
static int copy_strings(const cJSON *array, char ***out, struct err *e)
{
	const cJSON *item;
	size_t i = 0;
	char **list;

	if (!array)
		return 0;
	list = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof(*list));
	if (!list)
		return err_set(e, ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, array) {
		list[i] = strdup(item->valuestring);
		if (!list[i++]) {
			strings_free(list);
			return err_set(e, ENOMEM, "out of memory");
		}
	}
	*out = list;
	return 0;
}

/* The fields of a spec as json_read finds them, all borrowed. */
struct raw_spec {
	const char *name, *project, *service, *image, *hostname, *restart;
	const cJSON *command, *entrypoint, *environment;
	int64_t stop_signal, stop_grace_ms;
	bool network_host, remove;
};
#define RAW(key, type, ...) { #key, type, offsetof(struct raw_spec, key), __VA_ARGS__ }
static const struct json_field raw_fields[] = {
	RAW(name, JSON_STRING, .required = true, .max = UNIT_NAME_MAX),
	RAW(project, JSON_STRING, .max = UNIT_NAME_MAX),
	RAW(service, JSON_STRING, .max = UNIT_NAME_MAX),
	RAW(image, JSON_STRING, .required = true, .max = UNIT_IMAGE_MAX),
	RAW(hostname, JSON_STRING, .max = UNIT_HOSTNAME_MAX),
	RAW(restart, JSON_STRING, .required = false),
	RAW(command, JSON_STRINGS, .required = false),
	RAW(entrypoint, JSON_STRINGS, .required = false),
	RAW(environment, JSON_STRINGS, .required = false),
	RAW(stop_signal, JSON_INT, .min = 0, .max = 64),
	RAW(stop_grace_ms, JSON_INT, .min = 0, .max = UNIT_STOP_GRACE_MAX_MS),
	RAW(network_host, JSON_BOOL, .required = false),
	RAW(remove, JSON_BOOL, .required = false),
};

static int check_environment(const cJSON *list, struct err *e)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
		if (item->valuestring[0] == '=' || !strchr(item->valuestring, '='))
			return err_set(e, EINVAL, "environment: every entry is NAME=VALUE");
	return 0;
}

int unit_spec_from_json(const cJSON *v, struct unit_spec *out, struct err *e)
{
	struct raw_spec raw = { .stop_grace_ms = UNIT_STOP_GRACE_MS };
	struct unit_spec s = { 0 };

	if (json_read(v, raw_fields, sizeof(raw_fields) / sizeof(raw_fields[0]), JSON_ALLOW_UNKNOWN, "unit", &raw, e) < 0)
		return -1;
	if (unit_name_check(raw.name, e) < 0 || check_environment(raw.environment, e) < 0)
		return -1;
	if (!*raw.image)
		return err_set(e, EINVAL, "unit %s: image is empty", raw.name);
	if (raw.hostname && unit_hostname_check(raw.hostname, e) < 0)
		return err_wrap(e, "hostname");
	if (raw.restart && unit_restart_parse(raw.restart, &s.restart, &s.restart_max, e) < 0)
		return err_wrap(e, "restart");
	snprintf(s.name, sizeof(s.name), "%s", raw.name);
	snprintf(s.project, sizeof(s.project), "%s", raw.project ? raw.project : "");
	snprintf(s.service, sizeof(s.service), "%s", raw.service ? raw.service : "");
	s.stop_signal = (int)raw.stop_signal;
	s.stop_grace_ms = raw.stop_grace_ms;
	s.network_host = raw.network_host;
	s.remove = raw.remove;
	s.image = strdup(raw.image);
	s.hostname = raw.hostname ? strdup(raw.hostname) : NULL;
	if (!s.image || (raw.hostname && !s.hostname)) {
		unit_spec_free(&s);
		return err_set(e, ENOMEM, "out of memory");
	}
	if (copy_strings(raw.command, &s.command, e) < 0 || copy_strings(raw.entrypoint, &s.entrypoint, e) < 0 ||
	    copy_strings(raw.environment, &s.environment, e) < 0 || unit_spec_check_size(&s, e) < 0) {
		unit_spec_free(&s);
		return -1;
	}
	*out = s;
	return 0;
}
