/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines of this process: one line a call, "NAME: text", never blocking, never allocating.
 * On a real boot they go to /dev/kmsg (so to the console and to whoever reads the kernel's log), else to stderr.
 * Control characters in the text are replaced, so that a hostile name can't forge a line.
 */
#pragma once
#include <stdbool.h>

enum log_level { LOG_LEVEL_ERR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 }; /* syslog's numbers */

/* name: static string, e.g. "hull", "hull-net". kmsg: try /dev/kmsg first. May be called again. */
void log_open(const char *name, bool kmsg);
/* Lines above this level are dropped (default LOG_LEVEL_INFO). */
void log_set_level(enum log_level max);
/* The descriptor lines go to (2 when no kmsg): to be kept over a sandbox or handed to a child. */
int log_fd(void);
/* Uses an inherited descriptor; kmsg says whether it is /dev/kmsg, which wants a "<N>" in front. */
void log_use_fd(const char *name, int fd, bool kmsg);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_err(...) log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
