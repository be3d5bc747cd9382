/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of a time server. Whatever is believed lies between the build and 68 years after it. */
#include <stdlib.h>
#include <string.h>

#include "init/net/sntp_packet.h"

#define FLOOR 1760000000
#define NOW ((int64_t)1764000000 * 1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t nonce = 0x1122334455667788u;
	uint8_t *copy = malloc(size ? size : 1);
	struct sntp_sample s;

	memcpy(copy, data, size);
	if (size >= SNTP_SIZE)
		memcpy(copy + 24, &nonce, sizeof(nonce));
	if (sntp_parse(copy, size, nonce, NOW, NOW + 20000, FLOOR, &s) == SNTP_GOOD) {
		int64_t then = (NOW + s.offset_us) / 1000000;

		if (s.delay_us < 0 || s.stratum < 1 || s.stratum > 15 || then < FLOOR - 2 ||
		    then > FLOOR + ((int64_t)1 << 31) + 2)
			abort();
	}
	free(copy);
	return 0;
}
