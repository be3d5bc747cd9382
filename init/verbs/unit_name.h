/* SPDX-License-Identifier: Apache-2.0 */
/* Units as people name them: by their name, or by the service's name alone where only one unit has it. */
#pragma once
#include "init/cli/cli.h"
#include "supervisor/unit.h"

/* Asks the machine for its units. 0, or an exit code with the error told (none of that name, several services). */
int unit_name_resolve(struct cli *c, const char *given, char name[UNIT_NAME_MAX + 1]);
typedef int unit_name_fn(struct cli *c, const struct args *a, const char *name);
/* Resolves each operand and calls fn; goes on after a failure. Returns the last failure's exit code, or 0. */
int unit_name_each(struct cli *c, const struct args *a, unit_name_fn *fn);
/* {"name": NAME}, owned by the caller; NULL: out of memory. */
cJSON *unit_name_params(const char *name);
