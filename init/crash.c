/* SPDX-License-Identifier: Apache-2.0 */
#include "init/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CRASH_WINDOW_MS 60000
#define CRASH_STACK 32768 /* the largest signal frame (AMX) has some 11 KiB */

extern const char __executable_start[], _end[]; /* the linker's: this image in memory */

/*
 * All the handler touches lies in this one page-aligned object, locked in memory, so that it still works when no page
 * can be read from the disk any more.
 */
static struct {
	int self_fd;
	bool contained;
	struct crash_window window;
	char resume[16], snapshot_fd[16], self_text[16], why[64], window_text[48];
	char name[8], empty[1];
	char *argv[CRASH_RESUME_ARGC + 1];
	char *envp[1];
	char stack[CRASH_STACK];
} crash __attribute__((aligned(4096)));

/*
 * The section of the handler, locked too. Only raw system calls and these helpers are called in it, and no constants are
 * used that the compiler would keep elsewhere. Its name is an identifier, so that the linker tells its bounds.
 */
#define CRASH_TEXT __attribute__((section("crash_text"), noinline, no_stack_protector))
extern const char __start_crash_text[], __stop_crash_text[];

/* A raw system call: libc's wrappers lie in pages that may be unreadable by now. */
CRASH_TEXT static long crash_syscall(long n, long a, long b, long c, long d, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = f;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return ret;
}

CRASH_TEXT static char *put_number(char *p, unsigned long v, unsigned radix)
{
	char digits[24];
	int n = 0;
	do {
		unsigned d = (unsigned)(v % radix);
		digits[n++] = (char)(d < 10 ? '0' + d : 'a' + d - 10);
	} while (v /= radix);
	while (n)
		*p++ = digits[--n];
	*p = '\0';
	return p;
}

CRASH_TEXT static void count_crash(void)
{
	struct timespec now = { 0 };
	crash_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0);
	long long ms = now.tv_sec * 1000LL + now.tv_nsec / 1000000;
	if (!crash.window.count || ms - crash.window.start_ms >= CRASH_WINDOW_MS) {
		crash.window.count = 0;
		crash.window.start_ms = ms;
	}
	crash.window.count++;
	char *p = put_number(crash.window_text, crash.window.count, 10);
	*p++ = ':';
	put_number(p, (unsigned long)crash.window.start_ms, 10);
}

CRASH_TEXT static void __attribute__((noreturn)) crash_end(void)
{
	if (crash.contained)
		crash_syscall(SYS_exit_group, 70, 0, 0, 0, 0);
	crash_syscall(SYS_reboot, 0xfee1dead, 672274793, RB_AUTOBOOT, 0, 0);
	for (;;)
		crash_syscall(SYS_exit_group, 70, 0, 0, 0, 0); /* PID 1's exit is a kernel panic, which reboots too */
}

CRASH_TEXT static void crash_handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	unsigned long at = (unsigned long)info->si_addr;
	char *p = crash.why;
	const char text[] = { 's', 'i', 'g', 'n', 'a', 'l', ' ' };
	for (size_t i = 0; i < sizeof(text); i++)
		*p++ = text[i];
	p = put_number(p, (unsigned long)sig, 10);
	const char mid[] = { ' ', 'a', 't', ' ', '0', 'x' };
	for (size_t i = 0; i < sizeof(mid); i++)
		*p++ = mid[i];
	put_number(p, at, 16);
	count_crash();
	if (sig == SIGBUS && info->si_code > 0 && at >= (unsigned long)__executable_start && at < (unsigned long)_end)
		crash_end();
	crash_syscall(SYS_execveat, crash.self_fd, (long)crash.empty, (long)crash.argv, (long)crash.envp, AT_EMPTY_PATH);
	crash_end();
}

int crash_window_parse(const char *text, struct crash_window *out)
{
	char *end;
	unsigned long count = strtoul(text, &end, 10);
	if (end == text || *end != ':' || count > 1000000)
		return -1;
	char *start = end + 1;
	long long ms = strtoll(start, &end, 10);
	if (end == start || *end || ms < 0)
		return -1;
	*out = (struct crash_window){ .count = (unsigned)count, .start_ms = ms };
	return 0;
}

bool crash_too_many(struct crash_window window, unsigned limit)
{
	return window.count > limit;
}

/* The kernel takes whole pages. Failing to lock (a container's limit) is no reason not to boot. */
static void lock_memory(void)
{
	mlock(__start_crash_text, (size_t)(__stop_crash_text - __start_crash_text));
	mlock(&crash, sizeof(crash));
}

int crash_arm(int self_fd, int snapshot_fd, struct crash_window window, bool contained, struct err *e)
{
	crash.self_fd = self_fd;
	crash.contained = contained;
	crash.window = window;
	strcpy(crash.name, "hull");
	strcpy(crash.resume, "--resume");
	snprintf(crash.snapshot_fd, sizeof(crash.snapshot_fd), "%d", snapshot_fd);
	snprintf(crash.self_text, sizeof(crash.self_text), "%d", self_fd);
	crash.argv[0] = crash.name;
	crash.argv[1] = crash.resume;
	crash.argv[2] = crash.snapshot_fd;
	crash.argv[3] = crash.self_text;
	crash.argv[4] = crash.why;
	crash.argv[5] = crash.window_text;

	/* The mask is set as a whole, never added to: whatever this image inherited, the fatal signals end up unblocked
	 * (one blocked across execve would make the second fault kill PID 1) and all else comes through the signalfd. */
	sigset_t mask;
	sigfillset(&mask);
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		sigdelset(&mask, fatal[i]);
	if (sigprocmask(SIG_SETMASK, &mask, NULL) < 0)
		return err_sys(e, "signal mask");

	stack_t stack = { .ss_sp = crash.stack, .ss_size = sizeof(crash.stack) };
	if (sigaltstack(&stack, NULL) < 0)
		return err_sys(e, "alternate signal stack");
	struct sigaction sa = { .sa_sigaction = crash_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		if (sigaction(fatal[i], &sa, NULL) < 0)
			return err_sys(e, "handler of signal %d", fatal[i]);
	lock_memory();
	return 0;
}

int crash_reexec(struct err *e)
{
	snprintf(crash.why, sizeof(crash.why), "asked");
	snprintf(crash.window_text, sizeof(crash.window_text), "%u:%lld", crash.window.count, crash.window.start_ms);
	execveat(crash.self_fd, "", crash.argv, crash.envp, AT_EMPTY_PATH);
	return err_sys(e, "re-exec");
}
