/* SPDX-License-Identifier: Apache-2.0 */
/* Each case confines a child process and reports what it could still do by its exit status. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/sandbox.h"

static const int none[] = { -1 };
static char dir[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/hull-test-sandbox-XXXXXX");
	return mkdtemp(dir) && fs_replace(AT_FDCWD, "/tmp/hull-test-outside", "x", 1, 0644, NULL) == 0
		       ? chmod(dir, 0777)
		       : -1;
}

static int tear_down(void **state)
{
	(void)state;
	fs_remove_tree(AT_FDCWD, "/tmp/hull-test-outside", NULL);
	return fs_remove_tree(AT_FDCWD, dir, NULL);
}

/* The line of the first expectation that failed in a child is its exit status (modulo 256, and never 0). */
#define EXPECT(what)                                                \
	do {                                                        \
		if (!(what))                                        \
			_exit(__LINE__ % 255 ? __LINE__ % 255 : 1); \
	} while (0)

static int run(const struct sandbox *s, void (*inside)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		struct err e;
		alarm(60);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sandbox_enter(s, &e) < 0) {
			fprintf(stderr, "%s\n", e.text);
			_exit(255);
		}
		inside();
		_exit(0);
	}
	int status = -1;
	waitpid(pid, &status, 0);
	return status;
}

#define RUN(s, inside)                                                                       \
	do {                                                                                 \
		if (geteuid() != 0)                                                          \
			skip();                                                              \
		int status_ = run(s, inside);                                                \
		if (status_)                                                                 \
			print_error("status %#x: line %d\n", status_, WEXITSTATUS(status_)); \
		assert_int_equal(status_, 0);                                                \
	} while (0)

static int count_entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;
	for (struct dirent *entry; d && (entry = readdir(d));)
		n += entry->d_name[0] != '.';
	if (d)
		closedir(d);
	return d ? n : -1;
}

static void in_empty_root(void)
{
	char cwd[64];
	EXPECT(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/") == 0);
	EXPECT(count_entries("/") == 0);
	EXPECT(count_entries("..") == 0 && count_entries("../../..") == 0);
	EXPECT(access("/proc", F_OK) < 0 && access("/tmp/hull-test-outside", F_OK) < 0);
	EXPECT(open("/x", O_CREAT | O_WRONLY, 0600) < 0 && mkdir("/x", 0700) < 0);
	int signal_of_parent = 0;
	EXPECT(prctl(PR_GET_PDEATHSIG, &signal_of_parent) == 0 && signal_of_parent == SIGKILL);
}

static void test_empty_root(void **state)
{
	(void)state;
	RUN((&(struct sandbox){ .uid = 65000, .landlock_fs = SANDBOX_LANDLOCK_ALL }), in_empty_root);
	RUN((&(struct sandbox){ .landlock_fs = SANDBOX_LANDLOCK_ALL }), in_empty_root);
}

static void in_writable_root(void)
{
	EXPECT(count_entries("/") == 1);
	EXPECT(access("/present", F_OK) == 0);
	EXPECT(access("/tmp", F_OK) < 0 && access("/../../tmp", F_OK) < 0);
	EXPECT(fs_replace(AT_FDCWD, "/new", "x", 1, 0644, NULL) == 0);
	struct stat st;
	EXPECT(stat("/new", &st) == 0 && st.st_uid == 65001);
	EXPECT(open("/zero", O_RDONLY) < 0);
}

static void in_read_only_root(void)
{
	EXPECT(access("/present", F_OK) == 0);
	EXPECT(open("/new2", O_CREAT | O_WRONLY, 0600) < 0 && errno == EROFS);
}

static void test_directory_root(void **state)
{
	(void)state;
	char path[128];
	snprintf(path, sizeof(path), "%s/present", dir);
	assert_int_equal(fs_replace(AT_FDCWD, path, "x", 1, 0644, NULL), 0);
	RUN((&(struct sandbox){
		    .root = dir, .root_writable = true, .uid = 65001, .landlock_fs = SANDBOX_LANDLOCK_ALL }),
	    in_writable_root);
	snprintf(path, sizeof(path), "%s/new", dir);
	assert_int_equal(access(path, F_OK), 0);
	RUN((&(struct sandbox){ .root = dir, .landlock_fs = SANDBOX_LANDLOCK_ALL }), in_read_only_root);
	RUN((&(struct sandbox){ .root = dir, .uid = 65001, .landlock_fs = SANDBOX_LANDLOCK_ALL }), in_read_only_root);
	/* The directory's own mount was left alone. */
	snprintf(path, sizeof(path), "%s/after", dir);
	assert_int_equal(fs_replace(AT_FDCWD, path, "x", 1, 0644, NULL), 0);
}

static uint64_t capabilities(bool permitted)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	EXPECT(syscall(SYS_capget, &h, d) == 0);
	EXPECT(d[0].inheritable == 0 && d[1].inheritable == 0);
	EXPECT(d[0].permitted == d[0].effective && d[1].permitted == d[1].effective);
	return permitted ? d[0].permitted | (uint64_t)d[1].permitted << 32 : 0;
}

