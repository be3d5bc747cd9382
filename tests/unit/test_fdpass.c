/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdpass.h"

static int pair[2];

static int open_count(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int set_up(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int tear_down(void **state)
{
	(void)state;
	close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
	return 0;
}

static void test_packet_with_fds(void **state)
{
	(void)state;
	int p[2], got[FDPASS_MAX];
	size_t n = FDPASS_MAX;
	char text[16];
	assert_int_equal(pipe(p), 0);
	assert_int_equal(fdpass_send(pair[0], "hello", 5, p, 2, 0), 0);
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), got, &n, 0), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(n, 2);
	assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(got[1], "x", 1), 1);
	assert_int_equal(read(p[0], text, 1), 1);
	close(p[0]), close(p[1]), close(got[0]), close(got[1]);
}

static void test_without_fds(void **state)
{
	(void)state;
	char text[16];
	size_t n = 4;
	int got[4];
	assert_int_equal(fdpass_send(pair[0], "a", 1, NULL, 0, 0), 0);
	assert_int_equal(fdpass_send(pair[0], "b", 1, NULL, 0, 0), 0);
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), got, &n, 0), 1);
	assert_int_equal(n, 0);
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), NULL, NULL, 0), 1);
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), NULL, NULL, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_nothing_leaks_when_it_does_not_fit(void **state)
{
	(void)state;
	int fds[FDPASS_MAX + 1], got[FDPASS_MAX];
	char text[4];
	for (int i = 0; i <= FDPASS_MAX; i++)
		fds[i] = STDERR_FILENO;
	int before = open_count();
	assert_int_equal(fdpass_send(pair[0], "x", 1, fds, FDPASS_MAX + 1, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	size_t n = FDPASS_MAX; /* too long a packet */
	assert_int_equal(fdpass_send(pair[0], "12345", 5, fds, 3, 0), 0);
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), got, &n, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(n, 0);
	n = 2; /* too many descriptors */
	assert_int_equal(fdpass_send(pair[0], "1", 1, fds, 3, 0), 0);
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), got, &n, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(fdpass_send(pair[0], "1", 1, fds, 1, 0), 0); /* none wanted */
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), NULL, NULL, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(open_count(), before);
	/* The next packet is untouched. */
	n = FDPASS_MAX;
	assert_int_equal(fdpass_send(pair[0], "ok", 2, fds, FDPASS_MAX, 0), 0);
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), got, &n, 0), 2);
	assert_int_equal(n, FDPASS_MAX);
	for (size_t i = 0; i < n; i++)
		close(got[i]);
}

/* More than FDPASS_MAX in one packet, from a peer that doesn't use this code. */
static void test_flood_of_fds(void **state)
{
	(void)state;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 200)];
	} control = { 0 };
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * 200);
	for (int i = 0; i < 200; i++)
		((int *)CMSG_DATA(c))[i] = STDERR_FILENO;
	int before = open_count();
	assert_int_equal(sendmsg(pair[0], &m, 0), 1);
	int got[FDPASS_MAX];
	size_t n = FDPASS_MAX;
	char text[4];
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), got, &n, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(open_count(), before);
}

static void test_end(void **state)
{
	(void)state;
	char text[4];
	int got[1];
	size_t n = 1;
	assert_int_equal(fdpass_send(pair[0], "x", 1, NULL, 0, 0), 0);
	close(pair[0]);
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), got, &n, 0), 1);
	n = 1;
	assert_int_equal(fdpass_recv(pair[1], text, sizeof(text), got, &n, 0), 0);
	assert_int_equal(n, 0);
	assert_int_equal(fdpass_send(pair[1], "x", 1, NULL, 0, 0), -1); /* and no SIGPIPE */
	assert_int_equal(errno, EPIPE);
	pair[0] = dup(STDERR_FILENO);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_packet_with_fds), T(test_without_fds), T(test_nothing_leaks_when_it_does_not_fit),
		T(test_flood_of_fds),	 T(test_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
