/* SPDX-License-Identifier: Apache-2.0 */
#include "init/role_table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "init/door/machine.h"
#include "init/net/net_role.h"
#include "init/units.h"
#include "supervisor/logs_role.h"

static const struct role_request net_requests[] = {
	{ "org.hull.Role.Report", 16384, machine_net_report },
	{ "org.hull.Role.SetClock", 256, machine_set_clock },
	{ 0 },
};

/* Ids, capabilities, root and system calls of each are in its struct sandbox, beside its main. */
const struct role_spec role_table[ROLE_COUNT] = {
	[ROLE_LOGS] = { "logs", "drains the containers' output into bounded files", logs_role_main, &logs_sandbox, NULL, units_attach_logs },
	[ROLE_NET] = { "net", "addresses, DHCP, DNS servers, the clock from the network", net_role_main, &net_sandbox, net_requests,
		machine_configure_net },
};

_Noreturn void role_main(const char *name)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (strcmp(role_table[i].name, name) == 0)
			role_table[i].main();
	log_use_fd("hull", 2, getenv("HULL_KMSG") != NULL);
	log_err("no such role: %s", name);
	_exit(2);
}
