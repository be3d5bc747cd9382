/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/sntp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/version.h"
#include "init/net/resolver.h"
#include "init/net/sntp_packet.h"

#define QUESTIONS 4 /* a round */
#define SILENCE_MAX 2 /* questions without any answer before the next address is tried */
#define GAP_MS 1000 /* between questions; also how long an answer is waited for */
#define POLL_MIN 6 /* powers of two, in seconds */
#define POLL_MAX 10
#define RETRY_MIN_MS 4000
#define RETRY_MAX_MS 256000
#define FAILURES_SAID 3 /* sooner it may just be that the network isn't there yet */
#define SLEW_MIN_US 500 /* less is noise */
#define JUMP_MAX_US 20000 /* how much the clock may be moved by others during one question */

struct sntp {
	struct event_base *base;
	const struct sntp_owner *owner;
	void *arg;
	struct resolver *resolver;
	struct resolv dns;
	char servers[NET_NTP_MAX][NET_NAME_MAX + 1];
	bool denied[NET_NTP_MAX]; /* said so by a kiss of death */
	size_t n_servers, current;
	size_t tried; /* servers in a row without a good answer */
	struct ip addresses[RESOLVER_ADDRESSES_MAX]; /* of the current server */
	size_t n_addresses, address;
	int fd;
	struct event *readable, *timer;
	/* The round: */
	bool waiting; /* between rounds; the timer begins the next */
	uint64_t nonce; /* 0: no question is open */
	int64_t sent_us, sent_mono_us;
	unsigned asked, answered;
	struct sntp_sample best;
	/* What came of it: */
	unsigned poll, failures;
	bool synchronised, confirming;
	int64_t suspected_us; /* the offset to be confirmed */
	struct sntp_sample last;
	char last_server[NET_NAME_MAX + 1];
};

static void round_begin(struct sntp *s);

static int64_t clock_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void timer_set(struct sntp *s, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	evtimer_add(s->timer, &tv);
}

static void socket_close(struct sntp *s)
{
	if (s->readable)
		event_free(s->readable);
	s->readable = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->nonce = 0;
}

static void round_end(struct sntp *s, uint64_t wait_ms)
{
	uint32_t random = 0;

	socket_close(s);
	s->waiting = true;
	/* Up to an eighth more, so that machines started together drift apart. */
	if (getrandom(&random, sizeof(random), GRND_INSECURE) != sizeof(random))
		random = 0;
	timer_set(s, wait_ms + random % (wait_ms / 8 + 1));
}

/* The next server that may be asked; when all have failed, a pause that doubles. */
static void server_failed(struct sntp *s)
{
	socket_close(s);
	for (size_t i = 0; i < s->n_servers; i++) {
		s->current = (s->current + 1) % s->n_servers;
		if (!s->denied[s->current])
			break;
	}
	if (++s->tried < s->n_servers) {
		round_begin(s);
		return;
	}
	uint64_t wait = RETRY_MIN_MS << (s->failures < 6 ? s->failures : 6);
	s->tried = 0;
	if (++s->failures == FAILURES_SAID)
		log_warn("clock: no time server gives the time, they are asked on");
	s->confirming = false;
	round_end(s, wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS);
}

static void address_open(struct sntp *s);

static void address_failed(struct sntp *s)
{
	socket_close(s);
	if (++s->address < s->n_addresses)
		address_open(s);
	else
		server_failed(s);
}

static void correct(struct sntp *s)
{
	int64_t offset = s->best.offset_us, size = offset < 0 ? -offset : offset;
	bool step = size > SNTP_STEP_US;

	if (step || size >= SLEW_MIN_US)
		s->owner->set_clock(s->arg, clock_us(CLOCK_REALTIME) + offset, offset, step);
	if (step || size > SNTP_STEP_US / 2)
		s->poll = POLL_MIN;
	else if (s->poll < POLL_MAX && size < SNTP_STEP_US / 8)
		s->poll++;
	if (!s->synchronised || step)
		log_info("clock: synchronised with %s, it was off by %.3f s", s->servers[s->current],
			 (double)offset / 1e6);
	s->synchronised = true;
	s->confirming = false;
	s->tried = 0;
	s->failures = 0;
	s->last = s->best;
	snprintf(s->last_server, sizeof(s->last_server), "%s", s->servers[s->current]);
	round_end(s, (uint64_t)1000 << s->poll);
	s->owner->changed(s->arg);
}

