/* SPDX-License-Identifier: Apache-2.0 */
/* A role in a child process; this process plays PID 1 on the other end of its socket. */
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdpass.h"
#include "base/role.h"
#include "base/varlink.h"

static int sock = -1, log_pipe = -1;
static pid_t pid;

struct echo {
	struct event *later;
	uint64_t id;
	int acquired;
};

static int acquire(struct role *r, void *state, struct err *e)
{
	struct echo *s = state;
	s->acquired = role_base(r) != NULL;
	return s->acquired == 1 ? 0 : err_set(e, EINVAL, "no base");
}

static int start(struct role *r, void *state, struct err *e)
{
	(void)e;
	struct echo *s = state;
	cJSON *p = cJSON_CreateObject();
	cJSON_AddNumberToObject(p, "acquired", s->acquired);
	role_call(r, "org.hull.Role.Report", p);
	cJSON_Delete(p);
	return 0;
}

static struct role *the_role;

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct echo *s = arg;
	role_done(the_role, s->id, NULL);
}

static void work(struct role *r, void *state, uint64_t id, const char *op, const cJSON *params, const int *fds,
		 size_t n_fds)
{
	struct echo *s = state;
	if (strcmp(op, "echo") == 0) {
		role_done(r, id, params);
	} else if (strcmp(op, "write") == 0) {
		bool ok = n_fds == 1 && write(fds[0], "written", 7) == 7;
		ok ? role_done(r, id, NULL) : role_fail(r, id, "org.hull.Role.Bad", "no descriptor");
	} else if (strcmp(op, "later") == 0) {
		the_role = r;
		s->id = id;
		struct timeval soon = { .tv_usec = 1000 };
		s->later = evtimer_new(role_base(r), on_later, s);
		evtimer_add(s->later, &soon);
	} else if (strcmp(op, "large") == 0 || strcmp(op, "flood") == 0) {
		char *text = calloc(1, 60001);
		memset(text, 'x', 60000);
		cJSON *v = cJSON_CreateObject();
		cJSON_AddStringToObject(v, "a", text);
		for (int i = 0; op[0] == 'f' && i < 100; i++)
			role_done(r, id + (uint64_t)i, v);
		cJSON_AddStringToObject(v, "b", text);
		if (op[0] == 'l')
			role_done(r, id, v);
		cJSON_Delete(v);
		free(text);
	} else if (strcmp(op, "open") == 0) {
		open("/", O_RDONLY) >= 0 ? role_done(r, id, NULL)
					 : role_fail(r, id, "org.hull.Role.Refused", strerror(errno));
	} else {
		role_fail(r, id, "org.hull.Role.UnknownOperation", op);
	}
}

static const struct role_ops ops = { .name = "echo", .acquire = acquire, .start = start, .work = work };

static void spawn(const struct sandbox *sandbox)
{
	int pair[2], p[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		static struct echo state;
		alarm(60);
		dup2(p[1], STDERR_FILENO);
		/* Clear of descriptor 3, whatever number the pair got. */
		int end = fcntl(pair[1], F_DUPFD_CLOEXEC, 64);
		dup2(end, 3);
		for (int fd = 4; fd < 128; fd++)
			close(fd);
		role_run(&ops, sandbox, &state);
	}
	close(pair[1]);
	close(p[1]);
	sock = pair[0];
	log_pipe = p[0];
}

/* The next packet of the role, as a call. */
static struct varlink_call take(void)
{
	static char packet[VARLINK_MESSAGE_MAX + 1];
	struct varlink_call c;
	struct err e;
	ssize_t n = fdpass_recv(sock, packet, sizeof(packet), NULL, NULL, 0);
	assert_true(n > 0);
	assert_int_equal(varlink_call_parse(packet, (size_t)n, &c, &e), 0);
	return c;
}

static void expect(const char *method, bool more, bool oneway, const char *parameters)
{
	struct varlink_call c = take();
	char *text = json_print(c.parameters);
	assert_string_equal(c.method, method);
	assert_int_equal(c.more, more);
	assert_int_equal(c.oneway, oneway);
	assert_string_equal(text, parameters);
	free(text);
	varlink_call_free(&c);
}

static void begin(const struct sandbox *sandbox)
{
	spawn(sandbox);
	expect("org.hull.Role.Report", false, true, "{\"acquired\":1}");
	expect("org.hull.Role.Work", true, false, "{}");
}

static void give(const char *text, const int *fds, size_t n_fds)
{
	assert_int_equal(fdpass_send(sock, text, strlen(text), fds, n_fds, 0), 0);
}

static int end(void)
{
	if (sock >= 0)
		close(sock);
	sock = -1;
	int status = -1;
	waitpid(pid, &status, 0);
	if (log_pipe >= 0)
		close(log_pipe);
	log_pipe = -1;
	return status;
}

