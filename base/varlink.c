/* SPDX-License-Identifier: Apache-2.0 */
#include "base/varlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 255

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alpha(char c)
{
	return is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool is_alnum(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9');
}

/* An interface name, e.g. "org.hull.Units": two labels or more, hyphens only inside them, a letter first. */
static bool is_interface(const char *text, size_t len)
{
	size_t labels = 1;
	if (!len || !is_alpha(text[0]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (is_alnum(text[i]))
			continue;
		bool inside = i > 0 && i + 1 < len && text[i - 1] != '.' && text[i + 1] != '.';
		if (text[i] == '.' ? !(i + 1 < len && is_alnum(text[i - 1]) && is_alnum(text[i + 1]))
				   : text[i] != '-' || !inside)
			return false;
		labels += text[i] == '.';
	}
	return labels >= 2;
}

/* "interface.Member", the form of methods and errors. */
static bool is_member(const char *text)
{
	const char *dot = strrchr(text, '.');
	if (!dot || strlen(text) > NAME_MAX_BYTES || !is_interface(text, (size_t)(dot - text)) || !is_upper(dot[1]))
		return false;
	for (const char *p = dot + 1; *p; p++)
		if (!is_alnum(*p))
			return false;
	return true;
}

/* The parameters of a message, added when there are none. NULL: ENOMEM. */
static cJSON *parameters_of(cJSON *root, const cJSON *given)
{
	if (given)
		return (cJSON *)given;
	cJSON_DeleteItemFromObjectCaseSensitive(root, "parameters"); /* null */
	return cJSON_AddObjectToObject(root, "parameters");
}

struct call_fields {
	const char *method;
	const cJSON *parameters;
	bool more, oneway, upgrade;
};

static const struct json_field call_table[] = {
	{ .key = "method", .type = JSON_STRING, .offset = offsetof(struct call_fields, method), .required = true },
	{ .key = "parameters", .type = JSON_OBJECT, .offset = offsetof(struct call_fields, parameters) },
	{ .key = "more", .type = JSON_BOOL, .offset = offsetof(struct call_fields, more) },
	{ .key = "oneway", .type = JSON_BOOL, .offset = offsetof(struct call_fields, oneway) },
	{ .key = "upgrade", .type = JSON_BOOL, .offset = offsetof(struct call_fields, upgrade) },
};

int varlink_call_parse(const char *text, size_t len, struct varlink_call *out, struct err *e)
{
	cleanup_json cJSON *root = json_parse(text, len, &JSON_MESSAGE, e);
	if (!root)
		return -1;
	struct call_fields f = { 0 };
	if (json_read(root, call_table, sizeof(call_table) / sizeof(call_table[0]), 0, "call", &f, e) < 0)
		return -1;
	if (!is_member(f.method))
		return err_set(e, EINVAL, "call: '%.64s' is not the name of a method", f.method);
	if (f.more + f.oneway + f.upgrade > 1)
		return err_set(e, EINVAL, "call: only one of more, oneway and upgrade can be asked for");
	cJSON *parameters = parameters_of(root, f.parameters);
	if (!parameters)
		return err_set(e, ENOMEM, "call: out of memory");
	*out = (struct varlink_call){
		.root = root,
		.method = f.method,
		.parameters = parameters,
		.more = f.more,
		.oneway = f.oneway,
		.upgrade = f.upgrade,
	};
	root = NULL;
	return 0;
}

void varlink_call_free(struct varlink_call *c)
{
	cJSON_Delete(c->root);
	*c = (struct varlink_call){ 0 };
}

struct reply_fields {
	const char *error;
	const cJSON *parameters;
	bool continues;
};

static const struct json_field reply_table[] = {
	{ .key = "error", .type = JSON_STRING, .offset = offsetof(struct reply_fields, error) },
	{ .key = "parameters", .type = JSON_OBJECT, .offset = offsetof(struct reply_fields, parameters) },
	{ .key = "continues", .type = JSON_BOOL, .offset = offsetof(struct reply_fields, continues) },
};

int varlink_reply_parse(const char *text, size_t len, struct varlink_reply *out, struct err *e)
{
	cleanup_json cJSON *root = json_parse(text, len, &JSON_MESSAGE, e);
	if (!root)
		return -1;
	struct reply_fields f = { 0 };
	if (json_read(root, reply_table, sizeof(reply_table) / sizeof(reply_table[0]), JSON_ALLOW_UNKNOWN, "reply", &f,
		      e) < 0)
		return -1;
	if (f.error && !is_member(f.error))
		return err_set(e, EINVAL, "reply: '%.64s' is not the name of an error", f.error);
	if (f.error && f.continues)
		return err_set(e, EINVAL, "reply: an error can't continue");
	cJSON *parameters = parameters_of(root, f.parameters);
	if (!parameters)
		return err_set(e, ENOMEM, "reply: out of memory");
	*out = (struct varlink_reply){
		.root = root, .error = f.error, .parameters = parameters, .continues = f.continues
	};
	root = NULL;
	return 0;
}

void varlink_reply_free(struct varlink_reply *r)
{
	cJSON_Delete(r->root);
	*r = (struct varlink_reply){ 0 };
}

/* {"<key>":"<name>","parameters":...,"<flag>":true...}; parameters are borrowed, so they are added as a reference. */
static char *message(const char *key, const char *name, const cJSON *parameters, const char *flag, const char *flag2)
{
	cleanup_json cJSON *root = cJSON_CreateObject();
	if (!root || (key && !cJSON_AddStringToObject(root, key, name)))
		return NULL;
	if (parameters && !cJSON_AddItemReferenceToObject(root, "parameters", (cJSON *)parameters))
		return NULL;
	if ((flag && !cJSON_AddTrueToObject(root, flag)) || (flag2 && !cJSON_AddTrueToObject(root, flag2)))
		return NULL;
	return json_print(root);
}

char *varlink_call_text(const char *method, const cJSON *parameters, bool more, bool oneway)
{
	return message("method", method, parameters, more ? "more" : NULL, oneway ? "oneway" : NULL);
}

char *varlink_reply_text(const cJSON *parameters, bool continues)
{
	return message(NULL, NULL, parameters, continues ? "continues" : NULL, NULL);
}

char *varlink_error_text(const char *error, const cJSON *parameters)
{
	return message("error", error, parameters, NULL, NULL);
}

int varlink_take(struct buf *in, char **text, size_t *len)
{
	const char *end = in->len ? memchr(in->data, '\0', in->len) : NULL;
	size_t n = end ? (size_t)(end - in->data) : in->len;
	if (n > VARLINK_MESSAGE_MAX)
		return -1;
	if (!end)
		return 0;
	char *copy = malloc(n + 1);
	if (!copy)
		return -1;
	memcpy(copy, in->data, n + 1);
	buf_drop(in, n + 1);
	*text = copy;
	*len = n;
	return 1;
}
