/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))

const uint64_t CAPABILITIES_DEFAULT =
	BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) | BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) |
	BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) |
	BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE);

int capabilities_bound(uint64_t keep, struct err *e)
{
	/* EINVAL marks the end of what the kernel knows. */
	for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(keep & BIT(cap)) && prctl(PR_CAPBSET_DROP, cap) < 0)
			return err_sys(e, "drop capability %d", cap);
	return 0;
}

int capabilities_set(uint64_t keep, struct err *e)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct now[2], data[2];

	if (syscall(SYS_capget, &header, now) < 0)
		return err_sys(e, "read capabilities");
	for (int i = 0; i < 2; i++) {
		/* What this process itself doesn't have (Hull contained with few rights) it can't give. */
		data[i].permitted = (uint32_t)(keep >> 32 * i) & now[i].permitted;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return err_sys(e, "clear ambient capabilities");
	return syscall(SYS_capset, &header, data) < 0 ? err_sys(e, "set capabilities") : 0;
}
