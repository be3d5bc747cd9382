/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: options, tables, completion, and the verbs against a machine played by a thread. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "init/cli/args.h"
#include "init/cli/cli.h"
#include "init/cli/table.h"

/* --- a machine: each connection is served to its end, one call at a time --- */

struct machine {
	char directory[64], path[96];
	int listener;
	pthread_t thread;
	int resets; /* connections still to be dropped in the middle of the logs */
	int runs, stops, waits; /* requests seen */
	char last_call[8192];
	size_t archive_bytes; /* read from a passed descriptor, or come in chunks */
	int chunks;
	bool port; /* plays a virtio port: no descriptors, resynchronised by NUL and a nonce */
	bool end;
};

static const char web[] = "{\"name\":\"shop-web\",\"project\":\"shop\",\"service\":\"web\",\"image\":\"nginx:1\",\"state\":\"running\","
			  "\"pid\":42,\"restarts\":1,\"started_ms\":1700000000000,\"exit_status\":null}";
static const char db[] = "{\"name\":\"shop-db\",\"project\":\"shop\",\"service\":\"db\",\"image\":\"evil\\u001b[2J\",\"state\":\"exited\","
			 "\"pid\":0,\"restarts\":0,\"started_ms\":0,\"exit_status\":3}";
static const char db2[] = "{\"name\":\"blog-db\",\"project\":\"blog\",\"service\":\"db\",\"image\":\"db\",\"state\":\"failed\",\"pid\":0,"
			  "\"restarts\":0,\"exit_status\":1}";

static void reply(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void reply(int fd, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && n < (int)sizeof(text));
	send(fd, text, (size_t)n + 1, MSG_NOSIGNAL);
}

static size_t drain(int fd)
{
	char data[4096];
	size_t sum = 0;
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		sum += (size_t)n;
	return sum;
}

/* Returns false when the connection is to be dropped. */
static bool logs(struct machine *m, int fd, const char *call)
{
	if (!strstr(call, "\"cursor\"")) {
		reply(fd, "{\"parameters\":{\"lines\":[{\"time\":\"T1\",\"stream\":\"stdout\",\"text\":\"one\"}],\"cursor\":\"c1\"},"
			  "\"continues\":true}");
		if (m->resets > 0) {
			m->resets--;
			return false;
		}
	} else {
		assert_non_null(strstr(call, "\"c1\""));
	}
	reply(fd, "{\"parameters\":{\"lines\":[{\"time\":\"T2\",\"stream\":\"stderr\",\"text\":\"two\"},"
		  "{\"time\":\"T3\",\"stream\":\"stdout\",\"data\":\"/wA=\"}],\"cursor\":\"c2\"},\"continues\":true}");
	reply(fd, "{\"parameters\":{\"lines\":[],\"cursor\":\"c2\",\"eof\":true}}");
	return true;
}

static bool answer(struct machine *m, int fd, const char *call, int passed)
{
	snprintf(m->last_call, sizeof(m->last_call), "%.8000s", call);
	if (strstr(call, "Units.List")) {
		reply(fd, "{\"parameters\":{\"units\":[%s,%s]},\"continues\":true}", web, db);
		reply(fd, "{\"parameters\":{\"units\":[%s]}}", db2);
	} else if (strstr(call, "Units.Logs")) {
		return logs(m, fd, call);
	} else if (strstr(call, "Units.Wait")) {
		m->waits++;
		reply(fd, "{\"parameters\":{\"unit\":{\"name\":\"x\",\"state\":\"exited\",\"exit_status\":7,\"reason\":\"\"}}}");
	} else if (strstr(call, "Units.Run")) {
		m->runs++;
		if (strstr(call, "\"missing\""))
			reply(fd, "{\"error\":\"org.hull.Error\",\"parameters\":{\"message\":\"no such image\",\"hint\":\"hull image load\"}}");
		else
			reply(fd, "{\"parameters\":{\"name\":\"x\"}}");
	} else if (strstr(call, "Units.Stop")) {
		m->stops++;
		reply(fd, "{\"parameters\":{}}");
	} else if (strstr(call, "Machine.Hello")) {
		const char *nonce = strstr(call, "\"nonce\":\"") + 9;
		reply(fd, "{\"parameters\":{\"nonce\":\"%.*s\"}}", (int)strcspn(nonce, "\""), nonce);
	} else if (strstr(call, "Images.LoadChunk")) {
		const char *data = strstr(call, "\"data\":\"") + 8;
		size_t len = strcspn(data, "\"");
		m->chunks++;
		assert_true(len <= 54616);
		m->archive_bytes += len / 4 * 3 - (len && data[len - 1] == '=') - (len && data[len - 2] == '=');
		reply(fd, strstr(call, "\"end\":true") ? "{\"parameters\":{\"images\":[{\"reference\":\"a:1\","
							    "\"digest\":\"sha256:00\"}]}}" : "{\"parameters\":{}}");
	} else if (strstr(call, "Images.Load") && m->port) {
		reply(fd, "{\"parameters\":{\"upload\":\"1\"}}");
	} else if (strstr(call, "Images.Load")) {
		m->archive_bytes = passed >= 0 ? drain(passed) : 0;
		reply(fd, "{\"parameters\":{\"images\":[{\"reference\":\"a:1\",\"digest\":\"sha256:00\"}]}}");
	} else if (strstr(call, "Machine.Info")) {
		reply(fd, "{\"parameters\":{\"version\":\"1\",\"machine_id\":\"ab\",\"slot\":\"a\","
			  "\"state\":{\"kind\":\"partition\",\"readonly\":false},\"boot\":{\"stage0_us\":812345},"
			  "\"roles\":[{\"name\":\"logs\",\"pid\":7}],\"net\":{\"dns\":[\"192.0.2.1\",\"192.0.2.2\"]}}}");
	} else if (strstr(call, "Machine.End")) {
		return false;
	} else {
		reply(fd, "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"x\"}}");
	}
	return true;
}

