/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP client's machine against a clock and a wire made of variables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "init/net/dhcp_client.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };

struct wire {
	struct dhcp_client client;
	struct dhcp_request last;
	enum dhcp_path path;
	unsigned sent, bound, lost, probes;
	struct in_addr lost_address;
	uint64_t now;
};

static void on_send(void *arg, const struct dhcp_request *r, enum dhcp_path path)
{
	struct wire *w = arg;

	w->last = *r;
	w->path = path;
	w->sent++;
}

static void on_probe(void *arg, struct in_addr address)
{
	(void)address;
	((struct wire *)arg)->probes++;
}

static void on_bound(void *arg)
{
	((struct wire *)arg)->bound++;
}

static void on_lost(void *arg, struct in_addr address)
{
	struct wire *w = arg;

	w->lost++;
	w->lost_address = address;
}

static uint32_t on_random(void *arg)
{
	(void)arg;
	return 12345;
}

static const struct dhcp_client_ops ops = { on_send, on_probe, on_bound, on_lost, on_random };

static void wire_init(struct wire *w)
{
	memset(w, 0, sizeof(*w));
	w->now = 1000000;
	dhcp_client_init(&w->client, &ops, w, mac, "box");
}

static void answer(struct wire *w, enum dhcp_type type, const char *address, const char *server)
{
	struct dhcp_reply r = { .type = type, .xid = w->client.xid, .address = { inet_addr(address) }, .prefix = 24,
				.server = { inet_addr(server) }, .lease_s = 3600, .t1_s = 1800, .t2_s = 3150 };

	dhcp_client_receive(&w->client, w->now, &r);
}

/* Time goes on to the client's deadline. */
static void wait(struct wire *w)
{
	assert_true(w->client.deadline_ms > w->now);
	w->now = w->client.deadline_ms;
	dhcp_client_timeout(&w->client, w->now);
}

static void bind_address(struct wire *w)
{
	wire_init(w);
	dhcp_client_start(&w->client, w->now);
	assert_int_equal(w->last.type, DHCP_DISCOVER);
	answer(w, DHCP_OFFER, "10.0.0.9", "10.0.0.1");
	assert_int_equal(w->last.type, DHCP_REQUEST);
	assert_int_equal(w->last.wanted.s_addr, inet_addr("10.0.0.9"));
	assert_int_equal(w->last.server.s_addr, inet_addr("10.0.0.1"));
	assert_int_equal(w->last.client.s_addr, 0);
	answer(w, DHCP_ACK, "10.0.0.9", "10.0.0.1");
	assert_int_equal(w->client.state, DHCP_PROBING);
	assert_int_equal(w->bound, 0);
	dhcp_client_probed(&w->client, w->now, false);
	assert_int_equal(w->client.state, DHCP_BOUND);
	assert_int_equal(w->bound, 1);
}

static void gets_an_address(void **state)
{
	struct wire w;

	(void)state;
	bind_address(&w);
	assert_int_equal(w.client.expires_ms, w.now + 3600000);
	assert_int_equal(w.client.deadline_ms, w.now + 1800000);
}

static void asks_again_ever_more_slowly(void **state)
{
	struct wire w;
	uint64_t last = 0;

	(void)state;
	wire_init(&w);
	dhcp_client_start(&w.client, w.now);
	for (unsigned i = 1; i < 20; i++) {
		uint64_t before = w.now;

		assert_int_equal(w.sent, i);
		wait(&w);
		assert_true(w.now - before >= last || w.now - before >= 48000);
		assert_true(w.now - before <= 80000);
		last = w.now - before;
	}
}

static void gives_an_offer_up_that_is_not_kept(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w);
	dhcp_client_start(&w.client, w.now);
	answer(&w, DHCP_OFFER, "10.0.0.9", "10.0.0.1");
	for (int i = 0; i < 10 && w.client.state == DHCP_REQUESTING; i++)
		wait(&w);
	assert_int_equal(w.client.state, DHCP_SELECTING);
	assert_int_equal(w.last.type, DHCP_DISCOVER);
}

