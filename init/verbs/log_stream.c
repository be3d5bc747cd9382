/* SPDX-License-Identifier: Apache-2.0 */
#include "init/verbs/log_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "init/cli/client.h"
#include "init/verbs/print.h"

/* One line; "data" instead of "text" where it isn't UTF-8, "partial" where the container's line goes on in the next. */
static void print_line(const struct log_stream *s, const cJSON *line)
{
	FILE *out = strcmp(print_text(line, "stream"), "stderr") == 0 ? stderr : stdout;
	const char *data = print_text(line, "data");

	if (s->timestamps)
		fprintf(out, "%s ", print_text(line, "time"));
	if (*data) {
		size_t len;
		cleanup_free uint8_t *bytes = base64_decode(data, strlen(data), &len);
		if (bytes)
			fwrite(bytes, 1, len, out);
	} else {
		fputs(print_text(line, "text"), out);
	}
	if (!cJSON_IsTrue(json_get(line, "partial")))
		fputc('\n', out);
	if (out == stderr) /* keeps the two in order where they meet on one terminal */
		fflush(stdout);
}

static cJSON *parameters(const struct log_stream *s, const char *cursor)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddStringToObject(params, "name", s->unit);
	if (s->follow)
		cJSON_AddTrueToObject(params, "follow");
	if (cursor)
		cJSON_AddStringToObject(params, "cursor", cursor);
	else if (s->tail >= 0)
		cJSON_AddNumberToObject(params, "tail", (double)s->tail);
	return params;
}

/* Reads replies until the last one. 0: the end; -1 with e: the connection failed; else an exit code. */
static int read_replies(struct cli *c, const struct log_stream *s, char **cursor, struct err *e)
{
	bool continues = true;

	while (continues) {
		struct varlink_reply reply = { 0 };
		const cJSON *line;
		int got = client_wait(c, s->interrupt_fd, &reply, e);
		if (got < 0)
			return -1;
		if (got > 0) {
			int code = s->interrupted(c, s->arg);
			if (code >= 0)
				return code;
			continue;
		}
		if (reply.error) {
			int code = client_refused(c, &reply);
			varlink_reply_free(&reply);
			return code;
		}
		cJSON_ArrayForEach(line, json_get(reply.parameters, "lines"))
			print_line(s, line);
		if (fflush(stdout) == EOF) {
			varlink_reply_free(&reply);
			return errno == EPIPE ? CLI_OK :
			       cli_error(c, CLI_FAILED, NULL, "cannot write: %s", strerror(errno));
		}
		const char *at = print_text(reply.parameters, "cursor");
		if (*at) {
			free(*cursor);
			*cursor = strdup(at);
		}
		continues = reply.continues;
		varlink_reply_free(&reply);
	}
	return 0;
}

int log_stream_run(struct cli *c, const struct log_stream *s)
{
	cleanup_free char *cursor = NULL;
	struct err e;
	int code = client_open(c);

	while (!code) {
		cleanup_json cJSON *params = parameters(s, cursor);
		code = varlink_send(c->client, "org.hull.Units.Logs", params, true, NULL, 0, &e);
		if (!code)
			code = read_replies(c, s, &cursor, &e);
		if (code >= 0)
			return code;
		code = e.code == ECONNRESET || e.code == EPIPE ? client_again(c) : client_lost(c, &e);
	}
	return code;
}
