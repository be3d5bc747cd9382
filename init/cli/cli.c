/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cli/cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/varlink.h"
#include "init/cli/table.h"
#include "init/verbs/help.h"

const struct args_option cli_global_options[] = {
	{ "socket", 0, "PATH", .help = "the machine's control socket, or directory of virtio port sockets",
	  .what = ARGS_FILE },
	{ "help", 'h', NULL, .help = "print this help" },
	{ 0 },
};

const struct args_option cli_json_option[] = {
	{ "json", 0, NULL, .help = "print JSON" },
	{ 0 },
};

int cli_error(const struct cli *c, int code, const char *hint, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	cleanup_free char *safe = table_escape(text), *doing = table_escape(c->doing);
	cleanup_free char *todo = hint ? table_escape(hint) : NULL;
	fflush(stdout);
	fprintf(stderr, "hull: %s%s%s\n", doing ? doing : "", doing && *doing ? ": " : "",
		safe ? safe : "out of memory");
	if (todo)
		fprintf(stderr, "      %s\n", todo);
	return code;
}

/* The number of words of `name` that argv begins with in full, 0 when it doesn't. */
static int words_matched(const char *name, int argc, char *const *argv)
{
	int n = 0;

	while (*name) {
		size_t len = strcspn(name, " ");
		if (n == argc || strlen(argv[n]) != len || memcmp(argv[n], name, len) != 0)
			return 0;
		n++;
		name += len;
		name += *name == ' ';
	}
	return n;
}

const struct cli_verb *cli_find_verb(int argc, char *const *argv, int *words)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		*words = words_matched(v->name, argc, argv);
		if (*words)
			return v;
	}
	return NULL;
}

bool cli_is_group(const char *word)
{
	size_t len = strlen(word);

	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		if (len && strncmp(v->name, word, len) == 0 && v->name[len] == ' ')
			return true;
	}
	return false;
}

/* The options before the verb, then the verb, then its own. -1: the verb is to be run; else the exit code. */
static int understand(struct cli *c, struct args *a, int argc, char **argv)
{
	struct args_tables tables = { .global = cli_global_options };
	struct err e;
	int words;

	if (args_parse(a, &tables, true, argc, argv, &e) < 0)
		return cli_error(c, CLI_USAGE, "hull help lists the options", "%s", e.text);
	if (a->n_operands == 0)
		return args_has(a, "help") ? help_overview(stdout) : (help_overview(stderr), CLI_USAGE);
	argc = a->n_operands;
	argv = a->operands;
	c->verb = cli_find_verb(argc, argv, &words);
	if (!c->verb && cli_is_group(argv[0]))
		return argc > 1 && strcmp(argv[1], "--help") == 0 ? help_group(argv[0], stdout)
								 : (help_group(argv[0], stderr), CLI_USAGE);
	if (!c->verb)
		return cli_error(c, CLI_USAGE, "hull help lists the verbs", "no such verb: %s", argv[0]);
	snprintf(c->doing, sizeof(c->doing), "%s", c->verb->name);
	tables.own = c->verb->options;
	tables.shared = c->verb->json ? cli_json_option : NULL;
	if (args_parse(a, &tables, c->verb->operands_end, argc - words, argv + words, &e) < 0)
		return cli_error(c, CLI_USAGE, NULL, "%s; see hull %s --help", e.text, c->verb->name);
	if (args_has(a, "help"))
		return help_verb(c->verb, stdout);
	if (a->n_operands < c->verb->least || (c->verb->most >= 0 && a->n_operands > c->verb->most))
		return cli_error(c, CLI_USAGE, NULL, "usage: hull %s %s", c->verb->name, c->verb->operands);
	if (a->n_operands)
		snprintf(c->doing, sizeof(c->doing), "%s %s", c->verb->name, a->operands[0]);
	return -1;
}

int cli_main(int argc, char **argv)
{
	struct cli c = { 0 };
	struct args a = { 0 };
	int code;

	signal(SIGPIPE, SIG_IGN); /* a machine that goes away is an error to tell, not a death */
	code = understand(&c, &a, argc - 1, argv + 1);
	if (code < 0) {
		c.json = args_has(&a, "json");
		c.target = args_value(&a, "socket");
		if (!c.target)
			c.target = getenv("HULL_SOCKET");
		c.target_given = c.target && *c.target;
		if (!c.target_given)
			c.target = CLI_SOCKET;
		code = c.verb->run(&c, &a);
	}
	if (c.client)
		varlink_close(c.client);
	if (fflush(stdout) == EOF && code == CLI_OK)
		code = CLI_FAILED;
	return code;
}
