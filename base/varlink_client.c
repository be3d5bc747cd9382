/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/varlink.h"
#include "base/varlink_port.h"

#define CHUNK 16384
#define RETRY_MS 20
#define SEND_TIMEOUT_MS 30000 /* a peer that takes no byte for so long is hung */

struct varlink_client {
	int fd; /* non-blocking */
	int lock; /* of a machine's port; -1: a unix socket of a server */
	struct buf in;
};

int64_t varlink_deadline(int timeout_ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return timeout_ms < 0 ? INT64_MAX : (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + timeout_ms;
}

/* Milliseconds left, for poll: -1 for ever, 0 when it is over. */
static int left(int64_t deadline)
{
	if (deadline == INT64_MAX)
		return -1;
	int64_t ms = deadline - varlink_deadline(0);
	return ms < 0 ? 0 : ms > 1000000000 ? 1000000000 : (int)ms;
}

/* 0 when ready, else -1 with errno. */
static int wait_for(int fd, short events, int64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int n = poll(&p, 1, left(deadline));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
		if (left(deadline) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
}

/* Sleeps a little, at most to the deadline; false when that has passed. */
static bool pause_before_retry(int64_t deadline)
{
	int ms = left(deadline);
	if (ms == 0)
		return false;
	poll(NULL, 0, ms < 0 || ms > RETRY_MS ? RETRY_MS : ms);
	return true;
}

/* Fills the address; *dir is opened where the path is longer than an address holds. */
static int make_address(const char *path, struct sockaddr_un *a, int *dir)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(a->sun_path)) {
		strcpy(a->sun_path, path);
		return 0;
	}
	const char *slash = strrchr(path, '/');
	cleanup_free char *parent = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	*dir = parent ? open(*parent ? parent : "/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (*dir < 0)
		return -1;
	int n = snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/%s", *dir, slash + 1);
	errno = ENAMETOOLONG;
	return n < (int)sizeof(a->sun_path) ? 0 : -1;
}

static int connect_unix(const char *path, int64_t deadline, struct err *e)
{
	struct sockaddr_un address;
	cleanup_close int dir = -1;
	if (make_address(path, &address, &dir) < 0)
		return err_sys(e, "connect to %s", path);
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, "make a socket");
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) /* EAGAIN: the queue of connections is full */
			return err_sys(e, "connect to %s", path);
		if (!pause_before_retry(deadline))
			return err_set(e, ETIMEDOUT, "connect to %s: it takes no connections", path);
	}
	return take_fd(fd);
}

static struct varlink_client *client_new(int fd, int lock)
{
	struct varlink_client *c = calloc(1, sizeof(*c));
	if (c)
		*c = (struct varlink_client){ .fd = fd, .lock = lock, .in.max = VARLINK_MESSAGE_MAX + 1 + CHUNK };
	return c;
}

/* One port: 1 connected, 0 in use by someone else, -1 an error. */
static int try_port(const char *dir, int n, int64_t deadline, struct varlink_client **out, struct err *e)
{
	char path[4096];
	if (snprintf(path, sizeof(path), "%s/%d", dir, n) >= (int)sizeof(path))
		return err_set(e, ENAMETOOLONG, "%.64s...: the path is too long", dir);
	cleanup_close int lock = varlink_port_lock(path, e);
	if (lock < 0)
		return e->code == EWOULDBLOCK ? 0 : -1;
	cleanup_close int fd = connect_unix(path, deadline, e);
	if (fd < 0)
		return -1;
	struct varlink_client *c = client_new(fd, lock);
	if (!c)
		return err_set(e, ENOMEM, "out of memory");
	fd = lock = -1;
	if (varlink_port_hello(c, deadline, e) < 0) {
		varlink_close(c);
		return err_wrap(e, "%s", path);
	}
	*out = c;
	return 1;
}

static struct varlink_client *connect_machine(const char *dir, int64_t deadline, struct err *e)
{
	struct varlink_client *c = NULL;
	struct err why;
	bool busy;
	do {
		busy = false;
		err_set(e, ENOENT, "%s has no sockets 0 to %d of a machine's ports", dir, VARLINK_PORTS - 1);
		for (int n = 0; n < VARLINK_PORTS; n++) {
			int got = try_port(dir, n, deadline, &c, &why);
			if (got > 0)
				return c;
			busy |= got == 0;
			if (got < 0 && why.code != ENOENT)
				*e = why;
			if (got < 0 && why.code == ETIMEDOUT)
				return NULL;
		}
	} while (busy && pause_before_retry(deadline));
	if (busy)
		err_set(e, EBUSY, "all sessions of the machine at %s are in use", dir);
	return NULL;
}

struct varlink_client *varlink_connect(const char *target, int timeout_ms, struct err *e)
{
	struct err own;
	e = e ? e : &own;
	int64_t deadline = varlink_deadline(timeout_ms);
	struct stat st;
	if (stat(target, &st) == 0 && S_ISDIR(st.st_mode))
		return connect_machine(target, deadline, e);
	int fd = connect_unix(target, deadline, e);
	if (fd < 0)
		return NULL;
	struct varlink_client *c = client_new(fd, -1);
	if (!c) {
		close(fd);
		err_set(e, ENOMEM, "out of memory");
	}
	return c;
}

