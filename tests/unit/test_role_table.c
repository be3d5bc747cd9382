/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no role may do, tried from within the sandbox of each: every attempt in a process of its own, since some are
 * answered by a kill. The arguments are such that an attempt that gets through does no harm.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/reboot.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "init/role_table.h"

enum { REFUSED = 10, DONE, NO_SANDBOX };

static const struct timespec no_time = { .tv_nsec = -1 };
static const char *const no_words[] = { "true", NULL };
static char params[256]; /* of calls that want a structure */
static char logs[64];

struct attempt {
	const char *name;
	long call;
	uintptr_t args[6];
	bool control; /* anybody may: so it must work outside */
	bool fd; /* the first argument is a descriptor of /bin/true, opened outside */
	bool without_network; /* for roles without network only */
};

#define P(x) ((uintptr_t)(x))

static const struct attempt attempts[] = {
	{ .name = "mount", .call = SYS_mount, .args = { P("none"), P("/"), P("hull-no-such-type") } },
	{ .name = "remount", .call = SYS_mount, .args = { 0, P("/no/such/place"), 0, 32 /* MS_REMOUNT */ } },
	{ .name = "umount", .call = SYS_umount2, .args = { P("/"), 0x100 } },
	{ .name = "pivot_root", .call = SYS_pivot_root, .args = { P("/no"), P("/no") } },
	{ .name = "chroot", .call = SYS_chroot, .args = { P("/") } },
	{ .name = "fsopen", .call = SYS_fsopen, .args = { P("tmpfs"), 0x100 } },
	{ .name = "open_tree", .call = SYS_open_tree, .args = { -1, P("/"), 1 } },
	{ .name = "move_mount", .call = SYS_move_mount, .args = { -1, P(""), -1, P("/no"), 4 } },
	{ .name = "mount_setattr", .call = SYS_mount_setattr, .args = { -1, P("/no"), 0, P(params), 32 } },
	{ .name = "mknod", .call = SYS_mknodat, .args = { AT_FDCWD, P("/hull-disk"), S_IFBLK | 0600, 0x800 /* sda */ } },
	{ .name = "reboot", .call = SYS_reboot, .args = { 0, 0, 0, 0 } },
	{ .name = "kexec_load", .call = SYS_kexec_load, .args = { 0, 0, 0, 0xffff } },
	{ .name = "kexec_file_load", .call = SYS_kexec_file_load, .args = { -1, -1, 0, 0, 0xffff } },
	{ .name = "init_module", .call = SYS_init_module, .args = { 0, 0, P("") } },
	{ .name = "finit_module", .call = SYS_finit_module, .args = { -1, P(""), 0 } },
	{ .name = "delete_module", .call = SYS_delete_module, .args = { P("hull_no_such"), O_NONBLOCK } },
	{ .name = "bpf", .call = SYS_bpf, .args = { 0, P(params), 64 } },
	{ .name = "perf_event_open", .call = SYS_perf_event_open, .args = { P(params), 0, -1, -1, 0 } },
	{ .name = "ptrace", .call = SYS_ptrace, .args = { PTRACE_TRACEME }, .control = true },
	{ .name = "process_vm_readv", .call = SYS_process_vm_readv, .args = { 1, P(params), 0, P(params), 0 } },
	{ .name = "io_uring", .call = SYS_io_uring_setup, .args = { 1, P(params) } },
	{ .name = "userfaultfd", .call = SYS_userfaultfd, .args = { 0 } },
	{ .name = "keyctl", .call = SYS_keyctl, .args = { KEYCTL_GET_KEYRING_ID, (uintptr_t)-1, 0 } },
	{ .name = "add_key", .call = SYS_add_key, .args = { P("user"), P("hull"), P("x"), 1, (uintptr_t)-1 } },
	{ .name = "setns", .call = SYS_setns, .args = { -1, 0 } },
	{ .name = "unshare", .call = SYS_unshare, .args = { CLONE_FS }, .control = true },
	{ .name = "a user namespace", .call = SYS_unshare, .args = { CLONE_NEWUSER } },
	{ .name = "fork", .call = SYS_clone, .args = { SIGCHLD }, .control = true },
	{ .name = "exec", .call = SYS_execveat, .args = { 0, P(""), P(no_words), P(no_words + 1), AT_EMPTY_PATH },
	  .control = true, .fd = true },
	{ .name = "executable memory", .call = SYS_mmap, .args = { 0, 4096, PROT_READ | PROT_EXEC,
	  MAP_PRIVATE | MAP_ANONYMOUS, (uintptr_t)-1, 0 }, .control = true },
	{ .name = "setuid", .call = SYS_setresuid, .args = { 0, 0, 0 }, .control = true },
	{ .name = "setgid", .call = SYS_setresgid, .args = { 0, 0, 0 }, .control = true },
	{ .name = "sethostname", .call = SYS_sethostname, .args = { P("x"), (uintptr_t)-1 } },
	{ .name = "clock_settime", .call = SYS_clock_settime, .args = { CLOCK_REALTIME, P(&no_time) }, .control = true },
	{ .name = "settimeofday", .call = SYS_settimeofday, .args = { P(&no_time), 0 } },
	{ .name = "the kernel's log", .call = SYS_syslog, .args = { 3, P(params), 16 } },
	{ .name = "iopl", .call = SYS_iopl, .args = { 3 } },
	{ .name = "swapon", .call = SYS_swapon, .args = { P("/no"), 0 } },
	{ .name = "acct", .call = SYS_acct, .args = { P("/no") } },
	{ .name = "open_by_handle_at", .call = SYS_open_by_handle_at, .args = { -1, P(params), 0 } },
	{ .name = "a file", .call = SYS_openat, .args = { AT_FDCWD, P("/etc/passwd"), O_RDONLY }, .control = true },
	{ .name = "a file above", .call = SYS_openat, .args = { AT_FDCWD, P("../../../../../../etc/passwd"), O_RDONLY },
	  .control = true },
	{ .name = "/proc", .call = SYS_openat, .args = { AT_FDCWD, P("/proc/1/status"), O_RDONLY }, .control = true },
	{ .name = "a signal to PID 1", .call = SYS_kill, .args = { 1, 0 }, .control = true },
	{ .name = "a signal to all", .call = SYS_kill, .args = { (uintptr_t)-1, 0 }, .control = true },
	{ .name = "a signal to a thread of PID 1", .call = SYS_tgkill, .args = { 1, 1, 0 }, .control = true },
	{ .name = "a pidfd", .call = SYS_pidfd_open, .args = { 1, 0 }, .control = true },
	{ .name = "a socket", .call = SYS_socket, .args = { AF_INET, SOCK_STREAM }, .control = true,
	  .without_network = true },
	{ .name = "a unix socket", .call = SYS_socket, .args = { AF_UNIX, SOCK_STREAM }, .control = true,
	  .without_network = true },
};

