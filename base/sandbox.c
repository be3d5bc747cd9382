/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sandbox_steps.h"

/* Nothing may come back by exec: no bounding set, no ambient set, and uid 0 is no reason for capabilities. */
static int close_ways_back(struct err *e)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(e, "clear the ambient capabilities");
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_sys(e, "drop capability %d from the bounding set", cap);
	unsigned long bits = SECBIT_KEEP_CAPS /* over the setresuid to come */ | SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
			     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
			     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
	if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		return err_sys(e, "set the secure bits");
	return 0;
}

static int set_capabilities(uint64_t wanted, struct err *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data) < 0)
		return err_sys(e, "read the capabilities");
	for (int i = 0; i < 2; i++) {
		uint32_t keep = (uint32_t)(wanted >> (32 * i)) & data[i].permitted;
		data[i] = (struct __user_cap_data_struct){ .effective = keep, .permitted = keep };
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return err_sys(e, "set the capabilities");
	return 0;
}

static int drop_ids(const struct sandbox *s, struct err *e)
{
	int signal_of_parent = 0; /* the kernel forgets it when ids or capabilities change */
	prctl(PR_GET_PDEATHSIG, &signal_of_parent, 0, 0, 0);
	if (close_ways_back(e) < 0)
		return -1;
	if (setgroups(0, NULL) < 0)
		return err_sys(e, "drop the groups");
	if (s->uid && (setresgid(s->uid, s->uid, s->uid) < 0 || setresuid(s->uid, s->uid, s->uid) < 0))
		return err_sys(e, "become uid %u", (unsigned)s->uid);
	if (set_capabilities(s->capabilities, e) < 0)
		return -1;
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, signal_of_parent, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "set no_new_privs");
	return 0;
}

int sandbox_enter(const struct sandbox *s, struct err *e)
{
	/*
	 * Where the filter refuses socket(2) a network namespace adds nothing but its cost at boot. A kernel or a
	 * container that refuses to make one is no reason to fail.
	 */
	if (!s->network && !s->syscalls)
		unshare(CLONE_NEWNET);
	if ((!s->root || strcmp(s->root, "/") != 0) && sandbox_root(s, e) < 0)
		return err_wrap(e, "sandbox");
	if (drop_ids(s, e) < 0 || sandbox_landlock(s, e) < 0 || sandbox_seccomp(s, e) < 0)
		return err_wrap(e, "sandbox");
	return 0;
}
