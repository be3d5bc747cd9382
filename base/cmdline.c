/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cmdline.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cmdline_check.h"
#include "base/utf8.h"

static const char *const root_words[] = { "slot", "ram", NULL };
static const char *const slot_words[] = { "a", "b", NULL };
static const char *const control_words[] = { "none", "virtio", NULL };
static const char *const log_words[] = { "err", "warn", "info", "debug", NULL };

const struct cmdline_entry cmdline_table[CMDLINE_KEYS] = {
	[CMDLINE_ROOT] = {
		.name = "hull.root", .type = "word", .default_value = "slot", .words = root_words,
		.help = "where the OS comes from: slot, a verified slot of the disk; ram, the initramfs itself, with "
			"the state in memory too",
	},
	[CMDLINE_SLOT] = {
		.name = "hull.slot", .type = "word", .default_value = "", .words = slot_words,
		.help = "boot this slot without picking one and without spending a try; set by kexec from stage 0",
	},
	[CMDLINE_KEXECED] = {
		.name = "hull.kexeced", .type = "bool", .default_value = "0",
		.help = "this kernel was entered by kexec from stage 0, so don't do that again; set by stage 0",
	},
	[CMDLINE_DISK_TIMEOUT] = {
		.name = "hull.disk_timeout", .type = "ms", .default_value = "30000", .max = 600000,
		.help = "how long stage 0 waits for a disk with slots",
	},
	[CMDLINE_PANIC_DELAY] = {
		.name = "hull.panic_delay", .type = "ms", .default_value = "10000", .max = 3600000,
		.help = "how long the console shows why nothing could be booted before the machine reboots",
	},
	[CMDLINE_CRASH_LIMIT] = {
		.name = "hull.crash_limit", .type = "number", .default_value = "4", .min = 1, .max = 1000000,
		.help = "crashes of PID 1 within 60 s that are survived; one more panics the machine",
	},
	[CMDLINE_CONTROL] = {
		.name = "hull.control", .type = "word", .default_value = "none", .words = control_words,
		.help = "virtio: also serve the control interface on the four virtio ports hull.control.0 to "
			"hull.control.3",
	},
	[CMDLINE_STATE] = {
		.name = "hull.state", .type = "text", .default_value = "auto", .check = cmdline_check_state,
		.help = "where images, logs and identity are kept: auto, the partition labelled HULL-STATE; tmpfs, "
			"in memory; or, in a container or PID namespace only, an absolute directory",
	},
	[CMDLINE_STATE_RESET] = {
		.name = "hull.state_reset", .type = "bool", .default_value = "0",
		.help = "make the state partition anew, empty: everything on it is lost",
	},
	[CMDLINE_HOSTNAME] = {
		.name = "hull.hostname", .type = "text", .default_value = "", .check = cmdline_check_hostname,
		.help = "the machine's name; without it the one kept on the state partition, else one made from the "
			"machine id",
	},
	[CMDLINE_NET] = {
		.name = "hull.net", .type = "list", .default_value = "dhcp", .check = cmdline_check_net,
		.help = "dhcp: DHCPv4 and IPv6 autoconfiguration on every Ethernet interface; none: loopback only; "
			"or by interface, IFACE=ADDRESS/LENGTH[,GATEWAY] or IFACE=dhcp separated by ';'",
	},
	[CMDLINE_DNS] = {
		.name = "hull.dns", .type = "list", .default_value = "", .check = cmdline_check_dns,
		.help = "addresses of name servers, separated by ','; before those from DHCP and router "
			"advertisements",
	},
	[CMDLINE_NTP] = {
		.name = "hull.ntp", .type = "list", .default_value = "pool.ntp.org", .check = cmdline_check_ntp,
		.help = "time servers, names or addresses, separated by ','; none: the clock is left alone",
	},
	[CMDLINE_WATCHDOG] = {
		.name = "hull.watchdog", .type = "number", .default_value = "60", .max = 3600,
		.help = "seconds after which the watchdog resets a machine whose PID 1 hangs; 0: no watchdog",
	},
	[CMDLINE_MODULES] = {
		.name = "hull.modules", .type = "list", .default_value = "", .check = cmdline_check_modules,
		.help = "kernel modules, separated by ',', to load besides those that the devices ask for",
	},
	[CMDLINE_LOG_LEVEL] = {
		.name = "hull.log", .type = "word", .default_value = "info", .words = log_words,
		.help = "the least important log lines that are written",
	},
};

struct parse {
	struct cmdline *out;
	cmdline_complaint *complain;
	void *arg;
};

static void tell(const struct parse *p, const char *name, const char *value, const char *what)
{
	char text[512];
	snprintf(text, sizeof(text), "%.64s%s%.80s%s: %s", name, value ? "='" : "", value ? value : "",
		 value ? "'" : "", what);
	utf8_scrub(text);
	if (p->complain)
		p->complain(p->arg, text);
}

static int parse_bool(const char *v)
{
	static const char *const yes[] = { "1", "yes", "true", "on", "" }, *const no[] = { "0", "no", "false", "off" };
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcmp(v, yes[i]) == 0)
			return 1;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcmp(v, no[i]) == 0)
			return 0;
	return -1;
}

