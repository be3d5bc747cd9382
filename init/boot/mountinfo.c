/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/mountinfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOUNTS_MAX 100000

/* The kernel writes space, tab, newline and backslash as \ooo. In place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
}

static bool is_readonly(const char *options)
{
	return options && !strncmp(options, "ro", 2) && (options[2] == ',' || !options[2]);
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": the optional fields end at the lone dash. */
static int parse_line(const char *line, size_t len, struct mount_entry *out)
{
	struct mount_entry m = {0};
	unsigned major, minor;
	char *copy = strndup(line, len), *rest, *dash, *options = NULL, *super = NULL;
	int used = 0;

	if (!copy)
		return -1;
	if (sscanf(copy, "%d %d %u:%u %*s %ms %ms%n", &m.id, &m.parent, &major, &minor, &m.target, &options, &used) != 6)
		goto bad;
	rest = copy + used;
	dash = strstr(rest, " - ");
	if (!dash || sscanf(dash, " - %ms %ms %ms", &m.type, &m.source, &super) < 1)
		goto bad;
	if (!m.source)
		m.source = strdup("none"); /* an empty source leaves an empty field */
	if (!m.source)
		goto bad;
	unescape(m.target);
	unescape(m.source);
	m.block = major != 0;
	m.readonly = is_readonly(options) || is_readonly(super);
	free(copy);
	free(options);
	free(super);
	*out = m;
	return 0;
bad:
	free(copy);
	free(options);
	free(super);
	free(m.target);
	free(m.type);
	free(m.source);
	errno = EINVAL;
	return -1;
}

static int compare_id(const void *a, const void *b)
{
	const struct mount_entry *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* Entries sorted by id. A parent outside the list is another namespace's: depth 0. Cycles can't be, but are bounded. */
static void set_depths(struct mount_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct mount_entry key = {.id = l->entries[i].parent}, *up;
		int depth = 0;

		while (depth < 4096 && (up = bsearch(&key, l->entries, l->n, sizeof(key), compare_id)) && up->id != up->parent) {
			depth++;
			key.id = up->parent;
		}
		/* The root's parent is not in the list, so the loop counted every ancestor in it. */
		l->entries[i].depth = depth;
	}
}

int mount_list_parse(const char *text, struct mount_list *out, struct err *e)
{
	struct mount_list l = {0};
	size_t room = 0;

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n");

		if (l.n == room) {
			size_t more = room ? room * 2 : 64;
			struct mount_entry *grown = more <= MOUNTS_MAX * 2 ? realloc(l.entries, more * sizeof(*grown)) : NULL;

			if (!grown) {
				mount_list_free(&l);
				return err_set(e, ENOMEM, "too many mounts");
			}
			l.entries = grown;
			room = more;
		}
		if (len && parse_line(p, len, &l.entries[l.n]) < 0) {
			mount_list_free(&l);
			return err_set(e, EINVAL, "bad line in mountinfo: %.*s", (int)len, p);
		}
		l.n += len > 0;
		p += len + (p[len] == '\n');
	}
	if (l.n)
		qsort(l.entries, l.n, sizeof(*l.entries), compare_id);
	set_depths(&l);
	*out = l;
	return 0;
}

/* Deepest first; among equals the younger id first. */
static int compare_depth(const void *a, const void *b)
{
	const struct mount_entry *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth > y->depth ? -1 : 1;
	return -compare_id(a, b);
}

void mount_list_order_for_unmount(struct mount_list *l)
{
	if (l->n)
		qsort(l->entries, l->n, sizeof(*l->entries), compare_depth);
}

void mount_list_free(struct mount_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->entries[i].target);
		free(l->entries[i].type);
		free(l->entries[i].source);
	}
	free(l->entries);
	*l = (struct mount_list){0};
}

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '\0' || path[n] == '/');
}

bool mount_stays(const struct mount_entry *m)
{
	static const char *const api[] = {"/proc", "/sys", "/dev", "/run"};

	if (!strcmp(m->target, "/"))
		return true;
	for (size_t i = 0; i < sizeof(api) / sizeof(api[0]); i++)
		if (!strcmp(m->target, api[i]))
			return true;
	/* Pseudo filesystems below them hold nothing; a real one mounted there does. */
	return !m->block && (below(m->target, "/proc") || below(m->target, "/sys") || below(m->target, "/dev"));
}