static bool is_refusal(int error)
{
	return error == EPERM || error == EACCES || error == ENOENT;
}

/* In a child: the exit status tells, unless the kernel kills it or it has become another program. */
static _Noreturn void try(const struct attempt *a, const struct sandbox *s, int program)
{
	const uintptr_t *x = a->args;
	struct err e;

	alarm(60);
	if (s && sandbox_enter(s, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		_exit(NO_SANDBOX);
	}
	long r = syscall(a->call, a->fd ? (uintptr_t)program : x[0], x[1], x[2], x[3], x[4], x[5]);
	_exit(r < 0 && is_refusal(errno) ? REFUSED : DONE);
}

static bool refused(const struct attempt *a, const struct sandbox *s, int program)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		try(a, s, program);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SANDBOX)
		fail_msg("the sandbox could not be entered");
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) || (WIFEXITED(status) && WEXITSTATUS(status) == REFUSED);
}

static void test_nothing_forbidden_works(void **state)
{
	int program = open("/bin/true", O_RDONLY | O_CLOEXEC);
	int bad = 0;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_true(program >= 0);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		const struct attempt *a = &attempts[i];

		if (a->control && refused(a, NULL, program)) {
			print_error("%s: refused outside of any sandbox, too\n", a->name);
			bad++;
		}
		for (int id = 0; id < ROLE_COUNT; id++) {
			struct sandbox s = *role_table[id].sandbox;

			if (s.root)
				s.root = logs; /* a machine's folder; here any */
			if (a->without_network && s.network)
				continue;
			if (!refused(a, &s, program)) {
				print_error("role %s: %s was not refused\n", role_table[id].name, a->name);
				bad++;
			}
		}
	}
	close(program);
	assert_int_equal(bad, 0);
}

static void test_every_role_is_confined(void **state)
{
	(void)state;
	for (int id = 0; id < ROLE_COUNT; id++) {
		const struct sandbox *s = role_table[id].sandbox;

		assert_non_null(s->syscalls);
		assert_int_not_equal(s->uid, 0);
		assert_true(!s->root || strcmp(s->root, "/") != 0);
		for (int other = 0; other < id; other++)
			assert_int_not_equal(s->uid, role_table[other].sandbox->uid);
	}
}

static int set_up(void **state)
{
	(void)state;
	strcpy(logs, "/tmp/hull-test-roles-XXXXXX");
	return mkdtemp(logs) ? chmod(logs, 0777) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return fs_remove_tree(AT_FDCWD, logs, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_role_is_confined),
		cmocka_unit_test(test_nothing_forbidden_works),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
