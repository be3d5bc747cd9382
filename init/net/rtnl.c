/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/rtnl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_MAX 8192 /* one message of a link without statistics has about 1 KiB */
#define EVENT_BURST 64 /* datagrams a turn of the loop */
#define EVENT_BUFFER (256 * 1024)

static int netlink_socket(void)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		close(fd);
		return -1;
	}
	return fd;
}

int rtnl_open(struct rtnl *r, struct err *e)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_ND_USEROPT };
	struct rtnl out = { .request_fd = netlink_socket(), .event_fd = netlink_socket() };
	int one = 1, room = EVENT_BUFFER;

	if (out.request_fd < 0 || out.event_fd < 0) {
		err_sys(e, "rtnetlink socket");
		rtnl_close(&out);
		return -1;
	}
	/* Errors without a copy of the request. Both are comforts: what they would do also works without. */
	setsockopt(out.request_fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(out.event_fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (setsockopt(out.event_fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i]))) {
			err_sys(e, "rtnetlink group %d", groups[i]);
			rtnl_close(&out);
			return -1;
		}
	}
	*r = out;
	return 0;
}

void rtnl_close(struct rtnl *r)
{
	if (r->request_fd >= 0)
		close(r->request_fd);
	if (r->event_fd >= 0)
		close(r->event_fd);
	r->request_fd = r->event_fd = -1;
}

/* One datagram from the kernel itself; length, or -1 with errno. Another sender's is dropped as if it never came. */
static ssize_t receive(int fd, void *data, size_t size)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		struct iovec io = { data, size };
		struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &io, .msg_iovlen = 1 };
		ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (from.nl_pid != 0)
			continue;
		if (m.msg_flags & MSG_TRUNC) {
			errno = ENOBUFS;
			return -1;
		}
		return n;
	}
}

/* Calls fn for each message of a datagram until it returns other than 0, which is returned. */
static int each(const uint8_t *data, size_t len, int (*fn)(void *arg, const struct nlmsghdr *h), void *arg)
{
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)data;
		size_t step = NLMSG_ALIGN(h->nlmsg_len);

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len)
			return 0;
		int result = fn(arg, h);
		if (result || step >= len)
			return result;
		data += step;
		len -= step;
	}
	return 0;
}

struct exchange {
	uint32_t sequence;
	rtnl_visit *visit; /* NULL: a request that only gets an acknowledgement */
	void *arg;
	int error; /* an errno */
	bool interrupted;
};

/* 1: the exchange has ended. */
static int answer(void *arg, const struct nlmsghdr *h)
{
	struct exchange *x = arg;

	if (h->nlmsg_seq != x->sequence)
		return 0;
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		x->interrupted = true;
	if (h->nlmsg_type == NLMSG_DONE)
		return 1;
	if (h->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = NLMSG_DATA(h);

		x->error = h->nlmsg_len < NLMSG_LENGTH(sizeof(error->error)) ? EBADMSG : -error->error;
		return 1;
	}
	if (x->visit)
		x->visit(x->arg, h);
	return 0;
}

static int exchange(struct rtnl *r, struct rtnl_msg *m, struct exchange *x, struct err *e)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	uint8_t data[RECEIVE_MAX] __attribute__((aligned(8)));

	if (m->overflow)
		return err_set(e, EMSGSIZE, "rtnetlink request too long");
	x->sequence = m->h.nlmsg_seq = ++r->sequence;
	if (sendto(r->request_fd, m, m->h.nlmsg_len, MSG_DONTWAIT, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return err_sys(e, "sending to rtnetlink");
	/* The kernel works a request off within send, and each further part of a list within receive. */
	for (;;) {
		ssize_t n = receive(r->request_fd, data, sizeof(data));

		if (n < 0)
			return err_sys(e, "reading from rtnetlink");
		if (each(data, (size_t)n, answer, x))
			break;
	}
	if (x->error)
		return err_set(e, x->error, "%s", strerror(x->error));
	if (x->interrupted)
		return err_set(e, EINTR, "the list changed while it was read");
	return 0;
}

int rtnl_request(struct rtnl *r, struct rtnl_msg *m, struct err *e)
{
	struct exchange x = { 0 };

	return exchange(r, m, &x, e);
}

int rtnl_dump(struct rtnl *r, uint16_t type, uint8_t family, rtnl_visit *visit, void *arg, struct err *e)
{
	struct exchange x = { .visit = visit, .arg = arg };
	struct rtnl_msg m;

	rtnl_msg_dump(&m, type, family);
	return exchange(r, &m, &x, e);
}

static int event(void *arg, const struct nlmsghdr *h)
{
	struct exchange *x = arg;

	x->visit(x->arg, h);
	return 0;
}

int rtnl_events(struct rtnl *r, rtnl_visit *visit, void *arg, struct err *e)
{
	struct exchange x = { .visit = visit, .arg = arg };
	uint8_t data[RECEIVE_MAX] __attribute__((aligned(8)));

	for (int i = 0; i < EVENT_BURST; i++) {
		ssize_t n = receive(r->event_fd, data, sizeof(data));

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return err_sys(e, "rtnetlink events");
		each(data, (size_t)n, event, &x);
	}
	return 0;
}
