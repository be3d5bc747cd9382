/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define RECEIVE_BUFFER (1 << 20) /* bytes: a coldplug storm must not overrun it */
#define GROUP_KERNEL 1		 /* group 2 is udev's */

int uevent_open(struct err *e)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL};
	cleanup_close int fd =
		socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	int size = RECEIVE_BUFFER;

	if (fd < 0)
		return err_sys(e, "uevent socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return err_sys(e, "uevent socket: bind");
	return take_fd(fd);
}

static const char *value_of(const char *field, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(field, key, n) && field[n] == '=' ? field + n + 1 : NULL;
}

static void take_field(struct uevent *out, const char *field)
{
	const struct {
		const char *key;
		const char **to;
	} fields[] = {
		{"ACTION", &out->action},     {"DEVPATH", &out->devpath}, {"SUBSYSTEM", &out->subsystem},
		{"MODALIAS", &out->modalias}, {"DEVNAME", &out->devname}, {"DEVTYPE", &out->devtype},
	};
	const char *v = value_of(field, "DM_VERITY_ERR_BLOCK_NR");
	char *end;

	if (v) {
		out->verity_block = strtoull(v, &end, 10);
		out->verity_error = end != v;
		return;
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if ((v = value_of(field, fields[i].key)))
			*fields[i].to = v;
}

int uevent_parse(const void *message, size_t len, struct uevent *out, struct err *e)
{
	const char *at, *end;

	if (len < 4 || len >= sizeof(out->text))
		return err_set(e, EBADMSG, "uevent: %zu bytes", len);
	memcpy(out->text, message, len);
	out->text[len] = 0;
	/* "ACTION@DEVPATH" comes first; udev's own messages begin with "libudev". */
	at = strchr(out->text, '@');
	if (!at || at == out->text || at[1] != '/')
		return err_set(e, EBADMSG, "uevent: no ACTION@DEVPATH");
	out->action = out->devpath = out->subsystem = out->modalias = out->devname = out->devtype = "";
	out->verity_error = false;
	out->verity_block = 0;
	end = out->text + len;
	for (const char *field = out->text + strlen(out->text) + 1; field < end; field += strlen(field) + 1)
		take_field(out, field);
	if (!*out->action || !*out->devpath)
		return err_set(e, EBADMSG, "uevent: no ACTION or DEVPATH");
	return 0;
}

int uevent_receive(int fd, struct uevent *out, struct err *e)
{
	char message[UEVENT_MAX];

	for (;;) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, message, sizeof(message), MSG_TRUNC, (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : err_sys(e, "uevent socket");
		if (from.nl_pid || from.nl_family != AF_NETLINK || n >= (ssize_t)sizeof(message))
			continue;
		if (!uevent_parse(message, (size_t)n, out, NULL))
			return 1;
	}
}
