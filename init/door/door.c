/* SPDX-License-Identifier: Apache-2.0 */
#include "init/door/door.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "init/inherited.h"
#include "init/door/session.h"
#include "init/snapshot.h"

#define CLIENTS_MAX 64
#define PAUSE_MS 200
#define PORTS "/sys/class/virtio-ports"
#define PORT_NAME "hull.control."
#define PORT_COUNT 4

/* The longest idle client without a call gives way. */
static bool close_idle(struct door *door)
{
	struct session *oldest = NULL;
	for (struct session *s = door->first; s; s = s->next)
		if (!s->port && !s->call && (!oldest || s->active_ms < oldest->active_ms))
			oldest = s;
	if (oldest)
		session_close(oldest);
	return oldest != NULL;
}

/* If all are busy the newcomer gives way. */
static bool make_room(struct door *door)
{
	return door->n_clients < CLIENTS_MAX || close_idle(door);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct pid1 *p = arg;
	event_add(p->door->accept, NULL);
}

/* No descriptor for a client: one that is idle gives way, or nobody is let in for a moment (else the loop would spin). */
static void no_descriptor(struct pid1 *p)
{
	struct timeval pause = { 0, PAUSE_MS * 1000 };
	if (close_idle(p->door))
		return;
	event_del(p->door->accept);
	evtimer_add(p->door->pause, &pause);
}

static void turn_away(int client, const char *text)
{
	send(client, text, strlen(text) + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(client);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct pid1 *p = arg;
	for (int i = 0; i < 16; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
				no_descriptor(p);
			return;
		}
		struct ucred who;
		socklen_t len = sizeof(who);
		if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || who.uid != 0)
			turn_away(client, "{\"error\":\"org.varlink.service.PermissionDenied\",\"parameters\":{}}");
		else if (!make_room(p->door))
			turn_away(client, "{\"error\":\"org.hull.Error\",\"parameters\":{\"message\":\"too many clients wait for answers\"}}");
		else
			session_open(p, client, false);
	}
}

static int listen_anew(struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = DOOR_SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, "control socket");
	unlink(DOOR_SOCKET);
	mode_t old = umask(0177);
	int ret = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	umask(old);
	if (ret < 0 || listen(fd, 128) < 0) {
		err_sys(e, "control socket " DOOR_SOCKET);
		close(fd);
		return -1;
	}
	return fd;
}

/* The listener outlives a re-exec, so that a client which connects meanwhile only waits. */
static int listener(struct pid1 *p, struct err *e)
{
	cleanup_json cJSON *old = snapshot_get(p->snapshot, "door");
	if (old) {
		const cJSON *number = json_get(old, "fd");
		int fd = inherited_take(p, cJSON_IsNumber(number) ? number->valueint : -1);
		if (fd >= 0)
			return fd;
	}
	int fd = listen_anew(e);
	if (fd < 0)
		return -1;
	cleanup_json cJSON *now = cJSON_CreateObject();
	cJSON_AddNumberToObject(now, "fd", fd);
	if (snapshot_put(p->snapshot, "door", now, e) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int door_open(struct pid1 *p, struct err *e)
{
	p->door = calloc(1, sizeof(*p->door));
	if (!p->door)
		return err_sys(e, "door");
	p->door->listener = listener(p, e);
	if (p->door->listener < 0)
		return -1;
	p->door->accept = event_new(p->loop, p->door->listener, EV_READ | EV_PERSIST, on_accept, p);
	p->door->pause = evtimer_new(p->loop, on_pause_over, p);
	if (!p->door->accept || !p->door->pause || event_add(p->door->accept, NULL) < 0)
		return err_set(e, ENOMEM, "control socket: out of memory");
	door_scan_ports(p);
	return 0;
}

static bool port_is_open(const struct door *door, int index)
{
	for (const struct session *s = door->first; s; s = s->next)
		if (s->port && s->port_index == index)
			return true;
	return false;
}

static void open_port(struct pid1 *p, const char *device, int index)
{
	char path[300];
	snprintf(path, sizeof(path), "/dev/%s", device);
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		if (errno != ENOENT)
			log_warn("control port %s: %s", path, strerror(errno));
		return;
	}
	struct session *s = session_open(p, fd, true);
	if (!s)
		return;
	s->port_index = index;
	/* Whoever was connected before a re-exec learns by this that its session is gone. */
	session_write(s, "", 1);
}

void door_scan_ports(struct pid1 *p)
{
	if (p->contained || strcmp(cmdline_text(&p->cmdline, CMDLINE_CONTROL), "virtio") != 0)
		return;
	cleanup_closedir DIR *dir = opendir(PORTS);
	if (!dir)
		return;
	for (struct dirent *d; (d = readdir(dir));) {
		char path[300], name[64];
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/name", d->d_name);
		if (fs_read_line(dirfd(dir), path, name, sizeof(name), NULL) < 0 || strncmp(name, PORT_NAME, strlen(PORT_NAME)) != 0)
			continue;
		int index = name[strlen(PORT_NAME)] - '0';
		if (index >= 0 && index < PORT_COUNT && name[strlen(PORT_NAME) + 1] == '\0' && !port_is_open(p->door, index))
			open_port(p, d->d_name, index);
	}
}
