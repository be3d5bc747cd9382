/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/*
 * The text is made apart from e, because callers pass e->text as an argument. It is scrubbed, because it carries names
 * from outside to the console and, as JSON, to clients that refuse invalid UTF-8; a cut can split a sequence, too.
 */
static void store(struct err *e, int code, const char *text)
{
	e->code = code ? code : EIO;
	size_t len = strnlen(text, sizeof(e->text) - 1);
	memcpy(e->text, text, len);
	e->text[len] = '\0';
	utf8_scrub(e->text);
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	if (!e)
		return -1;
	int saved = errno;
	char text[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	store(e, code, text);
	errno = saved;
	return -1;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	if (!e)
		return -1;
	int saved = errno;
	char what[ERR_TEXT_MAX], text[ERR_TEXT_MAX], reason[128];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	/* The reason is worth more than the end of a long name. */
	const char *why = strerror_r(saved ? saved : EIO, reason, sizeof(reason));
	int room = (int)(sizeof(text) - strlen(why) - 3);
	snprintf(text, sizeof(text), "%.*s: %s", room > 0 ? room : 0, what, why);
	store(e, saved, text);
	errno = saved;
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	if (!e)
		return -1;
	int saved = errno;
	char prefix[ERR_TEXT_MAX], text[2 * ERR_TEXT_MAX + 2];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s: %s", prefix, e->text);
	store(e, e->code, text);
	errno = saved;
	return -1;
}
