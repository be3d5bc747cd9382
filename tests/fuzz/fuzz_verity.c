/* SPDX-License-Identifier: Apache-2.0 */
/* A superblock that is taken fits its partitions, and its salt fits where it is copied to. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/verity.h"

/* Input: the sizes of root and verity partition, 8 bytes each, then the superblock. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t sizes[2];
	struct verity v;
	struct err e;

	if (size < sizeof(sizes))
		return 0;
	memcpy(sizes, data, sizeof(sizes));
	if (verity_parse(data + sizeof(sizes), size - sizeof(sizes), sizes[0], sizes[1], &v, &e)) {
		if (!e.code || !memchr(e.text, 0, sizeof(e.text)))
			abort();
		return 0;
	}
	if (!v.data_blocks || v.data_blocks > sizes[0] / VERITY_BLOCK || v.salt_size > VERITY_SALT_MAX ||
	    v.tree_blocks >= sizes[1] / VERITY_BLOCK || (v.data_blocks > 1) != (v.tree_blocks > 0))
		abort();
	return 0;
}
