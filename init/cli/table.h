/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for people: a header line, columns as wide as their widest cell, two spaces between. Text may come from
 * strangers: control characters, bidirectional overrides and bytes that are not UTF-8 are written as \xNN.
 */
#pragma once
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct table {
	size_t columns, rows; /* rows: with the header */
	char **cells; /* owned, escaped; rows * columns */
};

/* headers: NULL-ended, at most TABLE_COLUMNS_MAX. -1: ENOMEM. */
int table_begin(struct table *t, const char *const *headers);
/* One cell for each column, NULL: empty ("-"). -1: ENOMEM. */
int table_row(struct table *t, const char *const *cells);
/* The last column is not padded. */
void table_print(const struct table *t, FILE *out);
void table_free(struct table *t);
#define cleanup_table __attribute__((cleanup(table_free)))

/* malloc'ed; NULL: ENOMEM. */
char *table_escape(const char *text);
/* Columns on a terminal: one for each code point of escaped text. */
size_t table_width(const char *text);
