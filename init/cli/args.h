/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command-line options by const table: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, switches together (-ab), "--"
 * ends them. The same tables make the help texts and the shell completion.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* What a word on the command line names: lets the completion offer something. */
enum args_what { ARGS_TEXT, ARGS_UNIT, ARGS_IMAGE, ARGS_FILE, ARGS_DIRECTORY, ARGS_VERB, ARGS_WORDS };

struct args_option {
	const char *name; /* long form without the dashes; NULL ends a table */
	char letter; /* short form; 0: none */
	const char *value; /* what the value is called in the help; NULL: a switch */
	const char *help;
	enum args_what what; /* of the value */
	const char *words; /* for ARGS_WORDS: the values allowed, separated by spaces; any other is an error */
	bool repeat; /* may be given more than once */
};

#define ARGS_GIVEN_MAX 256
struct args {
	struct {
		const struct args_option *option;
		const char *value; /* borrowed from argv; NULL for a switch */
	} given[ARGS_GIVEN_MAX];
	size_t n_given;
	char **operands; /* borrowed: the rest of argv when operands end the options, else gathered at its end */
	int n_operands;
};

/* Where options are looked up, in this order; NULL: none. */
struct args_tables {
	const struct args_option *own, *shared, *global;
};

/*
 * Reads argv[0..argc) (no program name). operands_end: the first word that is no option ends them (its
 * own options belong to someone else). Reorders argv so that operands stand together. EINVAL with a line for the user.
 * Does not reset a: options gathered before stay, so global ones may stand before and behind the verb.
 */
int args_parse(struct args *a, const struct args_tables *tables, bool operands_end, int argc, char **argv,
	       struct err *e);
bool args_has(const struct args *a, const char *name);
/* The last value given, or NULL. */
const char *args_value(const struct args *a, const char *name);
/* Walks the values of a repeated option: *at starts at 0; NULL at the end. */
const char *args_next(const struct args *a, const char *name, size_t *at);
/* A decimal number in [min, max]; absent: fallback. */
int args_number(const struct args *a, const char *name, long long min, long long max, long long fallback,
		long long *out, struct err *e);
