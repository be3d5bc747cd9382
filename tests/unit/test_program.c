/* SPDX-License-Identifier: Apache-2.0 */
/* What is executed and as whom: containers/program.h, containers/user.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "containers/program.h"
#include "containers/strings.h"
#include "containers/user.h"

static cJSON *list(const char *text)
{
	return text ? json_parse(text, strlen(text), &JSON_MESSAGE, NULL) : NULL;
}

static char **owned(const char *text)
{
	cJSON *v = list(text);
	char **out = strings_from_json(v);

	cJSON_Delete(v);
	return out;
}

static void joined(char **strings, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; strings[i]; i++)
		snprintf(out + strlen(out), size - strlen(out), "%s%s", i ? " " : "", strings[i]);
	strings_free(&strings);
}

/* As Docker's table of ENTRYPOINT and CMD has it. */
static void arguments(void **state)
{
	static const struct {
		const char *image_entrypoint, *image_command, *entrypoint, *command, *expected;
	} cases[] = {
		{ NULL, "[\"sh\"]", NULL, NULL, "sh" },
		{ "[\"e\",\"1\"]", "[\"c\"]", NULL, NULL, "e 1 c" },
		{ "[\"e\"]", "[\"c\"]", NULL, "[\"x\",\"y\"]", "e x y" },
		{ "[\"e\"]", "[\"c\"]", NULL, "[]", "e" },
		{ "[\"e\"]", "[\"c\"]", "[\"n\"]", NULL, "n" },
		{ "[\"e\"]", "[\"c\"]", "[\"n\"]", "[\"x\"]", "n x" },
		{ "[\"e\"]", "[\"c\"]", "[\"\"]", "[\"x\"]", "x" },
		{ "[\"e\"]", "[\"c\"]", "[]", "[\"x\"]", "x" },
		{ "[\"e\"]", "[\"c\"]", "[\"\"]", NULL, NULL },
		{ NULL, NULL, NULL, NULL, NULL },
		{ NULL, NULL, NULL, "[\"\"]", NULL },
	};
	char seen[256];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image_config image = { .entrypoint = owned(cases[i].image_entrypoint),
					      .command = owned(cases[i].image_command) };
		cJSON *entrypoint = list(cases[i].entrypoint), *command = list(cases[i].command);
		char **out = NULL;
		int rc = program_arguments(&image, entrypoint, command, &out, &e);

		assert_int_equal(rc, cases[i].expected ? 0 : -1);
		if (rc == 0) {
			joined(out, seen, sizeof(seen));
			assert_string_equal(seen, cases[i].expected);
		}
		cJSON_Delete(entrypoint);
		cJSON_Delete(command);
		image_config_free(&image);
	}
}

static void environment(void **state)
{
	struct image_config image = { .environment = owned("[\"PATH=/i\",\"A=1\",\"B=1\",\"bad\",\"=x\"]") };
	cJSON *unit = list("[\"B=2\",\"C=\",\"A=3\",\"A=4\",\"dropped\"]");
	char **out, seen[256];
	struct err e;

	(void)state;
	assert_int_equal(program_environment(&image, unit, "host", "/home/x", false, &out, &e), 0);
	joined(out, seen, sizeof(seen));
	assert_string_equal(seen, "PATH=/i HOSTNAME=host A=4 B=2 C= HOME=/home/x");
	cJSON_Delete(unit);
	unit = list("[\"HOME=/own\"]");
	assert_int_equal(program_environment(&image, unit, "host", "/home/x", true, &out, &e), 0);
	joined(out, seen, sizeof(seen));
	assert_string_equal(seen, "PATH=/i HOSTNAME=host TERM=xterm A=1 B=1 HOME=/own");
	cJSON_Delete(unit);
	image_config_free(&image);
}

static void signals(void **state)
{
	(void)state;
	assert_int_equal(program_signal("SIGTERM"), SIGTERM);
	assert_int_equal(program_signal("quit"), SIGQUIT);
	assert_int_equal(program_signal("9"), SIGKILL);
	assert_int_equal(program_signal("SIGRTMIN+3"), 37);
	assert_int_equal(program_signal("RTMAX-1"), 63);
	static const char *const none[] = { "", "SIG", "0", "65", "-1", "9x", "SIGRTMIN+31", "SIGRTMIN+", "SIGRTMIN+-1", "x" };
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(program_signal(none[i]), 0);
}

static int make_root(void **state)
{
	char path[] = "/tmp/hull-test-program-XXXXXX";

	if (!mkdtemp(path))
		return -1;
	*state = strdup(path);
	return 0;
}

static int remove_root(void **state)
{
	fs_remove_tree(AT_FDCWD, *state, NULL);
	free(*state);
	return 0;
}

static void put(int root, const char *path, const char *text)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void users(void **state)
{
	static const char *const bad[] = { "missing", "-1", "+1", " 1", "1x", "2147483648", "4294967295", "99999999999999999999",
					   "0x0", "web:missing", "web:-1", "broken", "huge" };
	int root = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct user u;
	struct err e;

	/* No files at all: numbers still work. */
	assert_int_equal(user_resolve(root, "", &u, &e), 0);
	assert_int_equal(u.uid, 0);
	assert_int_equal(user_resolve(root, "7:8", &u, &e), 0);
	assert_int_equal(u.gid, 8);
	assert_int_equal(user_resolve(root, "root", &u, &e), -1);

	mkdirat(root, "etc", 0755);
	mkdirat(root, "usr", 0755);
	put(root, "usr/passwd", "\n:x:1:1::/:\nroot:x:0:0:root:/root:/bin/sh\nbroken:x:abc:1::/:\nhuge:x:4294967295:1::/:\n"
	    "web:x:1000:1001:Web:/home/web:/bin/sh\nshort:x:5:6\nno newline at the end");
	/* A link is followed inside of the root, however far up it points. */
	assert_int_equal(symlinkat("../../../../../usr/passwd", root, "etc/passwd"), 0);
	put(root, "etc/group", "root:x:0:\nextra:x:50:a,web,b\nnot:x:51:webx\nother:x:52:web\nbad:x:x:web\n");
	assert_int_equal(user_resolve(root, "web", &u, &e), 0);
	assert_int_equal(u.uid, 1000);
	assert_int_equal(u.gid, 1001);
	assert_int_equal(u.n_groups, 2);
	assert_int_equal(u.groups[1], 52);
	assert_string_equal(u.home, "/home/web");
	assert_int_equal(user_resolve(root, "1000", &u, &e), 0);
	assert_int_equal(u.n_groups, 2);
	assert_int_equal(user_resolve(root, "web:extra", &u, &e), 0);
	assert_int_equal(u.gid, 50);
	assert_int_equal(u.n_groups, 0);
	assert_int_equal(user_resolve(root, "short", &u, &e), 0);
	assert_string_equal(u.home, "/");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (user_resolve(root, bad[i], &u, &e) == 0)
			fail_msg("'%s' became %u:%u", bad[i], u.uid, u.gid);

	/* Not a file: nothing blocks, nothing is believed. */
	unlinkat(root, "etc/passwd", 0);
	assert_int_equal(mkfifoat(root, "etc/passwd", 0644), 0);
	assert_int_equal(user_resolve(root, "0", &u, &e), -1);
	close(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments), cmocka_unit_test(environment), cmocka_unit_test(signals),
		cmocka_unit_test_setup_teardown(users, make_root, remove_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