static void in_role(void)
{
	uid_t r, e, s;
	gid_t groups[8];
	EXPECT(getresuid(&r, &e, &s) == 0 && r == 65002 && e == 65002 && s == 65002);
	EXPECT(getresgid(&r, &e, &s) == 0 && r == 65002 && e == 65002 && s == 65002);
	EXPECT(getgroups(8, groups) == 0);
	EXPECT(capabilities(true) == (1ull << CAP_NET_ADMIN | 1ull << CAP_NET_RAW));
	for (int cap = 0; cap < 63; cap++)
		EXPECT(prctl(PR_CAPBSET_READ, cap, 0, 0, 0) <= 0 &&
		       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) <= 0);
	EXPECT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) < 0);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	EXPECT(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 0);
	EXPECT(setuid(0) < 0 && setgid(0) < 0 && setgroups(0, NULL) < 0);
	EXPECT(kill(getppid(), 0) < 0 && errno == EPERM);
}

static void in_bare_root(void)
{
	EXPECT(getuid() == 0 && capabilities(true) == 0);
	EXPECT(chown("/tmp/hull-test-outside", 1, 1) < 0);
	EXPECT(access("/tmp/hull-test-outside", F_OK) == 0);
	/* uid 0 is no reason for capabilities after an exec either. */
	execl("/bin/sh", "sh", "-c",
	      "grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status && grep -q '^CapPrm:[[:space:]]*0*$' "
	      "/proc/self/status",
	      NULL);
	_exit(254);
}

static void test_ids_and_capabilities(void **state)
{
	(void)state;
	struct sandbox role = { .root = "/",
				.uid = 65002,
				.capabilities = 1ull << CAP_NET_ADMIN | 1ull << CAP_NET_RAW | 1ull << 63,
				.landlock_fs = SANDBOX_LANDLOCK_ALL };
	RUN(&role, in_role);
	RUN((&(struct sandbox){ .root = "/", .landlock_fs = SANDBOX_LANDLOCK_ALL }), in_bare_root);
}

static void without_network(void)
{
	EXPECT(if_nametoindex("lo") == 1 && if_nametoindex("eth0") == 0);
	struct if_nameindex *names = if_nameindex();
	EXPECT(names && names[0].if_index && !names[1].if_index);
}

static void test_network_namespace(void **state)
{
	(void)state;
	RUN((&(struct sandbox){ .root = "/", .landlock_fs = SANDBOX_LANDLOCK_ALL }), without_network);
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1;
}

static int kept_fd;

static void under_landlock(void)
{
	char text[4];
	EXPECT(open("/tmp/hull-test-outside", O_RDONLY) < 0 && errno == EACCES);
	EXPECT(open("/tmp", O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES);
	EXPECT(unlink("/tmp/hull-test-outside") < 0 && mkdir("/tmp/hull-test-made", 0700) < 0);
	EXPECT(pread(kept_fd, text, 1, 0) == 1 && text[0] == 'x');
}

static void reading_under_landlock(void)
{
	EXPECT(open("/tmp/hull-test-outside", O_RDONLY) >= 0);
	EXPECT(open("/tmp/hull-test-outside", O_WRONLY) < 0 && errno == EACCES);
	EXPECT(unlink("/tmp/hull-test-outside") < 0 && errno == EACCES);
}

static void test_landlock(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	kept_fd = open("/tmp/hull-test-outside", O_RDONLY | O_CLOEXEC);
	RUN((&(struct sandbox){ .root = "/" }), under_landlock);
	RUN((&(struct sandbox){ .root = "/", .landlock_fs = 1 << 2 /* READ_FILE */ }), reading_under_landlock);
	close(kept_fd);
}

static void refused(void)
{
	EXPECT(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM);
	EXPECT(open("/", O_RDONLY) < 0 && errno == EPERM);
	EXPECT(unlink("/x") < 0 && errno == EPERM);
	EXPECT(fork() < 0 && errno == EPERM);
	EXPECT(execl("/bin/true", "true", NULL) < 0 && errno == EPERM);
	EXPECT(kill(getpid(), 0) < 0 && errno == EPERM);
	EXPECT(prctl(PR_SET_DUMPABLE, 1) < 0 && errno == EPERM);
	EXPECT(syscall(SYS_clone3, NULL, 0) < 0 && errno == EPERM);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(page != MAP_FAILED);
	EXPECT(mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0 && mprotect(page, 4096, PROT_READ) == 0);
	struct rlimit limit;
	EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0 && setrlimit(RLIMIT_NOFILE, &limit) < 0);
	EXPECT(syscall(SYS_tgkill, getppid(), getppid(), 0) < 0 && errno == EPERM);
	EXPECT(syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x") < 0 && errno == EPERM);
	/* A signal of one's choice to a process of one's choice. */
	EXPECT(fcntl(0, F_SETOWN, getppid()) < 0 && errno == EPERM);
	EXPECT(fcntl(0, F_SETSIG, SIGKILL) < 0 && errno == EPERM);
	EXPECT(syscall(SYS_fcntl, 0, 0x100000000 | F_SETSIG, SIGKILL) < 0 && errno == EPERM);
}

static void loop_works(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), p[2];
	EXPECT(epoll >= 0 && timer >= 0 && pipe2(p, O_CLOEXEC) == 0);
	struct epoll_event event = { .events = EPOLLIN };
	EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0);
	struct itimerspec when = { .it_value.tv_nsec = 1000 };
	EXPECT(timerfd_settime(timer, 0, &when, NULL) == 0);
	EXPECT(epoll_wait(epoll, &event, 1, 5000) == 1);
	EXPECT(write(p[1], "x", 1) == 1);
	char *large = malloc(32 << 20);
	EXPECT(large);
	memset(large, 1, 32 << 20);
	free(large);
	struct timespec t = { .tv_nsec = 1000 };
	EXPECT(nanosleep(&t, NULL) == 0 && clock_gettime(CLOCK_REALTIME, &t) == 0);
	EXPECT(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(p[0], F_DUPFD_CLOEXEC, 20) >= 20);
	EXPECT(fprintf(stderr, "%s", "") == 0);
}

