/* SPDX-License-Identifier: Apache-2.0 */
/* Hex and base64: apart from the digests, so that who only needs the text forms needn't link OpenSSL. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hex_encode(const uint8_t *in, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++) {
		*out++ = hex_digits[in[i] >> 4];
		*out++ = hex_digits[in[i] & 15];
	}
	*out = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_decode(const char *in, size_t hex_len, uint8_t *out)
{
	if (hex_len % 2)
		return -1;
	for (size_t i = 0; i < hex_len; i++)
		if (nibble(in[i]) < 0)
			return -1;
	for (size_t i = 0; i < hex_len; i += 2)
		out[i / 2] = (uint8_t)(nibble(in[i]) << 4 | nibble(in[i + 1]));
	return 0;
}

char *base64_encode(const void *data, size_t len)
{
	const uint8_t *in = data;
	if (len > SIZE_MAX / 2)
		return NULL;
	char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;
	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits =
			(uint32_t)in[i] << 16 | (n > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (n > 2 ? in[i + 2] : 0);
		*out++ = base64_digits[bits >> 18];
		*out++ = base64_digits[bits >> 12 & 63];
		*out++ = n > 1 ? base64_digits[bits >> 6 & 63] : '=';
		*out++ = n > 2 ? base64_digits[bits & 63] : '=';
	}
	*out = '\0';
	return text;
}

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strict: full groups, padding only at the end, the unused bits zero, so that one value has one text. */
uint8_t *base64_decode(const char *text, size_t len, size_t *out_len)
{
	errno = EINVAL;
	if (len % 4)
		return NULL;
	size_t pad = len && text[len - 1] == '=' ? (text[len - 2] == '=' ? 2 : 1) : 0, size = len / 4 * 3 - pad;
	uint8_t *bytes = malloc(size + 4);
	if (!bytes)
		return NULL;
	uint32_t bits = 0;
	for (size_t i = 0; i < len; i++) {
		int value = i >= len - pad ? 0 : sextet(text[i]);
		if (value < 0)
			goto bad;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 != 3)
			continue;
		uint8_t *group = bytes + i / 4 * 3;
		group[0] = (uint8_t)(bits >> 16);
		group[1] = (uint8_t)(bits >> 8);
		group[2] = (uint8_t)bits;
	}
	if ((pad == 1 && bits & 0xff) || (pad == 2 && bits & 0xffff))
		goto bad;
	bytes[size] = '\0';
	*out_len = size;
	return bytes;
bad:
	free(bytes);
	errno = EINVAL;
	return NULL;
}
