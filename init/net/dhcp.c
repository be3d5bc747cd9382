/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/dhcp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "init/net/arp.h"
#include "init/net/udp_frame.h"

#define RECEIVE_MAX 2048
#define RECEIVE_BURST 32 /* packets a turn of the loop */

struct dhcp {
	struct event_base *base;
	int ifindex;
	char ifname[IFNAMSIZ];
	struct dhcp_client client;
	const struct dhcp_owner *owner;
	void *arg;
	struct event *timer;
	int raw_fd, udp_fd; /* -1 while closed */
	struct event *raw_event, *udp_event;
	struct arp_probe *probe;
};

uint64_t dhcp_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void channel_close(int *fd, struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void settle(struct dhcp *d);

static void received(struct dhcp *d, const uint8_t *data, size_t len)
{
	struct dhcp_reply reply;

	if (dhcp_parse(data, len, d->client.mac, d->client.xid, &reply) == 0)
		dhcp_client_receive(&d->client, dhcp_now_ms(), &reply);
}

/* The kernel says of a local sender's packet that its checksum was left to hardware. */
static bool checksum_ready(const struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)m, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA ||
		    c->cmsg_len < CMSG_LEN(sizeof(aux)))
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		return !(aux.tp_status & TP_STATUS_CSUMNOTREADY);
	}
	return true;
}

static void on_raw(evutil_socket_t fd, short what, void *arg)
{
	struct dhcp *d = arg;

	(void)what;
	/* A message can end the need for this socket: look at it each time. */
	for (int i = 0; i < RECEIVE_BURST && d->raw_fd == fd; i++) {
		uint8_t frame[RECEIVE_MAX];
		union {
			struct cmsghdr align;
			char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		} control;
		struct iovec io = { frame, sizeof(frame) };
		struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

		if (n < 0)
			break;
		size_t len;
		const uint8_t *payload = udp_frame_payload(frame, (size_t)n, DHCP_CLIENT_PORT, checksum_ready(&m), &len);
		if (payload && !(m.msg_flags & MSG_TRUNC)) {
			received(d, payload, len);
			settle(d);
		}
	}
}

static void on_udp(evutil_socket_t fd, short what, void *arg)
{
	struct dhcp *d = arg;

	(void)what;
	for (int i = 0; i < RECEIVE_BURST && d->udp_fd == fd; i++) {
		uint8_t data[RECEIVE_MAX];
		ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

		if (n < 0 && errno != ECONNREFUSED) /* that was an answer to our last request, not the end */
			break;
		if (n > 0) {
			received(d, data, (size_t)n);
			settle(d);
		}
	}
}

/* Only whole UDP datagrams to port 68: this socket must not wake the role for the machine's other traffic. */
static int filter_attach(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), /* protocol */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6), /* fragment */
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* header length */
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2), /* destination port */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_CLIENT_PORT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, RECEIVE_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int listen_on(struct dhcp *d, int fd, event_callback_fn fn, struct event **event, struct err *e)
{
	*event = event_new(d->base, fd, EV_READ | EV_PERSIST, fn, d);
	if (!*event || event_add(*event, NULL))
		return err_set(e, ENOMEM, "%s: DHCP: out of memory", d->ifname);
	return 0;
}

static int raw_open(struct dhcp *d, struct err *e)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = d->ifindex };
	int one = 1;

	if (d->raw_fd >= 0)
		return 0;
	d->raw_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->raw_fd < 0 || setsockopt(d->raw_fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    filter_attach(d->raw_fd) || bind(d->raw_fd, (struct sockaddr *)&at, sizeof(at)))
		return err_sys(e, "%s: packet socket for DHCP", d->ifname);
	return listen_on(d, d->raw_fd, on_raw, &d->raw_event, e);
}

static int udp_open(struct dhcp *d, struct err *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT),
				  .sin_addr = d->client.held };
	int one = 1;

	if (d->udp_fd >= 0)
		return 0;
	d->udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->udp_fd < 0 || setsockopt(d->udp_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(d->udp_fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) ||
	    setsockopt(d->udp_fd, SOL_SOCKET, SO_BINDTODEVICE, d->ifname, (socklen_t)strlen(d->ifname) + 1) ||
	    bind(d->udp_fd, (struct sockaddr *)&at, sizeof(at)))
		return err_sys(e, "%s: UDP socket for DHCP", d->ifname);
	return listen_on(d, d->udp_fd, on_udp, &d->udp_event, e);
}

