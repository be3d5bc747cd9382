/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/logs_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

#define LINE_WAIT_US 50000 /* how long a line may stay without its end before it is written as a piece */
#define PIPE_BYTES_MAX (1 << 20) /* what root may make a pipe hold: pipe(7) */

struct logs_pipe {
	struct logs_delivery *delivery;
	struct logs_file *file;
	enum log_stream stream;
	int fd;
	dev_t dev;
	ino_t ino;
	struct event *readable, *wait;
	logs_pipe_fn *told;
	void *arg;
};

int logs_delivery_open(struct logs_delivery *d, struct event_base *base)
{
	d->base = base;
	return pipe2(d->scratch, O_CLOEXEC | O_NONBLOCK);
}

void logs_delivery_close(struct logs_delivery *d)
{
	close(d->scratch[0]);
	close(d->scratch[1]);
}

/* A copy of what is at the pipe's head: its length, 0 at its end, -1 when it is empty (EAGAIN) or broken. */
static ssize_t look(struct logs_pipe *p)
{
	struct logs_delivery *d = p->delivery;
	ssize_t n = tee(p->fd, d->scratch[1], sizeof(d->bytes), SPLICE_F_NONBLOCK);

	if (n > 0 && fs_read_full(d->scratch[0], d->bytes, (size_t)n) < 0)
		return -1;
	return n;
}

static void consume(struct logs_pipe *p, size_t n)
{
	if (fs_read_full(p->fd, p->delivery->bytes, n) == 0)
		logs_file_consumed(p->file, p->stream);
}

enum delivery { DELIVERED, INCOMPLETE, EMPTY, ENDED };

static enum delivery deliver(struct logs_pipe *p, bool flush)
{
	ssize_t n = look(p);
	size_t used;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? EMPTY : ENDED;
	if (n == 0)
		return ENDED;
	used = logs_file_append(p->file, p->stream, p->delivery->bytes, (size_t)n, flush);
	if (used == 0)
		return INCOMPLETE;
	consume(p, used);
	return DELIVERED;
}

static void tell(struct logs_pipe *p, enum delivery what)
{
	if (what == ENDED) {
		event_del(p->readable);
		event_del(p->wait);
	}
	if (what == DELIVERED || what == ENDED)
		p->told(p->arg, p, what == ENDED);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
	static const struct timeval wait = { .tv_usec = LINE_WAIT_US };
	struct logs_pipe *p = arg;
	enum delivery what = deliver(p, false);

	(void)fd;
	(void)events;
	if (what == INCOMPLETE) {
		/* The pipe stays readable: look away until the rest may have come. */
		event_del(p->readable);
		event_add(p->wait, &wait);
	}
	tell(p, what);
}

static void on_wait(evutil_socket_t fd, short events, void *arg)
{
	struct logs_pipe *p = arg;

	(void)fd;
	(void)events;
	event_add(p->readable, NULL);
	tell(p, deliver(p, true));
}

/*
 * A role before us may have died between writing and consuming. If it died right after consuming, its mark is behind:
 * either way the log is consumed to its end after this, and must be marked so, or the next one would compare with too much.
 */
static void skip_written(struct logs_pipe *p)
{
	ssize_t n = look(p);
	size_t written = logs_file_unconsumed(p->file, p->stream, p->delivery->bytes, n > 0 ? (size_t)n : 0);

	if (written > 0)
		consume(p, written);
	else
		logs_file_consumed(p->file, p->stream);
}

struct logs_pipe *logs_pipe_open(struct logs_delivery *d, struct logs_file *file, enum log_stream stream, int fd,
				 logs_pipe_fn *told, void *arg, struct err *e)
{
	struct logs_pipe *p;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)) {
		err_set(e, EINVAL, "not a pipe");
		return NULL;
	}
	/* A container can open its pipe anew and read from it as well: what was there a moment ago may be gone. */
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		err_sys(e, "fcntl");
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*p = (struct logs_pipe){ .delivery = d, .file = file, .stream = stream, .fd = fd, .dev = st.st_dev, .ino = st.st_ino,
				 .told = told, .arg = arg };
	p->readable = event_new(d->base, fd, EV_READ | EV_PERSIST, on_readable, p);
	p->wait = evtimer_new(d->base, on_wait, p);
	if (!p->readable || !p->wait || event_add(p->readable, NULL) < 0) {
		p->fd = -1;
		logs_pipe_free(p);
		err_set(e, ENOMEM, "out of memory, or too many descriptors");
		return NULL;
	}
	skip_written(p);
	return p;
}

bool logs_pipe_is(const struct logs_pipe *p, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == p->dev && st.st_ino == p->ino;
}

void logs_pipe_drain(struct logs_pipe *p)
{
	/* Deliveries are of 64 KiB, but of as little as 16 buffers: enough rounds for either. */
	for (int i = 0; i < PIPE_BYTES_MAX / 4096; i++)
		if (deliver(p, true) != DELIVERED)
			return;
}

void logs_pipe_free(struct logs_pipe *p)
{
	if (p->readable)
		event_free(p->readable);
	if (p->wait)
		event_free(p->wait);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}