/* Digits only; for ms "s" behind makes it seconds ("ms" may be said). -1: no number of this type. */
static int64_t parse_number(const struct cmdline_entry *entry, const char *v)
{
	int64_t n = 0;
	const char *p = v;
	for (; *p >= '0' && *p <= '9'; p++)
		if (p - v >= 15)
			return -1;
		else
			n = n * 10 + (*p - '0');
	if (p == v)
		return -1;
	if (entry->type[0] == 'm' && strcmp(p, "s") == 0)
		return n * 1000;
	if (!*p || (entry->type[0] == 'm' && strcmp(p, "ms") == 0))
		return n;
	return -1;
}

static bool is_word(const char *const *words, const char *v)
{
	for (; *words; words++)
		if (strcmp(*words, v) == 0)
			return true;
	return false;
}

/* NULL when v is a good value, else what was expected, in text. */
static const char *refuse(const struct cmdline_entry *entry, const char *v, char *text, size_t size)
{
	if (entry->words) {
		if (is_word(entry->words, v))
			return NULL;
		size_t n = (size_t)snprintf(text, size, "must be one of");
		for (const char *const *w = entry->words; *w; w++)
			n += (size_t)snprintf(text + n, size - n, " %s", *w);
		return text;
	}
	if (strcmp(entry->type, "bool") == 0)
		return parse_bool(v) >= 0 ? NULL : "must be 1 or 0";
	if (entry->max) {
		int64_t n = parse_number(entry, v);
		if (n >= entry->min && n <= entry->max)
			return NULL;
		snprintf(text, size, "must be a number from %lld to %lld%s", (long long)entry->min,
			 (long long)entry->max, entry->type[0] == 'm' ? " (milliseconds)" : "");
		return text;
	}
	return entry->check ? entry->check(v) : NULL;
}

static void set_default(struct cmdline *out, size_t k)
{
	snprintf(out->value[k], CMDLINE_VALUE_MAX, "%s", cmdline_table[k].default_value);
	out->given[k] = false;
}

static void take_value(const struct parse *p, size_t k, const char *value)
{
	const struct cmdline_entry *entry = &cmdline_table[k];
	char text[128], whole[256];
	const char *expected =
		strlen(value) >= CMDLINE_VALUE_MAX ? "is too long" : refuse(entry, value, text, sizeof(text));
	if (!expected) {
		snprintf(p->out->value[k], CMDLINE_VALUE_MAX, "%s", value);
		p->out->given[k] = true;
		return;
	}
	set_default(p->out, k);
	snprintf(whole, sizeof(whole), "%s; the default '%s' stays", expected, entry->default_value);
	tell(p, entry->name, value, whole);
}

static bool same_key(const char *name, const char *key, size_t len)
{
	if (strlen(name) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] != (key[i] == '-' ? '_' : key[i]))
			return false;
	return true;
}

/* One word, quotes already gone; NUL-ended. */
static void take_word(const struct parse *p, char *word)
{
	if (strncmp(word, "hull.", 5) != 0)
		return;
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : "";
	for (size_t k = 0; k < CMDLINE_KEYS; k++)
		if (same_key(cmdline_table[k].name, word, len)) {
			take_value(p, k, value);
			return;
		}
	word[len] = '\0';
	tell(p, word, NULL, "no such key, ignored (see hull cmdline)");
}

/* As the kernel's next_arg(): quotes protect white space and are dropped around a word or around its value. */
static void strip_quotes(char *word)
{
	char *value = strchr(word, '=');
	size_t len = strlen(word);
	if (word[0] == '"') {
		if (len > 1 && word[len - 1] == '"')
			word[--len] = '\0';
		memmove(word, word + 1, len);
		return;
	}
	if (!value || value[1] != '"')
		return;
	if (len > (size_t)(value + 2 - word) && word[len - 1] == '"')
		word[--len] = '\0';
	memmove(value + 1, value + 2, len - (size_t)(value + 1 - word));
}

static void init(struct cmdline *out)
{
	for (size_t k = 0; k < CMDLINE_KEYS; k++)
		set_default(out, k);
}

void cmdline_parse(const char *text, struct cmdline *out, cmdline_complaint *complain, void *arg)
{
	struct parse p = { .out = out, .complain = complain, .arg = arg };
	char word[CMDLINE_VALUE_MAX + 128]; /* longer words are cut: too long for any value all the same */
	init(out);
	for (;;) {
		while (isspace((unsigned char)*text))
			text++;
		if (!*text)
			return;
		bool quoted = false;
		size_t len = 0;
		for (; *text && (quoted || !isspace((unsigned char)*text)); text++) {
			if (*text == '"')
				quoted = !quoted;
			if (len + 1 < sizeof(word))
				word[len++] = *text;
		}
		word[len] = '\0';
		strip_quotes(word);
		take_word(&p, word);
	}
}

void cmdline_parse_argv(int argc, char **argv, struct cmdline *out, cmdline_complaint *complain, void *arg)
{
	struct parse p = { .out = out, .complain = complain, .arg = arg };
	char word[CMDLINE_VALUE_MAX + 128];
	init(out);
	for (int i = 0; i < argc; i++) {
		snprintf(word, sizeof(word), "%s", argv[i]);
		take_word(&p, word);
	}
}

const char *cmdline_text(const struct cmdline *c, enum cmdline_key k)
{
	return c->value[k];
}

int64_t cmdline_number(const struct cmdline *c, enum cmdline_key k)
{
	return parse_number(&cmdline_table[k], c->value[k]);
}

bool cmdline_bool(const struct cmdline *c, enum cmdline_key k)
{
	return parse_bool(c->value[k]) == 1;
}
