/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp filter. Default: EPERM, so that a call somebody forgot to list shows as an error where it happens; what
 * nobody but an attacker calls is SIGSYS, so that it shows in the log of PID 1 too. Other architectures' calls (i386,
 * x32) kill: their numbers mean something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/sandbox_steps.h"

/* What an event loop needs on descriptors it has, and what libc and malloc call. Nothing here opens anything. */
static const int common[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),
	SCMP_SYS(getsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(lseek),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(signalfd4),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	-1,
};

static const int network[] = {
	SCMP_SYS(connect),    SCMP_SYS(bind),	     SCMP_SYS(listen),	    SCMP_SYS(accept),	SCMP_SYS(accept4),
	SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
	-1,
};

/* Not AF_UNIX, whose abstract names no root hides, nor the families that are rarely used and often broken. */
static const int families[] = { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };

/* Not F_SETOWN and F_SETSIG, by which a process of root's uid sends any signal to any other; nor leases. */
static const int fcntls[] = {
	F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_ADD_SEALS, F_GET_SEALS,
};

static const int killed[] = {
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(kcmp),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(fspick),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(quotactl),
	SCMP_SYS(acct),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(personality),
	-1,
};

static bool on(const int *list, int call)
{
	for (; list && *list != -1; list++)
		if (*list == call)
			return true;
	return false;
}

static int add(scmp_filter_ctx ctx, uint32_t action, const int *list, const int *except)
{
	for (; list && *list != -1; list++) {
		if (on(except, *list))
			continue;
		int r = seccomp_rule_add(ctx, action, *list, 0);
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

struct conditional {
	int call;
	struct scmp_arg_cmp when;
};

/* What the process may do anyway (extra) is left out. */
static int add_rules(scmp_filter_ctx ctx, const struct conditional *rules, size_t n, const int *extra)
{
	for (size_t i = 0; i < n; i++) {
		if (on(extra, rules[i].call))
			continue;
		int r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, rules[i].call, 1, &rules[i].when);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A call with one of these values as its int argument number `arg`. */
static int add_values(scmp_filter_ctx ctx, int call, unsigned arg, const int *values, size_t n, const int *extra)
{
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct conditional rule = { call, SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, 0xffffffff, (scmp_datum_t)values[i]) };
		r = add_rules(ctx, &rule, 1, extra);
	}
	return r;
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Calls that are fine with some arguments. */
static int add_conditional(scmp_filter_ctx ctx, const struct sandbox *s)
{
	const struct conditional rules[] = {
		{ SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		{ SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) },
		{ SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0, 0) }, /* asks, sets nothing */
		{ SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0) }, /* abort() */
		{ SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, FIONREAD) },
		{ SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, FIONBIO) },
		{ SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, TCGETS) }, /* isatty() of stdio */
	};
	int r = add_rules(ctx, rules, COUNT(rules), s->syscalls);
	r = r < 0 ? r : add_values(ctx, SCMP_SYS(fcntl), 1, fcntls, COUNT(fcntls), s->syscalls);
	return r < 0 || !s->network ? r : add_values(ctx, SCMP_SYS(socket), 0, families, COUNT(families), s->syscalls);
}

static int build(scmp_filter_ctx ctx, const struct sandbox *s)
{
	static const int no_socket[] = { SCMP_SYS(socket), -1 };
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	r = r < 0 ? r : seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a line of comparisons */
	r = r < 0 ? r : add(ctx, SCMP_ACT_ALLOW, s->syscalls, s->network ? NULL : no_socket);
	r = r < 0 ? r : add(ctx, SCMP_ACT_ALLOW, common, s->syscalls);
	r = r < 0 ? r : add(ctx, SCMP_ACT_ALLOW, s->network ? network : NULL, s->syscalls);
	r = r < 0 ? r : add_conditional(ctx, s);
	return r < 0 ? r : add(ctx, SCMP_ACT_KILL_PROCESS, killed, s->syscalls);
}

int sandbox_seccomp(const struct sandbox *s, struct err *e)
{
	if (!s->syscalls)
		return 0;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx)
		return err_set(e, ENOMEM, "seccomp: out of memory");
	int r = build(ctx, s);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r < 0) {
		errno = -r;
		return err_sys(e, "load the seccomp filter");
	}
	return 0;
}
