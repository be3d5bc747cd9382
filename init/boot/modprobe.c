/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel asks of /sbin/modprobe (request_module): `modprobe -q -- NAME`. Any process in any container can make
 * the kernel ask, by a socket family or a filesystem type of its choice, so only what a container host has use for is
 * answered; a rare protocol with a rare bug stays out.
 */
#include <string.h>

#include "base/kmod.h"
#include "base/log.h"
#include "init/boot.h"
#include "init/boot/modprobe.h"

/* A star at the end stands for any rest. */
static const char *const allowed[] = {
	"fs-ext4", "fs-overlay", "fs-vfat", "fs-iso9660", "fs-fuse", "fs-9p", "fs-virtiofs",
	"net-pf-10", "net-pf-16-proto-*", "net-pf-17", "net-pf-40", /* IPv6, netlink, packet, vsock */
	"rtnl-link-veth", "rtnl-link-bridge", "rtnl-link-vlan", "rtnl-link-vxlan", "rtnl-link-macvlan", "rtnl-link-ipvlan",
	"rtnl-link-dummy", "rtnl-link-wireguard", "rtnl-link-tun",
	"nft-*", "nf-*", "nf_*", "nfnetlink*", "ip_tables", "ip6_tables", "iptable_*", "ip6table_*", "ipt_*", "ip6t_*", "xt_*",
	"tcp_bbr", "tcp_cubic", "net-sch-*", "sch_*", "tcp-ulp-tls",
	"char-major-10-200", "char-major-10-229", "char-major-10-237", "block-major-7-*", /* tun, fuse, loop */
	"crypto-*", "nls_*", "cryptomgr", "zstd*", "overlay",
};

bool modprobe_allowed(const char *name)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		size_t n = strlen(allowed[i]);

		if (allowed[i][n - 1] == '*' ? !strncmp(name, allowed[i], n - 1) : !strcmp(name, allowed[i]))
			return true;
	}
	return false;
}

int modprobe_main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[argc - 1] : "";
	struct kmod *kmod;
	struct err e;
	int loaded;

	log_open("hull-modprobe", true);
	if (*name == '-' || !*name || strlen(name) > 255)
		return 2;
	if (!modprobe_allowed(name)) {
		/* Not a line in the log: a container can make the kernel ask as often as it likes. */
		log_debug("%s: not on the allow list", name);
		return 1;
	}
	kmod = kmod_open(NULL, NULL, NULL, &e);
	if (!kmod) {
		log_warn("%s: %s", name, e.text);
		return 1;
	}
	loaded = kmod_load_alias(kmod, name, NULL, NULL);
	if (loaded == 0 && kmod_load(kmod, name, &e) < 0)
		loaded = -1;
	kmod_close(kmod);
	return loaded < 0;
}
