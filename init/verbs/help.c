/* SPDX-License-Identifier: Apache-2.0 */
#include "init/verbs/help.h"

#include <string.h>

#include "init/verbs/verbs.h"

#define VERB_WIDTH 12
#define OPTION_WIDTH 26

static void list_verbs(const char *group, FILE *out)
{
	size_t len = group ? strlen(group) : 0;

	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		if (!group || (strncmp(v->name, group, len) == 0 && v->name[len] == ' '))
			fprintf(out, "  %-*s %s\n", VERB_WIDTH, v->name, v->help);
	}
}

static void list_options(const struct args_option *o, FILE *out)
{
	for (; o && o->name; o++) {
		char left[80];
		char letter[6] = "    ";
		if (o->letter)
			snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->value ? " " : "",
			 o->value ? o->value : "");
		fprintf(out, "  %-*s %s%s\n", OPTION_WIDTH, left, o->help, o->repeat ? "; may be repeated" : "");
	}
}

int help_overview(FILE *out)
{
	fputs("usage: hull [--socket PATH] VERB [OPTIONS] [OPERANDS]\n\n"
	      "Talks to Hull, PID 1 of a container OS, through its control socket.\n\nverbs:\n", out);
	list_verbs(NULL, out);
	fputs("\noptions of every verb:\n", out);
	list_options(cli_global_options, out);
	fputs("  (a verb that prints a table also takes --json; hull VERB --help tells the rest)\n\n"
	      "environment:\n"
	      "  HULL_SOCKET                as --socket; without either it is " CLI_SOCKET "\n\n"
	      "exit status: 0 done, 1 failed, 2 wrong usage, 3 no machine answers; hull run: the container's own\n",
	      out);
	return CLI_OK;
}

int help_group(const char *group, FILE *out)
{
	fprintf(out, "usage: hull %s VERB [OPTIONS] [OPERANDS]\n\nverbs:\n", group);
	list_verbs(group, out);
	return CLI_OK;
}

int help_verb(const struct cli_verb *v, FILE *out)
{
	fprintf(out, "usage: hull %s%s%s%s\n\n  %s\n", v->name, v->options && *v->operands != '[' ? " [OPTIONS]" : "",
		*v->operands ? " " : "", v->operands, v->help);
	if (v->details)
		fprintf(out, "\n%s\n", v->details);
	fputs("\noptions:\n", out);
	list_options(v->options, out);
	list_options(v->json ? cli_json_option : NULL, out);
	list_options(cli_global_options, out);
	return CLI_OK;
}

int verb_help(struct cli *c, const struct args *a)
{
	int words;
	const struct cli_verb *v;

	if (a->n_operands == 0)
		return help_overview(stdout);
	v = cli_find_verb(a->n_operands, a->operands, &words);
	if (v && words == a->n_operands)
		return help_verb(v, stdout);
	if (a->n_operands == 1 && cli_is_group(a->operands[0]))
		return help_group(a->operands[0], stdout);
	return cli_error(c, CLI_USAGE, "hull help lists the verbs", "no such verb");
}
