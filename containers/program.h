/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container executes: arguments and environment merged from image and unit as Docker does, and the program
 * found.
 */
#pragma once
#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"
#include "containers/manifest.h"

#define PROGRAM_NOT_EXECUTABLE 126 /* exit statuses, as a shell's and Docker's */
#define PROGRAM_NOT_FOUND 127

/*
 * entrypoint, command: the unit's, NULL when it says nothing. An entrypoint given drops the image's command too; one
 * that is empty or [""] means none. EINVAL when nothing is left. *out: NULL-ended, owned by the caller.
 */
int program_arguments(const struct image_config *image, const cJSON *entrypoint, const cJSON *command, char ***out,
		      struct err *e);
/*
 * PATH and HOSTNAME, then the image's, then the unit's variables (entries without '=' are dropped), each name once;
 * HOME when nobody set it; TERM with a terminal.
 */
int program_environment(const struct image_config *image, const cJSON *unit, const char *hostname, const char *home,
			bool terminal, char ***out, struct err *e);
/*
 * Executes in the present root and working directory; looks along PATH of environment unless the name has a '/'. Comes
 * back only on failure: the exit status, e filled.
 */
int program_execute(char *const *arguments, char *const *environment, struct err *e);

/* "SIGTERM", "TERM", "15", "SIGRTMIN+3": the number, 0 for "" and what isn't a signal. */
int program_signal(const char *text);