static void test_seccomp(void **state)
{
	(void)state;
	RUN((&(struct sandbox){ .uid = 65003, .syscalls = none }), refused);
	RUN((&(struct sandbox){ .uid = 65003, .syscalls = none }), loop_works);
}

static void with_extra(void)
{
	EXPECT(open("/", O_RDONLY | O_DIRECTORY) >= 0);
	EXPECT(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	EXPECT(umount2("/nowhere", 0) < 0); /* no kill: it is on the list */
}

static void with_network(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0), yes = 1;
	EXPECT(s >= 0 && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0);
	EXPECT(open("/", O_RDONLY) < 0);
	EXPECT(socket(AF_INET6, SOCK_DGRAM, 0) >= 0 || errno == EAFNOSUPPORT);
	EXPECT(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM);
	EXPECT(socket(AF_ALG, SOCK_SEQPACKET, 0) < 0 && errno == EPERM);
	EXPECT(socket(AF_VSOCK, SOCK_STREAM, 0) < 0 && errno == EPERM);
}

static void test_seccomp_lists(void **state)
{
	(void)state;
	static const int extra[] = { SYS_socket, SYS_openat, SYS_mmap, SYS_umount2, SYS_read, -1 };
	RUN((&(struct sandbox){ .syscalls = extra, .landlock_fs = SANDBOX_LANDLOCK_ALL }), with_extra);
	RUN((&(struct sandbox){ .uid = 65003, .syscalls = none, .network = true }), with_network);
}

static void call_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void call_mount(void)
{
	mount("x", "/", "tmpfs", 0, NULL);
}

static void call_bpf(void)
{
	syscall(SYS_bpf, 0, NULL, 0);
}

static void call_unshare(void)
{
	unshare(CLONE_NEWUSER);
}

static void call_i386(void)
{
	/* int 0x80: the numbers of another architecture. */
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L /* getpid there */) : "memory");
}

static void call_x32(void)
{
	syscall(0x40000000 | SYS_getpid);
}

static void test_killed(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	void (*const calls[])(void) = { call_ptrace, call_mount, call_bpf, call_unshare, call_i386, call_x32 };
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status = run(&(struct sandbox){ .uid = 65003, .syscalls = none }, calls[i]);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			print_error("call %zu: status %#x\n", i, status);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

static void test_failure_is_told(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	pid_t pid = fork();
	if (pid == 0) {
		struct err e;
		EXPECT(sandbox_enter(&(struct sandbox){ .root = "/nowhere/at/all" }, &e) < 0);
		EXPECT(e.code == ENOENT && strstr(e.text, "/nowhere/at/all"));
		_exit(0);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	/* As nobody: it must not pretend. */
	pid = fork();
	if (pid == 0) {
		struct err e;
		EXPECT(setresuid(65004, 65004, 65004) == 0);
		EXPECT(sandbox_enter(&(struct sandbox){ .root = "/", .syscalls = none }, &e) < 0);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_empty_root),	   T(test_directory_root), T(test_ids_and_capabilities),
		T(test_network_namespace), T(test_landlock),	   T(test_seccomp),
		T(test_seccomp_lists),	   T(test_killed),	   T(test_failure_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
