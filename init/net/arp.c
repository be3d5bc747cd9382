/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/arp.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define PROBES 2
#define PROBE_WAIT_US 200000

struct arp_wire { /* RFC 826 for Ethernet and IPv4 */
	uint16_t hardware, protocol;
	uint8_t hardware_len, protocol_len;
	uint16_t op;
	uint8_t sender_mac[6];
	struct in_addr sender;
	uint8_t target_mac[6];
	struct in_addr target;
} __attribute__((packed));
_Static_assert(sizeof(struct arp_wire) == ARP_SIZE, "RFC 826");

struct arp_probe {
	struct event *readable, *timer;
	int fd, ifindex;
	uint8_t mac[6];
	struct in_addr address;
	unsigned sent;
	arp_done *done;
	void *arg;
};

void arp_build(uint8_t out[ARP_SIZE], const uint8_t mac[6], struct in_addr sender, struct in_addr target)
{
	struct arp_wire w = {
		.hardware = htons(ARPHRD_ETHER), .protocol = htons(ETHERTYPE_IP), .hardware_len = 6, .protocol_len = 4,
		.op = htons(ARPOP_REQUEST), .sender = sender, .target = target,
	};

	memcpy(w.sender_mac, mac, 6);
	memcpy(out, &w, sizeof(w));
}

bool arp_conflicts(const uint8_t *packet, size_t len, const uint8_t mac[6], struct in_addr address)
{
	struct arp_wire w;

	if (len < sizeof(w))
		return false;
	memcpy(&w, packet, sizeof(w));
	if (w.hardware != htons(ARPHRD_ETHER) || w.protocol != htons(ETHERTYPE_IP) || w.hardware_len != 6 ||
	    w.protocol_len != 4 || memcmp(w.sender_mac, mac, 6) == 0)
		return false;
	if (w.sender.s_addr == address.s_addr)
		return true;
	/* Somebody probes for the same address at the same time. */
	return w.op == htons(ARPOP_REQUEST) && w.sender.s_addr == 0 && w.target.s_addr == address.s_addr;
}

static void transmit(struct arp_probe *p, struct in_addr sender)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_halen = 6,
				  .sll_ifindex = p->ifindex };
	uint8_t packet[ARP_SIZE];

	memset(to.sll_addr, 0xff, 6);
	arp_build(packet, p->mac, sender, p->address);
	/* A probe that can't be sent proves nothing against the address: the next one or the end of the wait follows. */
	sendto(p->fd, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
}

void arp_probe_cancel(struct arp_probe *p)
{
	if (!p)
		return;
	if (p->readable)
		event_free(p->readable);
	if (p->timer)
		event_free(p->timer);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static void finish(struct arp_probe *p, bool duplicate)
{
	arp_done *done = p->done;
	void *arg = p->arg;

	if (!duplicate)
		transmit(p, p->address); /* the announcement: caches with an earlier owner learn ours */
	arp_probe_cancel(p);
	done(arg, duplicate);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct arp_probe *p = arg;
	uint8_t packet[128];
	ssize_t n;

	(void)what;
	/* Bounded: a flood of ARP must not keep the loop here. */
	for (int i = 0; i < 32 && (n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT)) >= 0; i++) {
		if (arp_conflicts(packet, (size_t)n, p->mac, p->address)) {
			finish(p, true);
			return;
		}
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval wait = { .tv_usec = PROBE_WAIT_US };
	struct arp_probe *p = arg;

	(void)fd;
	(void)what;
	if (p->sent == PROBES) {
		finish(p, false);
		return;
	}
	p->sent++;
	transmit(p, (struct in_addr){ 0 });
	evtimer_add(p->timer, &wait);
}

static int probe_open(struct arp_probe *p, struct event_base *base, struct err *e)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = p->ifindex };

	/* Protocol 0 first: nothing is queued from other interfaces before bind. */
	p->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&at, sizeof(at)))
		return err_sys(e, "packet socket for ARP");
	p->readable = event_new(base, p->fd, EV_READ | EV_PERSIST, on_readable, p);
	p->timer = evtimer_new(base, on_timer, p);
	if (!p->readable || !p->timer || event_add(p->readable, NULL))
		return err_set(e, ENOMEM, "ARP probe: out of memory");
	evtimer_add(p->timer, &(struct timeval){ 0 });
	return 0;
}

struct arp_probe *arp_probe_start(struct event_base *base, int ifindex, const uint8_t mac[6], struct in_addr address,
				  arp_done *done, void *arg, struct err *e)
{
	struct arp_probe *p = calloc(1, sizeof(*p));

	if (!p) {
		err_set(e, ENOMEM, "ARP probe: out of memory");
		return NULL;
	}
	*p = (struct arp_probe){ .fd = -1, .ifindex = ifindex, .address = address, .done = done, .arg = arg };
	memcpy(p->mac, mac, sizeof(p->mac));
	if (probe_open(p, base, e)) {
		arp_probe_cancel(p);
		return NULL;
	}
	return p;
}
