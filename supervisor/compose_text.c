/* SPDX-License-Identifier: Apache-2.0 */
/* The little languages inside Compose's strings: durations and commands. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "supervisor/compose.h"

#define WORDS_MAX 1024

static const struct {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* the micro sign, and below the Greek letter */
	{ "\xce\xbcs", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000LL },
	{ "m", 60 * 1000000000LL },
	{ "h", 3600 * 1000000000LL },
	{ "d", 86400 * 1000000000LL },
	{ "w", 7 * 86400 * 1000000000LL },
};

#define DURATION_ALLOWED "a duration is written like \"10s\", \"1m30s\" or \"500ms\", and is at most a week"

/* Digits with an optional fraction, as billionths: at most 9 and 9 digits count, which no duration in range exceeds. */
static const char *duration_number(const char *p, int64_t *whole, int64_t *billionths)
{
	size_t n = strspn(p, "0123456789"), m = 0;
	int64_t place = 100000000;

	if (n > 9)
		return NULL;
	*whole = *billionths = 0;
	for (size_t i = 0; i < n; i++)
		*whole = *whole * 10 + (p[i] - '0');
	p += n;
	if (*p == '.') {
		m = strspn(++p, "0123456789");
		for (size_t i = 0; i < m; i++, place /= 10)
			*billionths += (p[i] - '0') * place;
		p += m;
	}
	return n + m > 0 ? p : NULL;
}

int compose_duration(const char *text, int64_t *ms, struct err *e)
{
	const int64_t limit = UNIT_STOP_GRACE_MAX_MS * 1000000;
	const char *p = text;
	int64_t total = 0;

	if (strcmp(text, "0") == 0) {
		*ms = 0;
		return 0;
	}
	do {
		int64_t whole, billionths, part, fraction;
		size_t len = 0, unit;

		p = duration_number(p, &whole, &billionths);
		if (!p)
			return err_set(e, EINVAL, DURATION_ALLOWED);
		while (p[len] && p[len] != '.' && !(p[len] >= '0' && p[len] <= '9'))
			len++;
		for (unit = 0; unit < sizeof(units) / sizeof(units[0]); unit++)
			if (strlen(units[unit].name) == len && memcmp(units[unit].name, p, len) == 0)
				break;
		if (unit == sizeof(units) / sizeof(units[0]))
			return err_set(e, EINVAL, DURATION_ALLOWED);
		p += len;
		/* The fraction of a long unit in two steps, for a week times a billion doesn't fit. */
		fraction = units[unit].ns >= 1000000000LL ? units[unit].ns / 1000000000LL * billionths
							  : units[unit].ns * billionths / 1000000000LL;
		if (__builtin_mul_overflow(units[unit].ns, whole, &part) || __builtin_add_overflow(part, fraction, &part) ||
		    __builtin_add_overflow(total, part, &total) || total > limit)
			return err_set(e, ERANGE, DURATION_ALLOWED);
	} while (*p);
	*ms = (total + 999999) / 1000000;
	return 0;
}

struct words {
	char **list;
	size_t n;
	struct buf word; /* the one being read */
	bool open; /* a word has begun, though it may be empty ('') */
};

static void words_free(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i]);
	free(w->list);
	buf_free(&w->word);
}

static int word_end(struct words *w)
{
	char **list;

	if (!w->open)
		return 0;
	if (w->n >= WORDS_MAX) {
		errno = E2BIG;
		return -1;
	}
	list = realloc(w->list, (w->n + 2) * sizeof(*list));
	if (!list)
		return -1;
	w->list = list;
	list[w->n] = strndup(w->word.data ? w->word.data : "", w->word.len);
	if (!list[w->n])
		return -1;
	list[++w->n] = NULL;
	buf_drop(&w->word, w->word.len);
	w->open = false;
	return 0;
}

/* One step: returns how many bytes of p were used, 0 at a fault (e is set) or when memory is short (errno). */
static size_t word_step(struct words *w, const char *p, char *quote, struct err *e)
{
	size_t used = 1;

	if (*quote == 0 && strchr(" \t\r\n", *p))
		return word_end(w) < 0 ? 0 : 1;
	if (*quote == 0 && strchr(";&|<>()", *p)) {
		err_set(e, EINVAL, "'%c' means something to a shell only, and none reads this: quote it, or name a shell "
			"as [\"sh\", \"-c\", ...]", *p);
		return 0;
	}
	w->open = true;
	if (*p == *quote) {
		*quote = 0;
		return 1;
	}
	if (*quote == 0 && (*p == '\'' || *p == '"')) {
		*quote = *p;
		return 1;
	}
	if (*p == '\\' && *quote != '\'') {
		if (!p[1]) {
			err_set(e, EINVAL, "the command ends in a lone backslash");
			return 0;
		}
		p++;
		used = 2;
	}
	return buf_add(&w->word, p, 1) < 0 ? 0 : used;
}

int compose_words(const char *text, char ***words, struct err *e)
{
	struct words w = { .list = calloc(1, sizeof(char *)) };
	char quote = 0;

	if (!w.list)
		return err_set(e, ENOMEM, "out of memory");
	for (const char *p = text; *p;) {
		struct err fault = { 0 };
		size_t used;

		errno = 0;
		used = word_step(&w, p, &quote, &fault);
		if (used == 0) {
			int code = errno;

			words_free(&w);
			if (fault.code)
				return err_set(e, fault.code, "%s", fault.text);
			return err_set(e, code, "the command can't be split: %s", strerror(code));
		}
		p += used;
	}
	if (quote == 0 && word_end(&w) == 0) {
		*words = w.list;
		w.list = NULL;
		w.n = 0;
		words_free(&w);
		return 0;
	}
	words_free(&w);
	return quote ? err_set(e, EINVAL, "a quote (%c) is not closed", quote) : err_set(e, ENOMEM, "out of memory");
}
