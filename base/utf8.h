/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Length (1-4) of the well-formed sequence at s, of which len bytes are there; 0 when there is none. */
size_t utf8_sequence(const char *s, size_t len);
bool utf8_valid(const char *s, size_t len);
/* Makes text harmless for one line of output: control characters (C0, DEL, C1) and bytes of no sequence become '?'. */
void utf8_scrub(char *text);
