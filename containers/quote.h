/* SPDX-License-Identifier: Apache-2.0 */
/* Names from strangers in messages for people. */
#pragma once

#define QUOTE_MAX 220

/* 'name', control and non-ASCII bytes as \xNN, cut with "..." when long. Returns out. */
const char *quote(const char *name, char out[QUOTE_MAX]);
