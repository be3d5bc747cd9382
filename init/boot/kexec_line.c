/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/kexec_line.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_dropped(const char *word, size_t len)
{
	static const char *const keys[] = {"hull.slot", "hull.kexeced", "hull.state_reset", "BOOT_IMAGE", "initrd"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t n = strlen(keys[i]);

		if (len >= n && !strncmp(word, keys[i], n) && (len == n || word[n] == '='))
			return true;
	}
	return false;
}

/* As the kernel's next_arg(): spaces end a word, except between double quotes. */
static size_t word_length(const char *s)
{
	bool quoted = false;
	size_t n = 0;

	for (; s[n] && (quoted || !strchr(" \t\n", s[n])); n++)
		quoted ^= s[n] == '"';
	return n;
}

int kexec_line(const char *running, const char *slot, char *out, size_t size, struct err *e)
{
	char line[4096];
	size_t used = 0, n;
	int more;

	for (const char *s = running + strspn(running, " \t\n"); *s; s += n, s += strspn(s, " \t\n")) {
		n = word_length(s);
		if (is_dropped(s, n))
			continue;
		if (used + n + 2 > sizeof(line))
			return err_set(e, E2BIG, "kexec: the command line is too long");
		if (used)
			line[used++] = ' ';
		memcpy(line + used, s, n);
		used += n;
	}
	line[used] = '\0';
	if (slot[0])
		more = snprintf(out, size, "%s%shull.slot=%s hull.kexeced=1", line, used ? " " : "", slot);
	else
		more = snprintf(out, size, "%s", line);
	if (more < 0 || (size_t)more >= size)
		return err_set(e, E2BIG, "kexec: the command line is too long");
	return 0;
}
