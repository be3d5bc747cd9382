/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `hull` when it is not PID 1: a client of a machine's door. One const table (verb_table.c) maps
 * a verb to its function, its options and its help; the dispatch, `hull help` and the shell completion read the same
 * rows. A verb prints its own errors and returns the exit code.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "init/cli/args.h"

/* Exit codes. `hull run` passes the container's own status through; 125-127 mean there what they mean with Docker. */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1, /* the machine refused, or something here failed */
	CLI_USAGE = 2, /* the command line is wrong; nothing was done */
	CLI_UNREACHABLE = 3, /* no machine answers */
	CLI_NOT_STARTED = 125, /* run: the container could not be started */
};

#define CLI_SOCKET "/run/hull/control" /* without --socket and HULL_SOCKET */

struct cli_verb;
struct varlink_client;
struct cli {
	const struct cli_verb *verb;
	const char *target; /* a socket or a directory of virtio port sockets */
	bool target_given; /* by --socket or HULL_SOCKET */
	bool json; /* --json */
	char doing[160]; /* "stop web": what failed, in errors */
	struct varlink_client *client; /* NULL until the first call (client.h) */
};

struct cli_verb {
	const char *name; /* one word, or two: "image load"; NULL ends the table */
	int (*run)(struct cli *c, const struct args *a); /* returns the exit code */
	const struct args_option *options; /* its own; NULL: none */
	const char *operands; /* for the usage line; "" when it takes none */
	int least, most; /* number of operands; most < 0: no limit */
	enum args_what what; /* what the first operand names (every one, unless operands_end) */
	bool operands_end; /* what follows the first operand is not ours */
	bool json; /* takes --json */
	const char *help; /* one line */
	const char *details; /* further lines for --help; NULL: none */
};
extern const struct cli_verb cli_verbs[]; /* in the order of the help */
extern const struct args_option cli_global_options[];
extern const struct args_option cli_json_option[]; /* for verbs with .json */

/* The verb named by the first words, NULL when none. *words: how many words its name has. */
const struct cli_verb *cli_find_verb(int argc, char *const *argv, int *words);
/* Whether some verb's name begins with this word ("image"). */
bool cli_is_group(const char *word);

int cli_main(int argc, char **argv);

/*
 * "hull: DOING: text" on standard error, control characters escaped, and a second line with what to do about it when
 * hint is not NULL. Returns code, so that `return cli_error(c, CLI_FAILED, ...)` reads well.
 */
int cli_error(const struct cli *c, int code, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