static void serve(struct machine *m, int fd)
{
	static char call[65536 + 1];
	char control[CMSG_SPACE(sizeof(int))];
	size_t len = 0;
	int passed = -1; /* comes with the call's first byte */

	for (;;) {
		struct iovec iov = { .iov_base = call + len, .iov_len = sizeof(call) - len };
		struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
		if (n <= 0)
			return;
		if (h.msg_controllen && CMSG_FIRSTHDR(&h))
			memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(int));
		len += (size_t)n;
		for (; m->port && len && call[0] == '\0'; memmove(call, call + 1, --len))
			reply(fd, "%s", ""); /* a lone NUL: begun anew */
		if (!len || call[len - 1] != '\0')
			continue;
		len = 0;
		bool stay = answer(m, fd, call, passed);
		if (passed >= 0)
			close(passed);
		passed = -1;
		if (!stay)
			return;
	}
}

static void *machine_thread(void *arg)
{
	struct machine *m = arg;

	for (;;) {
		int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 || m->end) {
			if (fd >= 0)
				close(fd);
			return NULL;
		}
		serve(m, fd);
		close(fd);
	}
}

static int machine_open(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(m->directory, "/tmp/test_cli.XXXXXX");
	if (!mkdtemp(m->directory))
		return -1;
	snprintf(m->path, sizeof(m->path), "%s/0", m->directory);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", m->path);
	m->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(m->listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(m->listener, 8) < 0)
		return -1;
	*state = m;
	return pthread_create(&m->thread, NULL, machine_thread, m);
}

static int machine_close(void **state)
{
	struct machine *m = *state;
	char command[128];

	m->end = true;
	shutdown(m->listener, SHUT_RDWR);
	pthread_join(m->thread, NULL);
	close(m->listener);
	snprintf(command, sizeof(command), "rm -rf %s", m->directory);
	int code = system(command);
	free(m);
	return code;
}

/* --- the client, in a child --- */

struct outcome {
	int code;
	char out[65536], err[8192];
};

