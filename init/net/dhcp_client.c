/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/dhcp_client.h"

#include <stdio.h>
#include <string.h>

#define RETRY_FIRST_MS 2000 /* RFC 2131 names 4 s as an example, for a 10 Mbit/s Ethernet */
#define RETRY_MAX_MS 64000
#define RENEW_MIN_MS 60000 /* RFC 2131, 4.4.5 */
#define DUPLICATE_WAIT_MS 10000 /* RFC 2131, 3.1.5 */
#define NAK_WAIT_MS 1000
#define REQUEST_TRIES 4
#define REBOOT_TRIES 3

enum event { EV_START, EV_STOP, EV_TIMEOUT, EV_OFFER, EV_ACK, EV_NAK, EV_FREE, EV_DUPLICATE, EVENTS };

typedef void action(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r);

/* +-25 %, so that a rack of machines that lost power together doesn't ask together. */
static uint64_t jittered(struct dhcp_client *c, uint64_t ms)
{
	return ms - ms / 4 + c->ops->random(c->arg) % (ms / 2 + 1);
}

static uint64_t retry_after(struct dhcp_client *c)
{
	uint64_t ms = RETRY_FIRST_MS;

	for (unsigned i = 1; i < c->tries && ms < RETRY_MAX_MS; i++)
		ms *= 2;
	return jittered(c, ms);
}

static void transmit(struct dhcp_client *c, uint64_t now, struct dhcp_request *r, enum dhcp_path path)
{
	uint64_t secs = (now - c->began_ms) / 1000;

	r->xid = c->xid;
	r->secs = secs > 0xffff ? 0xffff : (uint16_t)secs;
	memcpy(r->mac, c->mac, sizeof(r->mac));
	r->hostname = c->hostname;
	c->tries++;
	c->ops->send(c->arg, r, path);
}

static void enter(struct dhcp_client *c, uint64_t now, enum dhcp_state state)
{
	c->state = state;
	c->tries = 0;
	c->deadline_ms = 0;
	c->asked_ms = now;
}

static void discover(struct dhcp_client *c, uint64_t now)
{
	struct dhcp_request r = { .type = DHCP_DISCOVER, .wanted = c->held };

	transmit(c, now, &r, DHCP_RAW);
	c->deadline_ms = now + retry_after(c);
}

static void search(struct dhcp_client *c, uint64_t now)
{
	enter(c, now, DHCP_SELECTING);
	c->began_ms = now;
	c->xid = c->ops->random(c->arg);
	discover(c, now);
}

/* Names the offer's server and address; in REBOOTING only the address (RFC 2131, 4.3.2). */
static void request(struct dhcp_client *c, uint64_t now)
{
	struct dhcp_request r = { .type = DHCP_REQUEST };

	if (c->state == DHCP_REBOOTING) {
		r.wanted = c->held;
	} else {
		r.wanted = c->offer.address;
		r.server = c->offer.server;
	}
	transmit(c, now, &r, DHCP_RAW);
	c->deadline_ms = now + retry_after(c);
}

static void forget(struct dhcp_client *c)
{
	struct in_addr address = c->held;

	c->has_lease = false;
	c->held.s_addr = 0;
	c->expires_ms = 0;
	if (address.s_addr)
		c->ops->lost(c->arg, address);
}

static void begin(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	(void)r;
	if (c->has_lease && c->expires_ms && c->expires_ms <= now)
		forget(c);
	if (!c->held.s_addr) {
		search(c, now);
		return;
	}
	enter(c, now, DHCP_REBOOTING);
	c->began_ms = now;
	c->xid = c->ops->random(c->arg);
	request(c, now);
}

static void stop(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	(void)now;
	(void)r;
	c->state = DHCP_STOPPED;
	c->deadline_ms = c->has_lease ? c->expires_ms : 0;
}

static void take_offer(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	c->offer = *r;
	enter(c, now, DHCP_REQUESTING);
	request(c, now);
}

static uint64_t later(uint64_t from_ms, uint32_t s)
{
	return s == DHCP_FOREVER ? 0 : from_ms + (uint64_t)s * 1000;
}

