/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signame.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SIGNAL_LAST 64
#define RTMIN_FIRST 34 /* glibc keeps 32 and 33 for itself; every runtime counts from here */

static const char *const names[] = {
	[SIGHUP] = "HUP", [SIGINT] = "INT", [SIGQUIT] = "QUIT", [SIGILL] = "ILL", [SIGTRAP] = "TRAP", [SIGABRT] = "ABRT",
	[SIGBUS] = "BUS", [SIGFPE] = "FPE", [SIGKILL] = "KILL", [SIGUSR1] = "USR1", [SIGSEGV] = "SEGV",
	[SIGUSR2] = "USR2", [SIGPIPE] = "PIPE", [SIGALRM] = "ALRM", [SIGTERM] = "TERM", [SIGSTKFLT] = "STKFLT",
	[SIGCHLD] = "CHLD", [SIGCONT] = "CONT", [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP", [SIGTTIN] = "TTIN",
	[SIGTTOU] = "TTOU", [SIGURG] = "URG", [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ", [SIGVTALRM] = "VTALRM",
	[SIGPROF] = "PROF", [SIGWINCH] = "WINCH", [SIGIO] = "IO", [SIGPWR] = "PWR", [SIGSYS] = "SYS",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

/* Digits only, at most two: "15". */
static int small_number(const char *text)
{
	size_t len = strspn(text, "0123456789");

	return len > 0 && len <= 2 && text[len] == '\0' ? atoi(text) : -1;
}

static int realtime_parse(const char *text, int base, char sign)
{
	int offset = 0;

	if (*text) {
		if (*text != sign)
			return -1;
		offset = small_number(text + 1);
	}
	if (offset < 0 || offset > SIGNAL_LAST - RTMIN_FIRST)
		return -1;
	return sign == '+' ? base + offset : base - offset;
}

int signame_parse(const char *text)
{
	int n = small_number(text);

	if (n >= 0)
		return n >= 1 && n <= SIGNAL_LAST ? n : -1;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	if (strncasecmp(text, "RTMIN", 5) == 0)
		return realtime_parse(text + 5, RTMIN_FIRST, '+');
	if (strncasecmp(text, "RTMAX", 5) == 0)
		return realtime_parse(text + 5, SIGNAL_LAST, '-');
	for (size_t i = 1; i < NAMES; i++)
		if (names[i] && strcasecmp(text, names[i]) == 0)
			return (int)i;
	if (strcasecmp(text, "POLL") == 0)
		return SIGPOLL;
	if (strcasecmp(text, "IOT") == 0)
		return SIGIOT;
	if (strcasecmp(text, "CLD") == 0)
		return SIGCHLD;
	return -1;
}

void signame_format(int sig, char out[SIGNAME_MAX])
{
	if (sig > 0 && (size_t)sig < NAMES && names[sig])
		snprintf(out, SIGNAME_MAX, "SIG%s", names[sig]);
	else if (sig == RTMIN_FIRST)
		snprintf(out, SIGNAME_MAX, "SIGRTMIN");
	else if (sig > RTMIN_FIRST && sig <= SIGNAL_LAST)
		snprintf(out, SIGNAME_MAX, "SIGRTMIN+%d", sig - RTMIN_FIRST);
	else
		snprintf(out, SIGNAME_MAX, "%d", sig);
}
