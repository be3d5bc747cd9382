/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any disk: reading its table ends, and partitions without a problem lie on the disk and do not overlap; a repair makes
 * it sound. Headers that claim to be one get right checksums first, or the fuzzer would never pass them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/gpt.h"
#include "base/gpt_format.h"

#define SECTOR 512
#define SECTORS 128

static uint8_t image[SECTORS * SECTOR];

static void fix_checksums(uint8_t *h)
{
	uint64_t table = gpt_get64(h + 72);
	uint32_t entries = gpt_get32(h + 80);

	if (!gpt_header_claims(h))
		return;
	if (table < SECTORS && entries <= GPT_ENTRIES_MAX && table * SECTOR + entries * GPT_ENTRY_SIZE <= sizeof(image))
		gpt_put32(h + 88, gpt_crc32(image + table * SECTOR, entries * GPT_ENTRY_SIZE));
	gpt_put32(h + 16, 0);
	gpt_put32(h + 16, gpt_crc32(h, 92));
}

static void check(struct gpt *g)
{
	size_t n;
	const struct gpt_partition *p = gpt_partitions(g, &n);

	for (size_t i = 0; i < n; i++) {
		if (p[i].problem)
			continue;
		if (!p[i].size || p[i].start + p[i].size > sizeof(image))
			abort();
		for (size_t j = 0; j < i; j++)
			if (!p[j].problem && p[i].start < p[j].start + p[j].size && p[j].start < p[i].start + p[i].size)
				abort();
	}
}

/* Input: the disk's first 20 and last 20 sectors; the rest is empty. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t half = 20 * SECTOR, first = size < half ? size : half;
	struct gpt_change change = {.number = 1, .attribute_mask = UINT64_MAX, .attributes = 1};
	char path[32];
	struct gpt *g;
	struct err e;
	bool grown;
	int fd;

	memset(image, 0, sizeof(image));
	memcpy(image, data, first);
	if (size > first)
		memcpy(image + sizeof(image) - half, data + first, size - first < half ? size - first : half);
	fix_checksums(image + SECTOR);
	fix_checksums(image + sizeof(image) - SECTOR);
	fd = memfd_create("disk", 0);
	if (fd < 0 || write(fd, image, sizeof(image)) != sizeof(image))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	g = gpt_open(path, true, &e);
	if (g) {
		check(g);
		if (!gpt_repair(g, &e)) {
			gpt_write(g, &change, 1, &e);
			check(g);
			gpt_grow(g, 1, &grown, &e);
			check(g);
			gpt_close(g);
			g = gpt_open(path, false, &e);
			if (!g || gpt_state(g) != GPT_SOUND)
				abort();
		}
	}
	gpt_close(g);
	close(fd);
	return 0;
}
