/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/net_role.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "init/net/dhcp.h"
#include "init/net/links.h"
#include "init/net/net.h"
#include "init/net/report.h"

#define REPORT_DELAY_US 20000 /* one report for a burst of events */
#define REPORT_MAX 16000
#define NET_UID 901

/* The common list and that of .network are all it needs. */
static const int syscalls[] = { -1 };

const struct sandbox net_sandbox = {
	.root = NULL,
	.uid = NET_UID,
	.capabilities = 1ull << CAP_NET_ADMIN | 1ull << CAP_NET_RAW | 1ull << CAP_NET_BIND_SERVICE,
	.syscalls = syscalls,
	.network = true,
};

static void timer_in_ms(struct event *timer, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	evtimer_add(timer, &tv);
}

static void expire(struct net *n)
{
	uint64_t now = dhcp_now_ms(), next = links_expire(n, now);

	/* At most an hour ahead: the timer's clock stands still during a suspend, the lifetimes' doesn't. */
	if (next != UINT64_MAX)
		timer_in_ms(n->expiry_timer, next - now < 3600000 ? next - now + 1 : 3600000);
}

static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	expire(arg);
}

static void report(struct net *n)
{
	cleanup_json cJSON *document = NULL;
	char *text = NULL;

	/* PID 1 ends a role that says too much. */
	for (size_t links = NET_LINKS_MAX; links; links /= 2) {
		cJSON_Delete(document);
		free(text);
		document = report_document(n, links);
		text = document ? json_print(document) : NULL;
		if (text && strlen(text) <= REPORT_MAX)
			break;
	}
	if (!text) {
		log_err("out of memory for a report");
		return;
	}
	if (!n->reported || strcmp(text, n->reported) != 0)
		role_call(n->role, "org.hull.Role.Report", document);
	free(n->reported);
	n->reported = text;
}

/* Servers of names and time follow, then PID 1 is told. */
static void on_report(evutil_socket_t fd, short what, void *arg)
{
	struct net *n = arg;
	char servers[NET_NTP_MAX][NET_NAME_MAX + 1];
	struct resolv resolv;

	(void)fd;
	(void)what;
	expire(n);
	evtimer_del(n->report_timer); /* what expire dropped is in this report */
	report_resolv(n, &resolv);
	sntp_configure(n->sntp, servers, report_ntp(n, servers), &resolv);
	if (!n->configure_id)
		return;
	report(n);
}

void net_changed(struct net *n)
{
	static const struct timeval delay = { .tv_usec = REPORT_DELAY_US };

	if (!evtimer_pending(n->report_timer, NULL))
		evtimer_add(n->report_timer, &delay);
}

static void on_rtnl(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	links_events(arg);
}

static void clock_set(void *arg, int64_t usec, int64_t offset_us, bool step)
{
	struct net *n = arg;
	cleanup_json cJSON *p = cJSON_CreateObject();

	if (p && cJSON_AddNumberToObject(p, "usec", (double)usec) &&
	    cJSON_AddNumberToObject(p, "offset_us", (double)offset_us) && cJSON_AddBoolToObject(p, "step", step))
		role_call(n->role, "org.hull.Role.SetClock", p);
}

static void clock_changed(void *arg)
{
	net_changed(arg);
}

static const struct sntp_owner clock_owner = { .set_clock = clock_set, .changed = clock_changed };

static int start(struct role *r, void *state, struct err *e)
{
	struct net *n = state;

	n->role = r;
	n->base = role_base(r);
	if (rtnl_open(&n->rtnl, e))
		return -1;
	n->rtnl_event = event_new(n->base, n->rtnl.event_fd, EV_READ | EV_PERSIST, on_rtnl, n);
	n->report_timer = evtimer_new(n->base, on_report, n);
	n->expiry_timer = evtimer_new(n->base, on_expiry, n);
	n->sntp = sntp_new(n->base, &clock_owner, n);
	if (!n->rtnl_event || !n->report_timer || !n->expiry_timer || !n->sntp || event_add(n->rtnl_event, NULL))
		return err_set(e, ENOMEM, "out of memory");
	return links_list(n, e);
}

static void configure(struct net *n, uint64_t id, const cJSON *params)
{
	struct net_config config;
	struct err e = { 0 };

	if (net_config_read(params, &config, &e)) {
		role_fail(n->role, id, "org.hull.Net.BadConfig", e.text);
		return;
	}
	bool same = n->configure_id && memcmp(&config, &n->config, sizeof(config)) == 0;
	uint64_t replaced = n->configure_id;
	if (!same) {
		links_release(n);
		n->config = config;
	}
	n->configure_id = id;
	if (replaced && replaced != id)
		role_done(n->role, replaced, NULL);
	/* Listed again: an interface that is named now may not have been of interest before. */
	if (!same && links_list(n, &e))
		log_err("%s", e.text);
	/* PID 1 may ask because it lost what it knew. */
	free(n->reported);
	n->reported = NULL;
	net_changed(n);
}

static void status(struct net *n, uint64_t id, const cJSON *params)
{
	cleanup_json cJSON *document = report_document(n, NET_LINKS_MAX);

	(void)params;
	if (document)
		role_done(n->role, id, document);
	else
		role_fail(n->role, id, "org.hull.Net.NoMemory", "out of memory");
}

static void work(struct role *r, void *state, uint64_t id, const char *op, const cJSON *params, const int *fds,
		 size_t n_fds)
{
	static const struct {
		const char *op;
		void (*run)(struct net *n, uint64_t id, const cJSON *params);
	} ops[] = { { "net.configure", configure }, { "net.status", status } };

	(void)fds;
	(void)n_fds;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(op, ops[i].op) == 0) {
			ops[i].run(state, id, params);
			return;
		}
	}
	role_fail(r, id, "org.hull.Net.UnknownOperation", op);
}

static const struct role_ops ops = { .name = "net", .start = start, .work = work };

_Noreturn void net_role_main(void)
{
	static struct net n = { .rtnl = { .request_fd = -1, .event_fd = -1 } };

	role_run(&ops, &net_sandbox, &n);
}
