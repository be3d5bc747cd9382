/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gpt_format.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"

#define HEADER_SIZE 92
#define REVISION 0x00010000u

static const uint8_t magic[8] = {'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'};

/* Offsets in a header (table 5-5). */
enum {
	OFF_REVISION = 8,
	OFF_HEADER_SIZE = 12,
	OFF_HEADER_CRC = 16,
	OFF_MY_LBA = 24,
	OFF_ALTERNATE_LBA = 32,
	OFF_FIRST_USABLE = 40,
	OFF_LAST_USABLE = 48,
	OFF_DISK_UUID = 56,
	OFF_ENTRIES_LBA = 72,
	OFF_ENTRIES = 80,
	OFF_ENTRY_SIZE = 84,
	OFF_ENTRIES_CRC = 88,
};

static uint32_t crc_more(uint32_t crc, const uint8_t *p, size_t len)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	while (len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return crc;
}

uint32_t gpt_crc32(const void *data, size_t len)
{
	return ~crc_more(~0u, data, len);
}

bool gpt_header_claims(const uint8_t *sector)
{
	return !memcmp(sector, magic, sizeof(magic));
}

uint64_t gpt_entries_sectors(const struct gpt_header *h, size_t sector_size)
{
	return ((uint64_t)h->entries * GPT_ENTRY_SIZE + sector_size - 1) / sector_size;
}

/* The header's CRC is counted with its own field zero. */
static uint32_t header_crc(const uint8_t *sector, size_t size)
{
	static const uint8_t zero[4];
	uint32_t crc = crc_more(~0u, sector, OFF_HEADER_CRC);

	crc = crc_more(crc, zero, sizeof(zero));
	return ~crc_more(crc, sector + OFF_HEADER_CRC + 4, size - OFF_HEADER_CRC - 4);
}

static int check_ranges(const struct gpt_header *h, size_t sector_size, uint64_t lba, uint64_t sectors, struct err *e)
{
	uint64_t table = gpt_entries_sectors(h, sector_size);

	if (h->my_lba != lba)
		return err_set(e, EUCLEAN, "header at sector %lu says it is at %lu", lba, h->my_lba);
	if (h->last_usable >= sectors)
		return err_set(e, EUCLEAN, "the disk ends at sector %lu, before the last usable one, %lu", sectors,
			       h->last_usable);
	if (h->first_usable > h->last_usable || h->entries_lba >= sectors || table > sectors - h->entries_lba)
		return err_set(e, EUCLEAN, "impossible ranges in the header");
	/* The table lies outside of the usable range, on its own header's side. */
	if (lba == 1 ? h->entries_lba < 2 || h->entries_lba + table > h->first_usable
		     : h->entries_lba <= h->last_usable || h->entries_lba + table > lba)
		return err_set(e, EUCLEAN, "the table of entries lies inside of the usable range");
	return 0;
}

int gpt_header_parse(const uint8_t *sector, size_t sector_size, uint64_t lba, uint64_t sectors, struct gpt_header *out,
		     struct err *e)
{
	uint32_t size = gpt_get32(sector + OFF_HEADER_SIZE);
	struct gpt_header h = {
		.my_lba = gpt_get64(sector + OFF_MY_LBA),
		.alternate_lba = gpt_get64(sector + OFF_ALTERNATE_LBA),
		.first_usable = gpt_get64(sector + OFF_FIRST_USABLE),
		.last_usable = gpt_get64(sector + OFF_LAST_USABLE),
		.entries_lba = gpt_get64(sector + OFF_ENTRIES_LBA),
		.entries = gpt_get32(sector + OFF_ENTRIES),
		.entries_crc = gpt_get32(sector + OFF_ENTRIES_CRC),
	};

	if (!gpt_header_claims(sector))
		return err_set(e, ENODATA, "no header at sector %lu", lba);
	if (gpt_get32(sector + OFF_REVISION) != REVISION || size < HEADER_SIZE || size > sector_size)
		return err_set(e, EUCLEAN, "header at sector %lu: unknown revision or size", lba);
	if (header_crc(sector, size) != gpt_get32(sector + OFF_HEADER_CRC))
		return err_set(e, EUCLEAN, "header at sector %lu: wrong checksum", lba);
	if (gpt_get32(sector + OFF_ENTRY_SIZE) != GPT_ENTRY_SIZE || !h.entries || h.entries > GPT_ENTRIES_MAX)
		return err_set(e, EUCLEAN, "header at sector %lu: %u entries of %u bytes are not supported", lba,
			       h.entries, gpt_get32(sector + OFF_ENTRY_SIZE));
	if (check_ranges(&h, sector_size, lba, sectors, e))
		return -1;
	memcpy(h.disk_uuid, sector + OFF_DISK_UUID, sizeof(h.disk_uuid));
	*out = h;
	return 0;
}

void gpt_header_build(const struct gpt_header *h, uint8_t *sector, size_t sector_size)
{
	memset(sector, 0, sector_size);
	memcpy(sector, magic, sizeof(magic));
	gpt_put32(sector + OFF_REVISION, REVISION);
	gpt_put32(sector + OFF_HEADER_SIZE, HEADER_SIZE);
	gpt_put64(sector + OFF_MY_LBA, h->my_lba);
	gpt_put64(sector + OFF_ALTERNATE_LBA, h->alternate_lba);
	gpt_put64(sector + OFF_FIRST_USABLE, h->first_usable);
	gpt_put64(sector + OFF_LAST_USABLE, h->last_usable);
	memcpy(sector + OFF_DISK_UUID, h->disk_uuid, sizeof(h->disk_uuid));
	gpt_put64(sector + OFF_ENTRIES_LBA, h->entries_lba);
	gpt_put32(sector + OFF_ENTRIES, h->entries);
	gpt_put32(sector + OFF_ENTRY_SIZE, GPT_ENTRY_SIZE);
	gpt_put32(sector + OFF_ENTRIES_CRC, h->entries_crc);
	gpt_put32(sector + OFF_HEADER_CRC, header_crc(sector, HEADER_SIZE));
}

