/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of the door over socket pairs: bounded for clients that don't read, whole after clients that leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "init/door/session.h"

#define DESCRIBE "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"org.hull.Units\"}}"

struct fixture {
	struct pid1 p;
	struct door door;
	struct session *session;
	int client;
	unsigned cancelled;
};

static void open_session(struct fixture *f, bool port)
{
	int pair[2];
	*f = (struct fixture){ .p.loop = event_base_new(), .p.self_fd = -1 };
	f->p.door = &f->door;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	f->client = pair[1];
	f->session = session_open(&f->p, pair[0], port);
	assert_non_null(f->session);
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(f->p.loop, EVLOOP_NONBLOCK);
}

static void close_all(struct fixture *f)
{
	if (f->client >= 0)
		close(f->client);
	turn(f);
	while (f->door.first)
		session_close(f->door.first);
	assert_int_equal(f->door.n_clients, 0);
	event_base_free(f->p.loop);
}

/* How many replies there are to read now. */
static unsigned read_replies(struct fixture *f)
{
	static char data[65536];
	unsigned n = 0;
	ssize_t got;
	while ((got = read(f->client, data, sizeof(data))) > 0)
		for (ssize_t i = 0; i < got; i++)
			n += data[i] == '\0';
	return n;
}

static void on_cancel(struct call *c)
{
	++*(unsigned *)c->state;
}

/* A call that some handler will answer later. */
static void pend(struct fixture *f)
{
	struct call *c = calloc(1, sizeof(*c));
	*c = (struct call){ .p = &f->p, .session = f->session, .state = &f->cancelled, .cancel = on_cancel };
	f->session->call = c;
}

static void test_pipelined(void **state)
{
	(void)state;
	struct fixture f;
	char out[100 * 100], *o = out, in[100 * 100];
	open_session(&f, false);
	for (int i = 0; i < 100; i++)
		o += sprintf(o, "{\"method\":\"org.hull.Machine.Hello\",\"parameters\":{\"nonce\":\"%d\"}}", i) + 1;
	assert_int_equal(write(f.client, out, (size_t)(o - out)), o - out);
	turn(&f);
	ssize_t n = read(f.client, in, sizeof(in));
	const char *at = in;
	for (int i = 0; i < 100; i++) {
		char want[64];
		assert_true(at < in + n);
		sprintf(want, "{\"parameters\":{\"nonce\":\"%d\"}}", i);
		assert_string_equal(at, want);
		at += strlen(at) + 1;
	}
	close_all(&f);
	assert_null(f.door.first);
}

/* Its calls wait in the kernel, not in PID 1; when it reads after all it gets every answer. */
static void test_never_reads(void **state)
{
	(void)state;
	struct fixture f;
	unsigned sent = 0, got = 0;
	open_session(&f, false);
	while (write(f.client, DESCRIBE, sizeof(DESCRIBE)) == sizeof(DESCRIBE)) {
		sent++;
		if (sent % 16 == 0)
			turn(&f);
		assert_true(evbuffer_get_length(f.session->out) < 65536);
		assert_true(f.session->in.len <= f.session->in.max);
	}
	assert_true(sent > 100);
	for (int i = 0; i < 10000 && got < sent; i++) {
		turn(&f);
		got += read_replies(&f);
	}
	assert_int_equal(got, sent);
	close_all(&f);
}

static void test_leaves_without_reading(void **state)
{
	(void)state;
	struct fixture f;
	open_session(&f, false);
	while (write(f.client, DESCRIBE, sizeof(DESCRIBE)) == sizeof(DESCRIBE))
		turn(&f);
	close(f.client);
	f.client = -1;
	turn(&f);
	assert_null(f.door.first);
	close_all(&f);
}

/* Leaves while its call is under way and more was sent, which nobody reads before the answer. */
static void test_leaves_with_more_sent(void **state)
{
	(void)state;
	struct fixture f;
	open_session(&f, false);
	pend(&f);
	assert_int_equal(write(f.client, DESCRIBE, sizeof(DESCRIBE)), sizeof(DESCRIBE));
	turn(&f);
	assert_non_null(f.session->call);
	assert_int_equal(read_replies(&f), 0);
	close(f.client);
	f.client = -1;
	turn(&f);
	assert_null(f.door.first);
	assert_int_equal(f.cancelled, 1);
	close_all(&f);
}

