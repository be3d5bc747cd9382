/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAX (1u << 20)
#define KEEP_CAP 16384 /* an emptied buffer larger than this is given back: one large message must not stay for ever */

static char *start(struct buf *b)
{
	return b->data ? b->data - b->skip : NULL;
}

/* Makes room for len more bytes and a NUL. */
static int reserve(struct buf *b, size_t len)
{
	size_t max = b->max ? b->max : DEFAULT_MAX;
	if (b->len > max || len > max - b->len) {
		errno = EMSGSIZE;
		return -1;
	}
	size_t want = b->len + len + 1;
	if (b->data && want <= b->cap - b->skip)
		return 0;
	if (b->skip >= b->len + 1 && want <= b->cap) { /* the moved bytes are fewer than those dropped: amortised */
		char *base = start(b);
		memmove(base, b->data, b->len + 1);
		b->data = base;
		b->skip = 0;
		return 0;
	}
	/* Up to twice max: the room behind lets a full buffer that is read and filled in turns rarely move. */
	size_t cap = b->len * 2 > want ? b->len * 2 : want;
	if (cap < 64)
		cap = 64;
	char *fresh = malloc(cap);
	if (!fresh) {
		errno = ENOMEM;
		return -1;
	}
	if (b->len)
		memcpy(fresh, b->data, b->len);
	fresh[b->len] = '\0';
	free(start(b));
	b->data = fresh;
	b->cap = cap;
	b->skip = 0;
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	if (reserve(b, len) < 0)
		return -1;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	int result = -1;
	if (n < 0) {
		errno = EMSGSIZE;
	} else if (reserve(b, (size_t)n) == 0) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
		result = 0;
	}
	va_end(again);
	return result;
}

void buf_drop(struct buf *b, size_t n)
{
	if (n < b->len) {
		b->data += n;
		b->skip += n;
		b->len -= n;
		return;
	}
	if (!b->data)
		return;
	b->data = start(b);
	b->skip = b->len = 0;
	b->data[0] = '\0';
	if (b->cap > KEEP_CAP)
		buf_free(b);
}

void buf_free(struct buf *b)
{
	free(start(b));
	b->data = NULL;
	b->len = b->cap = b->skip = 0;
}
