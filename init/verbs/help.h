/* SPDX-License-Identifier: Apache-2.0 */
/* Help texts, made from the verb table. All return CLI_OK. */
#pragma once
#include <stdio.h>

#include "init/cli/cli.h"

int help_overview(FILE *out);
int help_group(const char *group, FILE *out); /* "image" */
int help_verb(const struct cli_verb *v, FILE *out);
