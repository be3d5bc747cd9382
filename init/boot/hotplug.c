/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that come later. Loading a module makes more events, so they are collected for a moment and handed to one
 * `modules` task at a time; when there are too many to remember, or the kernel lost some, all buses are looked at
 * again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/uevent.h"
#include "init/boot/boot_state.h"
#include "init/door/door.h"
#include "init/task.h"

#define ALIASES_MAX 64
#define ALIAS_LENGTH_MAX 512
#define EVENTS_PER_CALL 64 /* then the loop's other descriptors have their turn */
#define QUIET_MS 100

struct hotplug {
	int fd;
	struct event *readable, *quiet;
	cJSON *aliases; /* array of modaliases not looked up yet */
	bool coldplug; /* more than that: look at all devices */
	bool grow; /* the boot disk changed */
	bool running;
};

static void arm(struct hotplug *h)
{
	struct timeval t = {0, QUIET_MS * 1000};

	if (!evtimer_pending(h->quiet, NULL))
		evtimer_add(h->quiet, &t);
}

static void modules_done(struct pid1 *p, void *arg, const cJSON *result, const int *fds, size_t n_fds,
			const struct err *error)
{
	struct hotplug *h = arg;

	(void)p, (void)result, (void)fds, (void)n_fds, (void)error;
	h->running = false;
	if (cJSON_GetArraySize(h->aliases) || h->coldplug)
		arm(h);
}

static void load(struct pid1 *p, struct hotplug *h)
{
	cleanup_json cJSON *params = cJSON_CreateObject();
	struct err e;

	if (h->running || !params || (!cJSON_GetArraySize(h->aliases) && !h->coldplug))
		return;
	if (h->coldplug)
		cJSON_AddTrueToObject(params, "coldplug");
	else
		cJSON_AddItemToObject(params, "aliases", cJSON_Duplicate(h->aliases, true));
	if (task_start(p, "modules", params, NULL, 0, modules_done, h, &e) < 0) {
		log_warn("%s", e.text);
		arm(h);
		return;
	}
	h->running = true;
	h->coldplug = false;
	cJSON_Delete(h->aliases);
	h->aliases = cJSON_CreateArray();
}

static void on_quiet(evutil_socket_t fd, short what, void *arg)
{
	struct pid1 *p = arg;
	struct hotplug *h = p->boot->hotplug;

	(void)fd, (void)what;
	if (p->shutting_down)
		return;
	load(p, h);
	if (h->grow) {
		h->grow = false;
		boot_grow(p);
	}
}

static void add_alias(struct hotplug *h, const char *alias)
{
	const cJSON *a;

	if (h->coldplug)
		return;
	cJSON_ArrayForEach(a, h->aliases) {
		if (!strcmp(a->valuestring, alias))
			return;
	}
	if (cJSON_GetArraySize(h->aliases) >= ALIASES_MAX || strlen(alias) > ALIAS_LENGTH_MAX)
		h->coldplug = true;
	else
		cJSON_AddItemToArray(h->aliases, cJSON_CreateString(alias));
}

static void take(struct pid1 *p, struct hotplug *h, const struct uevent *u)
{
	const char *disk = boot_slot_text(p, "disk");

	if (u->verity_error)
		boot_verity_error(p, u->devname, u->verity_block);
	if (!strcmp(u->action, "add") && u->modalias[0]) {
		add_alias(h, u->modalias);
		arm(h);
	}
	/* A port's name comes after the port, with a change. */
	if (!strcmp(u->subsystem, "virtio-ports"))
		door_scan_ports(p);
	if (!strcmp(u->action, "add") && !strncmp(u->devname, "input/event", 11))
		power_button_scan(p);
	/* virtio-blk tells RESIZE=1, SCSI other things, each by a change of the disk; looking costs little. */
	if (!strcmp(u->action, "change") && !strcmp(u->devtype, "disk") && !strncmp(disk, "/dev/", 5) &&
	    !strcmp(u->devname, disk + 5)) {
		h->grow = true;
		arm(h);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	static struct uevent u; /* 8 KiB: off PID 1's stack, used by one call at a time */
	struct pid1 *p = arg;
	struct hotplug *h = p->boot->hotplug;
	struct err e;

	(void)what;
	for (int i = 0; i < EVENTS_PER_CALL; i++) {
		int got = uevent_receive(fd, &u, &e);

		if (got == 0)
			return;
		if (got < 0) {
			if (e.code != ENOBUFS)
				log_warn("device events: %s", e.text);
			h->coldplug = true;
			arm(h);
			return;
		}
		take(p, h, &u);
	}
}

void hotplug_open(struct pid1 *p)
{
	struct hotplug *h = calloc(1, sizeof(*h));
	struct err e = {0};

	if (!h)
		return;
	h->fd = uevent_open(&e);
	h->aliases = cJSON_CreateArray();
	h->quiet = evtimer_new(p->loop, on_quiet, p);
	h->readable = h->fd < 0 ? NULL : event_new(p->loop, h->fd, EV_READ | EV_PERSIST, on_readable, p);
	if (!h->aliases || !h->quiet || !h->readable || event_add(h->readable, NULL) < 0) {
		log_err("device events: %s: devices that come later are not looked after", e.code ? e.text : "out of memory");
		return; /* once a boot: the little that is left is not worth more code */
	}
	p->boot->hotplug = h;
}
