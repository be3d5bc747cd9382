/* SPDX-License-Identifier: Apache-2.0 */
/* Every verb: what is run, what it takes, what it says of itself. */
#include "init/verbs/verbs.h"

const struct cli_verb cli_verbs[] = {
	{ "run", verb_run, run_options, "[OPTIONS] IMAGE [COMMAND [ARGUMENT...]]", 1, -1, ARGS_IMAGE, .operands_end = true,
	  .help = "run a container",
	  .details = "Starts a container from an image of the machine's store, streams its output and exits with its status.\n"
		     "The first interrupt (Ctrl-C) or SIGTERM stops the container, the second leaves it to the machine.\n"
		     "A restart of PID 1 in between goes unnoticed. Exit status 125: it could not be started, 126: its\n"
		     "program can't be executed, 127: its program was not found." },
	{ "ps", verb_ps, ps_options, "", 0, 0, .json = true, .help = "list units: what runs, ran and is to run",
	  .details = "All units are shown, whatever their state; --all is taken for habit's sake." },
	{ "logs", verb_logs, logs_options, "[OPTIONS] UNIT", 1, 1, ARGS_UNIT, .help = "print a unit's output",
	  .details = "Standard output goes to standard output, standard error to standard error, as the container wrote it." },
	{ "start", verb_start, NULL, "UNIT...", 1, -1, ARGS_UNIT, .help = "start units" },
	{ "stop", verb_stop, stop_options, "[OPTIONS] UNIT...", 1, -1, ARGS_UNIT,
	  .help = "stop units and wait until they have",
	  .details = "The unit's stop signal first; what is left after its grace is killed. It is not restarted then." },
	{ "wait", verb_wait, NULL, "UNIT...", 1, -1, ARGS_UNIT, .help = "wait until units have ended for good",
	  .details = "Prints each one's exit status, one a line." },
	{ "rm", verb_rm, rm_options, "[OPTIONS] UNIT...", 1, -1, ARGS_UNIT,
	  .help = "remove units, their files and their logs" },
	{ "inspect", verb_inspect, NULL, "UNIT...", 1, -1, ARGS_UNIT,
	  .help = "print all that is known of units, as JSON" },
	{ "image load", verb_image_load, image_load_options, "[OPTIONS] FILE|DIRECTORY|-", 1, 1, ARGS_FILE, .json = true,
	  .help = "put images of an archive into the store",
	  .details = "Takes an OCI layout, as a directory or in a tar archive, or what `docker save` writes; - is standard input." },
	{ "image ls", verb_image_ls, image_ls_options, "", 0, 0, .json = true, .help = "list the images of the store" },
	{ "image rm", verb_image_rm, NULL, "IMAGE...", 1, -1, ARGS_IMAGE, .help = "remove images from the store" },
	{ "status", verb_status, NULL, "", 0, 0, .json = true,
	  .help = "show the machine: slot, root hash, state, roles, boot times" },
	{ "memory", verb_memory, NULL, "", 0, 0, .json = true,
	  .help = "what Hull's own processes cost" },
	{ "cmdline", verb_cmdline, NULL, "", 0, 0, .json = true,
	  .help = "list the hull.* keys of the kernel command line",
	  .details = "With the values in force on the machine, or, where there is none and none was named, the defaults." },
	{ "poweroff", verb_poweroff, NULL, "", 0, 0, .help = "stop all units and switch the machine off" },
	{ "reboot", verb_reboot, NULL, "", 0, 0,
	  .help = "stop all units and restart the machine through its firmware" },
	{ "kexec", verb_kexec, NULL, "", 0, 0,
	  .help = "stop all units and restart the machine straight into the slot's kernel" },
	{ "reexec", verb_reexec, NULL, "", 0, 0, .help = "re-execute PID 1; units keep running" },
	{ "completion", verb_completion, NULL, "", 0, 0, .help = "print a completion script for bash",
	  .details = "To use it at once: source <(hull completion)" },
	{ "help", verb_help, NULL, "[VERB]", 0, 2, ARGS_VERB, .help = "print this overview, or the help of a verb" },
	{ "version", verb_version, NULL, "", 0, 0, .help = "print the version of this program" },
	{ 0 },
};