/* What was sent meanwhile is taken up when the call ends. */
static void test_goes_on_after_a_call(void **state)
{
	(void)state;
	struct fixture f;
	open_session(&f, false);
	pend(&f);
	assert_int_equal(write(f.client, DESCRIBE, sizeof(DESCRIBE)), sizeof(DESCRIBE));
	turn(&f);
	f.session->call->cancel = NULL;
	call_reply(f.session->call, NULL, false);
	turn(&f);
	assert_int_equal(read_replies(&f), 2);
	close_all(&f);
	assert_int_equal(f.cancelled, 0);
}

static int next_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(fd);
	return fd;
}

/* Descriptors that come with anything: the call's are closed with it, those of no call with their session. */
static void test_descriptors(void **state)
{
	(void)state;
	static const char *const messages[] = { DESCRIBE, "{\"method\":7}", "{\"half", "{\"method\":\"a.b.C\"}" };
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++)
		for (size_t n = 1; n <= CALL_FDS_MAX + 1; n++) {
			struct fixture f;
			int fds[CALL_FDS_MAX + 1] = { 0 }, before = next_descriptor();
			open_session(&f, false);
			assert_int_equal(fdpass_send(f.client, messages[i], strlen(messages[i]) + (i != 2), fds, n, 0), 0);
			turn(&f);
			close_all(&f);
			assert_int_equal(next_descriptor(), before);
		}
}

/* A port outlives its clients: NUL, NUL ends what the one before left, call and half a message. */
static void test_port(void **state)
{
	(void)state;
	struct fixture f;
	static const char hello[] = "\0\0{\"method\":\"org.hull.Machine.Hello\",\"parameters\":{\"nonce\":\"n\"}}";
	open_session(&f, true);
	pend(&f);
	assert_int_equal(write(f.client, "{\"half", 6), 6);
	turn(&f);
	assert_int_equal(write(f.client, hello, sizeof(hello)), sizeof(hello));
	turn(&f);
	assert_int_equal(f.cancelled, 1);
	char in[64];
	ssize_t n = read(f.client, in, sizeof(in));
	static const char want[] = "\0{\"parameters\":{\"nonce\":\"n\"}}";
	assert_int_equal(n, sizeof(want));
	assert_memory_equal(in, want, sizeof(want));
	/* Garbage of any length is no end. */
	for (int i = 0; i < 100; i++) {
		static char garbage[8192];
		memset(garbage, 'x', sizeof(garbage));
		assert_true(write(f.client, garbage, sizeof(garbage)) > 0);
		turn(&f);
	}
	assert_int_equal(read_replies(&f), 1); /* it is too long, said once */
	/* What such a message ends with is not taken for a message of its own; the one behind it is answered. */
	assert_int_equal(write(f.client, hello + 2, sizeof(hello) - 2), sizeof(hello) - 2);
	turn(&f);
	assert_int_equal(read_replies(&f), 0);
	assert_int_equal(write(f.client, hello + 2, sizeof(hello) - 2), sizeof(hello) - 2);
	turn(&f);
	assert_int_equal(read_replies(&f), 1);
	close_all(&f);
}

/* Too long and complete in one go, with a call right behind it. */
static void test_port_too_long(void **state)
{
	(void)state;
	struct fixture f;
	static const char hello[] = "{\"method\":\"org.hull.Machine.Hello\",\"parameters\":{\"nonce\":\"n\"}}";
	static char text[65537 + sizeof(hello) * 2];
	open_session(&f, true);
	memset(text, ' ', sizeof(text));
	memcpy(text + 65537, hello, sizeof(hello));
	memcpy(text + 65537 + sizeof(hello), hello, sizeof(hello));
	for (size_t at = 0; at < sizeof(text);) {
		ssize_t n = write(f.client, text + at, sizeof(text) - at);
		at += n > 0 ? (size_t)n : 0;
		turn(&f);
	}
	assert_int_equal(read_replies(&f), 2); /* the error, and the answer of the second */
	close_all(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_never_reads),
		cmocka_unit_test(test_leaves_without_reading),
		cmocka_unit_test(test_leaves_with_more_sent),
		cmocka_unit_test(test_goes_on_after_a_call),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_port_too_long),
	};
	signal(SIGPIPE, SIG_IGN); /* as PID 1, which blocks it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