static void read_back(int fd, char *to, size_t size)
{
	lseek(fd, 0, SEEK_SET);
	ssize_t n = read(fd, to, size - 1);
	to[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* words: NULL-ended, without "hull". */
static struct outcome *hull(const struct machine *m, const char *const *words)
{
	static struct outcome o;
	const char *argv[32] = { "hull" };
	int argc = 1, out = memfd_create("out", 0), err = memfd_create("err", 0), status;

	if (m) {
		argv[argc++] = "--socket";
		argv[argc++] = m->path;
	}
	while (*words)
		argv[argc++] = *words++;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(out, 1);
		dup2(err, 2);
		unsetenv("HULL_SOCKET");
		int code = cli_main(argc, (char **)argv);
		fflush(NULL);
		_exit(code);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	read_back(out, o.out, sizeof(o.out));
	read_back(err, o.err, sizeof(o.err));
	assert_true(WIFEXITED(status));
	o.code = WEXITSTATUS(status);
	return &o;
}
#define HULL(m, ...) hull(m, (const char *const[]){ __VA_ARGS__, NULL })

/* --- tests --- */

static const struct args_option options[] = {
	{ "follow", 'f', NULL, .help = "" },
	{ "all", 'a', NULL, .help = "" },
	{ "env", 'e', "K=V", .help = "", .repeat = true },
	{ "tail", 'n', "N", .help = "" },
	{ "mode", 0, "M", .help = "", .what = ARGS_WORDS, .words = "host none" },
	{ 0 },
};

static int parse(struct args *a, bool operands_end, const char *const *words, struct err *e)
{
	static char *argv[32];
	int argc = 0;

	*a = (struct args){ 0 };
	while (words[argc]) {
		argv[argc] = (char *)words[argc];
		argc++;
	}
	return args_parse(a, &(struct args_tables){ .own = options }, operands_end, argc, argv, e);
}
#define PARSE(a, end, e, ...) parse(a, end, (const char *const[]){ __VA_ARGS__, NULL }, e)

static void test_args_forms(void **state)
{
	struct args a;
	struct err e;
	size_t at = 0;
	long long n;

	(void)state;
	assert_int_equal(PARSE(&a, false, &e, "one", "-fa", "-eA=1", "--env", "B=2", "two", "--env=C=3", "-n", "5", "--", "-x"), 0);
	assert_true(args_has(&a, "follow") && args_has(&a, "all") && !args_has(&a, "mode"));
	assert_string_equal(args_next(&a, "env", &at), "A=1");
	assert_string_equal(args_next(&a, "env", &at), "B=2");
	assert_string_equal(args_next(&a, "env", &at), "C=3");
	assert_null(args_next(&a, "env", &at));
	assert_int_equal(args_number(&a, "tail", 0, 10, -1, &n, &e), 0);
	assert_int_equal(n, 5);
	assert_int_equal(a.n_operands, 3);
	assert_string_equal(a.operands[0], "one");
	assert_string_equal(a.operands[1], "two");
	assert_string_equal(a.operands[2], "-x");
	assert_int_equal(PARSE(&a, true, &e, "-a", "image", "-f", "--unknown"), 0);
	assert_true(!args_has(&a, "follow"));
	assert_int_equal(a.n_operands, 3);
	assert_int_equal(PARSE(&a, false, &e, "-"), 0);
	assert_int_equal(a.n_operands, 1);
}

static void test_args_errors(void **state)
{
	struct args a;
	struct err e;
	long long n;

	(void)state;
	assert_int_equal(PARSE(&a, false, &e, "--unknown"), -1);
	assert_non_null(strstr(e.text, "--unknown"));
	assert_int_equal(PARSE(&a, false, &e, "-fx"), -1);
	assert_int_equal(PARSE(&a, false, &e, "--tail"), -1);
	assert_int_equal(PARSE(&a, false, &e, "--tail=1", "--tail=2"), -1);
	assert_int_equal(PARSE(&a, false, &e, "--follow=yes"), -1);
	assert_int_equal(PARSE(&a, false, &e, "--mode", "bridge"), -1);
	assert_int_equal(PARSE(&a, false, &e, "--mode", "hos"), -1);
	assert_int_equal(PARSE(&a, false, &e, "--tail", "11"), 0);
	assert_int_equal(args_number(&a, "tail", 0, 10, -1, &n, &e), -1);
	assert_int_equal(PARSE(&a, false, &e, "--tail", "1x"), 0);
	assert_int_equal(args_number(&a, "tail", 0, 10, -1, &n, &e), -1);
}

static void test_table(void **state)
{
	static const char *const headers[] = { "NAME", "STATE", NULL };
	const char *one[] = { "h\xc3\xbcll", "up\x1b[2J\n" }, *two[] = { "\xff", NULL };
	struct table t;
	char *text = NULL;
	size_t size;

	(void)state;
	FILE *f = open_memstream(&text, &size);
	assert_int_equal(table_begin(&t, headers), 0);
	assert_int_equal(table_row(&t, one), 0);
	assert_int_equal(table_row(&t, two), 0);
	table_print(&t, f);
	table_free(&t);
	fclose(f);
	assert_string_equal(text, "NAME  STATE\nh\xc3\xbcll  up\\x1b[2J\\x0a\n\\xff  -\n");
	free(text);
	text = table_escape("\xe2\x80\xae|\xc2\x9b|ok");
	assert_string_equal(text, "\\xe2\\x80\\xae|\\xc2\\x9b|ok");
	free(text);
}

static void test_usage(void **state)
{
	(void)state;
	assert_int_equal(HULL(NULL, "frobnicate")->code, CLI_USAGE);
	assert_int_equal(HULL(NULL, "ps", "extra")->code, CLI_USAGE);
	assert_int_equal(HULL(NULL, "stop")->code, CLI_USAGE);
	assert_int_equal(HULL(NULL, "image")->code, CLI_USAGE);
	assert_int_equal(HULL(NULL, "start", "--json", "x")->code, CLI_USAGE);
	assert_int_equal(HULL(NULL, "run", "--name", "No Name", "image")->code, CLI_USAGE);
	assert_int_equal(HULL(NULL, "--help")->code, CLI_OK);
	assert_int_equal(HULL(NULL, "ps", "--socket", "/nonexistent/socket")->code, CLI_UNREACHABLE);
}

/* Every verb has a help text that names its options, and the overview names every verb. */
static void test_help(void **state)
{
	(void)state;
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		char words[64], *second;
		snprintf(words, sizeof(words), "%s", v->name);
		second = strchr(words, ' ');
		if (second)
			*second++ = '\0';
		struct outcome *o = second ? HULL(NULL, words, second, "--help") : HULL(NULL, words, "--help");
		assert_int_equal(o->code, CLI_OK);
		assert_non_null(strstr(o->out, v->help));
		for (const struct args_option *opt = v->options; opt && opt->name; opt++)
			assert_non_null(strstr(o->out, opt->name));
		assert_non_null(strstr(HULL(NULL, "help")->out, v->help));
	}
}

static void test_ps(void **state)
{
	struct machine *m = *state;
	struct outcome *o = HULL(m, "ps");

	assert_int_equal(o->code, 0);
	assert_non_null(strstr(o->out, "NAME"));
	assert_non_null(strstr(o->out, "2023-11-14T22:13:20Z"));
	assert_non_null(strstr(o->out, "blog-db"));
	assert_null(strchr(o->out, 0x1b));
	o = HULL(m, "ps", "-q");
	assert_string_equal(o->out, "shop-web\nshop-db\nblog-db\n");
	cleanup_json cJSON *v = cJSON_Parse(HULL(m, "ps", "--json")->out);
	assert_int_equal(cJSON_GetArraySize(v), 3);
}

static void test_names(void **state)
{
	struct machine *m = *state;
	struct outcome *o = HULL(m, "stop", "-t", "3", "web");

	assert_int_equal(o->code, 0);
	assert_int_equal(m->stops, 1);
	assert_non_null(strstr(m->last_call, "\"shop-web\""));
	assert_non_null(strstr(m->last_call, "3000"));
	o = HULL(m, "stop", "db");
	assert_int_equal(o->code, CLI_FAILED);
	assert_non_null(strstr(o->err, "shop-db, blog-db"));
	o = HULL(m, "stop", "nothing", "shop-db");
	assert_int_equal(o->code, CLI_FAILED);
	assert_int_equal(m->stops, 2);
	o = HULL(m, "start", "web");
	assert_int_equal(o->code, CLI_FAILED);
	assert_non_null(strstr(o->err, "does not know"));
}

static void test_logs(void **state)
{
	struct machine *m = *state;
	struct outcome *o = HULL(m, "logs", "-f", "web");

	assert_int_equal(o->code, 0);
	assert_memory_equal(o->out, "one\n\xff\0\n", 7);
	assert_string_equal(o->err, "two\n");
	o = HULL(m, "logs", "--timestamps", "web");
	assert_memory_equal(o->out, "T1 one\nT3 ", 10);
}

/* PID 1 re-executes itself twice while the output streams: no line twice, none lost, the status comes through. */
static void test_run(void **state)
{
	struct machine *m = *state;

	m->resets = 1;
	struct outcome *o = HULL(m, "run", "--rm", "-e", "A=b c", "--network=host", "docker.io/library/alpine:3", "sh", "-c", "x");
	assert_memory_equal(o->out, "one\n\xff\0\n", 7);
	assert_string_equal(o->err, "two\n");
	assert_int_equal(o->code, 7);
	assert_int_equal(m->resets, 0);
	assert_int_equal(m->runs, 1);
	assert_int_equal(m->waits, 1);
	o = HULL(m, "run", "-d", "--name", "x1", "alpine");
	assert_string_equal(o->out, "x1\n");
	assert_int_equal(o->code, 0);
	assert_non_null(strstr(m->last_call, "\"spec\":{\"name\":\"x1\",\"image\":\"alpine\"}"));
	o = HULL(m, "run", "--name", "shop-web", "alpine");
	assert_int_equal(o->code, CLI_NOT_STARTED);
	assert_int_equal(m->runs, 2);
	o = HULL(m, "run", "missing");
	assert_int_equal(o->code, CLI_NOT_STARTED);
	assert_non_null(strstr(o->err, "hull: run missing: no such image\n      hull image load\n"));
}

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_image_load(void **state)
{
	struct machine *m = *state;
	char layout[96], blobs[128];

	snprintf(layout, sizeof(layout), "%s/layout", m->directory);
	snprintf(blobs, sizeof(blobs), "%s/blobs", layout);
	mkdir(layout, 0755);
	mkdir(blobs, 0755);
	strcat(blobs, "/sha256");
	mkdir(blobs, 0755);
	write_file(layout, "oci-layout", "{}");
	struct outcome *o = HULL(m, "image", "load", layout);
	assert_int_equal(o->code, CLI_FAILED); /* no index.json */
	write_file(layout, "index.json", "{\"manifests\":[]}");
	write_file(blobs, "abcd", "blob");
	o = HULL(m, "image", "load", "--name", "a:1", layout);
	assert_string_equal(o->err, "");
	assert_string_equal(o->out, "a:1 sha256:00\n");
	assert_true(m->archive_bytes >= 3 * 1024 + 1024);
	o = HULL(m, "image", "load", "/nonexistent");
	assert_int_equal(o->code, CLI_FAILED);
}

/* The same over a port: in chunks, with a file of exactly two of them, which takes an empty third. */
static void test_image_load_port(void **state)
{
	struct machine *m = *state;
	char path[96];

	m->port = true;
	m->path[strlen(m->directory)] = '\0'; /* --socket DIRECTORY */
	snprintf(path, sizeof(path), "%s/archive", m->directory);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 2 * 40960), 0);
	close(fd);
	struct outcome *o = HULL(m, "image", "load", path);
	assert_string_equal(o->err, "");
	assert_string_equal(o->out, "a:1 sha256:00\n");
	assert_int_equal(m->chunks, 3);
	assert_int_equal(m->archive_bytes, 2 * 40960);
}

