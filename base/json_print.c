/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing apart from cJSON's: that one writes integers of 16 digits in a form that loses the last ones or turns them
 * into floats, and passes invalid UTF-8 on, which json_parse on the other side would refuse.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"

#define DEPTH_MAX 256
#define TEXT_MAX (64u << 20)

static int print_string(struct buf *b, const char *s)
{
	size_t len = s ? strlen(s) : 0, plain = 0;
	int failed = buf_add(b, "\"", 1);
	for (size_t i = 0; i < len && !failed;) {
		size_t n = utf8_sequence(s + i, len - i);
		unsigned char c = (unsigned char)s[i];
		if (n > 1 || (n == 1 && c >= 0x20 && c != '"' && c != '\\')) {
			i += n;
			continue;
		}
		failed |= buf_add(b, s + plain, i - plain);
		if (!n)
			failed |= buf_add(b, "\xef\xbf\xbd", 3); /* U+FFFD */
		else if (c == '"' || c == '\\')
			failed |= buf_printf(b, "\\%c", c);
		else if (c == '\n')
			failed |= buf_add(b, "\\n", 2);
		else
			failed |= buf_printf(b, "\\u%04x", c);
		plain = ++i;
	}
	if (len > plain)
		failed |= buf_add(b, s + plain, len - plain);
	return failed | buf_add(b, "\"", 1);
}

static int print_number(struct buf *b, double d)
{
	if (!isfinite(d))
		return buf_add(b, "null", 4);
	if (d == floor(d) && fabs(d) <= 9007199254740992.0)
		return buf_printf(b, "%lld", (long long)d);
	char text[32];
	snprintf(text, sizeof(text), "%.15g", d);
	double back = 0;
	if (sscanf(text, "%lf", &back) != 1 || back != d)
		snprintf(text, sizeof(text), "%.17g", d);
	return buf_add(b, text, strlen(text));
}

static int print_value(struct buf *b, const cJSON *v, unsigned depth);

static int print_children(struct buf *b, const cJSON *v, unsigned depth)
{
	bool object = cJSON_IsObject(v);
	if (depth >= DEPTH_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	int failed = buf_add(b, object ? "{" : "[", 1);
	for (const cJSON *child = v->child; child && !failed; child = child->next) {
		if (child != v->child)
			failed |= buf_add(b, ",", 1);
		if (object)
			failed |= print_string(b, child->string) | buf_add(b, ":", 1);
		failed |= print_value(b, child, depth + 1);
	}
	return failed | buf_add(b, object ? "}" : "]", 1);
}

static int print_value(struct buf *b, const cJSON *v, unsigned depth)
{
	if (cJSON_IsObject(v) || cJSON_IsArray(v))
		return print_children(b, v, depth);
	if (cJSON_IsString(v))
		return print_string(b, v->valuestring);
	if (cJSON_IsNumber(v))
		return print_number(b, v->valuedouble);
	if (cJSON_IsBool(v))
		return cJSON_IsTrue(v) ? buf_add(b, "true", 4) : buf_add(b, "false", 5);
	return buf_add(b, "null", 4);
}

char *json_print(const cJSON *v)
{
	cleanup_buf struct buf b = { .max = TEXT_MAX };
	if (!v || print_value(&b, v, 0) != 0)
		return NULL;
	char *text = strdup(b.data); /* without the spare room, and at the start of its allocation */
	return text;
}
