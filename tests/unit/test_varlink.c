/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdpass.h"
#include "base/fs.h"
#include "base/varlink.h"

/* --- messages --- */

static void test_call_parse(void **state)
{
	(void)state;
	struct err e;
	struct varlink_call c;
	const char *text = "{\"method\":\"org.hull.Units.Get\",\"parameters\":{\"name\":\"web\"},\"more\":true}";
	assert_int_equal(varlink_call_parse(text, strlen(text), &c, &e), 0);
	assert_string_equal(c.method, "org.hull.Units.Get");
	assert_true(c.more);
	assert_false(c.oneway);
	assert_string_equal(json_get(c.parameters, "name")->valuestring, "web");
	varlink_call_free(&c);
	varlink_call_free(&c);
	static const char *const bare[] = { "{\"method\":\"a.b.C\"}",
					    "{\"method\":\"a.b.C\",\"parameters\":null,\"more\":null}",
					    "{\"method\":\"x-y.z--1.Ab9\",\"parameters\":{}}" };
	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++) {
		assert_int_equal(varlink_call_parse(bare[i], strlen(bare[i]), &c, &e), 0);
		assert_true(cJSON_IsObject(c.parameters));
		assert_null(c.parameters->child);
		varlink_call_free(&c);
	}
}

static void test_call_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"[]",
		"null",
		"{}",
		"{\"method\":1}",
		"{\"method\":null}",
		"{\"method\":\"\"}",
		"{\"method\":\"Get\"}",
		"{\"method\":\"a.Get\"}",
		"{\"method\":\"a.b.get\"}",
		"{\"method\":\"a.b.\"}",
		"{\"method\":\".b.C\"}",
		"{\"method\":\"a..C\"}",
		"{\"method\":\"a.-b.C\"}",
		"{\"method\":\"a.b-.C\"}",
		"{\"method\":\"-a.b.C\"}",
		"{\"method\":\"1.b.C\"}",
		"{\"method\":\"a.b.C/\"}",
		"{\"method\":\"a.b_c.C\"}",
		"{\"method\":\"a b.c.C\"}",
		"{\"method\":\"a.b.C\",\"parameters\":[]}",
		"{\"method\":\"a.b.C\",\"parameters\":\"x\"}",
		"{\"method\":\"a.b.C\",\"more\":1}",
		"{\"method\":\"a.b.C\",\"moar\":true}",
		"{\"method\":\"a.b.C\",\"more\":true,\"oneway\":true}",
		"{\"method\":\"a.b.C\",\"method\":\"a.b.D\"}",
		"{\"method\":\"a.b.C\"}x",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct varlink_call c = { .more = true };
		struct err e = { 0 };
		if (varlink_call_parse(bad[i], strlen(bad[i]), &c, &e) == 0)
			print_error("taken: %s\n", bad[i]);
		assert_int_not_equal(e.code, 0);
		assert_null(c.root);
		assert_true(c.more);
	}
}

