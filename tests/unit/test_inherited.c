/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors through execve: each is taken once, none that came later, and the rest is closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/inherited.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_resumed(void **state)
{
	(void)state;
	struct pid1 p = { .resumed = true };
	int fds[200];
	for (int i = 0; i < 200; i++)
		assert_true((fds[i] = fcntl(0, F_DUPFD, 50)) >= 0);
	inherited_open(&p);
	int later = fcntl(0, F_DUPFD_CLOEXEC, 50);
	for (int i = 0; i < 200; i += 2)
		assert_int_equal(inherited_take(&p, fds[i]), fds[i]);
	assert_int_equal(inherited_take(&p, fds[0]), -1); /* two records can't have one descriptor */
	assert_int_equal(inherited_take(&p, later), -1);
	assert_int_equal(inherited_take(&p, -1), -1);
	assert_int_equal(inherited_take(&p, 0), -1);
	assert_true(inherited_close(&p) >= 100);
	for (int i = 0; i < 200; i++)
		assert_true(is_open(fds[i]) == (i % 2 == 0));
	assert_true(is_open(later) && is_open(0) && is_open(1) && is_open(2));
	assert_int_equal(inherited_take(&p, fds[0]), -1);
	assert_int_equal(inherited_close(&p), 0);
	for (int i = 0; i < 200; i += 2)
		close(fds[i]);
	close(later);
}

static void test_first_start(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		struct pid1 p = { 0 };
		int fd = fcntl(0, F_DUPFD, 77);
		inherited_open(&p);
		_exit(fd == 77 && !is_open(77) && is_open(2) && inherited_take(&p, 77) == -1 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_first_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
