/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/utf8.h"

/* A record of /dev/kmsg has at most 1,024 bytes and the kernel adds its own prefix; longer ones are refused. */
#define LINE_MAX_BYTES 960

/* One sink a process, so file-scope: a log call must work from anywhere, before anything is set up. */
static struct {
	const char *name;
	int fd;
	bool kmsg;
	enum log_level max;
} sink = { .name = "hull", .fd = STDERR_FILENO, .max = LOG_LEVEL_INFO };

static bool is_kmsg(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 11);
}

void log_open(const char *name, bool kmsg)
{
	/* A role or task may have been given /dev/kmsg as its stderr. */
	int fd = -1;
	if (kmsg)
		fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && !is_kmsg(fd)) {
		close(fd);
		fd = -1;
	}
	int old = sink.fd;
	log_use_fd(name, fd >= 0 ? fd : STDERR_FILENO, fd >= 0 || is_kmsg(STDERR_FILENO));
	if (old > STDERR_FILENO && old != sink.fd)
		close(old);
}

void log_set_level(enum log_level max)
{
	sink.max = max;
}

int log_fd(void)
{
	return sink.fd;
}

void log_use_fd(const char *name, int fd, bool kmsg)
{
	sink.name = name;
	sink.fd = fd;
	sink.kmsg = kmsg;
}

/* A full pipe or a stopped terminal must not stop the process: what can't be written at once is lost. */
static void emit(const char *line, size_t len)
{
	while (len) {
		struct pollfd p = { .fd = sink.fd, .events = POLLOUT };
		if (!sink.kmsg && (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT)))
			return;
		ssize_t n = write(sink.fd, line, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line += n;
		len -= (size_t)n;
	}
}

void log_line(enum log_level level, const char *fmt, ...)
{
	if (level > sink.max)
		return;
	int saved = errno;
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	utf8_scrub(text);
	char prefix[8] = "";
	/* Facility daemon (3), so that the kernel's own lines stay apart; what we tell is a notice (5) on a console that
	   is spared the kernel's information (loglevel=6). */
	if (sink.kmsg)
		snprintf(prefix, sizeof(prefix), "<%d>", (3 << 3) | (level == LOG_LEVEL_INFO ? 5 : (int)level));
	int n = snprintf(line, sizeof(line), "%s%.32s: %s\n", prefix, sink.name, text);
	if (n > 0)
		emit(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
	errno = saved;
}