static void test_reply_parse(void **state)
{
	(void)state;
	struct err e;
	struct varlink_reply r;
	const char *text = "{\"parameters\":{\"a\":1},\"continues\":true,\"later\":0}";
	assert_int_equal(varlink_reply_parse(text, strlen(text), &r, &e), 0);
	assert_true(r.continues);
	assert_null(r.error);
	varlink_reply_free(&r);
	text = "{\"error\":\"org.hull.Error\"}";
	assert_int_equal(varlink_reply_parse(text, strlen(text), &r, &e), 0);
	assert_string_equal(r.error, "org.hull.Error");
	assert_true(cJSON_IsObject(r.parameters));
	varlink_reply_free(&r);
	static const char *const bad[] = { "",
					   "1",
					   "{\"error\":\"x\"}",
					   "{\"error\":1}",
					   "{\"parameters\":[]}",
					   "{\"error\":\"a.b.C\",\"continues\":true}" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(varlink_reply_parse(bad[i], strlen(bad[i]), &r, NULL), -1);
}

static void expect_text(char *text, const char *expect)
{
	assert_non_null(text);
	assert_string_equal(text, expect);
	free(text);
}

static void test_texts(void **state)
{
	(void)state;
	cJSON *p = cJSON_CreateObject();
	cJSON_AddStringToObject(p, "name", "web");
	expect_text(varlink_call_text("a.b.C", NULL, false, false), "{\"method\":\"a.b.C\"}");
	expect_text(varlink_call_text("a.b.C", p, true, false),
		    "{\"method\":\"a.b.C\",\"parameters\":{\"name\":\"web\"},\"more\":true}");
	expect_text(varlink_call_text("a.b.C", p, false, true),
		    "{\"method\":\"a.b.C\",\"parameters\":{\"name\":\"web\"},\"oneway\":true}");
	expect_text(varlink_reply_text(NULL, false), "{}");
	expect_text(varlink_reply_text(p, true), "{\"parameters\":{\"name\":\"web\"},\"continues\":true}");
	expect_text(varlink_error_text("a.b.E", p), "{\"error\":\"a.b.E\",\"parameters\":{\"name\":\"web\"}}");
	assert_string_equal(json_get(p, "name")->valuestring, "web"); /* still the caller's */
	cJSON_Delete(p);
}

static void test_take(void **state)
{
	(void)state;
	cleanup_buf struct buf in = { 0 };
	char *text;
	size_t len;
	assert_int_equal(varlink_take(&in, &text, &len), 0);
	buf_add(&in, "{\"a\"", 4);
	assert_int_equal(varlink_take(&in, &text, &len), 0);
	buf_add(&in, ":1}\0\0{}", 7);
	assert_int_equal(varlink_take(&in, &text, &len), 1);
	assert_string_equal(text, "{\"a\":1}");
	assert_int_equal(len, 7);
	free(text);
	assert_int_equal(varlink_take(&in, &text, &len), 1);
	assert_int_equal(len, 0);
	free(text);
	assert_int_equal(varlink_take(&in, &text, &len), 0);
	assert_int_equal(in.len, 2);
	buf_drop(&in, 2);
	/* Exactly the limit, and one more, with and without its end. */
	char *large = calloc(1, VARLINK_MESSAGE_MAX + 2);
	memset(large, 'x', VARLINK_MESSAGE_MAX + 1);
	buf_add(&in, large, VARLINK_MESSAGE_MAX);
	assert_int_equal(varlink_take(&in, &text, &len), 0);
	buf_add(&in, "", 1);
	assert_int_equal(varlink_take(&in, &text, &len), 1);
	assert_int_equal(len, VARLINK_MESSAGE_MAX);
	free(text);
	buf_add(&in, large, VARLINK_MESSAGE_MAX + 1);
	assert_int_equal(varlink_take(&in, &text, &len), -1);
	buf_add(&in, "", 1);
	assert_int_equal(varlink_take(&in, &text, &len), -1);
	free(large);
}

/* --- the client against servers in child processes --- */

static char dir[128];
static pid_t server;

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/hull-test-varlink-XXXXXX");
	server = 0;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	dir[strlen("/tmp/hull-test-varlink-XXXXXX")] = '\0';
	return fs_remove_tree(AT_FDCWD, dir, NULL);
}

