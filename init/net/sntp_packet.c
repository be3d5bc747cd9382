/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/sntp_packet.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdbool.h>
#include <string.h>

enum { AT_FLAGS = 0, AT_STRATUM = 1, AT_ROOT_DELAY = 4, AT_ROOT_DISPERSION = 8, AT_REFERENCE_ID = 12, AT_ORIGIN = 24,
       AT_RECEIVE = 32, AT_TRANSMIT = 40 };
enum { LEAP_UNKNOWN = 3, VERSION = 4, MODE_CLIENT = 3, MODE_SERVER = 4, STRATUM_MAX = 15 };

#define UNIX_EPOCH 2208988800 /* seconds from 1900 to 1970 */
#define ERA_S ((int64_t)1 << 32)
#define SECOND_US 1000000
#define ROOT_DISTANCE_MAX_US 1500000 /* RFC 5905's MAXDIST */
#define DELAY_MAX_US 3000000
#define SERVER_WORK_MAX_US 1000000

void sntp_build(uint8_t out[SNTP_SIZE], uint64_t nonce)
{
	memset(out, 0, SNTP_SIZE);
	out[AT_FLAGS] = VERSION << 3 | MODE_CLIENT;
	memcpy(out + AT_TRANSMIT, &nonce, sizeof(nonce));
}

/* NTP time to microseconds since 1970, in the era that puts it within 136 years after the floor. */
static int64_t time_read(const uint8_t *p, int64_t floor_s)
{
	uint64_t raw;

	memcpy(&raw, p, sizeof(raw));
	raw = be64toh(raw);
	int64_t s = (int64_t)(raw >> 32) - UNIX_EPOCH;
	while (s < floor_s)
		s += ERA_S;
	return s * SECOND_US + (int64_t)(((raw & 0xffffffffu) * SECOND_US) >> 32);
}

/* 16.16 fixed point seconds. */
static int64_t short_read(const uint8_t *p)
{
	uint32_t raw;

	memcpy(&raw, p, sizeof(raw));
	return ((int64_t)ntohl(raw) * SECOND_US) >> 16;
}

static enum sntp_verdict kiss_of_death(const uint8_t *code)
{
	if (memcmp(code, "RATE", 4) == 0)
		return SNTP_RATE;
	if (memcmp(code, "DENY", 4) == 0 || memcmp(code, "RSTR", 4) == 0)
		return SNTP_DENY;
	return SNTP_UNFIT;
}

static bool is_zero(const uint8_t *p)
{
	static const uint8_t zero[8];

	return memcmp(p, zero, sizeof(zero)) == 0;
}

enum sntp_verdict sntp_parse(const uint8_t *data, size_t len, uint64_t nonce, int64_t sent_us, int64_t received_us,
			     int64_t floor_s, struct sntp_sample *out)
{
	if (len < SNTP_SIZE || memcmp(data + AT_ORIGIN, &nonce, sizeof(nonce)) != 0)
		return SNTP_NOT_OURS;
	unsigned version = data[AT_FLAGS] >> 3 & 7;
	if ((data[AT_FLAGS] & 7) != MODE_SERVER || version < 3 || version > 4)
		return SNTP_NOT_OURS;
	if (data[AT_STRATUM] == 0)
		return kiss_of_death(data + AT_REFERENCE_ID);
	if (data[AT_FLAGS] >> 6 == LEAP_UNKNOWN || data[AT_STRATUM] > STRATUM_MAX || is_zero(data + AT_RECEIVE) ||
	    is_zero(data + AT_TRANSMIT))
		return SNTP_UNFIT;
	if (short_read(data + AT_ROOT_DELAY) / 2 + short_read(data + AT_ROOT_DISPERSION) > ROOT_DISTANCE_MAX_US)
		return SNTP_UNFIT;

	int64_t got = time_read(data + AT_RECEIVE, floor_s), answered = time_read(data + AT_TRANSMIT, floor_s);
	int64_t work = answered - got, delay = received_us - sent_us - work;
	if (answered > (floor_s + ERA_S / 2) * SECOND_US || work < 0 || work > SERVER_WORK_MAX_US)
		return SNTP_UNFIT;
	/* Clocks of coarse steps may make a short way look shorter than nothing. */
	if (delay < -1000 || delay > DELAY_MAX_US)
		return SNTP_UNFIT;
	out->offset_us = (got - sent_us) / 2 + (answered - received_us) / 2;
	out->delay_us = delay < 0 ? 0 : delay;
	out->stratum = data[AT_STRATUM];
	return SNTP_GOOD;
}