static void test_status(void **state)
{
	struct machine *m = *state;
	struct outcome *o = HULL(m, "status");

	assert_string_equal(o->out, "FACT            VALUE\n"
				    "version         1\n"
				    "machine id      ab\n"
				    "slot            a\n"
				    "state kind      partition\n"
				    "state readonly  no\n"
				    "boot stage0     0.812 s\n"
				    "net dns         192.0.2.1, 192.0.2.2\n"
				    "\n"
				    "roles\n"
				    "NAME  PID\n"
				    "logs  7\n");
}

static void test_end(void **state)
{
	struct machine *m = *state;
	assert_int_equal(HULL(m, "reboot")->code, CLI_OK);
	assert_non_null(strstr(m->last_call, "\"reboot\""));
}

/* What bash would offer behind these words. */
static char *complete(const char *script, const char *words, int cword)
{
	static char line[4096];
	char command[512];
	size_t n;

	snprintf(command, sizeof(command), "bash -c 'source %s; COMP_WORDS=(%s \"\"); COMP_CWORD=%d; _hull; echo ${COMPREPLY[*]}'", script,
		 words, cword);
	FILE *f = popen(command, "r");
	n = fread(line, 1, sizeof(line) - 1, f);
	line[n] = '\0';
	assert_int_equal(pclose(f), 0);
	return line;
}

