/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fdpass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * FDPASS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
};

int fdpass_send(int sock, const void *data, size_t len, const int *fds, size_t n_fds, int flags)
{
	if (n_fds > FDPASS_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	union control control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (n_fds) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	for (;;) {
		ssize_t n = sendmsg(sock, &m, flags | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if ((size_t)n == len)
			return 0;
		/* A stream took a part: the descriptors went with it, the rest follows without them. */
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len = len -= (size_t)n;
		m.msg_control = NULL;
		m.msg_controllen = 0;
		flags &= ~MSG_DONTWAIT; /* half a message can't be taken back */
	}
}

/* Collects the descriptors that came; what doesn't fit into room is closed and makes *lost true. */
static size_t collect(struct msghdr *m, int *fds, size_t room, int *lost)
{
	size_t count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < room) {
				fds[count++] = fd;
			} else {
				close(fd);
				*lost = 1;
			}
		}
	}
	return count;
}

ssize_t fdpass_recv(int sock, void *data, size_t size, int *fds, size_t *n_fds, int flags)
{
	/* Room for descriptors even when none are wanted: otherwise they'd be dropped without our knowing. */
	union control control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr m;
	ssize_t n;
	do {
		m = (struct msghdr){
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes),
		};
		n = recvmsg(sock, &m, flags | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	int lost = m.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
	int got[FDPASS_MAX];
	size_t room = n_fds ? *n_fds : 0;
	size_t count = collect(&m, got, room < FDPASS_MAX ? room : FDPASS_MAX, &lost);
	if (lost || n == 0) { /* an empty packet carries nothing for anyone: as the peer's end */
		for (size_t i = 0; i < count; i++)
			close(got[i]);
		if (n_fds)
			*n_fds = 0;
		errno = EMSGSIZE;
		return lost ? -1 : 0;
	}
	if (count)
		memcpy(fds, got, count * sizeof(int));
	if (n_fds)
		*n_fds = count;
	return n;
}
