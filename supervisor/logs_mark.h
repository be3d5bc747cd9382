/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAME/mark: up to where a log is also consumed from its streams' pipes, as of this boot. It outlives the role, not the
 * machine, so it is never flushed. Without one the worst is a batch twice, after a kill in the wrong instant; so nothing
 * here fails.
 */
#pragma once
#include <stdint.h>

#include "supervisor/logs_record.h"

struct logs_position {
	uint64_t generation, offset;
};

struct logs_mark {
	int fd; /* -1: none */
	struct logs_position at[LOG_STREAMS];
};

/* end: the log's end, from where a new mark begins. */
void logs_mark_open(struct logs_mark *m, int dirfd, const char *path, const uint8_t boot_id[16], struct logs_position end);
void logs_mark_set(struct logs_mark *m, enum log_stream stream, struct logs_position at);
void logs_mark_close(struct logs_mark *m);
