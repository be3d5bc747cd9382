/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says when it was started and executes what it stands before: one and the same program in both machines that are
 * compared. As /bench-init (rdinit=) it stands before the initramfs's /init and its line goes to the console; else it is
 * the entry point of the container, before the program in its arguments.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec t;
	char line[64];

	clock_gettime(CLOCK_MONOTONIC, &t);
	int init = strstr(argv[0], "bench-init") != NULL;
	int n = snprintf(line, sizeof(line), "BENCH %s %lld\n", init ? "init" : "container",
			 t.tv_sec * 1000000LL + t.tv_nsec / 1000);
	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		return 1;
	if (init) {
		argv[0] = "/init";
		execv("/init", argv);
	} else if (argc > 1) {
		execv(argv[1], argv + 1);
	}
	return 127;
}
