/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/quote.h"

#include <stddef.h>
#include <stdio.h>

const char *quote(const char *name, char out[QUOTE_MAX])
{
	size_t n = 0;

	out[n++] = '\'';
	for (; *name && n < QUOTE_MAX - 10; name++) {
		unsigned char c = (unsigned char)*name;

		if (c < 0x20 || c >= 0x7f || c == '\'' || c == '\\')
			n += (size_t)snprintf(out + n, QUOTE_MAX - n, "\\x%02x", c);
		else
			out[n++] = (char)c;
	}
	snprintf(out + n, QUOTE_MAX - n, "%s'", *name ? "..." : "");
	return out;
}