static int send_raw(struct dhcp *d, const uint8_t *message, size_t len, struct err *e)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = 6,
				  .sll_ifindex = d->ifindex };
	uint8_t frame[DHCP_BUILD_MAX + UDP_FRAME_HEADERS];

	memset(to.sll_addr, 0xff, 6);
	if (raw_open(d, e)) {
		channel_close(&d->raw_fd, &d->raw_event);
		return -1;
	}
	size_t n = udp_frame_build(frame, sizeof(frame), (struct in_addr){ INADDR_ANY }, DHCP_CLIENT_PORT,
				   (struct in_addr){ INADDR_BROADCAST }, DHCP_SERVER_PORT, message, len);
	if (sendto(d->raw_fd, frame, n, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_sys(e, "%s: sending a DHCP request", d->ifname);
	return 0;
}

static int send_udp(struct dhcp *d, struct in_addr server, const uint8_t *message, size_t len, struct err *e)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(DHCP_SERVER_PORT), .sin_addr = server };

	if (udp_open(d, e)) {
		channel_close(&d->udp_fd, &d->udp_event);
		return -1;
	}
	if (sendto(d->udp_fd, message, len, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_sys(e, "%s: sending a DHCP request", d->ifname);
	return 0;
}

static void client_send(void *arg, const struct dhcp_request *request, enum dhcp_path path)
{
	struct dhcp *d = arg;
	uint8_t message[DHCP_BUILD_MAX];
	size_t len = dhcp_build(request, message);
	struct in_addr to = path == DHCP_UNICAST ? d->client.lease.server : (struct in_addr){ INADDR_BROADCAST };
	struct err e = { 0 };

	/* What could not be sent is sent again when the client's timer says so. */
	if (path == DHCP_RAW ? send_raw(d, message, len, &e) : send_udp(d, to, message, len, &e))
		log_warn("%s", e.text);
}

static void probe_done(void *arg, bool duplicate)
{
	struct dhcp *d = arg;

	d->probe = NULL;
	if (duplicate)
		log_warn("%s: somebody else uses the offered address, declined", d->ifname);
	dhcp_client_probed(&d->client, dhcp_now_ms(), duplicate);
	settle(d);
}

static void client_probe(void *arg, struct in_addr address)
{
	struct dhcp *d = arg;
	struct err e = { 0 };

	arp_probe_cancel(d->probe);
	d->probe = arp_probe_start(d->base, d->ifindex, d->client.mac, address, probe_done, d, &e);
	if (d->probe)
		return;
	log_warn("%s: %s; the address is used unchecked", d->ifname, e.text);
	dhcp_client_probed(&d->client, dhcp_now_ms(), false);
}

static void client_bound(void *arg)
{
	struct dhcp *d = arg;

	d->owner->bound(d->arg, &d->client.lease, d->client.expires_ms);
}

static void client_lost(void *arg, struct in_addr address)
{
	struct dhcp *d = arg;

	d->owner->lost(d->arg, address);
}

static uint32_t client_random(void *arg)
{
	uint32_t v = 0;

	(void)arg;
	/* GRND_INSECURE: never waits; at worst, right after boot, the number can be guessed by who is on the wire. */
	if (getrandom(&v, sizeof(v), GRND_INSECURE) != sizeof(v) || v == 0)
		v = (uint32_t)dhcp_now_ms() * 2654435761u | 1;
	return v;
}

static const struct dhcp_client_ops client_ops = {
	.send = client_send, .probe = client_probe, .bound = client_bound, .lost = client_lost, .random = client_random,
};

/* After each step of the machine: sockets that the state doesn't need are closed, the timer follows the deadline. */
static void settle(struct dhcp *d)
{
	static const bool raw_needed[DHCP_STATES] = { [DHCP_SELECTING] = true, [DHCP_REQUESTING] = true,
						      [DHCP_REBOOTING] = true };
	static const bool udp_needed[DHCP_STATES] = { [DHCP_RENEWING] = true, [DHCP_REBINDING] = true };
	enum dhcp_state state = d->client.state;

	if (!raw_needed[state])
		channel_close(&d->raw_fd, &d->raw_event);
	if (!udp_needed[state])
		channel_close(&d->udp_fd, &d->udp_event);
	if (state != DHCP_PROBING && d->probe) {
		arp_probe_cancel(d->probe);
		d->probe = NULL;
	}
	if (!d->client.deadline_ms) {
		evtimer_del(d->timer);
		return;
	}
	uint64_t now = dhcp_now_ms(), wait = d->client.deadline_ms > now ? d->client.deadline_ms - now : 0;
	/* At least one millisecond: a deadline that doesn't move must not spin the loop. At most an hour: the timer's
	 * clock stands still during a suspend, the lease's doesn't. */
	wait = wait < 1 ? 1 : wait > 3600000 ? 3600000 : wait;
	struct timeval tv = { .tv_sec = (time_t)(wait / 1000), .tv_usec = (suseconds_t)(wait % 1000 * 1000) };
	evtimer_add(d->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dhcp *d = arg;
	uint64_t now = dhcp_now_ms();

	(void)fd;
	(void)what;
	if (d->client.deadline_ms && d->client.deadline_ms <= now)
		dhcp_client_timeout(&d->client, now);
	settle(d);
}

struct dhcp *dhcp_new(struct event_base *base, int ifindex, const char *ifname, const uint8_t mac[6],
		      const char *hostname, struct in_addr held, const struct dhcp_owner *owner, void *arg)
{
	struct dhcp *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	*d = (struct dhcp){ .base = base, .ifindex = ifindex, .owner = owner, .arg = arg, .raw_fd = -1, .udp_fd = -1 };
	snprintf(d->ifname, sizeof(d->ifname), "%s", ifname);
	dhcp_client_init(&d->client, &client_ops, d, mac, hostname);
	d->client.held = held;
	d->timer = evtimer_new(base, on_timer, d);
	if (!d->timer) {
		free(d);
		return NULL;
	}
	return d;
}

void dhcp_free(struct dhcp *d)
{
	if (!d)
		return;
	channel_close(&d->raw_fd, &d->raw_event);
	channel_close(&d->udp_fd, &d->udp_event);
	arp_probe_cancel(d->probe);
	event_free(d->timer);
	free(d);
}

void dhcp_carrier(struct dhcp *d, bool there)
{
	if (there)
		dhcp_client_start(&d->client, dhcp_now_ms());
	else
		dhcp_client_stop(&d->client);
	settle(d);
}

const struct dhcp_client *dhcp_client_of(const struct dhcp *d)
{
	return &d->client;
}
