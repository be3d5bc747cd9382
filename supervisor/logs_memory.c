/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/logs_memory.h"

#include <stdlib.h>
#include <string.h>

int logs_memory_begin(struct logs_memory *m, size_t size, uint64_t generation)
{
	*m = (struct logs_memory){ .data = malloc(size), .size = size, .generation = generation };
	return m->data ? 0 : -1;
}

/* How many bytes in front hold whole records and make at least need bytes; all, when no boundary is behind them. */
static size_t whole_records(const char *data, size_t len, size_t need)
{
	const char *end = need > 0 && need <= len ? memchr(data + need - 1, '\n', len - need + 1) : NULL;

	if (need == 0)
		return 0;
	return end ? (size_t)(end - data) + 1 : len;
}

void logs_memory_put(struct logs_memory *m, const char *records, size_t len)
{
	size_t drop, skip = 0;

	if (len > m->size)
		skip = whole_records(records, len, len - m->size);
	drop = m->len + (len - skip) > m->size ? whole_records(m->data, m->len, m->len + (len - skip) - m->size) : 0;
	if (skip > 0)
		drop = m->len; /* what comes is newer than all of this */
	memmove(m->data, m->data + drop, m->len - drop);
	m->len -= drop;
	m->base += drop + skip;
	memcpy(m->data + m->len, records + skip, len - skip);
	m->len += len - skip;
}

void logs_memory_end(struct logs_memory *m)
{
	free(m->data);
	*m = (struct logs_memory){ 0 };
}