static void test_work_and_answers(void **state)
{
	(void)state;
	begin(NULL);
	give("{\"parameters\":{\"id\":1,\"op\":\"echo\",\"params\":{\"a\":[1,\"x\"]}},\"continues\":true}", NULL, 0);
	expect("org.hull.Role.Done", false, true, "{\"id\":1,\"result\":{\"a\":[1,\"x\"]}}");
	give("{\"parameters\":{\"id\":9007199254740992,\"op\":\"later\"},\"continues\":true}", NULL, 0);
	expect("org.hull.Role.Done", false, true, "{\"id\":9007199254740992,\"result\":{}}");
	give("{\"parameters\":{\"id\":3,\"op\":\"no\\u0001such\"},\"continues\":true}", NULL, 0);
	expect("org.hull.Role.Done", false, true,
	       "{\"id\":3,\"error\":{\"name\":\"org.hull.Role.UnknownOperation\",\"message\":\"no\\u0001such\"}}");
	give("{\"parameters\":{\"id\":4,\"op\":\"large\"},\"continues\":true}", NULL, 0);
	expect("org.hull.Role.Done", false, true,
	       "{\"id\":4,\"error\":{\"name\":\"org.hull.Role.TooLarge\",\"message\":\"the answer has more than 64 "
	       "KiB\"}}");
	assert_int_equal(end(), 0);
}

static void test_descriptors(void **state)
{
	(void)state;
	int p[2];
	char text[16];
	begin(NULL);
	assert_int_equal(pipe(p), 0);
	for (int i = 0; i < 200; i++) { /* more than it could keep open */
		char call[128];
		snprintf(call, sizeof(call), "{\"parameters\":{\"id\":%d,\"op\":\"write\"},\"continues\":true}", i + 1);
		give(call, &p[1], 1);
		struct varlink_call c = take();
		assert_non_null(json_get(c.parameters, "result"));
		varlink_call_free(&c);
		assert_int_equal(read(p[0], text, sizeof(text)), 7);
	}
	close(p[1]);
	assert_int_equal(read(p[0], text, sizeof(text)), 0); /* the role closed its own */
	close(p[0]);
	assert_int_equal(end(), 0);
}

/* PID 1 reads nothing for a while: answers wait in order, none is lost. */
static void test_queue(void **state)
{
	(void)state;
	begin(NULL);
	give("{\"parameters\":{\"id\":1,\"op\":\"flood\"},\"continues\":true}", NULL, 0);
	give("{\"parameters\":{\"id\":200,\"op\":\"echo\"},\"continues\":true}", NULL, 0);
	for (int i = 1; i <= 101; i++) {
		struct varlink_call c = take();
		assert_int_equal(json_get(c.parameters, "id")->valueint, i <= 100 ? i : 200);
		varlink_call_free(&c);
	}
	assert_int_equal(end(), 0);
}

static void test_ends(void **state)
{
	(void)state;
	begin(NULL);
	give("{}", NULL, 0); /* the last reply of the Work call */
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(sock);
	close(log_pipe);
	sock = log_pipe = -1;
	static const char *const bad[] = {
		"x",
		"{\"error\":\"org.varlink.service.MethodNotFound\"}",
		"{\"parameters\":{\"id\":0,\"op\":\"echo\"},\"continues\":true}",
		"{\"parameters\":{\"op\":\"echo\"},\"continues\":true}",
		"{\"parameters\":{\"id\":1},\"continues\":true}",
		"{\"parameters\":{\"id\":1,\"op\":\"echo\",\"extra\":1},\"continues\":true}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(NULL);
		give(bad[i], NULL, 0);
		char line[512];
		ssize_t n = read(log_pipe, line, sizeof(line));
		assert_true(n > 11);
		assert_memory_equal(line, "hull-echo: ", 11);
		assert_int_equal(WEXITSTATUS(end()), 1);
	}
}

static void test_in_its_sandbox(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	static const int none[] = { -1 };
	static const struct sandbox sandbox = { .uid = 65010, .syscalls = none };
	begin(&sandbox);
	give("{\"parameters\":{\"id\":1,\"op\":\"open\"},\"continues\":true}", NULL, 0);
	expect("org.hull.Role.Done", false, true,
	       "{\"id\":1,\"error\":{\"name\":\"org.hull.Role.Refused\",\"message\":\"Operation not permitted\"}}");
	give("{\"parameters\":{\"id\":2,\"op\":\"later\"},\"continues\":true}", NULL, 0);
	expect("org.hull.Role.Done", false, true, "{\"id\":2,\"result\":{}}");
	give("{\"parameters\":{\"id\":3,\"op\":\"flood\"},\"continues\":true}", NULL, 0);
	for (int i = 0; i < 100; i++) {
		struct varlink_call c = take();
		varlink_call_free(&c);
	}
	give("{\"parameters\":{\"id\":4,\"op\":\"echo\"},\"continues\":true}", NULL, 0);
	expect("org.hull.Role.Done", false, true, "{\"id\":4,\"result\":{}}");
	assert_int_equal(end(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_work_and_answers),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_in_its_sandbox),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