static const char *path_of(const char *name)
{
	static char path[512];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int listen_at(const char *name)
{
	char here[4096];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(dir), 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", name);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(chdir(here), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* Runs serve(accepted connection) in a child. */
static void serve(const char *name, void (*fn)(int fd))
{
	int l = listen_at(name);
	server = fork();
	if (server == 0) {
		alarm(60);
		for (;;) {
			int fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);
			if (fd < 0)
				_exit(1);
			fn(fd);
			close(fd);
		}
	}
	close(l);
}

/* One NUL-ended message. */
static bool get(int fd, char *text, size_t size)
{
	for (size_t n = 0; n < size; n++) {
		if (read(fd, text + n, 1) != 1)
			return false;
		if (!text[n])
			return true;
	}
	return false;
}

static void put(int fd, const char *text)
{
	fs_write_full(fd, text, strlen(text) + 1);
}

static void reply_twice(int fd)
{
	char text[4096];
	while (get(fd, text, sizeof(text))) {
		if (strstr(text, "a.b.Fail")) {
			put(fd, "{\"error\":\"a.b.Bad\",\"parameters\":{\"message\":\"no such unit\",\"hint\":\"see "
				"hull ps\"}}");
		} else if (strstr(text, "a.b.Odd")) {
			put(fd, "{\"error\":\"a.b.Bad\",\"parameters\":{\"x\":1}}");
		} else if (strstr(text, "more")) {
			put(fd, "{\"parameters\":{\"n\":1},\"continues\":true}");
			put(fd, "{\"parameters\":{\"n\":2}}");
		} else if (strstr(text, "a.b.Quit")) {
			return;
		} else if (strstr(text, "a.b.Flood")) {
			char *large = malloc(200000);
			memset(large, 'x', 200000);
			fs_write_full(fd, large, 200000);
			free(large);
		} else if (strstr(text, "a.b.Stream")) {
			put(fd, "{\"continues\":true}");
		} else if (!strstr(text, "a.b.Silent")) {
			put(fd, "{\"parameters\":{\"ok\":true}}");
		}
	}
}

static void test_client(void **state)
{
	(void)state;
	struct err e;
	serve("s", reply_twice);
	struct varlink_client *c = varlink_connect(path_of("s"), 5000, &e);
	assert_non_null(c);
	assert_true(varlink_passes_fds(c));
	assert_true(fcntl(varlink_fd(c), F_GETFD) & FD_CLOEXEC);
	cJSON *out = NULL;
	assert_int_equal(varlink_simple(c, "a.b.C", NULL, &out, &e), 0);
	assert_true(cJSON_IsTrue(json_get(out, "ok")));
	cJSON_Delete(out);
	assert_int_equal(varlink_simple(c, "a.b.C", NULL, NULL, &e), 0);
	out = NULL;
	assert_int_equal(varlink_simple(c, "a.b.Fail", NULL, &out, &e), -1);
	assert_int_equal(e.code, EREMOTEIO);
	assert_string_equal(e.text, "a.b.Bad: no such unit (see hull ps)");
	assert_int_equal(varlink_simple(c, "a.b.Odd", NULL, &out, &e), -1);
	assert_string_equal(e.text, "a.b.Bad {\"x\":1}");
	assert_int_equal(varlink_simple(c, "a.b.Stream", NULL, &out, &e), -1);
	assert_int_equal(e.code, EPROTO);
	assert_null(out);

	struct varlink_reply r;
	assert_int_equal(varlink_send(c, "a.b.C", NULL, true, NULL, 0, &e), 0);
	assert_int_equal(varlink_receive(c, &r, 5000, &e), 0);
	assert_true(r.continues);
	varlink_reply_free(&r);
	assert_int_equal(varlink_receive(c, &r, -1, &e), 0);
	assert_false(r.continues);
	assert_int_equal(json_get(r.parameters, "n")->valueint, 2);
	varlink_reply_free(&r);

	assert_int_equal(varlink_send(c, "a.b.Silent", NULL, false, NULL, 0, &e), 0);
	assert_int_equal(varlink_receive(c, &r, 30, &e), -1);
	assert_int_equal(e.code, ETIMEDOUT);
	assert_int_equal(varlink_send(c, "a.b.Flood", NULL, false, NULL, 0, &e), 0);
	assert_int_equal(varlink_receive(c, &r, 5000, &e), -1);
	assert_int_equal(e.code, EMSGSIZE);
	varlink_close(c);

	c = varlink_connect(path_of("s"), 5000, &e);
	assert_int_equal(varlink_simple(c, "a.b.Quit", NULL, NULL, &e), -1);
	assert_int_equal(e.code, ECONNRESET);
	varlink_send(c, "a.b.C", NULL, false, NULL, 0, &e); /* and no SIGPIPE */
	varlink_close(c);
	varlink_close(NULL);
}

static void take_fd_and_write(int fd)
{
	char text[4096];
	int got[FDPASS_MAX];
	size_t n = FDPASS_MAX, len = 0;
	ssize_t part = fdpass_recv(fd, text, sizeof(text), got, &n, 0);
	len = part > 0 ? (size_t)part : 0;
	while (len && text[len - 1] && (part = read(fd, text + len, sizeof(text) - len)) > 0)
		len += (size_t)part;
	if (n == 2 && write(got[1], text, strlen(text)) > 0)
		put(fd, "{}");
	for (size_t i = 0; i < n; i++)
		close(got[i]);
}

static void test_client_passes_fds(void **state)
{
	(void)state;
	struct err e;
	int p[2];
	char text[256];
	serve("s", take_fd_and_write);
	struct varlink_client *c = varlink_connect(path_of("s"), 5000, &e);
	assert_non_null(c);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(varlink_send(c, "a.b.C", NULL, false, p, 2, &e), 0);
	struct varlink_reply r;
	assert_int_equal(varlink_receive(c, &r, 5000, &e), 0);
	varlink_reply_free(&r);
	ssize_t n = read(p[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, "{\"method\":\"a.b.C\"}");
	close(p[0]), close(p[1]);
	varlink_close(c);
}

static void test_connect_fails(void **state)
{
	(void)state;
	struct err e;
	assert_null(varlink_connect(path_of("none"), 100, &e));
	assert_int_equal(e.code, ENOENT);
	assert_null(varlink_connect(path_of("none"), 100, NULL));
	assert_null(varlink_connect(dir, 100, &e)); /* a directory without sockets */
	assert_int_equal(e.code, ENOENT);
	int l = listen_at("full"); /* nobody accepts: its queue fills up */
	struct varlink_client *c[8];
	size_t n = 0;
	while (n < 8 && (c[n] = varlink_connect(path_of("full"), 50, &e)))
		n++;
	assert_true(n < 8);
	assert_int_equal(e.code, ETIMEDOUT);
	while (n)
		varlink_close(c[--n]);
	close(l);
	assert_null(varlink_connect(path_of("full"), 100, &e));
	assert_int_equal(e.code, ECONNREFUSED);
	cJSON *p = cJSON_CreateObject();
	char *large = calloc(1, VARLINK_MESSAGE_MAX + 1);
	memset(large, 'x', VARLINK_MESSAGE_MAX);
	cJSON_AddStringToObject(p, "x", large);
	serve("s", reply_twice);
	c[0] = varlink_connect(path_of("s"), 5000, &e);
	assert_int_equal(varlink_send(c[0], "a.b.C", p, false, NULL, 0, &e), -1);
	assert_int_equal(e.code, EMSGSIZE);
	varlink_close(c[0]);
	cJSON_Delete(p);
	free(large);
}

static void test_long_path(void **state)
{
	(void)state;
	struct err e;
	char longer[sizeof(dir)];
	snprintf(longer, sizeof(longer), "%.30s/%090d", dir, 0);
	assert_int_equal(mkdir(longer, 0700), 0);
	strcpy(dir, longer);
	serve("socket", reply_twice);
	struct varlink_client *c = varlink_connect(path_of("socket"), 5000, &e);
	assert_non_null(c);
	assert_int_equal(varlink_simple(c, "a.b.C", NULL, NULL, &e), 0);
	varlink_close(c);
}

/*
 * A guest behind a port: half a reply of an earlier session, garbage, an answer with a stranger's nonce; it loses the
 * first hello (still booting), answers the second late, together with the third.
 */
static void guest(int fd)
{
	char text[4096], held[4096] = "";
	int hellos = 0;
	fs_write_full(fd, "half\":1}", 9);
	put(fd, "{\"parameters\":{\"nonce\":\"00000000000000000000000000000000-1\"}}");
	put(fd, "{\"error\":\"a.b.Old\"}");
	put(fd, "");
	while (get(fd, text, sizeof(text))) {
		char *nonce = strstr(text, "\"nonce\":\"");
		if (!text[0]) {
			put(fd, ""); /* as PID 1 does at a new start */
		} else if (!nonce) {
			put(fd, strstr(text, "a.b.Crash") ? "" : "{\"parameters\":{\"port\":true}}");
		} else if (++hellos == 2) {
			strcpy(held, nonce);
		} else if (hellos > 2) {
			nonce[strcspn(nonce, "}")] = '\0';
			held[strcspn(held, "}")] = '\0';
			char reply[8400];
			snprintf(reply, sizeof(reply), "{\"parameters\":{%s}}", held);
			put(fd, reply);
			put(fd, "");
			snprintf(reply, sizeof(reply), "{\"parameters\":{%s}}", nonce);
			put(fd, reply);
		}
	}
}

static void test_port(void **state)
{
	(void)state;
	struct err e;
	serve("0", guest);
	struct varlink_client *c = varlink_connect(dir, 20000, &e);
	if (!c)
		print_error("%s\n", e.text);
	assert_non_null(c);
	assert_false(varlink_passes_fds(c));
	assert_int_equal(varlink_send(c, "a.b.C", NULL, false, (int[]){ 0 }, 1, &e), -1);
	assert_int_equal(e.code, EOPNOTSUPP);
	cJSON *out = NULL;
	assert_int_equal(varlink_simple(c, "a.b.C", NULL, &out, &e), 0);
	assert_true(cJSON_IsTrue(json_get(out, "port")));
	cJSON_Delete(out);
	/* One client a port. */
	assert_null(varlink_connect(dir, 60, &e));
	assert_int_equal(e.code, EBUSY);
	assert_int_equal(varlink_simple(c, "a.b.Crash", NULL, NULL, &e), -1);
	assert_int_equal(e.code, ECONNRESET);
	varlink_close(c);
	c = varlink_connect(dir, 20000, &e); /* the lock went with its client */
	assert_non_null(c);
	varlink_close(c);
}

static void dead_guest(int fd)
{
	char text[4096];
	while (get(fd, text, sizeof(text)))
		;
}

static void test_port_without_answer(void **state)
{
	(void)state;
	struct err e;
	serve("2", dead_guest);
	assert_null(varlink_connect(dir, 300, &e));
	assert_int_equal(e.code, ETIMEDOUT);
	assert_non_null(strstr(e.text, "does not answer"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call_parse),
		cmocka_unit_test(test_call_refused),
		cmocka_unit_test(test_reply_parse),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_take),
		T(test_client),
		T(test_client_passes_fds),
		T(test_connect_fails),
		T(test_long_path),
		T(test_port),
		T(test_port_without_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
