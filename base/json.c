/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A linear scan decides whether the text is good JSON within the limits; only then cJSON builds the tree. So cJSON's
 * leniency and its memory (some 40 times the input for "[0,0,...") never meet a text that wasn't counted before.
 */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define DEPTH_CEILING 256 /* of any limit: the scan's stack and the recursion over a tree */
#define NUMBER_MAX 40 /* characters; cJSON itself reads at most 63 and ignores the rest */
#define INTEGER_LIMIT 9007199254740992.0 /* 2^53: beyond, a double is no longer exact */

const struct json_limits JSON_MESSAGE = { .bytes = 64 << 10, .values = 4096, .depth = 16 };
const struct json_limits JSON_DOCUMENT = { .bytes = 4 << 20, .values = 100000, .depth = 64 };

struct scan {
	const char *text;
	size_t len, at, values;
	const struct json_limits *limits;
	struct err *e;
	unsigned depth;
	char open[DEPTH_CEILING]; /* '{' or '[' for each level */
};

static int bad(struct scan *s, const char *what)
{
	return err_set(s->e, EBADMSG, "JSON: %s at byte %zu", what, s->at);
}

static int over(struct scan *s, const char *what, size_t limit)
{
	return err_set(s->e, EMSGSIZE, "JSON: more than %zu %s at byte %zu", limit, what, s->at);
}

