/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/json.h"

static const char *const type_names[] = {
	[JSON_STRING] = "a string", [JSON_BOOL] = "true or false", [JSON_INT] = "an integer",
	[JSON_ARRAY] = "a list",    [JSON_OBJECT] = "an object",   [JSON_STRINGS] = "a list of strings",
	[JSON_ANY] = "a value",
};

static bool is_strings(const cJSON *v)
{
	if (!cJSON_IsArray(v))
		return false;
	for (v = v->child; v; v = v->next)
		if (!cJSON_IsString(v))
			return false;
	return true;
}

static bool has_type(const cJSON *v, enum json_type type)
{
	switch (type) {
	case JSON_STRING:
		return cJSON_IsString(v);
	case JSON_BOOL:
		return cJSON_IsBool(v);
	case JSON_INT:
		return cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble) &&
		       fabs(v->valuedouble) <= 9007199254740992.0;
	case JSON_ARRAY:
		return cJSON_IsArray(v);
	case JSON_OBJECT:
		return cJSON_IsObject(v);
	case JSON_STRINGS:
		return is_strings(v);
	case JSON_ANY:
		return true;
	}
	return false;
}

static int check_value(const cJSON *v, const struct json_field *f, const char *where, struct err *e)
{
	if (!has_type(v, f->type))
		return err_set(e, EINVAL, "%s: '%s' must be %s", where, f->key, type_names[f->type]);
	if (f->type == JSON_INT && f->max > f->min &&
	    (v->valuedouble < (double)f->min || v->valuedouble > (double)f->max))
		return err_set(e, ERANGE, "%s: '%s' must be from %lld to %lld", where, f->key, (long long)f->min,
			       (long long)f->max);
	if (f->type == JSON_STRING && f->max > 0 && strlen(v->valuestring) > (size_t)f->max)
		return err_set(e, ERANGE, "%s: '%s' is longer than %lld bytes", where, f->key, (long long)f->max);
	return 0;
}

static void store(const cJSON *v, const struct json_field *f, void *out)
{
	void *to = (char *)out + f->offset;
	switch (f->type) {
	case JSON_STRING:
		*(const char **)to = v->valuestring;
		break;
	case JSON_BOOL:
		*(bool *)to = cJSON_IsTrue(v);
		break;
	case JSON_INT:
		*(int64_t *)to = (int64_t)v->valuedouble;
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
	case JSON_STRINGS:
	case JSON_ANY:
		*(const cJSON **)to = v;
		break;
	}
}

static const cJSON *present(const cJSON *object, const char *key)
{
	const cJSON *v = json_get(object, key);
	return v && !cJSON_IsNull(v) ? v : NULL;
}

static bool known(const struct json_field *fields, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(fields[i].key, key) == 0)
			return true;
	return false;
}

int json_read(const cJSON *object, const struct json_field *fields, size_t n, unsigned flags, const char *where,
	      void *out, struct err *e)
{
	if (!cJSON_IsObject(object))
		return err_set(e, EINVAL, "%s must be an object", where);
	if (!(flags & JSON_ALLOW_UNKNOWN))
		for (const cJSON *v = object->child; v; v = v->next)
			if (!known(fields, n, v->string))
				return err_set(e, EINVAL, "%s: unknown key '%.64s'", where, v->string);
	/* Everything is checked before anything is stored, so that a failure leaves out alone. */
	for (size_t i = 0; i < n; i++) {
		const cJSON *v = present(object, fields[i].key);
		if (!v && fields[i].required)
			return err_set(e, EINVAL, "%s: '%s' is missing", where, fields[i].key);
		if (v && check_value(v, &fields[i], where, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		const cJSON *v = present(object, fields[i].key);
		if (v)
			store(v, &fields[i], out);
	}
	return 0;
}