static void round_finish(struct sntp *s)
{
	int64_t offset = s->best.offset_us;

	if (s->answered == 0) {
		address_failed(s);
		return;
	}
	bool jump = offset > SNTP_STEP_US || offset < -SNTP_STEP_US;
	int64_t apart = offset - s->suspected_us;
	if (jump && s->synchronised && !s->confirming) {
		/* One server's word doesn't move a clock that was right. */
		s->confirming = true;
		s->suspected_us = offset;
		for (size_t i = 0; i < s->n_servers; i++) {
			s->current = (s->current + 1) % s->n_servers;
			if (!s->denied[s->current])
				break;
		}
		socket_close(s);
		round_begin(s);
	} else if (jump && s->confirming && (apart > SNTP_STEP_US || apart < -SNTP_STEP_US)) {
		log_warn("clock: servers disagree by %.3f s, nothing is changed", (double)apart / 1e6);
		server_failed(s);
	} else {
		correct(s);
	}
}

static void ask(struct sntp *s)
{
	uint8_t question[SNTP_SIZE];

	if (getrandom(&s->nonce, sizeof(s->nonce), GRND_NONBLOCK) != sizeof(s->nonce) || s->nonce == 0) {
		/* Without good random bits an answer proves nothing: not yet. */
		server_failed(s);
		return;
	}
	s->asked++;
	sntp_build(question, s->nonce);
	s->sent_us = clock_us(CLOCK_REALTIME);
	s->sent_mono_us = clock_us(CLOCK_BOOTTIME);
	if (send(s->fd, question, sizeof(question), MSG_DONTWAIT) < 0) {
		address_failed(s);
		return;
	}
	timer_set(s, GAP_MS);
}

static void answer_take(struct sntp *s, const struct sntp_sample *sample)
{
	if (s->answered == 0 || sample->delay_us < s->best.delay_us)
		s->best = *sample;
	s->answered++;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct sntp *s = arg;
	uint8_t data[512];
	ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
	int64_t now = clock_us(CLOCK_REALTIME), passed = clock_us(CLOCK_BOOTTIME) - s->sent_mono_us;
	struct sntp_sample sample;

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) { /* port unreachable and the like */
		address_failed(s);
		return;
	}
	if (s->nonce == 0)
		return;
	int64_t jump = now - s->sent_us - passed;
	switch (sntp_parse(data, (size_t)n, s->nonce, s->sent_us, now, hull_build_time, &sample)) {
	case SNTP_NOT_OURS:
		return;
	case SNTP_GOOD:
		s->nonce = 0;
		if (jump < JUMP_MAX_US && jump > -JUMP_MAX_US)
			answer_take(s, &sample);
		return;
	case SNTP_RATE:
		log_warn("clock: %s wants to be asked less often", s->servers[s->current]);
		s->poll = s->poll < POLL_MAX ? s->poll + 1 : POLL_MAX;
		s->failures = s->failures < 4 ? 4 : s->failures; /* at least a minute */
		server_failed(s);
		return;
	case SNTP_DENY:
		log_warn("clock: %s refuses to serve us, it is left alone", s->servers[s->current]);
		s->denied[s->current] = true;
		server_failed(s);
		return;
	case SNTP_UNFIT:
		address_failed(s);
		return;
	}
}

static void address_open(struct sntp *s)
{
	const struct ip *a = &s->addresses[s->address];
	struct sockaddr_storage to;
	socklen_t len = ip_sockaddr(a, SNTP_PORT, 0, &to);

	s->asked = s->answered = 0;
	/* Connected: only this server's packets come in, and its refusals are heard. A new port for each round. */
	s->fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, len)) {
		address_failed(s);
		return;
	}
	s->readable = event_new(s->base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
	if (!s->readable || event_add(s->readable, NULL)) {
		server_failed(s);
		return;
	}
	ask(s);
}

