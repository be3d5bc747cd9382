/* SPDX-License-Identifier: Apache-2.0 */
#include "init/verbs/ending.h"
#include "init/verbs/verbs.h"

int verb_kexec(struct cli *c, const struct args *a)
{
	(void)a;
	return ending_request(c, "kexec");
}
