/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static int pipe_fd[2];

static int set_up(void **state)
{
	(void)state;
	return pipe2(pipe_fd, O_CLOEXEC);
}

static int tear_down(void **state)
{
	(void)state;
	log_use_fd("hull", STDERR_FILENO, false);
	log_set_level(LOG_LEVEL_INFO);
	close(pipe_fd[0]);
	if (pipe_fd[1] >= 0)
		close(pipe_fd[1]);
	return 0;
}

static const char *take(void)
{
	static char text[4096];
	ssize_t n = read(pipe_fd[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_line(void **state)
{
	(void)state;
	log_use_fd("hull-net", pipe_fd[1], false);
	assert_int_equal(log_fd(), pipe_fd[1]);
	errno = EBUSY;
	log_info("up %d", 1);
	assert_int_equal(errno, EBUSY);
	assert_string_equal(take(), "hull-net: up 1\n");
	log_use_fd("hull", pipe_fd[1], true);
	log_err("x");
	assert_string_equal(take(), "<27>hull: x\n");
}

static void test_levels(void **state)
{
	(void)state;
	log_use_fd("hull", pipe_fd[1], false);
	log_debug("no");
	log_set_level(LOG_LEVEL_WARN);
	log_info("no");
	log_warn("yes");
	assert_string_equal(take(), "hull: yes\n");
}

static void test_no_forged_lines(void **state)
{
	(void)state;
	log_use_fd("hull", pipe_fd[1], false);
	log_info("unit '%s'", "web\nhull: all is well\x1b[2J\xff");
	assert_string_equal(take(), "hull: unit 'web?hull: all is well?[2J?'\n");
	char large[8192];
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	log_info("%s", large);
	const char *line = take();
	assert_true(strlen(line) <= 1000);
	assert_int_equal(line[strlen(line) - 1], '\n');
}

static void test_full_pipe_does_not_block(void **state)
{
	(void)state;
	log_use_fd("hull", pipe_fd[1], false);
	alarm(20); /* a hang is a failure */
	for (int i = 0; i < 20000; i++)
		log_info("line %d", i);
	alarm(0);
	assert_int_equal(strncmp(take(), "hull: line 0\n", 13), 0);
}

static void test_bad_fd_is_harmless(void **state)
{
	(void)state;
	log_use_fd("hull", -1, false);
	log_info("nowhere");
	log_use_fd("hull", -1, true);
	log_info("nowhere");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_forged_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_pipe_does_not_block, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_fd_is_harmless, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
