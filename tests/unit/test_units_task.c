/* SPDX-License-Identifier: Apache-2.0 */
/* Task units: what is in directories becomes records; what isn't a good unit file is told and skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants those first */
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "init/tasks/units.h"
#include "supervisor/unit.h"

#define UNIT(name, image) "{\"services\":{\"" name "\":{\"image\":\"" image "\",\"network_mode\":\"host\"}}}"

struct place {
	char path[64];
};

static void setup(struct place *p)
{
	char path[128];

	strcpy(p->path, "/tmp/test_units.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	snprintf(path, sizeof(path), "%s/os", p->path);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/state", p->path);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void put(const struct place *p, const char *name, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_full(fd, text, strlen(text)), 0);
	close(fd);
}

struct outcome {
	cJSON *result;
	struct unit_spec specs[16];
	size_t n;
};

/* Runs the task on os, state and a directory that isn't there. */
static void run(const struct place *p, struct outcome *o)
{
	char params[512], text[UNIT_SPEC_JSON_MAX * 4];
	struct task_io io = { 0 };
	struct err e = { 0 };
	cJSON *v;
	ssize_t len;

	memset(o, 0, sizeof(*o));
	snprintf(params, sizeof(params), "{\"directories\":[\"%s/os\",\"%s/state\",\"%s/none\"]}", p->path, p->path, p->path);
	v = json_parse(params, strlen(params), &JSON_MESSAGE, NULL);
	o->result = cJSON_CreateObject();
	assert_int_equal(task_units(&io, v, o->result, &e), 0);
	cJSON_Delete(v);
	assert_int_equal(io.n_out_fds, 1);
	assert_int_equal(pwrite(io.out_fds[0], "x", 1, 0), -1); /* sealed */
	len = pread(io.out_fds[0], text, sizeof(text), 0);
	assert_true(len >= 0);
	for (const char *at = text; at < text + len; at += strlen(at) + 1) {
		v = json_parse(at, strlen(at), &JSON_MESSAGE, NULL);
		assert_non_null(v);
		assert_int_equal(unit_spec_from_json(v, &o->specs[o->n++], NULL), 0);
		cJSON_Delete(v);
	}
	close(io.out_fds[0]);
	assert_int_equal(cJSON_GetNumberValue(json_get(o->result, "units")), o->n);
}

static void finish(struct place *p, struct outcome *o)
{
	for (size_t i = 0; i < o->n; i++)
		unit_spec_free(&o->specs[i]);
	cJSON_Delete(o->result);
	assert_int_equal(fs_remove_tree(AT_FDCWD, p->path, NULL), 0);
}

static bool told(const struct outcome *o, const char *where, const char *what)
{
	const cJSON *text;

	cJSON_ArrayForEach(text, json_get(o->result, where))
		if (strstr(text->valuestring, what))
			return true;
	return false;
}

static void state_overrides_the_image(void **st)
{
	struct place p;
	struct outcome o;

	(void)st;
	setup(&p);
	put(&p, "os/b.json", UNIT("web", "two"));
	put(&p, "os/a.json", UNIT("web", "one"));
	put(&p, "os/ignored.yaml", "x");
	put(&p, "os/.hidden.json", "x");
	put(&p, "state/a.json", UNIT("web", "three"));
	run(&p, &o);
	assert_int_equal(o.n, 2);
	assert_string_equal(o.specs[0].name, "a-web");
	assert_string_equal(o.specs[0].image, "three");
	assert_string_equal(o.specs[1].name, "b-web");
	assert_true(told(&o, "notes", "state/a.json: unit a-web replaces that of "));
	assert_int_equal(cJSON_GetArraySize(json_get(o.result, "errors")), 0);
	finish(&p, &o);
}