/* UTF-16LE to UTF-8; what is not a letter of the basic plane becomes '?', which no label of ours has. */
static void label_text(const uint8_t *name, char out[GPT_LABEL_MAX])
{
	size_t n = 0;

	for (int i = 0; i < 36; i++) {
		unsigned c = name[2 * i] | (unsigned)name[2 * i + 1] << 8;

		if (!c)
			break;
		if (c < 0x20 || c == 0x7f || (c >= 0xd800 && c < 0xe000)) {
			out[n++] = '?';
		} else if (c < 0x80) {
			out[n++] = (char)c;
		} else if (c < 0x800) {
			out[n++] = (char)(0xc0 | c >> 6);
			out[n++] = (char)(0x80 | (c & 0x3f));
		} else {
			out[n++] = (char)(0xe0 | c >> 12);
			out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
			out[n++] = (char)(0x80 | (c & 0x3f));
		}
	}
	out[n] = 0;
}

bool gpt_entry_parse(const uint8_t *entry, unsigned number, size_t sector_size, struct gpt_partition *out)
{
	static const uint8_t unused[16];
	uint64_t first = gpt_get64(entry + GPT_ENTRY_FIRST), last = gpt_get64(entry + GPT_ENTRY_LAST);

	if (!memcmp(entry + GPT_ENTRY_TYPE, unused, sizeof(unused)))
		return false;
	memset(out, 0, sizeof(*out));
	out->number = number;
	memcpy(out->type, entry + GPT_ENTRY_TYPE, 16);
	memcpy(out->uuid, entry + GPT_ENTRY_UUID, 16);
	out->attributes = gpt_get64(entry + GPT_ENTRY_ATTRIBUTES);
	label_text(entry + GPT_ENTRY_NAME, out->label);
	if (last < first || last >= UINT64_MAX / sector_size) {
		out->problem = "has an impossible place";
		return true;
	}
	out->start = first * sector_size;
	out->size = (last - first + 1) * sector_size;
	return true;
}

void gpt_check_partitions(struct gpt_partition *parts, size_t n, const struct gpt_header *h, size_t sector_size)
{
	for (size_t i = 0; i < n; i++) {
		struct gpt_partition *p = &parts[i];

		if (p->problem)
			continue;
		if (p->start < h->first_usable * sector_size || p->start + p->size > (h->last_usable + 1) * sector_size)
			p->problem = "lies outside of the disk's usable range";
		for (size_t j = 0; j < n && !p->problem; j++) {
			const struct gpt_partition *q = &parts[j];

			if (j != i && q->size && p->start < q->start + q->size && q->start < p->start + p->size)
				p->problem = "overlaps another partition";
		}
	}
}

enum gpt_mbr gpt_mbr_kind(const uint8_t *sector)
{
	bool foreign = false;

	if (sector[510] != 0x55 || sector[511] != 0xaa)
		return GPT_MBR_NONE;
	for (int i = 0; i < 4; i++) {
		uint8_t type = sector[446 + 16 * i + 4];

		if (type == 0xee)
			return GPT_MBR_PROTECTIVE;
		foreign |= type != 0;
	}
	return foreign ? GPT_MBR_FOREIGN : GPT_MBR_NONE;
}

void gpt_mbr_build(uint8_t *sector, uint64_t sectors)
{
	static const uint8_t entry[8] = {0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff};

	memset(sector + 446, 0, 64);
	memcpy(sector + 446, entry, sizeof(entry));
	gpt_put32(sector + 454, 1);
	gpt_put32(sector + 458, sectors - 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)(sectors - 1));
	sector[510] = 0x55;
	sector[511] = 0xaa;
}

/* The first three fields are little-endian on disk. */
static const uint8_t guid_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

void gpt_guid_from_bytes(const uint8_t in[16], uint8_t out[16])
{
	for (int i = 0; i < 16; i++)
		out[guid_order[i]] = in[i];
}

int gpt_guid_parse(const char *text, uint8_t out[16])
{
	static const uint8_t groups[5] = {8, 4, 4, 4, 12};
	uint8_t bytes[16], *to = bytes;

	for (int i = 0; i < 5; i++) {
		if (strnlen(text, groups[i]) < groups[i] || hex_decode(text, groups[i], to))
			return -1;
		to += groups[i] / 2;
		text += groups[i];
		if (*text != (i < 4 ? '-' : 0))
			return -1;
		text++;
	}
	gpt_guid_from_bytes(bytes, out);
	return 0;
}

void gpt_guid_text(const uint8_t guid[16], char out[GPT_GUID_TEXT])
{
	static const uint8_t dash_before[16] = {[4] = 1, [6] = 1, [8] = 1, [10] = 1};

	for (int i = 0; i < 16; i++) {
		if (dash_before[i])
			*out++ = '-';
		hex_encode(&guid[guid_order[i]], 1, out);
		out += 2;
	}
}
