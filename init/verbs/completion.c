/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull completion`: a completion script for bash. The words come from the verb table, the functions around them are
 * constant: one finds the verb on the line, one offers what the table says can stand there.
 */
#include <stdio.h>
#include <string.h>

#include "init/verbs/verbs.h"

static const char *what_name(enum args_what what)
{
	static const char *const names[] = {
		[ARGS_TEXT] = "text", [ARGS_UNIT] = "unit", [ARGS_IMAGE] = "image", [ARGS_FILE] = "file",
		[ARGS_DIRECTORY] = "directory", [ARGS_VERB] = "verb", [ARGS_WORDS] = "words",
	};
	return names[what];
}

static void print_option_words(const struct args_option *o)
{
	for (; o && o->name; o++)
		printf(" --%s", o->name);
}

/* case patterns "--name|-n) ..." for the options with a value. */
static void print_option_values(const char *verb, const struct args_option *o)
{
	for (; o && o->name; o++) {
		if (!o->value)
			continue;
		printf("\t'%s --%s'", verb, o->name);
		if (o->letter)
			printf("|'%s -%c'", verb, o->letter);
		printf(") echo '%s %s' ;;\n", what_name(o->what), o->words ? o->words : "");
	}
}

/* Verbs of one or two words: the first words, and the second ones of each group. */
static void print_verb_words(void)
{
	char last[32] = "";

	fputs("_hull_verbs='", stdout);
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		size_t len = strcspn(v->name, " ");
		if (strncmp(last, v->name, len) == 0 && last[len] == '\0')
			continue;
		snprintf(last, sizeof(last), "%.*s", (int)len, v->name);
		printf(" %s", last);
	}
	puts("'\n\n# The verbs below a word, nothing for one that stands alone.\n_hull_group() {\n\tcase $1 in");
	last[0] = '\0';
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		size_t len = strcspn(v->name, " ");
		bool same = strncmp(last, v->name, len) == 0 && last[len] == '\0';
		if (!v->name[len])
			continue;
		if (!same)
			printf("%s\t%.*s) echo '", *last ? "' ;;\n" : "", (int)len, v->name);
		printf("%s%s", same ? " " : "", v->name + len + 1);
		snprintf(last, sizeof(last), "%.*s", (int)len, v->name);
	}
	printf("%s\tesac\n}\n\n", *last ? "' ;;\n" : "");
}

static void print_tables(void)
{
	puts("# The options of a verb.\n_hull_options() {\n\tcase $1 in");
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		printf("\t'%s') echo '", v->name);
		print_option_words(v->options);
		print_option_words(v->json ? cli_json_option : NULL);
		print_option_words(cli_global_options);
		puts("' ;;");
	}
	fputs("\t*) echo '", stdout);
	print_option_words(cli_global_options);
	puts("' ;;\n\tesac\n}\n");

	puts("# What the value of an option is; nothing for a switch.\n_hull_value() {\n\tcase $1 in");
	for (const struct cli_verb *v = cli_verbs; v->name; v++)
		print_option_values(v->name, v->options);
	for (const struct args_option *o = cli_global_options; o->name; o++) {
		if (o->value)
			printf("\t*' --%s') echo '%s' ;;\n", o->name, what_name(o->what));
	}
	puts("\tesac\n}\n");

	puts("# What the operands of a verb are, and whether only the first one is ours.\n"
	     "_hull_operands() {\n\tcase $1 in");
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		if (v->most != 0)
			printf("\t'%s') echo '%s %s' ;;\n", v->name, what_name(v->what),
			       v->operands_end ? "first" : "all");
	}
	puts("\tesac\n}\n");
}

static const char script[] =
	"# compgen -W expands what it is given, so nothing but the characters of names may come from a machine.\n"
	"_hull_ask() {\n"
	"\thull ${socket:+--socket \"$socket\"} \"$@\" 2>/dev/null | tr -cd 'A-Za-z0-9_.:/@\\n-'\n"
	"}\n"
	"\n"
	"_hull_offer() { # KIND WORDS...\n"
	"\tlocal kind=$1\n"
	"\tshift\n"
	"\tcase $kind in\n"
	"\tunit) COMPREPLY=($(compgen -W \"$(_hull_ask ps --quiet)\" -- \"$cur\")) ;;\n"
	"\timage) COMPREPLY=($(compgen -W \"$(_hull_ask image ls --quiet)\" -- \"$cur\")) ;;\n"
	"\tfile) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
	"\tdirectory) compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\")) ;;\n"
	"\tverb) COMPREPLY=($(compgen -W \"$_hull_verbs\" -- \"$cur\")) ;;\n"
	"\twords) COMPREPLY=($(compgen -W \"$*\" -- \"$cur\")) ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"_hull() {\n"
	"\tlocal cur prev verb= socket= word kind first group operands=0 i\n"
	"\tlocal IFS=$' \\t\\n'\n"
	"\tcur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif [[ $word == -* ]]; then\n"
	"\t\t\tif [[ -n $(_hull_value \"$verb $word\") ]]; then\n"
	"\t\t\t\ti=$((i + 1))\n"
	"\t\t\t\t[[ $word != --socket ]] || socket=${COMP_WORDS[i]}\n"
	"\t\t\tfi\n"
	"\t\telif [[ -z $verb || -n $(_hull_group \"$verb\") ]]; then\n"
	"\t\t\tverb=${verb:+$verb }$word\n"
	"\t\telse\n"
	"\t\t\toperands=1\n"
	"\t\t\t[[ $(_hull_operands \"$verb\") != *first ]] || break\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tread -r kind first <<<\"$(_hull_operands \"$verb\")\"\n"
	"\tif [[ $operands -gt 0 && $first == first ]]; then\n"
	"\t\t_hull_offer file\n"
	"\telif [[ $prev == -* && -n $(_hull_value \"$verb $prev\") ]]; then\n"
	"\t\t_hull_offer $(_hull_value \"$verb $prev\")\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\t_hull_offer words $(_hull_options \"$verb\")\n"
	"\telif [[ -z $verb ]]; then\n"
	"\t\t_hull_offer verb\n"
	"\telse\n"
	"\t\tgroup=$(_hull_group \"$verb\")\n"
	"\t\t_hull_offer ${group:+words} ${group:-$kind}\n"
	"\tfi\n"
	"}\n"
	"complete -F _hull hull\n";

int verb_completion(struct cli *c, const struct args *a)
{
	(void)c;
	(void)a;
	puts("# bash completion for hull, made by `hull completion`");
	print_verb_words();
	print_tables();
	fputs(script, stdout);
	return CLI_OK;
}
