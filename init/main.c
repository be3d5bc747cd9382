/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One binary, many processes: this is where each finds out which one it is. The child modes come first, since a
 * container's launcher is also pid 1, of its own PID namespace, and may never take itself for the machine's.
 */
#include <string.h>
#include <unistd.h>

#include "containers/launch.h"
#include "init/boot.h"
#include "init/cli/cli.h"
#include "init/pid1.h"
#include "init/role_table.h"
#include "init/task.h"
#include "initramfs/stage0.h"

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "", *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *called = slash ? slash + 1 : argc > 0 ? argv[0] : "";

	if (strcmp(mode, "--launch") == 0 && argc == 2)
		launch_main();
	if (strcmp(mode, "--role") == 0 && argc == 3)
		role_main(argv[2]);
	if (strcmp(mode, "--task") == 0 && argc == 3)
		task_main(argv[2]);
	if (strcmp(called, "modprobe") == 0) /* by the kernel, on behalf of anybody */
		return modprobe_main(argc, argv);
	if (getpid() != 1)
		return cli_main(argc, argv);
	/* The kernel executes /init of an initramfs under that very name, and /sbin/init of a root under that one. */
	if (argc > 0 && (strcmp(argv[0], "/init") == 0 || strcmp(mode, "--stage0") == 0))
		stage0_main();
	return pid1_main(argc, argv);
}
