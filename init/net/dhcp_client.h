/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DHCPv4 client's state machine (RFC 2131, figure 5), without a system call: time comes in as milliseconds, what
 * is to be done goes out through dhcp_client_ops. Addresses are probed for a duplicate before they are used.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "init/net/dhcp_packet.h"

enum dhcp_state {
	DHCP_STOPPED, /* no carrier, or not wanted; a lease may still run */
	DHCP_WAITING, /* before a fresh start: after a NAK or a duplicate address */
	DHCP_SELECTING,
	DHCP_REQUESTING,
	DHCP_REBOOTING, /* asks to go on with an address held already */
	DHCP_PROBING, /* acknowledged; does somebody else use it? */
	DHCP_BOUND,
	DHCP_RENEWING,
	DHCP_REBINDING,
	DHCP_STATES
};

/* To whom: everyone from 0.0.0.0 by a packet socket, the lease's server, or everyone from the leased address. */
enum dhcp_path { DHCP_RAW, DHCP_UNICAST, DHCP_BROADCAST };

struct dhcp_client;
struct dhcp_client_ops {
	void (*send)(void *arg, const struct dhcp_request *request, enum dhcp_path path);
	/* Look for a user of the address; then dhcp_client_probed. */
	void (*probe)(void *arg, struct in_addr address);
	/* A lease is there or renewed: lease and expires_ms are set. */
	void (*bound)(void *arg);
	/* The address must not be used any longer (refused, expired, duplicate). */
	void (*lost)(void *arg, struct in_addr address);
	uint32_t (*random)(void *arg);
};

struct dhcp_client {
	const struct dhcp_client_ops *ops;
	void *arg;
	enum dhcp_state state;
	uint8_t mac[6];
	char hostname[65];
	uint32_t xid;
	unsigned tries; /* requests sent in this state */
	uint64_t deadline_ms; /* call dhcp_client_timeout then; 0: nothing to wait for */
	uint64_t began_ms; /* of this attempt to get an address */
	uint64_t asked_ms; /* when the present request was first sent: a lease counts from there */
	struct in_addr held; /* an address of ours that is in the kernel, perhaps from an earlier life; 0: none */
	struct dhcp_reply offer; /* taken or acknowledged, not yet bound */
	struct dhcp_reply lease; /* valid with has_lease */
	bool has_lease;
	uint64_t t1_ms, t2_ms, expires_ms; /* 0: never */
};

void dhcp_client_init(struct dhcp_client *c, const struct dhcp_client_ops *ops, void *arg, const uint8_t mac[6],
		      const char *hostname);
/* The carrier is there. With a held address it is asked for again, else a search begins. */
void dhcp_client_start(struct dhcp_client *c, uint64_t now_ms);
/* The carrier is gone. Lease and held address stay, and so does the lease's deadline. */
void dhcp_client_stop(struct dhcp_client *c);
void dhcp_client_timeout(struct dhcp_client *c, uint64_t now_ms);
/* r: from dhcp_parse with this client's mac and xid. */
void dhcp_client_receive(struct dhcp_client *c, uint64_t now_ms, const struct dhcp_reply *r);
void dhcp_client_probed(struct dhcp_client *c, uint64_t now_ms, bool duplicate);
const char *dhcp_state_name(enum dhcp_state state);
