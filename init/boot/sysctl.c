/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"

const struct sysctl_entry sysctl_table[] = {
	{"kernel/panic", "10", true, "the kernel's default is to hang for ever; nobody stands beside the machine"},
	{"kernel/panic_on_oops", "1", true, "a kernel that was wrong once can't isolate containers any more"},
	{"kernel/modprobe", "/sbin/modprobe", false, "a link to hull, which answers for an allow list only"},
	{"kernel/kptr_restrict", "2", false, "kernel addresses help only an exploit; nobody debugs on the host"},
	{"kernel/dmesg_restrict", "1", false, "the kernel's log holds other containers' secrets"},
	{"kernel/unprivileged_bpf_disabled", "1", false, "a large attack surface that no ordinary container needs"},
	{"kernel/sysrq", "0", false, "keys on the console are not authenticated; /proc/sysrq-trigger still works"},
	{"kernel/pid_max", "4194304", false, "containers share one space of ids; 32,768 is a desktop's"},
	{"fs/protected_hardlinks", "1", false, "link races in shared sticky directories"},
	{"fs/protected_symlinks", "1", false, "the same with symbolic links"},
	{"fs/protected_fifos", "2", false, "the same with FIFOs planted for a privileged writer"},
	{"fs/protected_regular", "2", false, "the same with planted files"},
	{"fs/suid_dumpable", "0", false, "no core of a program that changed its rights"},
	{"fs/inotify/max_user_instances", "8192", false, "a limit per uid, and all containers' roots share uid 0"},
	{"fs/inotify/max_user_watches", "524288", false, "the same"},
	{"vm/max_map_count", "1048576", false, "databases map many files (Elasticsearch refuses below 262,144)"},
	{"net/ipv4/conf/all/accept_redirects", "0", false, "a neighbour may not change our routes"},
	{"net/ipv4/conf/default/accept_redirects", "0", false, "the same for interfaces to come"},
	{"net/ipv4/conf/all/send_redirects", "0", false, "a host, not a router of its subnet"},
	{"net/ipv6/conf/all/accept_redirects", "0", false, "as for IPv4"},
	{"net/ipv6/conf/default/accept_redirects", "0", false, "as for IPv4"},
};
const size_t sysctl_table_len = sizeof(sysctl_table) / sizeof(sysctl_table[0]);

void sysctl_apply(void)
{
	for (size_t i = 0; i < sysctl_table_len; i++) {
		const struct sysctl_entry *s = &sysctl_table[i];
		char path[128], now[64];
		struct err e;

		snprintf(path, sizeof(path), "/proc/sys/%s", s->path);
		if (s->only_if_zero && fs_read_line(AT_FDCWD, path, now, sizeof(now), NULL) == 0 && strcmp(now, "0"))
			continue;
		/* A setting the kernel was built without is no fault. */
		if (fs_put(AT_FDCWD, path, s->value, &e) < 0 && e.code != ENOENT)
			log_warn("sysctl %s: %s", s->path, e.text);
	}
}