static void bind_lease(struct dhcp_client *c)
{
	if (c->held.s_addr && c->held.s_addr != c->offer.address.s_addr)
		c->ops->lost(c->arg, c->held);
	c->lease = c->offer;
	c->has_lease = true;
	c->held = c->lease.address;
	c->t1_ms = later(c->asked_ms, c->lease.t1_s);
	c->t2_ms = later(c->asked_ms, c->lease.t2_s);
	c->expires_ms = later(c->asked_ms, c->lease.lease_s);
	c->state = DHCP_BOUND;
	c->tries = 0;
	c->deadline_ms = c->t1_ms;
	c->ops->bound(c->arg);
}

static void acknowledged(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	(void)now;
	/* Only the server that was asked may bind another address than the one asked for. */
	if (c->state == DHCP_REQUESTING &&
	    (r->server.s_addr != c->offer.server.s_addr || r->address.s_addr != c->offer.address.s_addr))
		return;
	if (c->state != DHCP_REQUESTING && r->address.s_addr != c->held.s_addr)
		return;
	c->offer = *r;
	if (c->held.s_addr == r->address.s_addr) {
		bind_lease(c);
		return;
	}
	c->state = DHCP_PROBING;
	c->deadline_ms = 0;
	c->ops->probe(c->arg, r->address);
}

static void wait_before_search(struct dhcp_client *c, uint64_t now, uint64_t ms)
{
	enter(c, now, DHCP_WAITING);
	c->deadline_ms = now + jittered(c, ms);
}

static void refused(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	if (c->state == DHCP_REQUESTING && r->server.s_addr != c->offer.server.s_addr)
		return;
	if (c->state == DHCP_RENEWING && r->server.s_addr != c->lease.server.s_addr)
		return;
	if (c->state != DHCP_REQUESTING)
		forget(c);
	wait_before_search(c, now, NAK_WAIT_MS);
}

static void probe_free(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	(void)now;
	(void)r;
	bind_lease(c);
}

static void probe_duplicate(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *unused)
{
	struct dhcp_request r = { .type = DHCP_DECLINE, .wanted = c->offer.address, .server = c->offer.server };

	(void)unused;
	transmit(c, now, &r, DHCP_RAW);
	wait_before_search(c, now, DUPLICATE_WAIT_MS);
}

static void lease_ended(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	(void)now;
	(void)r;
	c->deadline_ms = 0;
	forget(c);
}

static void search_again(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	(void)r;
	search(c, now);
}

static void selecting_timeout(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	(void)r;
	/* A lease that is still good is used while nobody answers; it ends here all the same. */
	if (c->has_lease && c->expires_ms && c->expires_ms <= now)
		forget(c);
	discover(c, now);
}

static void requesting_timeout(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	(void)r;
	if (c->tries >= REQUEST_TRIES)
		search(c, now);
	else
		request(c, now);
}

static void renew(struct dhcp_client *c, uint64_t now)
{
	struct dhcp_request r = { .type = DHCP_REQUEST, .client = c->held };
	bool renewing = c->state == DHCP_RENEWING;
	uint64_t end = renewing ? c->t2_ms : c->expires_ms, half = (end - now) / 2;

	transmit(c, now, &r, renewing ? DHCP_UNICAST : DHCP_BROADCAST);
	if (half < RENEW_MIN_MS)
		half = RENEW_MIN_MS;
	c->deadline_ms = now + half < end ? now + half : end;
}

/* A new transaction: RENEWING or REBINDING. */
static void begin_renewal(struct dhcp_client *c, uint64_t now, enum dhcp_state state)
{
	enter(c, now, state);
	c->xid = c->ops->random(c->arg);
	c->began_ms = now;
	renew(c, now);
}

/* T1, T2 or the end may all have passed while the machine was suspended: look at the latest first. */
static void lease_timeout(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	enum dhcp_state due = now >= c->t2_ms ? DHCP_REBINDING : DHCP_RENEWING;

	(void)r;
	if (now >= c->expires_ms) {
		forget(c);
		search(c, now);
	} else if (c->state == due) {
		renew(c, now);
	} else {
		begin_renewal(c, now, due);
	}
}

