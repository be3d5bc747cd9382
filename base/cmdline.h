/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel command line: one declared table for all hull.* keys (cmdline.c), read by stage 0 and PID 1.
 * Syntax as the kernel's: words split by white space, double quotes protect spaces, '-' and '_' in a key are the same,
 * the last of a repeated key wins. A bool is 1|yes|true|on|0|no|false|off, and the key alone is 1; ms is a number of
 * milliseconds, or of seconds with "s" behind. Keys without "hull." are for others. docs/cmdline.md has the table.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum cmdline_key {
	CMDLINE_ROOT,		/* slot | ram */
	CMDLINE_SLOT,		/* a | b: set by kexec, no pick */
	CMDLINE_KEXECED,	/* bool */
	CMDLINE_DISK_TIMEOUT,	/* ms */
	CMDLINE_PANIC_DELAY,	/* ms */
	CMDLINE_CRASH_LIMIT,	/* crashes of PID 1 in 60 s before panic */
	CMDLINE_CONTROL,	/* none | virtio */
	CMDLINE_STATE,		/* auto | tmpfs | an absolute directory (contained only) */
	CMDLINE_STATE_RESET,	/* bool: recreate the state partition */
	CMDLINE_HOSTNAME,	/* string */
	CMDLINE_NET,		/* dhcp | none | IFACE=ADDR/LEN[,GATEWAY][;...] */
	CMDLINE_DNS,		/* comma separated addresses */
	CMDLINE_NTP,		/* comma separated servers; none */
	CMDLINE_WATCHDOG,	/* seconds; 0: off */
	CMDLINE_MODULES,	/* comma separated modules to load beside what the buses report */
	CMDLINE_LOG_LEVEL,	/* err|warn|info|debug */
	CMDLINE_KEYS
};

struct cmdline_entry {
	const char *name; /* "hull.root" */
	const char *type; /* "word", "bool", "ms", "number", "text", "list" */
	const char *default_value;
	const char *help;
	const char *const *words; /* for type word: the values allowed, NULL-ended */
	int64_t min, max; /* for ms and number */
	/* What else a value must be: NULL when it is fine, else what was expected. Not asked for the default. */
	const char *(*check)(const char *value);
};
extern const struct cmdline_entry cmdline_table[CMDLINE_KEYS];

#define CMDLINE_VALUE_MAX 512
struct cmdline {
	char value[CMDLINE_KEYS][CMDLINE_VALUE_MAX]; /* always valid: given, or the default */
	bool given[CMDLINE_KEYS];
};
/* Told once for each unknown hull.* key and each bad value (which leaves the default in force). */
typedef void cmdline_complaint(void *arg, const char *text);
/* Never fails: a bad value is a complaint and the default. text: the whole line. */
void cmdline_parse(const char *text, struct cmdline *out, cmdline_complaint *complain, void *arg);
/* The same from argv words (a contained PID 1 gets its keys so). */
void cmdline_parse_argv(int argc, char **argv, struct cmdline *out, cmdline_complaint *complain, void *arg);

const char *cmdline_text(const struct cmdline *c, enum cmdline_key k);
int64_t cmdline_number(const struct cmdline *c, enum cmdline_key k); /* ms, number */
bool cmdline_bool(const struct cmdline *c, enum cmdline_key k);