static void a_bad_file_loses_only_itself(void **st)
{
	struct place p;
	struct outcome o;
	char path[256], *big = malloc((1 << 20) + 2);

	(void)st;
	setup(&p);
	put(&p, "os/0.json", "{");
	put(&p, "os/1.json", UNIT("web", ""));
	put(&p, "os/2.json", "{\"name\":\"x\",\"services\":{\"good\":{\"image\":\"i\",\"network_mode\":\"host\"},\"bad\":{\"build\":\".\"}}}");
	put(&p, "os/3.json", "{\"name\":\"same\",\"services\":{\"web\":{\"image\":\"first\",\"network_mode\":\"host\"}}}");
	put(&p, "os/4.json", "{\"name\":\"same\",\"services\":{\"web\":{\"image\":\"second\",\"network_mode\":\"host\"}}}");
	memset(big, ' ', (1 << 20) + 1);
	big[(1 << 20) + 1] = '\0';
	put(&p, "os/5.json", big);
	free(big);
	snprintf(path, sizeof(path), "%s/os/6.json", p.path);
	assert_int_equal(symlink("3.json", path), 0);
	snprintf(path, sizeof(path), "%s/os/7.json", p.path);
	assert_int_equal(mkfifo(path, 0644), 0);
	snprintf(path, sizeof(path), "%s/os/8.json", p.path);
	assert_int_equal(mkdir(path, 0755), 0);
	run(&p, &o);
	assert_int_equal(o.n, 1);
	assert_string_equal(o.specs[0].image, "first");
	assert_true(told(&o, "errors", "os/0.json: "));
	assert_true(told(&o, "errors", "os/1.json: services.web.image: "));
	assert_true(told(&o, "errors", "os/2.json: services.bad.build: "));
	assert_true(told(&o, "errors", "os/4.json: unit same-web is defined by "));
	assert_true(told(&o, "errors", "os/5.json: has 1048577 bytes"));
	assert_true(told(&o, "errors", "os/6.json: is a symbolic link"));
	assert_true(told(&o, "errors", "os/7.json: is no regular file"));
	assert_true(told(&o, "errors", "os/8.json: is no regular file"));
	assert_int_equal(cJSON_GetArraySize(json_get(o.result, "errors")), 8);
	finish(&p, &o);
}

static void errors_are_bounded(void **st)
{
	struct place p;
	struct outcome o;

	(void)st;
	setup(&p);
	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "os/%d.json", i);
		put(&p, name, "{}");
	}
	run(&p, &o);
	assert_int_equal(o.n, 0);
	assert_int_equal(cJSON_GetArraySize(json_get(o.result, "errors")), 65);
	assert_true(told(&o, "errors", "and 36 more"));
	finish(&p, &o);
}

static void bad_parameters(void **st)
{
	static const char *const bad[] = { "{\"directories\":\"/x\"}", "{\"directories\":[\"x\"]}", "{\"directories\":[7]}" };

	(void)st;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cJSON *v = json_parse(bad[i], strlen(bad[i]), &JSON_MESSAGE, NULL), *result = cJSON_CreateObject();
		struct task_io io = { 0 };
		struct err e = { 0 };

		assert_int_equal(task_units(&io, v, result, &e), -1);
		assert_int_equal(io.n_out_fds, 0);
		cJSON_Delete(v);
		cJSON_Delete(result);
	}
}

/* What the task's sandbox leaves is enough for it. */
static void confined(void **st)
{
	struct place p;
	int status;
	pid_t pid;

	(void)st;
	if (geteuid() != 0)
		skip();
	setup(&p);
	put(&p, "os/a.json", UNIT("web", "one"));
	pid = fork();
	if (pid == 0) {
		struct outcome o;

		if (sandbox_enter(&units_sandbox, NULL) < 0)
			_exit(1);
		run(&p, &o);
		_exit(o.n == 1 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fs_remove_tree(AT_FDCWD, p.path, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_overrides_the_image),
		cmocka_unit_test(a_bad_file_loses_only_itself),
		cmocka_unit_test(errors_are_bounded),
		cmocka_unit_test(bad_parameters),
		cmocka_unit_test(confined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