/* Nobody confirmed the held address. A known lease goes on as it was, an adopted one is searched for anew. */
static void rebooting_timeout(struct dhcp_client *c, uint64_t now, const struct dhcp_reply *r)
{
	if (c->tries < REBOOT_TRIES) {
		request(c, now);
		return;
	}
	if (!c->has_lease) {
		search(c, now);
		return;
	}
	c->state = DHCP_BOUND;
	c->deadline_ms = c->t1_ms;
	if (c->t1_ms && now >= c->t1_ms)
		lease_timeout(c, now, r);
}

/* What isn't here is ignored in that state. */
static action *const table[DHCP_STATES][EVENTS] = {
	[DHCP_STOPPED] = { [EV_START] = begin, [EV_TIMEOUT] = lease_ended },
	[DHCP_WAITING] = { [EV_STOP] = stop, [EV_TIMEOUT] = search_again },
	[DHCP_SELECTING] = { [EV_STOP] = stop, [EV_TIMEOUT] = selecting_timeout, [EV_OFFER] = take_offer },
	[DHCP_REQUESTING] = { [EV_STOP] = stop, [EV_TIMEOUT] = requesting_timeout, [EV_ACK] = acknowledged,
			      [EV_NAK] = refused },
	[DHCP_REBOOTING] = { [EV_STOP] = stop, [EV_TIMEOUT] = rebooting_timeout, [EV_ACK] = acknowledged,
			     [EV_NAK] = refused },
	[DHCP_PROBING] = { [EV_STOP] = stop, [EV_FREE] = probe_free, [EV_DUPLICATE] = probe_duplicate },
	[DHCP_BOUND] = { [EV_STOP] = stop, [EV_TIMEOUT] = lease_timeout },
	[DHCP_RENEWING] = { [EV_STOP] = stop, [EV_TIMEOUT] = lease_timeout, [EV_ACK] = acknowledged,
			    [EV_NAK] = refused },
	[DHCP_REBINDING] = { [EV_STOP] = stop, [EV_TIMEOUT] = lease_timeout, [EV_ACK] = acknowledged,
			     [EV_NAK] = refused },
};

static void step(struct dhcp_client *c, uint64_t now, enum event event, const struct dhcp_reply *r)
{
	action *act = table[c->state][event];

	if (act)
		act(c, now, r);
}

void dhcp_client_init(struct dhcp_client *c, const struct dhcp_client_ops *ops, void *arg, const uint8_t mac[6],
		      const char *hostname)
{
	memset(c, 0, sizeof(*c));
	c->ops = ops;
	c->arg = arg;
	memcpy(c->mac, mac, sizeof(c->mac));
	snprintf(c->hostname, sizeof(c->hostname), "%s", hostname);
}

void dhcp_client_start(struct dhcp_client *c, uint64_t now_ms)
{
	step(c, now_ms, EV_START, NULL);
}

void dhcp_client_stop(struct dhcp_client *c)
{
	step(c, 0, EV_STOP, NULL);
}

void dhcp_client_timeout(struct dhcp_client *c, uint64_t now_ms)
{
	step(c, now_ms, EV_TIMEOUT, NULL);
}

void dhcp_client_receive(struct dhcp_client *c, uint64_t now_ms, const struct dhcp_reply *r)
{
	static const enum event events[] = { [DHCP_OFFER] = EV_OFFER, [DHCP_ACK] = EV_ACK, [DHCP_NAK] = EV_NAK };

	if (r->xid == c->xid && (r->type == DHCP_OFFER || r->type == DHCP_ACK || r->type == DHCP_NAK))
		step(c, now_ms, events[r->type], r);
}

void dhcp_client_probed(struct dhcp_client *c, uint64_t now_ms, bool duplicate)
{
	step(c, now_ms, duplicate ? EV_DUPLICATE : EV_FREE, NULL);
}

const char *dhcp_state_name(enum dhcp_state state)
{
	static const char *const names[DHCP_STATES] = {
		[DHCP_STOPPED] = "stopped", [DHCP_WAITING] = "waiting", [DHCP_SELECTING] = "selecting",
		[DHCP_REQUESTING] = "requesting", [DHCP_REBOOTING] = "rebooting", [DHCP_PROBING] = "probing",
		[DHCP_BOUND] = "bound", [DHCP_RENEWING] = "renewing", [DHCP_REBINDING] = "rebinding",
	};
	return names[state];
}
