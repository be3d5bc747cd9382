/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull image load`: over a unix socket the archive's descriptor is passed and the machine reads it by itself; a virtio
 * port carries it in chunks, each answered when it was taken; with --store no machine is asked at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"
#include "containers/operations.h"
#include "init/cli/client.h"
#include "init/cli/table.h"
#include "init/verbs/layout_tar.h"
#include "init/verbs/print.h"
#include "init/verbs/verbs.h"

/* Bytes in a chunk: what the machine takes at most; as base64 it leaves a message room under its 64 KiB. */
#define CHUNK 40960

const struct args_option image_load_options[] = {
	{ "name", 0, "REFERENCE", .help = "the name to give it; else as the archive says" },
	{ "store", 0, "DIRECTORY", .help = "load into this store directly, without a machine", .what = ARGS_DIRECTORY },
	{ 0 },
};

/* The archive as a descriptor. *child: 0, or who writes it. */
static int open_archive(const char *path, pid_t *child, struct err *e)
{
	struct stat st;

	*child = 0;
	if (strcmp(path, "-") == 0) {
		int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? err_sys(e, "cannot read standard input") : fd;
	}
	if (stat(path, &st) < 0)
		return err_sys(e, "cannot open %s", path);
	if (S_ISDIR(st.st_mode))
		return layout_tar_begin(path, child, e);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? err_sys(e, "cannot open %s", path) : fd;
}

static void show_progress(int64_t done, int64_t total, bool last)
{
	char a[PRINT_CELL], b[PRINT_CELL];

	if (!isatty(STDERR_FILENO))
		return;
	if (total > 0)
		fprintf(stderr, "\r%s of %s  ", print_size(done, a), print_size(total, b));
	else
		fprintf(stderr, "\r%s  ", print_size(done, a));
	if (last)
		fputs("\r\033[K", stderr);
}

static cJSON *load_params(const struct args *a)
{
	cJSON *params = cJSON_CreateObject();

	if (args_value(a, "name"))
		cJSON_AddStringToObject(params, "name", args_value(a, "name"));
	return params;
}

/* Passes the descriptor; further replies tell the progress, the last one what was loaded. */
static int load_by_fd(struct cli *c, const struct args *a, int fd, cJSON **result)
{
	cleanup_json cJSON *params = load_params(a);
	bool continues = true;
	struct err e;

	if (varlink_send(c->client, "org.hull.Images.Load", params, true, &fd, 1, &e) < 0)
		return client_lost(c, &e);
	while (continues) {
		struct varlink_reply reply = { 0 };
		if (varlink_receive(c->client, &reply, -1, &e) < 0)
			return cli_error(c, CLI_UNREACHABLE, "loading the same archive again does no harm", "%s",
					 e.text);
		continues = reply.continues;
		int code = reply.error ? client_refused(c, &reply) : 0;
		if (!code && !continues)
			*result = cJSON_Duplicate(reply.parameters, true);
		varlink_reply_free(&reply);
		if (code)
			return code;
	}
	return 0;
}

/* Reads up to size bytes, fewer only at the end. */
static ssize_t read_chunk(int fd, void *data, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, (char *)data + have, size - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += n;
	}
	return have;
}

static int send_chunk(struct cli *c, const char *upload, const void *data, size_t len, bool end, cJSON **reply)
{
	cleanup_free char *text = base64_encode(data, len);
	cJSON *params = cJSON_CreateObject();

	cJSON_AddStringToObject(params, "upload", upload);
	if (!text || !cJSON_AddStringToObject(params, "data", text)) {
		cJSON_Delete(params);
		return cli_error(c, CLI_FAILED, NULL, "out of memory");
	}
	if (end)
		cJSON_AddTrueToObject(params, "end");
	return client_call(c, "org.hull.Images.LoadChunk", params, CLIENT_FAIL, CLIENT_FOR_EVER, reply);
}

static int load_by_chunks(struct cli *c, const struct args *a, int fd, cJSON **result)
{
	static unsigned char data[CHUNK];
	cleanup_json cJSON *begun = NULL;
	struct stat st;
	int64_t done = 0, total = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
	int code = client_call(c, "org.hull.Images.Load", load_params(a), CLIENT_FAIL, CLIENT_TIMEOUT_MS, &begun);
	bool end = false;

	while (!code && !end) {
		ssize_t n = read_chunk(fd, data, sizeof(data));
		if (n < 0)
			return cli_error(c, CLI_FAILED, NULL, "cannot read: %s", strerror(errno));
		end = n < (ssize_t)sizeof(data);
		done += n;
		cJSON *reply = NULL;
		code = send_chunk(c, print_text(begun, "upload"), data, n, end, &reply);
		show_progress(done, total, end || code);
		if (!code && end)
			*result = reply;
		else
			cJSON_Delete(reply);
	}
	return code;
}

static int load_offline(struct cli *c, const struct args *a, const char *store, int fd, cJSON **result)
{
	char path[PATH_MAX], here[PATH_MAX] = "";
	struct err e;

	if (*store != '/' && !getcwd(here, sizeof(here)))
		return cli_error(c, CLI_FAILED, NULL, "the present directory: %s", strerror(errno));
	if (snprintf(path, sizeof(path), "%s%s%s", here, *here ? "/" : "", store) >= (int)sizeof(path))
		return cli_error(c, CLI_USAGE, NULL, "--store: the path is too long");
	*result = cJSON_CreateObject();
	if (image_load_offline(path, fd, args_value(a, "name"), *result, &e) < 0)
		return cli_error(c, CLI_FAILED, NULL, "%s", e.text);
	return CLI_OK;
}

static int print_loaded(const struct cli *c, const cJSON *result)
{
	const cJSON *image, *images = json_get(result, "images");

	if (c->json)
		return print_json(c, images);
	cJSON_ArrayForEach(image, images) {
		cleanup_free char *reference = table_escape(print_text(image, "reference"));
		printf("%s %s\n", reference ? reference : "", print_text(image, "digest"));
	}
	return CLI_OK;
}

int verb_image_load(struct cli *c, const struct args *a)
{
	const char *store = args_value(a, "store");
	cleanup_json cJSON *result = NULL;
	struct err e;
	pid_t child;
	int code = store ? 0 : client_open(c);

	if (code)
		return code;
	int fd = open_archive(a->operands[0], &child, &e);
	if (fd < 0)
		return cli_error(c, CLI_FAILED, NULL, "%s", e.text);
	if (store)
		code = load_offline(c, a, store, fd, &result);
	else if (varlink_passes_fds(c->client))
		code = load_by_fd(c, a, fd, &result);
	else
		code = load_by_chunks(c, a, fd, &result);
	close(fd);
	if (child && layout_tar_end(child, &e) < 0 && !code)
		code = cli_error(c, CLI_FAILED, NULL, "%s", e.text);
	return code || !result ? code : print_loaded(c, result);
}
