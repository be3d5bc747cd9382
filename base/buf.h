/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a bound. Always NUL-terminated behind len once something was added. */
#pragma once
#include <stddef.h>

struct buf {
	char *data; /* owned; NULL or without bytes while empty */
	size_t len, cap;
	size_t max; /* largest len allowed; 0: 1 MiB */
	size_t skip; /* dropped bytes in front of data, still allocated: dropping many small messages stays linear */
};

/* All return 0, or -1 with errno ENOMEM or EMSGSIZE (over max); on -1 the content is unchanged. */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops n bytes from the front. */
void buf_drop(struct buf *b, size_t n);
void buf_free(struct buf *b);
#define cleanup_buf __attribute__((cleanup(buf_free)))
