/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t utf8_sequence(const char *s, size_t len)
{
	if (!len)
		return 0;
	const uint8_t *u = (const uint8_t *)s;
	if (u[0] < 0x80)
		return 1;
	/* The second byte's range is what excludes overlong forms, surrogates and values beyond U+10FFFF. */
	size_t n;
	uint8_t low = 0x80, high = 0xbf;
	if (u[0] >= 0xc2 && u[0] <= 0xdf) {
		n = 2;
	} else if (u[0] >= 0xe0 && u[0] <= 0xef) {
		n = 3;
		low = u[0] == 0xe0 ? 0xa0 : 0x80;
		high = u[0] == 0xed ? 0x9f : 0xbf;
	} else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
		n = 4;
		low = u[0] == 0xf0 ? 0x90 : 0x80;
		high = u[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (len < n || u[1] < low || u[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool utf8_valid(const char *s, size_t len)
{
	while (len) {
		size_t n = utf8_sequence(s, len);
		if (!n)
			return false;
		s += n;
		len -= n;
	}
	return true;
}

static bool is_control(const char *s, size_t n)
{
	const uint8_t *u = (const uint8_t *)s;
	return (n == 1 && (u[0] < 0x20 || u[0] == 0x7f)) || (n == 2 && u[0] == 0xc2 && u[1] < 0xa0);
}

void utf8_scrub(char *text)
{
	size_t len = strlen(text);
	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(text + i, len - i);
		if (!n || is_control(text + i, n)) {
			n = n ? n : 1;
			memset(text + i, '?', n);
		}
		i += n;
	}
}
