/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/version.h"
#include "init/verbs/verbs.h"

int verb_version(struct cli *c, const struct args *a)
{
	(void)c;
	(void)a;
	printf("hull %s\n", hull_version);
	return CLI_OK;
}
