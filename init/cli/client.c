/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

#define CONNECT_TIMEOUT_MS 15000 /* an emulated machine under load takes its time to answer on a port */
#define RETURN_MS 20000
#define RETURN_PAUSE_MS 100

static int unreachable(struct cli *c, const struct err *e)
{
	const char *hint = "--socket PATH or HULL_SOCKET names a machine's control socket or directory of ports";

	if (e->code == EACCES || e->code == EPERM)
		hint = "the control socket is for root alone: try again as root";
	else if (e->code == EBUSY)
		hint = "every port is in use; end another hull first";
	else if (c->target_given)
		hint = "is the machine up, and is this its socket?";
	return cli_error(c, CLI_UNREACHABLE, hint, "%s", e->text);
}

int client_open(struct cli *c)
{
	struct err e;

	if (c->client)
		return 0;
	c->client = varlink_connect(c->target, CONNECT_TIMEOUT_MS, &e);
	return c->client ? 0 : unreachable(c, &e);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int client_again(struct cli *c)
{
	const struct timespec pause = { .tv_nsec = RETURN_PAUSE_MS * 1000000L };
	const int64_t deadline = now_ms() + RETURN_MS;
	struct err e;

	if (c->client)
		varlink_close(c->client);
	for (;;) {
		c->client = varlink_connect(c->target, CONNECT_TIMEOUT_MS, &e);
		if (c->client)
			return 0;
		if (now_ms() >= deadline)
			return unreachable(c, &e);
		nanosleep(&pause, NULL);
	}
}

int client_lost(struct cli *c, const struct err *e)
{
	if (e->code == ETIMEDOUT)
		return cli_error(c, CLI_UNREACHABLE, "it may have been done all the same", "%s",
				 e->text);
	return cli_error(c, CLI_UNREACHABLE, NULL, "%s", e->text);
}

static const char *text_of(const cJSON *object, const char *key)
{
	const cJSON *v = json_get(object, key);
	return cJSON_IsString(v) ? v->valuestring : NULL;
}

int client_refused(struct cli *c, const struct varlink_reply *reply)
{
	const char *message = text_of(reply->parameters, "message"), *hint = text_of(reply->parameters, "hint");
	const char *what = text_of(reply->parameters, "parameter");

	if (message)
		return cli_error(c, CLI_FAILED, hint, "%s", message);
	if (strcmp(reply->error, "org.varlink.service.MethodNotFound") == 0 ||
	    strcmp(reply->error, "org.varlink.service.InterfaceNotFound") == 0 ||
	    strcmp(reply->error, "org.varlink.service.MethodNotImplemented") == 0)
		return cli_error(c, CLI_FAILED, "hull status shows its version, hull version this program's",
				 "the machine's Hull does not know this request");
	if (strcmp(reply->error, "org.varlink.service.InvalidParameter") == 0)
		return cli_error(c, CLI_FAILED, hint, "the machine refuses the value of \"%s\"", what ? what : "?");
	return cli_error(c, CLI_FAILED, hint, "%s", reply->error);
}

/* One exchange. 0 done, -1 connection lost with e, else an exit code. */
static int exchange(struct cli *c, const char *method, const cJSON *params, int timeout_ms, cJSON **out, struct err *e)
{
	struct varlink_reply reply = { 0 };

	if (varlink_send(c->client, method, params, false, NULL, 0, e) < 0)
		return -1;
	if (varlink_receive(c->client, &reply, timeout_ms, e) < 0)
		return -1;
	int code = reply.error ? client_refused(c, &reply) : 0;
	if (!code && out)
		*out = cJSON_Duplicate(reply.parameters, true);
	varlink_reply_free(&reply);
	if (!code && out && !*out)
		return cli_error(c, CLI_FAILED, NULL, "out of memory");
	return code;
}

static bool is_loss(const struct err *e)
{
	return e->code == ECONNRESET || e->code == EPIPE;
}

int client_call(struct cli *c, const char *method, cJSON *params, enum client_loss loss, int timeout_ms, cJSON **out)
{
	cleanup_json cJSON *owned = params;
	cJSON *result = NULL;
	struct err e;
	int code = client_open(c);

	while (!code) {
		code = exchange(c, method, owned, timeout_ms, out ? &result : NULL, &e);
		if (code >= 0)
			break;
		if (is_loss(&e) && loss == CLIENT_EXPECTED)
			code = 0;
		else if (is_loss(&e) && loss == CLIENT_REPEAT && !(code = client_again(c)))
			continue;
		else if (code < 0)
			code = client_lost(c, &e);
		break;
	}
	if (!code && out)
		*out = result;
	return code;
}

/* Moves the items of reply's array into list. */
static int gather(cJSON *list, const struct varlink_reply *reply, const char *key)
{
	const cJSON *array = json_get(reply->parameters, key), *item;

	cJSON_ArrayForEach(item, array) {
		cJSON *copy = cJSON_Duplicate(item, true);
		if (!copy || !cJSON_AddItemToArray(list, copy)) {
			cJSON_Delete(copy);
			return -1;
		}
	}
	return 0;
}

/* One run through all replies. 0 done, -1 connection lost, else an exit code. */
static int list_once(struct cli *c, const char *method, const char *key, cJSON *list, struct err *e)
{
	bool continues = true;

	if (varlink_send(c->client, method, NULL, true, NULL, 0, e) < 0)
		return -1;
	while (continues) {
		struct varlink_reply reply = { 0 };
		if (varlink_receive(c->client, &reply, CLIENT_TIMEOUT_MS, e) < 0)
			return -1;
		int code = reply.error ? client_refused(c, &reply) : 0;
		if (!code && gather(list, &reply, key) < 0)
			code = cli_error(c, CLI_FAILED, NULL, "out of memory");
		continues = reply.continues;
		varlink_reply_free(&reply);
		if (code)
			return code;
	}
	return 0;
}

int client_list(struct cli *c, const char *method, const char *key, cJSON **out)
{
	struct err e;
	int code = client_open(c);

	while (!code) {
		cleanup_json cJSON *list = cJSON_CreateArray();
		if (!list)
			return cli_error(c, CLI_FAILED, NULL, "out of memory");
		code = list_once(c, method, key, list, &e);
		if (code == 0) {
			*out = take_ptr(list);
			return 0;
		}
		if (code > 0)
			return code;
		code = is_loss(&e) ? client_again(c) : client_lost(c, &e);
	}
	return code;
}

int client_wait(struct cli *c, int interrupt_fd, struct varlink_reply *out, struct err *e)
{
	for (;;) {
		/* What is buffered already shows on no descriptor, so ask first and wait then. */
		if (varlink_receive(c->client, out, interrupt_fd < 0 ? -1 : 0, e) == 0)
			return 0;
		if (interrupt_fd < 0 || e->code != ETIMEDOUT)
			return -1;
		struct pollfd p[2] = { { .fd = varlink_fd(c->client), .events = POLLIN },
				       { .fd = interrupt_fd, .events = POLLIN } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(e, "cannot wait");
		if (p[1].revents)
			return 1;
	}
}
