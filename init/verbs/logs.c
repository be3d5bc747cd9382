/* SPDX-License-Identifier: Apache-2.0 */
#include "init/verbs/log_stream.h"
#include "init/verbs/unit_name.h"
#include "init/verbs/verbs.h"

const struct args_option logs_options[] = {
	{ "follow", 'f', NULL, .help = "go on until the unit has ended" },
	{ "tail", 'n', "LINES", .help = "the last lines only" },
	{ "timestamps", 't', NULL, .help = "the time before each line" },
	{ 0 },
};

int verb_logs(struct cli *c, const struct args *a)
{
	char name[UNIT_NAME_MAX + 1];
	struct log_stream s = { .unit = name, .interrupt_fd = -1 };
	struct err e;
	int code;

	s.follow = args_has(a, "follow");
	s.timestamps = args_has(a, "timestamps");
	if (args_number(a, "tail", 0, 1000000, -1, &s.tail, &e) < 0)
		return cli_error(c, CLI_USAGE, NULL, "%s", e.text);
	code = unit_name_resolve(c, a->operands[0], name);
	return code ? code : log_stream_run(c, &s);
}
