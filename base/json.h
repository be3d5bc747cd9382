/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON (RFC 8259) on cJSON. Beyond cJSON it refuses: input over the limits (counted before parsing), duplicate
 * keys, NUL in strings, invalid UTF-8, half surrogate pairs, control characters, numbers beyond 2^53 or of more than 40
 * characters, trailing bytes, a byte order mark. Keys are compared exactly.
 */
#pragma once
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct json_limits {
	size_t bytes, values;
	unsigned depth;
};
extern const struct json_limits JSON_MESSAGE; /* 64 KiB, 4096 values, depth 16: what PID 1 takes */
extern const struct json_limits JSON_DOCUMENT; /* 4 MiB, 100,000 values, depth 64: tasks, roles, the CLI */

/* NULL on error, with the byte offset named. Free with cJSON_Delete. */
cJSON *json_parse(const char *text, size_t len, const struct json_limits *limits, struct err *e);
/* Compact text that json_parse takes (invalid UTF-8 becomes U+FFFD, NaN null), malloc'ed; NULL: ENOMEM. */
char *json_print(const cJSON *v);
/* Exact-key lookup; NULL when absent. */
const cJSON *json_get(const cJSON *object, const char *key);

/*
 * Reading an object by table. Every key must be in the table (else an error naming it), unless JSON_ALLOW_UNKNOWN.
 * `where` names the object in errors ("services.web"). A JSON null counts as absent. What is absent leaves its place in
 * out as it was, so the caller puts the defaults there. Strings, arrays and objects are borrowed from the tree.
 */
enum json_type {
	JSON_STRING,
	JSON_BOOL,
	JSON_INT,
	JSON_ARRAY,
	JSON_OBJECT,
	JSON_STRINGS /* array of strings */,
	JSON_ANY
};
struct json_field {
	const char *key;
	enum json_type type;
	size_t offset; /* of: const char* | bool | int64_t | const cJSON* */
	bool required;
	int64_t min, max; /* JSON_INT: range, when max > min; JSON_STRING: max = longest length in bytes, 0: any */
};
#define JSON_ALLOW_UNKNOWN 1u
int json_read(const cJSON *object, const struct json_field *fields, size_t n, unsigned flags, const char *where,
	      void *out, struct err *e);

static inline void json_cleanup_fn(cJSON **v)
{
	cJSON_Delete(*v);
}
#define cleanup_json __attribute__((cleanup(json_cleanup_fn)))