static void on_resolved(void *arg, const struct ip *addresses, size_t n)
{
	struct sntp *s = arg;

	memcpy(s->addresses, addresses, n * sizeof(addresses[0]));
	s->n_addresses = n;
	s->address = 0;
	if (n)
		address_open(s);
	else
		server_failed(s);
}

static void round_begin(struct sntp *s)
{
	const char *server = s->servers[s->current];
	struct ip a;

	s->waiting = false;
	evtimer_del(s->timer);
	if (s->denied[s->current]) { /* all of them are */
		round_end(s, RETRY_MAX_MS);
		return;
	}
	if (ip_parse(server, &a) == 0) {
		on_resolved(s, &a, 1);
		return;
	}
	if (!s->resolver) {
		s->resolver = resolver_new(s->base);
		if (s->resolver)
			resolver_set_servers(s->resolver, &s->dns);
	}
	if (!s->resolver || resolver_lookup(s->resolver, server, on_resolved, s))
		server_failed(s);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sntp *s = arg;

	(void)fd;
	(void)what;
	if (s->waiting)
		round_begin(s);
	else if (s->asked >= QUESTIONS || (s->asked >= SILENCE_MAX && s->answered == 0))
		round_finish(s);
	else
		ask(s);
}

struct sntp *sntp_new(struct event_base *base, const struct sntp_owner *owner, void *arg)
{
	struct sntp *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct sntp){ .base = base, .owner = owner, .arg = arg, .fd = -1, .waiting = true, .poll = POLL_MIN };
	s->timer = evtimer_new(base, on_timer, s);
	if (!s->timer) {
		free(s);
		return NULL;
	}
	return s;
}

void sntp_free(struct sntp *s)
{
	if (!s)
		return;
	socket_close(s);
	resolver_free(s->resolver);
	event_free(s->timer);
	free(s);
}

static bool same_dns(const struct resolv *a, const struct resolv *b)
{
	if (a->n_servers != b->n_servers)
		return false;
	for (size_t i = 0; i < a->n_servers; i++)
		if (!ip_equal(&a->servers[i].address, &b->servers[i].address) ||
		    a->servers[i].ifindex != b->servers[i].ifindex)
			return false;
	return true;
}

void sntp_configure(struct sntp *s, char servers[][NET_NAME_MAX + 1], size_t n, const struct resolv *dns)
{
	bool same = n == s->n_servers, dns_same = same_dns(dns, &s->dns);

	for (size_t i = 0; same && i < n; i++)
		same = strcmp(servers[i], s->servers[i]) == 0;
	s->dns = *dns;
	if (!dns_same && s->resolver)
		resolver_set_servers(s->resolver, dns);
	if (same && (dns_same || s->synchronised))
		return;
	if (!same) {
		memset(s->denied, 0, sizeof(s->denied));
		memcpy(s->servers, servers, n * sizeof(s->servers[0]));
		s->n_servers = n;
		s->current = 0;
	}
	if (s->resolver)
		resolver_cancel(s->resolver);
	socket_close(s);
	s->tried = s->failures = 0;
	s->confirming = false;
	s->waiting = true;
	if (n)
		timer_set(s, 0);
	else
		evtimer_del(s->timer);
}

void sntp_kick(struct sntp *s)
{
	if (s->n_servers == 0 || s->synchronised || !s->waiting)
		return;
	s->failures = 0;
	timer_set(s, 0);
}

cJSON *sntp_status(const struct sntp *s)
{
	cJSON *o = cJSON_CreateObject();

	if (!o || !cJSON_AddBoolToObject(o, "synchronised", s->synchronised))
		goto fail;
	if (s->synchronised && (!cJSON_AddStringToObject(o, "server", s->last_server) ||
				!cJSON_AddNumberToObject(o, "stratum", s->last.stratum) ||
				!cJSON_AddNumberToObject(o, "offset_us", (double)s->last.offset_us) ||
				!cJSON_AddNumberToObject(o, "delay_us", (double)s->last.delay_us)))
		goto fail;
	return o;
fail:
	cJSON_Delete(o);
	return NULL;
}