static int peek(const struct scan *s)
{
	return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static void skip_space(struct scan *s)
{
	int c;
	while ((c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		s->at++;
}

/* Four hex digits behind \u; -1 when they aren't there. */
static int hex4(const struct scan *s, size_t at)
{
	int value = 0;
	if (at + 4 > s->len)
		return -1;
	for (size_t i = at; i < at + 4; i++) {
		char c = s->text[i];
		int digit = c >= '0' && c <= '9'		 ? c - '0'
			    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
								 : -1;
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* At the character behind the backslash. */
static int scan_escape(struct scan *s)
{
	int c = peek(s);
	if (c != 'u') {
		if (c <= 0 || !strchr("\"\\/bfnrt", c))
			return bad(s, "an unknown escape");
		s->at++;
		return 0;
	}
	int unit = hex4(s, s->at + 1);
	if (unit < 0)
		return bad(s, "\\u without four hex digits");
	if (unit == 0)
		return bad(s, "a NUL character");
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return bad(s, "half a surrogate pair");
	s->at += 5;
	if (unit < 0xd800 || unit > 0xdbff)
		return 0;
	int low = s->at + 2 <= s->len && s->text[s->at] == '\\' && s->text[s->at + 1] == 'u' ? hex4(s, s->at + 2) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return bad(s, "half a surrogate pair");
	s->at += 6;
	return 0;
}

static int scan_string(struct scan *s)
{
	s->at++;
	for (;;) {
		int c = peek(s);
		if (c < 0)
			return bad(s, "an unfinished string");
		if (c == '"') {
			s->at++;
			return 0;
		}
		if (c < 0x20)
			return bad(s, "a control character in a string");
		if (c == '\\') {
			s->at++;
			if (scan_escape(s) < 0)
				return -1;
			continue;
		}
		size_t n = utf8_sequence(s->text + s->at, s->len - s->at);
		if (!n)
			return bad(s, "invalid UTF-8");
		s->at += n;
	}
}

static size_t digits(struct scan *s)
{
	size_t before = s->at;
	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return s->at - before;
}

/* RFC 8259's grammar, then the range. */
static int scan_number(struct scan *s)
{
	size_t begin = s->at;
	bool integer = true;
	if (peek(s) == '-')
		s->at++;
	bool zero = peek(s) == '0';
	size_t whole = digits(s);
	if (!whole || (zero && whole > 1))
		return bad(s, "a malformed number");
	if (peek(s) == '.') {
		integer = false;
		s->at++;
		if (!digits(s))
			return bad(s, "a malformed number");
	}
	if ((peek(s) | 32) == 'e') {
		integer = false;
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (!digits(s))
			return bad(s, "a malformed number");
	}
	size_t len = s->at - begin;
	char text[NUMBER_MAX + 1];
	if (len > NUMBER_MAX)
		return bad(s, "an overlong number");
	memcpy(text, s->text + begin, len);
	text[len] = '\0';
	/* As an integer where it is one: 2^53+1 would be rounded to 2^53 as a double. */
	if (integer ? whole > 16 || llabs(strtoll(text, NULL, 10)) > (long long)INTEGER_LIMIT
		    : !(fabs(strtod(text, NULL)) <= INTEGER_LIMIT))
		return bad(s, "a number beyond 2^53");
	return 0;
}

static int scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	if (s->len - s->at < n || memcmp(s->text + s->at, word, n) != 0)
		return bad(s, "an unexpected character");
	s->at += n;
	return 0;
}

/* A scalar, or the opening of a container (then *opened). */
static int scan_value(struct scan *s, bool *opened)
{
	*opened = false;
	if (++s->values > s->limits->values)
		return over(s, "values", s->limits->values);
	int c = peek(s);
	switch (c) {
	case '{':
	case '[':
		if (s->depth >= s->limits->depth || s->depth >= DEPTH_CEILING)
			return over(s, "levels", s->limits->depth);
		s->open[s->depth++] = (char)c;
		s->at++;
		*opened = true;
		return 0;
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	case -1:
		return bad(s, "unexpected end");
	default:
		return c == '-' || (c >= '0' && c <= '9') ? scan_number(s) : bad(s, "an unexpected character");
	}
}

/* "key" and the colon. */
static int scan_key(struct scan *s)
{
	skip_space(s);
	if (peek(s) != '"')
		return bad(s, "no key");
	if (scan_string(s) < 0)
		return -1;
	skip_space(s);
	if (peek(s) != ':')
		return bad(s, "no colon");
	s->at++;
	return 0;
}

/* Behind a value: closes containers that end here. 1: another element follows, 0: the whole is complete. */
static int scan_after(struct scan *s)
{
	while (s->depth) {
		bool object = s->open[s->depth - 1] == '{';
		skip_space(s);
		int c = peek(s);
		if (c == ',') {
			s->at++;
			return object && scan_key(s) < 0 ? -1 : 1;
		}
		if (c != (object ? '}' : ']'))
			return bad(s, c < 0 ? "unexpected end" : "no comma or end");
		s->at++;
		s->depth--;
	}
	return 0;
}

static int scan_document(struct scan *s)
{
	int more;
	do {
		bool opened;
		skip_space(s);
		if (scan_value(s, &opened) < 0)
			return -1;
		more = 1;
		if (opened) {
			skip_space(s);
			bool object = s->open[s->depth - 1] == '{';
			if (peek(s) != (object ? '}' : ']')) {
				if (object && scan_key(s) < 0)
					return -1;
				continue;
			}
		}
		more = scan_after(s);
	} while (more > 0);
	if (more < 0)
		return -1;
	skip_space(s);
	if (s->at != s->len)
		return bad(s, "something behind the end");
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int duplicate(struct err *e, const char *key)
{
	return err_set(e, EBADMSG, "JSON: the key '%.64s' is given twice", key);
}

/* Keys of one object, after unescaping; sorted, since an object may have 100,000 of them. */
static int check_keys(const cJSON *object, struct err *e)
{
	size_t n = 0, i = 0;
	for (const cJSON *v = object->child; v; v = v->next)
		n++;
	if (n < 8) {
		for (const cJSON *v = object->child; v; v = v->next)
			for (const cJSON *w = v->next; w; w = w->next)
				if (strcmp(v->string, w->string) == 0)
					return duplicate(e, v->string);
		return 0;
	}
	cleanup_free const char **keys = malloc(n * sizeof(*keys));
	if (!keys)
		return err_set(e, ENOMEM, "JSON: out of memory");
	for (const cJSON *v = object->child; v; v = v->next)
		keys[i++] = v->string;
	qsort(keys, n, sizeof(*keys), by_text);
	for (i = 1; i < n; i++)
		if (strcmp(keys[i - 1], keys[i]) == 0)
			return duplicate(e, keys[i]);
	return 0;
}

static int check_duplicates(const cJSON *v, struct err *e)
{
	if (cJSON_IsObject(v) && check_keys(v, e) < 0)
		return -1;
	for (v = v->child; v; v = v->next)
		if (v->child && check_duplicates(v, e) < 0)
			return -1;
	return 0;
}

cJSON *json_parse(const char *text, size_t len, const struct json_limits *limits, struct err *e)
{
	if (len > limits->bytes) {
		err_set(e, EMSGSIZE, "JSON: %zu bytes, at most %zu are taken", len, limits->bytes);
		return NULL;
	}
	struct scan s = { .text = text, .len = len, .limits = limits, .e = e };
	if (scan_document(&s) < 0)
		return NULL;
	const char *end = NULL;
	cJSON *v = cJSON_ParseWithLengthOpts(text, len, &end, 0);
	if (!v) {
		err_set(e, ENOMEM, "JSON: out of memory");
		return NULL;
	}
	if (check_duplicates(v, e) < 0) {
		cJSON_Delete(v);
		return NULL;
	}
	return v;
}

const cJSON *json_get(const cJSON *object, const char *key)
{
	return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}
