/* SPDX-License-Identifier: Apache-2.0 */
#include "init/cli/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* The code point of a well-formed sequence. */
static uint32_t code_point(const unsigned char *p, size_t len)
{
	uint32_t code = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (p[i] & 0x3f);
	return code;
}

static bool printable(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	/* Line and paragraph separators, and what turns the direction of the text round. */
	return !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

char *table_escape(const char *text)
{
	size_t left = strlen(text);
	char *out = malloc(4 * left + 1), *o = out;

	if (!out)
		return NULL;
	while (left) {
		const unsigned char *in = (const unsigned char *)text;
		size_t len = utf8_sequence(text, left);
		bool plain = len && printable(code_point(in, len));
		if (len == 0)
			len = 1;
		for (size_t i = 0; i < len; i++) {
			if (plain)
				*o++ = (char)in[i];
			else
				o += sprintf(o, "\\x%02x", in[i]);
		}
		text += len;
		left -= len;
	}
	*o = '\0';
	return out;
}

size_t table_width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

int table_row(struct table *t, const char *const *cells)
{
	char **grown = reallocarray(t->cells, (t->rows + 1) * t->columns, sizeof(*grown));

	if (!grown)
		return -1;
	t->cells = grown;
	for (size_t i = 0; i < t->columns; i++) {
		const char *text = cells[i] && *cells[i] ? cells[i] : "-";
		char *cell = table_escape(text);
		if (!cell) {
			while (i--)
				free(grown[t->rows * t->columns + i]);
			return -1;
		}
		grown[t->rows * t->columns + i] = cell;
	}
	t->rows++;
	return 0;
}

int table_begin(struct table *t, const char *const *headers)
{
	*t = (struct table){ 0 };
	while (headers[t->columns]) {
		if (++t->columns > TABLE_COLUMNS_MAX) {
			errno = EINVAL;
			return -1;
		}
	}
	return table_row(t, headers);
}

void table_print(const struct table *t, FILE *out)
{
	size_t width[TABLE_COLUMNS_MAX] = { 0 };

	for (size_t i = 0; i < t->rows * t->columns; i++) {
		size_t w = table_width(t->cells[i]);
		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->rows * t->columns; i++) {
		size_t column = i % t->columns;
		fputs(t->cells[i], out);
		if (column + 1 == t->columns)
			fputc('\n', out);
		else
			fprintf(out, "%*s", (int)(width[column] - table_width(t->cells[i]) + 2), "");
	}
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->rows * t->columns; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){ 0 };
}