static void strangers_can_not_interfere(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w);
	dhcp_client_start(&w.client, w.now);
	answer(&w, DHCP_ACK, "10.0.0.9", "10.0.0.1"); /* unasked */
	assert_int_equal(w.client.state, DHCP_SELECTING);
	answer(&w, DHCP_OFFER, "10.0.0.9", "10.0.0.1");
	answer(&w, DHCP_ACK, "10.0.0.10", "10.0.0.1"); /* another address */
	answer(&w, DHCP_ACK, "10.0.0.9", "10.0.0.66"); /* another server */
	answer(&w, DHCP_NAK, "0.0.0.0", "10.0.0.66");
	assert_int_equal(w.client.state, DHCP_REQUESTING);
	w.client.xid++;
	struct dhcp_reply r = { .type = DHCP_ACK, .xid = w.client.xid - 1, .address = { inet_addr("10.0.0.9") },
				.server = { inet_addr("10.0.0.1") } };
	dhcp_client_receive(&w.client, w.now, &r);
	assert_int_equal(w.client.state, DHCP_REQUESTING);
}

static void declines_a_duplicate(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w);
	dhcp_client_start(&w.client, w.now);
	answer(&w, DHCP_OFFER, "10.0.0.9", "10.0.0.1");
	answer(&w, DHCP_ACK, "10.0.0.9", "10.0.0.1");
	dhcp_client_probed(&w.client, w.now, true);
	assert_int_equal(w.last.type, DHCP_DECLINE);
	assert_int_equal(w.last.wanted.s_addr, inet_addr("10.0.0.9"));
	assert_int_equal(w.client.state, DHCP_WAITING);
	assert_true(w.client.deadline_ms >= w.now + 7500);
	wait(&w);
	assert_int_equal(w.last.type, DHCP_DISCOVER);
	assert_int_equal(w.bound, 0);
}

static void renews_then_rebinds_then_ends(void **state)
{
	struct wire w;

	(void)state;
	bind_address(&w);
	uint64_t start = w.now;
	wait(&w);
	assert_int_equal(w.now, start + 1800000);
	assert_int_equal(w.client.state, DHCP_RENEWING);
	assert_int_equal(w.path, DHCP_UNICAST);
	assert_int_equal(w.last.client.s_addr, inet_addr("10.0.0.9"));
	assert_int_equal(w.last.wanted.s_addr, 0);
	assert_int_equal(w.last.server.s_addr, 0);
	answer(&w, DHCP_ACK, "10.0.0.9", "10.0.0.1");
	assert_int_equal(w.client.state, DHCP_BOUND);
	assert_int_equal(w.probes, 1); /* not again for an address that is ours */
	assert_int_equal(w.client.expires_ms, w.now + 3600000);

	start = w.now;
	while (w.client.state != DHCP_REBINDING) {
		uint64_t before = w.now;

		wait(&w);
		assert_true(w.now - before >= 60000 || w.now == start + 3150000);
	}
	assert_int_equal(w.now, start + 3150000);
	assert_int_equal(w.path, DHCP_BROADCAST);
	while (w.client.state == DHCP_REBINDING)
		wait(&w);
	assert_int_equal(w.now, start + 3600000);
	assert_int_equal(w.lost, 1);
	assert_int_equal(w.client.state, DHCP_SELECTING);
	assert_int_equal(w.path, DHCP_RAW);
}

static void any_server_may_rebind(void **state)
{
	struct wire w;

	(void)state;
	bind_address(&w);
	while (w.client.state != DHCP_REBINDING)
		wait(&w);
	answer(&w, DHCP_ACK, "10.0.0.9", "10.0.0.2");
	assert_int_equal(w.client.state, DHCP_BOUND);
	assert_int_equal(w.client.lease.server.s_addr, inet_addr("10.0.0.2"));
}

