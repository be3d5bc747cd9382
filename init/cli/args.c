/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cli/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* By name when it is not NULL (len bytes of it), else by letter. */
static const struct args_option *find_in(const struct args_option *table, const char *name, size_t len, char letter)
{
	for (; table && table->name; table++) {
		if (name ? strlen(table->name) == len && memcmp(table->name, name, len) == 0 : table->letter == letter)
			return table;
	}
	return NULL;
}

static const struct args_option *find(const struct args_tables *t, const char *name, size_t len, char letter)
{
	const struct args_option *o = find_in(t->own, name, len, letter);

	if (!o)
		o = find_in(t->shared, name, len, letter);
	return o ? o : find_in(t->global, name, len, letter);
}

static bool word_in(const char *words, const char *value)
{
	size_t len = strlen(value);
	for (const char *w = words; *w; w += strcspn(w, " "), w += strspn(w, " ")) {
		if (len && strcspn(w, " ") == len && memcmp(w, value, len) == 0)
			return true;
	}
	return false;
}

static int record(struct args *a, const struct args_option *o, const char *value, struct err *e)
{
	if (value && o->what == ARGS_WORDS && !word_in(o->words, value))
		return err_set(e, EINVAL, "--%s %s: not one of: %s", o->name, value, o->words);
	if (!o->repeat) {
		for (size_t i = 0; i < a->n_given; i++) {
			if (a->given[i].option != o)
				continue;
			if (o->value)
				return err_set(e, EINVAL, "--%s is given twice", o->name);
			return 0;
		}
	}
	if (a->n_given == ARGS_GIVEN_MAX)
		return err_set(e, EINVAL, "more than %d options", ARGS_GIVEN_MAX);
	a->given[a->n_given].option = o;
	a->given[a->n_given++].value = value;
	return 0;
}

/* One "--name[=value]". *i moves on when the value is the next word. */
static int parse_long(struct args *a, const struct args_tables *t, int argc, char **argv, int *i, struct err *e)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct args_option *o = find(t, name, len, 0);

	if (!o)
		return err_set(e, EINVAL, "unknown option --%.*s", (int)len, name);
	if (!o->value)
		return equals ? err_set(e, EINVAL, "--%s takes no value", o->name) : record(a, o, NULL, e);
	if (equals)
		return record(a, o, equals + 1, e);
	if (*i + 1 >= argc)
		return err_set(e, EINVAL, "--%s wants a value: %s", o->name, o->value);
	return record(a, o, argv[++*i], e);
}

/* One "-abc" or "-nVALUE". */
static int parse_short(struct args *a, const struct args_tables *t, int argc, char **argv, int *i, struct err *e)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		const struct args_option *o = find(t, NULL, 0, *p);
		if (!o)
			return err_set(e, EINVAL, "unknown option -%c", *p);
		if (!o->value) {
			if (record(a, o, NULL, e) < 0)
				return -1;
			continue;
		}
		if (p[1])
			return record(a, o, p + 1, e);
		if (*i + 1 >= argc)
			return err_set(e, EINVAL, "-%c wants a value: %s", o->letter, o->value);
		return record(a, o, argv[++*i], e);
	}
	return 0;
}

int args_parse(struct args *a, const struct args_tables *tables, bool operands_end, int argc, char **argv,
	       struct err *e)
{
	int n = 0; /* operands gathered at the front of argv: never beyond the word being read */
	int i = 0;

	for (; i < argc; i++) {
		char *word = argv[i];
		if (word[0] != '-' || !word[1]) { /* "-" alone is an operand: standard input */
			if (operands_end)
				break;
			argv[n++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			i++;
			break;
		}
		if ((word[1] == '-' ? parse_long : parse_short)(a, tables, argc, argv, &i, e) < 0)
			return -1;
	}
	while (i < argc)
		argv[n++] = argv[i++];
	a->operands = argv;
	a->n_operands = n;
	return 0;
}

bool args_has(const struct args *a, const char *name)
{
	for (size_t i = 0; i < a->n_given; i++) {
		if (strcmp(a->given[i].option->name, name) == 0)
			return true;
	}
	return false;
}

const char *args_next(const struct args *a, const char *name, size_t *at)
{
	while (*at < a->n_given) {
		size_t i = (*at)++;
		if (strcmp(a->given[i].option->name, name) == 0)
			return a->given[i].value;
	}
	return NULL;
}

const char *args_value(const struct args *a, const char *name)
{
	const char *last = NULL, *value;
	size_t at = 0;

	while ((value = args_next(a, name, &at)))
		last = value;
	return last;
}

int args_number(const struct args *a, const char *name, long long min, long long max, long long fallback,
		long long *out, struct err *e)
{
	const char *text = args_value(a, name);
	char *end;
	long long number;

	if (!text) {
		*out = fallback;
		return 0;
	}
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max)
		return err_set(e, EINVAL, "--%s %s: want a number from %lld to %lld", name, text, min, max);
	*out = number;
	return 0;
}
