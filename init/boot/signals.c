/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/signals.h"

#include <signal.h>
#include <stddef.h>

struct signal_rule {
	int signo; /* 0: rt counts from SIGRTMIN, which is no constant */
	int rt;
	enum boot_end real, contained;
	const char *who;
};

static const struct signal_rule rules[] = {
	{SIGINT, 0, BOOT_REBOOT, BOOT_POWEROFF, "Ctrl-Alt-Del (the kernel's, CAD off); Ctrl-C at `docker run`"},
	{SIGTERM, 0, BOOT_REBOOT, BOOT_POWEROFF, "busybox reboots; container runtimes stop with it"},
	{SIGUSR1, 0, BOOT_POWEROFF, BOOT_POWEROFF, "busybox: halt, of which nobody has use on a server"},
	{SIGUSR2, 0, BOOT_POWEROFF, BOOT_POWEROFF, "busybox: poweroff"},
	{SIGPWR, 0, BOOT_POWEROFF, BOOT_POWEROFF, "power failure (sysvinit); LXC's way to stop a container"},
	{0, 3, BOOT_POWEROFF, BOOT_POWEROFF, "systemd: halt; what podman and docker send to a systemd image"},
	{0, 4, BOOT_POWEROFF, BOOT_POWEROFF, "systemd: poweroff"},
	{0, 5, BOOT_REBOOT, BOOT_REBOOT, "systemd: reboot"},
	{0, 6, BOOT_KEXEC, BOOT_REBOOT, "systemd: kexec"},
};

bool signals_end_asked(int signo, bool contained, enum boot_end *how)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		int wanted = rules[i].signo ? rules[i].signo : SIGRTMIN + rules[i].rt;

		if (signo == wanted) {
			*how = contained ? rules[i].contained : rules[i].real;
			return true;
		}
	}
	return false;
}
