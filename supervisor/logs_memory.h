/* SPDX-License-Identifier: Apache-2.0 */
/* The newest records of a log, in memory, dropped whole from the front: for while its file can't be written. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct logs_memory {
	char *data; /* NULL: not in use */
	size_t len, size;
	uint64_t base; /* bytes dropped so far: the offset of data[0] */
	uint64_t generation;
};

/* -1: ENOMEM. */
int logs_memory_begin(struct logs_memory *m, size_t size, uint64_t generation);
/* Whole records; of more than fits only the newest stay. */
void logs_memory_put(struct logs_memory *m, const char *records, size_t len);
void logs_memory_end(struct logs_memory *m);
