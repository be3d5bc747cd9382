/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power button, by which also hypervisors and clouds ask a machine to end (ACPI): an input device of this name
 * (kernel: drivers/acpi/button.c), whose key is KEY_POWER. Input nodes are pseudo files; opening them waits for
 * nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "init/boot/boot_state.h"

#define INPUT "/sys/class/input"

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct pid1 *p = arg;
	struct input_event ev[16];
	ssize_t n;

	(void)what;
	while ((n = read(fd, ev, sizeof(ev))) > 0)
		for (size_t i = 0; i < (size_t)n / sizeof(*ev); i++)
			if (ev[i].type == EV_KEY && ev[i].code == KEY_POWER && ev[i].value == 1) {
				log_info("power button");
				shutdown_start(p, BOOT_POWEROFF);
			}
}

/* The events live as long as the process; a button that is unplugged stays silent. */
static void watch(struct pid1 *p, const char *name)
{
	char path[64];
	int fd;
	struct event *ev;

	snprintf(path, sizeof(path), "/dev/input/%.20s", name);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		log_warn("power button %s: %s", path, strerror(errno));
		return;
	}
	ev = event_new(p->loop, fd, EV_READ | EV_PERSIST | EV_ET, on_event, p);
	if (!ev || event_add(ev, NULL) < 0) {
		log_warn("power button %s: no event", path);
		close(fd);
	}
}

void power_button_scan(struct pid1 *p)
{
	struct boot *b = p->boot;
	cleanup_closedir DIR *dir = opendir(INPUT);

	for (struct dirent *d; dir && (d = readdir(dir));) {
		char path[sizeof(INPUT) + NAME_MAX + 16], line[64];
		unsigned number;

		if (sscanf(d->d_name, "event%u", &number) != 1 || number >= 32 || (b->buttons & 1u << number))
			continue;
		snprintf(path, sizeof(path), INPUT "/%s/device/name", d->d_name);
		if (fs_read_line(AT_FDCWD, path, line, sizeof(line), NULL) < 0 || strcmp(line, "Power Button"))
			continue;
		b->buttons |= 1u << number;
		watch(p, d->d_name);
	}
}
