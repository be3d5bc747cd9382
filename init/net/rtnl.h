/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink over two sockets: one for requests, whose answers the kernel has queued before send returns, so nothing
 * here waits; one for events, where a burst may overflow (then everything is listed again).
 */
#pragma once
#include "base/err.h"
#include "init/net/rtnl_msg.h"

struct rtnl {
	int request_fd, event_fd; /* -1: not open */
	uint32_t sequence;
};

typedef void rtnl_visit(void *arg, const struct nlmsghdr *h);

/* Subscribed to links, addresses and router advertisements' options. */
int rtnl_open(struct rtnl *r, struct err *e);
void rtnl_close(struct rtnl *r);
/* Sends one request and takes its answer; e->code is the kernel's errno. */
int rtnl_request(struct rtnl *r, struct rtnl_msg *m, struct err *e);
/* Lists: RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE. EINTR: it changed meanwhile, so it may not be whole. */
int rtnl_dump(struct rtnl *r, uint16_t type, uint8_t family, rtnl_visit *visit, void *arg, struct err *e);
/* Reads what events are there (bounded). -1 with code ENOBUFS: some were lost, list again. */
int rtnl_events(struct rtnl *r, rtnl_visit *visit, void *arg, struct err *e);
