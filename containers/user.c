/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "containers/quote.h"

#define FILE_MAX (4u << 20)
#define ID_MAX INT32_MAX /* as Docker's; -1 and its like never get near setuid */

/* *text: malloc'ed, "" when the file is missing. */
static int read_file(int root_fd, const char *path, char **text, struct err *e)
{
	cleanup_close int fd = fs_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*text = strdup("");
		return *text ? 0 : err_sys(e, "%s", path);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "%s in the image", path);
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return err_set(e, EINVAL, "%s in the image is no file, or larger than %u bytes", path, FILE_MAX);
	*text = calloc(1, (size_t)st.st_size + 1);
	if (!*text || fs_pread_full(fd, *text, (size_t)st.st_size, 0) < 0) {
		err_sys(e, "read %s in the image", path);
		free(*text);
		return -1;
	}
	return 0;
}

/* A whole decimal number up to ID_MAX. 1: yes, 0: not a number, -1: too large. */
static int parse_id(const char *s, uint32_t *out)
{
	size_t len = strlen(s);
	uint64_t v;

	if (len == 0 || strspn(s, "0123456789") != len)
		return 0;
	if (len > 10)
		return -1;
	v = strtoull(s, NULL, 10);
	if (v > ID_MAX)
		return -1;
	*out = (uint32_t)v;
	return 1;
}

/* Splits a line at ':' in place; missing fields are "". */
static void split(char *line, char **fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *colon = line ? strchr(line, ':') : NULL;

		fields[i] = line ? line : (char *)"";
		if (colon)
			*colon = '\0';
		line = colon ? colon + 1 : NULL;
	}
}

/* Sets uid, gid, home; name becomes the user's name, "" when there is no entry. */
static int find_user(char *passwd, const char *text, struct user *out, char name[256], struct err *e)
{
	char *state = NULL, shown[QUOTE_MAX];
	uint32_t wanted = 0;
	int numeric = parse_id(text, &wanted);

	if (numeric < 0)
		return err_set(e, EINVAL, "user %s: the number is out of range", quote(text, shown));
	for (char *line = strtok_r(passwd, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		uint32_t uid, gid;
		char *f[6];

		split(line, f, 6);
		if (parse_id(f[2], &uid) != 1 || parse_id(f[3], &gid) != 1 || f[0][0] == '\0' || strlen(f[0]) > 255)
			continue;
		/* As Docker: the first line that matches, by name or by number. */
		if (strcmp(f[0], text) != 0 && !(numeric && uid == wanted))
			continue;
		out->uid = uid;
		out->gid = gid;
		snprintf(out->home, sizeof(out->home), "%s", f[5][0] == '/' ? f[5] : "/");
		snprintf(name, 256, "%s", f[0]);
		return 0;
	}
	if (!numeric)
		return err_set(e, ENOENT, "no user %s in the image's /etc/passwd", quote(text, shown));
	out->uid = wanted;
	return 0;
}

static bool is_member(char *members, const char *name)
{
	char *state = NULL;

	for (char *m = strtok_r(members, ",", &state); m; m = strtok_r(NULL, ",", &state))
		if (!strcmp(m, name))
			return true;
	return false;
}

/* group: sets gid by name or number; else collects the groups that have the user as a member. */
static int find_groups(char *file, const char *group, const char *name, struct user *out, struct err *e)
{
	char *state = NULL, shown[QUOTE_MAX];
	uint32_t wanted = 0;
	int numeric = group ? parse_id(group, &wanted) : 0;

	if (numeric < 0)
		return err_set(e, EINVAL, "group %s: the number is out of range", quote(group, shown));
	for (char *line = strtok_r(file, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		uint32_t gid;
		char *f[4];

		split(line, f, 4);
		if (parse_id(f[2], &gid) != 1)
			continue;
		if (group && !strcmp(f[0], group)) {
			out->gid = gid;
			return 0;
		}
		if (!group && name[0] && is_member(f[3], name)) {
			if (out->n_groups == USER_GROUPS_MAX)
				return err_set(e, E2BIG, "user %s is in more than %d groups", quote(name, shown),
					       USER_GROUPS_MAX);
			out->groups[out->n_groups++] = gid;
		}
	}
	if (group && !numeric)
		return err_set(e, ENOENT, "no group %s in the image's /etc/group", quote(group, shown));
	if (group)
		out->gid = wanted;
	return 0;
}

int user_resolve(int root_fd, const char *text, struct user *out, struct err *e)
{
	cleanup_free char *passwd = NULL, *groups = NULL, *copy = strdup(text);
	struct user u = { .home = "/" };
	char name[256] = "", *group;

	if (!copy)
		return err_sys(e, "user");
	group = strchr(copy, ':');
	if (group)
		*group++ = '\0';
	if (read_file(root_fd, "etc/passwd", &passwd, e) < 0 || read_file(root_fd, "etc/group", &groups, e) < 0 ||
	    find_user(passwd, copy[0] ? copy : "0", &u, name, e) < 0 ||
	    find_groups(groups, group && *group ? group : NULL, name, &u, e) < 0)
		return -1;
	*out = u;
	return 0;
}