static void refusal_takes_the_address_away(void **state)
{
	struct wire w;

	(void)state;
	bind_address(&w);
	wait(&w);
	answer(&w, DHCP_NAK, "0.0.0.0", "10.0.0.66");
	assert_int_equal(w.lost, 0); /* that is not our server */
	answer(&w, DHCP_NAK, "0.0.0.0", "10.0.0.1");
	assert_int_equal(w.lost, 1);
	assert_int_equal(w.lost_address.s_addr, inet_addr("10.0.0.9"));
	assert_false(w.client.has_lease);
	wait(&w);
	assert_int_equal(w.client.state, DHCP_SELECTING);
}

static void takes_a_held_address_up(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w);
	w.client.held.s_addr = inet_addr("10.0.0.9");
	dhcp_client_start(&w.client, w.now);
	assert_int_equal(w.client.state, DHCP_REBOOTING);
	assert_int_equal(w.last.wanted.s_addr, inet_addr("10.0.0.9"));
	assert_int_equal(w.last.server.s_addr, 0);
	answer(&w, DHCP_ACK, "10.0.0.9", "10.0.0.1");
	assert_int_equal(w.client.state, DHCP_BOUND);
	assert_int_equal(w.lost + w.probes, 0);
}

static void held_address_gives_way_to_another(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w);
	w.client.held.s_addr = inet_addr("10.0.0.9");
	dhcp_client_start(&w.client, w.now);
	while (w.client.state == DHCP_REBOOTING)
		wait(&w);
	assert_int_equal(w.lost, 0); /* nobody answers: connections over it may still work */
	answer(&w, DHCP_OFFER, "10.0.0.30", "10.0.0.1");
	answer(&w, DHCP_ACK, "10.0.0.30", "10.0.0.1");
	dhcp_client_probed(&w.client, w.now, false);
	assert_int_equal(w.lost_address.s_addr, inet_addr("10.0.0.9"));
	assert_int_equal(w.client.held.s_addr, inet_addr("10.0.0.30"));
}

static void carrier_comes_and_goes(void **state)
{
	struct wire w;

	(void)state;
	bind_address(&w);
	dhcp_client_stop(&w.client);
	assert_int_equal(w.client.state, DHCP_STOPPED);
	assert_int_equal(w.client.deadline_ms, w.client.expires_ms);
	w.now += 5000;
	dhcp_client_start(&w.client, w.now);
	assert_int_equal(w.client.state, DHCP_REBOOTING);
	/* Nobody confirms: the lease goes on as it was. */
	while (w.client.state == DHCP_REBOOTING)
		wait(&w);
	assert_int_equal(w.client.state, DHCP_BOUND);
	assert_int_equal(w.client.deadline_ms, w.client.t1_ms);
	/* Without carrier until after the end. */
	dhcp_client_stop(&w.client);
	wait(&w);
	assert_int_equal(w.lost, 1);
	assert_int_equal(w.client.deadline_ms, 0);
	dhcp_client_start(&w.client, w.now + 1);
	assert_int_equal(w.client.state, DHCP_SELECTING);
}

static void wakes_up_after_the_end(void **state)
{
	struct wire w;

	(void)state;
	bind_address(&w);
	w.now = w.client.expires_ms + 5; /* suspended */
	dhcp_client_timeout(&w.client, w.now);
	assert_int_equal(w.lost, 1);
	assert_int_equal(w.client.state, DHCP_SELECTING);
	bind_address(&w);
	w.now = w.client.t2_ms + 5;
	dhcp_client_timeout(&w.client, w.now);
	assert_int_equal(w.client.state, DHCP_REBINDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gets_an_address),
		cmocka_unit_test(asks_again_ever_more_slowly),
		cmocka_unit_test(gives_an_offer_up_that_is_not_kept),
		cmocka_unit_test(strangers_can_not_interfere),
		cmocka_unit_test(declines_a_duplicate),
		cmocka_unit_test(renews_then_rebinds_then_ends),
		cmocka_unit_test(any_server_may_rebind),
		cmocka_unit_test(refusal_takes_the_address_away),
		cmocka_unit_test(takes_a_held_address_up),
		cmocka_unit_test(held_address_gives_way_to_another),
		cmocka_unit_test(carrier_comes_and_goes),
		cmocka_unit_test(wakes_up_after_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