void varlink_close(struct varlink_client *c)
{
	if (!c)
		return;
	close(c->fd);
	if (c->lock >= 0)
		close(c->lock);
	buf_free(&c->in);
	free(c);
}

int varlink_write(struct varlink_client *c, const char *data, size_t len, const int *fds, size_t n_fds, struct err *e)
{
	int64_t deadline = varlink_deadline(SEND_TIMEOUT_MS);
	while (len) {
		/* Descriptors travel with the first byte alone, so that a short write can't part them from it. */
		ssize_t n = 1;
		if (n_fds)
			n = fdpass_send(c->fd, data, 1, fds, n_fds, MSG_DONTWAIT) < 0 ? -1 : 1;
		else
			n = send(c->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			n_fds = 0;
			data += n;
			len -= (size_t)n;
			deadline = varlink_deadline(SEND_TIMEOUT_MS);
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return err_set(e, ECONNRESET, "the connection was closed");
		if (errno != EINTR && (errno != EAGAIN || wait_for(c->fd, POLLOUT, deadline) < 0))
			return err_sys(e, "send the call");
	}
	return 0;
}

int varlink_send(struct varlink_client *c, const char *method, const cJSON *parameters, bool more, const int *fds,
		 size_t n_fds, struct err *e)
{
	if (n_fds && !varlink_passes_fds(c))
		return err_set(e, EOPNOTSUPP, "no descriptors can be passed over a virtio port");
	cleanup_free char *text = varlink_call_text(method, parameters, more, false);
	if (!text)
		return err_set(e, ENOMEM, "out of memory");
	size_t len = strlen(text);
	if (len > VARLINK_MESSAGE_MAX)
		return err_set(e, EMSGSIZE, "the call %s has %zu bytes, at most %d are taken", method, len,
			       VARLINK_MESSAGE_MAX);
	return varlink_write(c, text, len + 1, fds, n_fds, e);
}

int varlink_next(struct varlink_client *c, char **text, size_t *len, int64_t deadline, struct err *e)
{
	for (;;) {
		int got = varlink_take(&c->in, text, len);
		if (got > 0)
			return 0;
		if (got < 0) {
			buf_drop(&c->in, c->in.len);
			return err_set(e, EMSGSIZE, "the reply is longer than %d bytes", VARLINK_MESSAGE_MAX);
		}
		char chunk[CHUNK];
		ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n > 0) {
			if (buf_add(&c->in, chunk, (size_t)n) < 0)
				return err_sys(e, "receive");
			continue;
		}
		if (n == 0 || errno == ECONNRESET)
			return err_set(e, ECONNRESET, "the connection was closed");
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_sys(e, "receive");
		if (wait_for(c->fd, POLLIN, deadline) < 0)
			return errno == ETIMEDOUT ? err_set(e, ETIMEDOUT, "no reply in time")
						  : err_sys(e, "wait for a reply");
	}
}

int varlink_receive(struct varlink_client *c, struct varlink_reply *out, int timeout_ms, struct err *e)
{
	cleanup_free char *text = NULL;
	size_t len;
	if (varlink_next(c, &text, &len, varlink_deadline(timeout_ms), e) < 0)
		return -1;
	if (!len && c->lock >= 0)
		return err_set(e, ECONNRESET, "the machine's PID 1 has restarted");
	return varlink_reply_parse(text, len, out, e);
}

/* A Varlink error as e: its name, and what it says. */
static int remote_error(const struct varlink_reply *r, struct err *e)
{
	const cJSON *message = json_get(r->parameters, "message"), *hint = json_get(r->parameters, "hint");
	if (!cJSON_IsString(message)) {
		cleanup_free char *text = json_print(r->parameters);
		return err_set(e, EREMOTEIO, "%s %s", r->error, text ? text : "");
	}
	if (cJSON_IsString(hint))
		return err_set(e, EREMOTEIO, "%s: %s (%s)", r->error, message->valuestring, hint->valuestring);
	return err_set(e, EREMOTEIO, "%s: %s", r->error, message->valuestring);
}

int varlink_simple(struct varlink_client *c, const char *method, const cJSON *parameters, cJSON **out, struct err *e)
{
	struct varlink_reply r = { 0 };
	if (varlink_send(c, method, parameters, false, NULL, 0, e) < 0 || varlink_receive(c, &r, -1, e) < 0)
		return -1;
	int result = 0;
	if (r.error)
		result = remote_error(&r, e);
	else if (r.continues)
		result = err_set(e, EPROTO, "%s: a stream of replies came, one was expected", method);
	else if (out)
		*out = cJSON_DetachItemViaPointer(r.root, (cJSON *)r.parameters);
	varlink_reply_free(&r);
	return result;
}

int varlink_fd(const struct varlink_client *c)
{
	return c->fd;
}

bool varlink_passes_fds(const struct varlink_client *c)
{
	return c->lock < 0;
}
