/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cli/client.h"
#include "init/verbs/verbs.h"

int verb_reexec(struct cli *c, const struct args *a)
{
	int code = client_call(c, "org.hull.Machine.Reexec", NULL, CLIENT_EXPECTED, CLIENT_TIMEOUT_MS, NULL);

	(void)a;
	if (code)
		return code;
	/* Done when the new PID 1 answers. */
	code = client_again(c);
	return code ? code : client_call(c, "org.hull.Machine.Info", NULL, CLIENT_REPEAT, CLIENT_TIMEOUT_MS, NULL);
}
