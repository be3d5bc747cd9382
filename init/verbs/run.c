/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull run`: Units.Run, then the output until it ends, then Units.Wait for the status. One connection carries one
 * request at a time, and PID 1 may re-execute itself between any two bytes; so the unit's name is made here, which
 * tells after a lost connection whether the request had arrived.
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "init/cli/client.h"
#include "init/verbs/log_stream.h"
#include "init/verbs/print.h"
#include "init/verbs/unit_name.h"
#include "init/verbs/verbs.h"

const struct args_option run_options[] = {
	{ "name", 0, "NAME", .help = "the unit's name; else made of the image's" },
	{ "detach", 'd', NULL, .help = "print the name and leave the container to the machine" },
	{ "rm", 0, NULL, .help = "remove the unit when it has ended" },
	{ "env", 'e', "KEY=VALUE", .help = "environment variable; KEY alone takes it from here", .repeat = true },
	{ "network", 0, "MODE", .help = "host: the machine's network; none: loopback only (default)",
	  .what = ARGS_WORDS, .words = "host none" },
	{ "hostname", 0, "NAME", .help = "host name inside; else the unit's name" },
	{ "entrypoint", 0, "PROGRAM", .help = "instead of the image's entrypoint" },
	{ "restart", 0, "POLICY", .help = "no (default), always, on-failure[:N], unless-stopped" },
	{ "stop-signal", 0, "SIGNAL", .help = "instead of the image's, or SIGTERM" },
	{ "stop-timeout", 0, "SECONDS", .help = "grace between that signal and the kill (default 10)" },
	{ 0 },
};

struct attached {
	int signal_fd;
	const char *unit;
	struct varlink_client *stopper; /* the connection that carries Units.Stop while the first one streams */
};

/* "docker.io/library/nginx:1.22" -> "nginx-4fd01a": a valid unit name, unlikely to be taken. */
static int make_name(const char *image, char name[UNIT_NAME_MAX + 1])
{
	const char *slash = strrchr(image, '/'), *base = slash ? slash + 1 : image;
	unsigned char random[3];
	char stem[41];
	size_t n = 0;

	for (; *base && *base != ':' && *base != '@' && n < sizeof(stem) - 1; base++) {
		char ch = (char)tolower((unsigned char)*base);
		if (isalnum((unsigned char)ch) || (n && strchr("_.-", ch)))
			stem[n++] = ch;
	}
	stem[n] = '\0';
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -1;
	snprintf(name, UNIT_NAME_MAX + 1, "%s-%02x%02x%02x", n ? stem : "run", random[0], random[1], random[2]);
	return 0;
}

static int add_environment(struct cli *c, const struct args *a, cJSON *spec)
{
	cJSON *list = NULL;
	const char *value;
	size_t at = 0;

	while ((value = args_next(a, "env", &at))) {
		char text[4096];
		const char *inherited = strchr(value, '=') ? NULL : getenv(value);
		if (*value == '=' || *value == '\0')
			return cli_error(c, CLI_USAGE, NULL, "--env %s: want KEY=VALUE", value);
		if (!list)
			list = cJSON_AddArrayToObject(spec, "environment");
		if (strchr(value, '=')) {
			cJSON_AddItemToArray(list, cJSON_CreateString(value));
		} else if (inherited) {
			if (snprintf(text, sizeof(text), "%s=%s", value, inherited) >= (int)sizeof(text))
				return cli_error(c, CLI_USAGE, NULL, "--env %s: its value here is over 4 KiB", value);
			cJSON_AddItemToArray(list, cJSON_CreateString(text));
		}
	}
	return 0;
}

/* The unit's specification. 0, or an exit code with the error told. */
static int make_spec(struct cli *c, const struct args *a, const char *name, cJSON *spec)
{
	static const struct {
		const char *option, *key;
	} texts[] = { { "hostname", "hostname" }, { "restart", "restart" }, { "stop-signal", "stop_signal" } };
	const char *entrypoint = args_value(a, "entrypoint"), *network = args_value(a, "network");
	long long grace;
	struct err e;

	if (args_number(a, "stop-timeout", 0, 86400, -1, &grace, &e) < 0)
		return cli_error(c, CLI_USAGE, NULL, "%s", e.text);
	cJSON_AddStringToObject(spec, "name", name);
	cJSON_AddStringToObject(spec, "image", a->operands[0]);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (args_value(a, texts[i].option))
			cJSON_AddStringToObject(spec, texts[i].key, args_value(a, texts[i].option));
	}
	if (a->n_operands > 1)
		cJSON_AddItemToObject(spec, "command",
				      cJSON_CreateStringArray((const char *const *)a->operands + 1, a->n_operands - 1));
	if (entrypoint)
		cJSON_AddItemToObject(spec, "entrypoint", cJSON_CreateStringArray(&entrypoint, *entrypoint ? 1 : 0));
	if (args_has(a, "rm"))
		cJSON_AddTrueToObject(spec, "remove");
	if (network && strcmp(network, "host") == 0)
		cJSON_AddTrueToObject(spec, "network_host");
	if (grace >= 0)
		cJSON_AddNumberToObject(spec, "stop_grace_ms", (double)grace * 1000);
	return add_environment(c, a, spec);
}

/* Whether the machine has a unit of this name: 1, 0, or -1 with *code. */
static int has_unit(struct cli *c, const char *name, int *code)
{
	cleanup_json cJSON *units = NULL;
	const cJSON *unit;

	*code = client_list(c, "org.hull.Units.List", "units", &units);
	if (*code)
		return -1;
	cJSON_ArrayForEach(unit, units) {
		if (strcmp(print_text(unit, "name"), name) == 0)
			return 1;
	}
	return 0;
}

/* Units.Run, once for certain. 0, or an exit code with the error told. */
static int request(struct cli *c, const char *name, bool name_given, const cJSON *params)
{
	struct varlink_reply reply = { 0 };
	struct err e;
	int code = client_open(c), there = 0;

	/* A name of the user's may be taken; seen before the request, that can't be mistaken for its success later. */
	if (!code && name_given)
		there = has_unit(c, name, &code);
	if (!code && there > 0)
		return cli_error(c, CLI_NOT_STARTED, "hull rm removes it, if it has ended",
				 "there is a unit named \"%s\" already", name);
	while (!code) {
		if (varlink_send(c->client, "org.hull.Units.Run", params, false, NULL, 0, &e) == 0 &&
		    varlink_receive(c->client, &reply, CLIENT_TIMEOUT_MS, &e) == 0) {
			code = reply.error ? (client_refused(c, &reply), CLI_NOT_STARTED) : 0;
			varlink_reply_free(&reply);
			return code;
		}
		if (e.code != ECONNRESET && e.code != EPIPE)
			return client_lost(c, &e);
		code = client_again(c);
		if (!code && has_unit(c, name, &code) > 0)
			return 0;
	}
	return code;
}

/* The first signal stops the unit, the second leaves it. */
static int interrupted(struct cli *c, void *arg)
{
	struct attached *at = arg;
	struct signalfd_siginfo info;
	struct err e;

	if (read(at->signal_fd, &info, sizeof(info)) != sizeof(info))
		return -1;
	if (at->stopper) {
		cli_error(c, 0, NULL, "left; the machine goes on stopping it");
		return 128 + (int)info.ssi_signo;
	}
	cleanup_json cJSON *params = unit_name_params(at->unit);
	at->stopper = varlink_connect(c->target, 5000, &e);
	if (!at->stopper || varlink_send(at->stopper, "org.hull.Units.Stop", params, false, NULL, 0, &e) < 0) {
		cli_error(c, 0, NULL, "cannot ask the machine to stop it, so it is left running: %s", e.text);
		return 128 + (int)info.ssi_signo;
	}
	fprintf(stderr, "hull: stopping %s; once more leaves it\n", at->unit);
	return -1;
}

/* Units.Wait, while signals still count. 0 with *unit owned by the caller, or an exit code. */
static int wait_for_end(struct cli *c, struct attached *at, cJSON **unit)
{
	cleanup_json cJSON *params = unit_name_params(at->unit);
	struct varlink_reply reply = { 0 };
	struct err e;
	int code = client_open(c);

	while (!code) {
		int got = varlink_send(c->client, "org.hull.Units.Wait", params, false, NULL, 0, &e);
		while (got == 0 && (got = client_wait(c, at->signal_fd, &reply, &e)) > 0) {
			code = interrupted(c, at);
			if (code >= 0)
				return code;
			got = 0;
		}
		if (got == 0) {
			code = reply.error ? client_refused(c, &reply) : 0;
			if (!code)
				*unit = cJSON_Duplicate(json_get(reply.parameters, "unit"), true);
			varlink_reply_free(&reply);
			return code;
		}
		code = e.code == ECONNRESET || e.code == EPIPE ? client_again(c) : client_lost(c, &e);
	}
	return code;
}

static int attach(struct cli *c, const char *name)
{
	struct attached at = { .unit = name, .signal_fd = -1 };
	cleanup_json cJSON *unit = NULL;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	at.signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (at.signal_fd < 0)
		return cli_error(c, CLI_FAILED, NULL, "cannot make a signalfd: %s", strerror(errno));

	struct log_stream s = { .unit = name, .follow = true, .tail = -1, .interrupt_fd = at.signal_fd,
				.interrupted = interrupted, .arg = &at };
	int code = log_stream_run(c, &s);
	if (!code)
		code = wait_for_end(c, &at, &unit);
	if (at.stopper)
		varlink_close(at.stopper);
	close(at.signal_fd);
	if (code || !unit)
		return code ? code : cli_error(c, CLI_FAILED, NULL, "the machine did not tell how it ended");
	int64_t status = print_number(unit, "exit_status", -1);
	const char *reason = print_text(unit, "reason");
	if (*reason && (status < 0 || status >= CLI_NOT_STARTED)) /* a program's own status speaks for itself */
		cli_error(c, 0, NULL, "%s", reason);
	return status < 0 || status > 255 ? CLI_NOT_STARTED : (int)status;
}

int verb_run(struct cli *c, const struct args *a)
{
	const char *given = args_value(a, "name");
	char name[UNIT_NAME_MAX + 1];
	struct err e;
	int code;

	if (given && unit_name_check(given, &e) < 0)
		return cli_error(c, CLI_USAGE, NULL, "--name: %s", e.text);
	if (given)
		snprintf(name, sizeof(name), "%s", given);
	else if (make_name(a->operands[0], name) < 0)
		return cli_error(c, CLI_FAILED, NULL, "no random numbers: %s", strerror(errno));

	cleanup_json cJSON *params = cJSON_CreateObject();
	code = make_spec(c, a, name, cJSON_AddObjectToObject(params, "spec"));
	if (!code && !args_has(a, "detach"))
		cJSON_AddTrueToObject(params, "attach");
	if (!code)
		code = request(c, name, given, params);
	if (code)
		return code;
	if (args_has(a, "detach")) {
		puts(name);
		return CLI_OK;
	}
	return attach(c, name);
}
