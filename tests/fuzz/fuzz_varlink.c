/* SPDX-License-Identifier: Apache-2.0 */
/* A byte stream as PID 1's door reads it: messages are taken off, parsed as calls and as replies, and written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/varlink.h"

static void one(const char *text, size_t len)
{
	struct varlink_call c;
	struct err e = { 0 };
	if (varlink_call_parse(text, len, &c, &e) == 0) {
		char *again = varlink_call_text(c.method, c.parameters, c.more, c.oneway);
		struct varlink_call c2;
		/* Escapes may make it longer than a message; else it must be taken. */
		if (!again ||
		    (strlen(again) <= VARLINK_MESSAGE_MAX && varlink_call_parse(again, strlen(again), &c2, NULL) < 0))
			abort();
		if (strlen(again) <= VARLINK_MESSAGE_MAX) {
			if (strcmp(c.method, c2.method) != 0 || !cJSON_Compare(c.parameters, c2.parameters, 1))
				abort();
			varlink_call_free(&c2);
		}
		free(again);
		varlink_call_free(&c);
	} else if (!e.code) {
		abort();
	}
	struct varlink_reply r;
	if (varlink_reply_parse(text, len, &r, NULL) == 0)
		varlink_reply_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf in = { .max = VARLINK_MESSAGE_MAX + 4096 };
	for (size_t at = 0; at < size;) {
		size_t n = size - at < 1000 ? size - at : 1000;
		if (buf_add(&in, data + at, n) < 0)
			return 0;
		at += n;
		char *text;
		size_t len;
		int got;
		while ((got = varlink_take(&in, &text, &len)) > 0) {
			one(text, len);
			free(text);
		}
		if (got < 0)
			return 0;
	}
	if (in.len)
		one(in.data, in.len); /* as a packet: no NUL at its end */
	return 0;
}
