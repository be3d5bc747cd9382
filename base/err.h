/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as values. Library code fills a struct err and returns -1; it never logs and never exits.
 * The caller owns the struct (usually on its stack); nothing in it needs freeing.
 * A NULL err is allowed everywhere: the text is dropped, the return value stays.
 */
#pragma once
#include <stddef.h>

#define ERR_TEXT_MAX 512

struct err {
	int code; /* an errno value, never 0 once set */
	char text[ERR_TEXT_MAX]; /* one line for a person: what failed, on what, why; always NUL-terminated */
};

/* Sets code and text. Returns -1, so that `return err_set(e, EINVAL, ...)` reads well. code 0 becomes EIO. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set with the present errno, and ": strerror(errno)" behind the text. */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the text that is there; keeps the code. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
