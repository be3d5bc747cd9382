/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <endian.h>
#include <string.h>

#include "init/net/sntp_packet.h"

#define FLOOR 1760000000
#define NOW ((int64_t)1764000000 * 1000000)
#define NONCE 0x1122334455667788u

static void put_time(uint8_t *p, int64_t us)
{
	uint64_t s = (uint64_t)(us / 1000000) + 2208988800u, fraction = ((uint64_t)(us % 1000000) << 32) / 1000000;
	uint64_t raw = htobe64(s << 32 | fraction);

	memcpy(p, &raw, 8);
}

static void reply(uint8_t out[SNTP_SIZE], int64_t got_us, int64_t answered_us)
{
	uint64_t nonce = NONCE;

	memset(out, 0, SNTP_SIZE);
	out[0] = 4 << 3 | 4;
	out[1] = 2;
	memcpy(out + 24, &nonce, 8);
	put_time(out + 32, got_us);
	put_time(out + 40, answered_us);
}

static enum sntp_verdict parse(const uint8_t *data, struct sntp_sample *out)
{
	return sntp_parse(data, SNTP_SIZE, NONCE, NOW, NOW + 20000, FLOOR, out);
}

static void offset_and_delay(void **state)
{
	uint8_t data[SNTP_SIZE];
	struct sntp_sample s;

	(void)state;
	reply(data, NOW + 5010000, NOW + 5012000);
	assert_int_equal(parse(data, &s), SNTP_GOOD);
	assert_in_range(s.offset_us, 5000998, 5001002);
	assert_in_range(s.delay_us, 17998, 18002);
	assert_int_equal(s.stratum, 2);
}

static void question_keeps_our_time_to_itself(void **state)
{
	uint8_t out[SNTP_SIZE];
	uint64_t nonce;

	(void)state;
	sntp_build(out, NONCE);
	assert_int_equal(out[0], 0x23);
	memcpy(&nonce, out + 40, 8);
	assert_true(nonce == NONCE);
	for (int i = 1; i < 40; i++)
		assert_int_equal(out[i], 0);
}

static void forged_answers_are_not_ours(void **state)
{
	uint8_t data[SNTP_SIZE];
	struct sntp_sample s = { .offset_us = 7 };

	(void)state;
	reply(data, NOW, NOW);
	data[24] ^= 1;
	assert_int_equal(parse(data, &s), SNTP_NOT_OURS);
	reply(data, NOW, NOW);
	data[0] = 4 << 3 | 3; /* a client */
	assert_int_equal(parse(data, &s), SNTP_NOT_OURS);
	reply(data, NOW, NOW);
	assert_int_equal(sntp_parse(data, 47, NONCE, NOW, NOW, FLOOR, &s), SNTP_NOT_OURS);
	assert_int_equal(s.offset_us, 7);
}

static void unfit_servers(void **state)
{
	uint8_t data[SNTP_SIZE];
	struct sntp_sample s;

	(void)state;
	reply(data, NOW, NOW);
	data[0] |= 0xc0; /* not synchronised */
	assert_int_equal(parse(data, &s), SNTP_UNFIT);
	reply(data, NOW, NOW);
	data[1] = 16;
	assert_int_equal(parse(data, &s), SNTP_UNFIT);
	reply(data, NOW, NOW);
	memset(data + 40, 0, 8);
	assert_int_equal(parse(data, &s), SNTP_UNFIT);
	reply(data, NOW, NOW);
	data[9] = 2; /* dispersion of 2 s */
	assert_int_equal(parse(data, &s), SNTP_UNFIT);
	reply(data, NOW + 100, NOW); /* answered before it was asked */
	assert_int_equal(parse(data, &s), SNTP_UNFIT);
	reply(data, NOW, NOW + 500000); /* longer at work than away */
	assert_int_equal(parse(data, &s), SNTP_UNFIT);
}

static void kisses_of_death(void **state)
{
	uint8_t data[SNTP_SIZE];
	struct sntp_sample s;

	(void)state;
	reply(data, NOW, NOW);
	data[1] = 0;
	memcpy(data + 12, "RATE", 4);
	assert_int_equal(parse(data, &s), SNTP_RATE);
	memcpy(data + 12, "DENY", 4);
	assert_int_equal(parse(data, &s), SNTP_DENY);
	memcpy(data + 12, "RSTR", 4);
	assert_int_equal(parse(data, &s), SNTP_DENY);
	memcpy(data + 12, "INIT", 4);
	assert_int_equal(parse(data, &s), SNTP_UNFIT);
	data[24] ^= 1; /* a forged one must not end a server */
	assert_int_equal(parse(data, &s), SNTP_NOT_OURS);
}

static void no_time_before_the_build(void **state)
{
	uint8_t data[SNTP_SIZE];
	struct sntp_sample s;
	int64_t early = ((int64_t)FLOOR - 10) * 1000000, late = ((int64_t)FLOOR + 5) * 1000000;

	(void)state;
	reply(data, early, early);
	assert_int_equal(parse(data, &s), SNTP_UNFIT);
	reply(data, late, late);
	assert_int_equal(parse(data, &s), SNTP_GOOD);
	reply(data, 0, 0);
	assert_int_equal(parse(data, &s), SNTP_UNFIT);
}

static void the_next_era_is_understood(void **state)
{
	uint8_t data[SNTP_SIZE];
	struct sntp_sample s;
	int64_t in_2040 = (int64_t)2208988800 * 1000000, from_1970 = 1000000;

	(void)state;
	/* 2,040 lies in era 1 (from February 2036): the seconds on the wire have wrapped. */
	reply(data, in_2040, in_2040);
	assert_int_equal(sntp_parse(data, SNTP_SIZE, NONCE, from_1970, from_1970 + 1000, FLOOR, &s), SNTP_GOOD);
	assert_true(s.offset_us > in_2040 - 2000000 && s.offset_us < in_2040);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offset_and_delay),
		cmocka_unit_test(question_keeps_our_time_to_itself),
		cmocka_unit_test(forged_answers_are_not_ours),
		cmocka_unit_test(unfit_servers),
		cmocka_unit_test(kisses_of_death),
		cmocka_unit_test(no_time_before_the_build),
		cmocka_unit_test(the_next_era_is_understood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
