/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SNTP messages (RFC 4330, RFC 5905): one question, one answer, all times in microseconds since 1970 on the local
 * CLOCK_REALTIME. The question carries random bits instead of our time: an answer must bring them back.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SNTP_PORT 123
#define SNTP_SIZE 48

enum sntp_verdict {
	SNTP_GOOD,
	SNTP_NOT_OURS, /* not an answer to this question: forged, old or malformed; go on waiting */
	SNTP_RATE, /* kiss of death: ask less often */
	SNTP_DENY, /* kiss of death: never ask this server again */
	SNTP_UNFIT, /* the server is not synchronised, too far from its source, or of another century */
};

struct sntp_sample {
	int64_t offset_us; /* to be added to the local clock */
	int64_t delay_us; /* of the round trip; the offset is right to half of it */
	uint8_t stratum;
};

void sntp_build(uint8_t out[SNTP_SIZE], uint64_t nonce);
/* floor_s: no time before it is believed, nor one more than 68 years (half an NTP era) after it. */
enum sntp_verdict sntp_parse(const uint8_t *data, size_t len, uint64_t nonce, int64_t sent_us, int64_t received_us,
			     int64_t floor_s, struct sntp_sample *out);
