/* SPDX-License-Identifier: Apache-2.0 */
#include "init/watchdog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"

#define SOFTWARE "Software Watchdog" /* softdog's identity */

struct watchdog {
	int fd;
	int seconds; /* as the driver took them */
	char device[32], identity[40];
	struct event *ping;
};

/* The name of the best device in /sys/class/watchdog: any hardware before the software timer. False: none. */
static bool choose(char name[32], char identity[40])
{
	cleanup_closedir DIR *dir = opendir("/sys/class/watchdog");
	bool found = false;

	for (struct dirent *d; dir && (d = readdir(dir));) {
		char path[sizeof("/sys/class/watchdog//identity") + NAME_MAX], line[40];

		if (strncmp(d->d_name, "watchdog", 8) || strlen(d->d_name) > 20)
			continue;
		snprintf(path, sizeof(path), "/sys/class/watchdog/%s/identity", d->d_name);
		if (fs_read_line(AT_FDCWD, path, line, sizeof(line), NULL) < 0)
			snprintf(line, sizeof(line), "unknown");
		if (found && (!strcmp(line, SOFTWARE) || strcmp(identity, SOFTWARE)))
			continue;
		snprintf(name, 32, "%.20s", d->d_name);
		snprintf(identity, 40, "%s", line);
		found = true;
	}
	return found;
}

static void on_ping(evutil_socket_t fd, short what, void *arg)
{
	struct watchdog *w = arg;

	(void)fd;
	(void)what;
	ioctl(w->fd, WDIOC_KEEPALIVE, 0);
}

static void arm_timer(struct pid1 *p, struct watchdog *w)
{
	int ms = w->seconds * 1000 / 3;
	struct timeval every = {ms / 1000, ms % 1000 * 1000};

	w->ping = event_new(p->loop, -1, EV_PERSIST, on_ping, w);
	if (!w->ping || event_add(w->ping, &every) < 0)
		log_err("watchdog: no timer; the machine will be reset in %d s", w->seconds);
	on_ping(-1, 0, w);
}

void watchdog_start(struct pid1 *p)
{
	int seconds = (int)cmdline_number(&p->cmdline, CMDLINE_WATCHDOG);
	struct watchdog w = {.fd = -1, .seconds = seconds};
	char name[32], path[64];

	if (p->contained || p->watchdog || seconds <= 0 || !choose(name, w.identity))
		return;
	snprintf(w.device, sizeof(w.device), "%s", name);
	snprintf(path, sizeof(path), "/dev/%s", name);
	/* A character device of a driver that is there: opening it starts it and waits for nothing. */
	w.fd = open(path, O_WRONLY | O_CLOEXEC);
	if (w.fd < 0) {
		log_warn("watchdog %s: %s", path, strerror(errno));
		return;
	}
	/* A driver may round; one that refuses keeps its own time-out, which is asked for. */
	if (ioctl(w.fd, WDIOC_SETTIMEOUT, &w.seconds) < 0) {
		log_warn("watchdog %s: %d s refused: %s", path, seconds, strerror(errno));
		if (ioctl(w.fd, WDIOC_GETTIMEOUT, &w.seconds) < 0 || w.seconds <= 0)
			w.seconds = 10;
	}
	p->watchdog = malloc(sizeof(w));
	if (!p->watchdog) {
		log_err("watchdog: out of memory");
		if (write(w.fd, "V", 1) == 1)
			close(w.fd);
		return;
	}
	*p->watchdog = w;
	arm_timer(p, p->watchdog);
	log_info("watchdog: %s (%s), %d s", path, w.identity, w.seconds);
}

void watchdog_leave_armed(struct pid1 *p)
{
	if (!p->watchdog)
		return;
	on_ping(-1, 0, p->watchdog);
	event_del(p->watchdog->ping);
}

void watchdog_disarm(struct pid1 *p)
{
	if (!p->watchdog)
		return;
	event_del(p->watchdog->ping);
	if (write(p->watchdog->fd, "V", 1) != 1)
		log_warn("watchdog: can't be disarmed: %s", strerror(errno));
	close(p->watchdog->fd);
	p->watchdog->fd = -1;
}

cJSON *watchdog_info(const struct pid1 *p)
{
	cJSON *v = cJSON_CreateObject();

	if (v && p->watchdog) {
		cJSON_AddStringToObject(v, "device", p->watchdog->device);
		cJSON_AddStringToObject(v, "identity", p->watchdog->identity);
		cJSON_AddNumberToObject(v, "seconds", p->watchdog->seconds);
	}
	return v;
}