static void test_completion(void **state)
{
	struct machine *m = *state;
	char script[96];

	snprintf(script, sizeof(script), "%s/completion", m->directory);
	write_file(m->directory, "completion", HULL(NULL, "completion")->out);
	const char *verbs = complete(script, "hull", 1);
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		char first[32];
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(v->name, " "), v->name);
		assert_non_null(strstr(verbs, first));
	}
	assert_string_equal(complete(script, "hull im", 1), "image\n");
	assert_string_equal(complete(script, "hull image", 2), "load ls rm\n");
	assert_string_equal(complete(script, "hull run --network", 3), "host none\n");
	assert_string_equal(complete(script, "hull --socket /x ps --j", 4), "--json\n");
	assert_string_equal(complete(script, "hull ps", 2), "\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_args_forms),
		cmocka_unit_test(test_args_errors),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_help),
		cmocka_unit_test_setup_teardown(test_ps, machine_open, machine_close),
		cmocka_unit_test_setup_teardown(test_names, machine_open, machine_close),
		cmocka_unit_test_setup_teardown(test_logs, machine_open, machine_close),
		cmocka_unit_test_setup_teardown(test_run, machine_open, machine_close),
		cmocka_unit_test_setup_teardown(test_image_load, machine_open, machine_close),
		cmocka_unit_test_setup_teardown(test_image_load_port, machine_open, machine_close),
		cmocka_unit_test_setup_teardown(test_status, machine_open, machine_close),
		cmocka_unit_test_setup_teardown(test_end, machine_open, machine_close),
		cmocka_unit_test_setup_teardown(test_completion, machine_open, machine_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
