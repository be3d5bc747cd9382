/* SPDX-License-Identifier: Apache-2.0 */
/* Signals by name, as Docker and Compose write them: "SIGTERM", "TERM", "15", "SIGRTMIN+3", "RTMAX-1". */
#pragma once

/* The number (1-64), or -1. Letters in either case. Real-time signals count from 34, as glibc's. */
int signame_parse(const char *text);
#define SIGNAME_MAX 16
/* "SIGTERM"; "SIGRTMIN+3"; just the number for one without a name. */
void signame_format(int sig, char out[SIGNAME_MAX]);
