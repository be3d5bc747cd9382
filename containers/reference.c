/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/reference.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* path-component := alnum+ (separator alnum+)*, separator := '.' | '_' | '__' | '-'+ */
static bool component_valid(const char *s, size_t len)
{
	if (len == 0 || !is_name_char(s[0]) || !is_name_char(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; ) {
		size_t run = 0;

		if (is_name_char(s[i])) {
			i++;
			continue;
		}
		while (!is_name_char(s[i + run]) && s[i + run] == s[i])
			run++;
		if (!is_name_char(s[i + run]))
			return false;
		if (s[i] != '-' && !(s[i] == '.' && run == 1) && !(s[i] == '_' && run <= 2))
			return false;
		i += run;
	}
	return true;
}

static bool path_valid(const char *s)
{
	for (;;) {
		size_t len = strcspn(s, "/");

		if (!component_valid(s, len))
			return false;
		if (s[len] == '\0')
			return true;
		s += len + 1;
	}
}

static bool port_valid(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= 5 && strspn(s, "0123456789") == len;
}

static bool domain_valid(const char *s)
{
	const char *colon;
	size_t len;

	if (s[0] == '[') { /* an IPv6 address */
		len = strspn(s + 1, "0123456789abcdefABCDEF:");
		if (len == 0 || s[1 + len] != ']')
			return false;
		s += len + 2;
		return *s == '\0' || (*s == ':' && port_valid(s + 1));
	}
	colon = strchr(s, ':');
	len = colon ? (size_t)(colon - s) : strlen(s);
	if (len == 0 || !isalnum((unsigned char)s[0]) || !isalnum((unsigned char)s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '.')
			return false;
		if (s[i] == '.' && (s[i + 1] == '.' || s[i + 1] == '-' || s[i - 1] == '-'))
			return false;
	}
	return !colon || port_valid(colon + 1);
}

static bool tag_valid(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > REFERENCE_TAG_MAX || !(isalnum((unsigned char)s[0]) || s[0] == '_'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_.-", s[i]))
			return false;
	return true;
}

/* Fills r->digest from `text` behind the '@'. */
static int take_digest(const char *text, struct reference *r, struct err *e)
{
	struct digest d;

	if (digest_parse(text, &d, e) < 0)
		return -1;
	digest_format(&d, r->digest);
	return 0;
}

/* name: what is left without tag and digest. */
static int split_name(const char *name, struct reference *r, struct err *e)
{
	const char *slash = strchr(name, '/');
	size_t first = slash ? (size_t)(slash - name) : 0;
	char head[REFERENCE_MAX + 1];

	memcpy(head, name, first);
	head[first] = '\0';
	if (slash && (strpbrk(head, ".:[") || !strcmp(head, "localhost"))) {
		if (!domain_valid(head))
			return err_set(e, EINVAL, "image reference '%s': '%s' is not a registry", name, head);
		snprintf(r->domain, sizeof(r->domain), "%s", head);
		name = slash + 1;
	} else {
		snprintf(r->domain, sizeof(r->domain), "docker.io");
	}
	/* Docker Hub's old name, and its implied folder. */
	if (!strcmp(r->domain, "index.docker.io"))
		snprintf(r->domain, sizeof(r->domain), "docker.io");
	if (!path_valid(name))
		return err_set(e, EINVAL, "image reference: '%s' is not a repository name (lower-case letters, digits and "
			       ". _ - between them)", name);
	if (snprintf(r->path, sizeof(r->path), "%s%s",
		     !strcmp(r->domain, "docker.io") && !strchr(name, '/') ? "library/" : "", name) > REFERENCE_MAX)
		return err_set(e, EINVAL, "image reference longer than %d bytes", REFERENCE_MAX);
	return 0;
}

int reference_parse(const char *text, struct reference *out, struct err *e)
{
	struct reference r = { 0 };
	char name[REFERENCE_MAX + 1];
	char *at, *colon;

	if (strlen(text) > REFERENCE_MAX)
		return err_set(e, EINVAL, "image reference longer than %d bytes", REFERENCE_MAX);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return err_set(e, EINVAL, "image reference with a space, control or non-ASCII character");
	if (!strncmp(text, "sha256:", 7) || !strncmp(text, "sha512:", 7)) {
		/* "sha256:latest" would be a legal name:tag; a whole digest never is a useful one. */
		if (take_digest(text, &r, e) < 0)
			return -1;
		*out = r;
		return 0;
	}
	snprintf(name, sizeof(name), "%s", text);
	at = strchr(name, '@');
	if (at) {
		*at = '\0';
		if (take_digest(at + 1, &r, e) < 0)
			return err_wrap(e, "image reference '%s'", text);
	}
	colon = strrchr(name, ':');
	if (colon && !strchr(colon, '/')) {
		*colon = '\0';
		if (!tag_valid(colon + 1))
			return err_set(e, EINVAL, "image reference '%s': '%s' is not a tag", text, colon + 1);
		snprintf(r.tag, sizeof(r.tag), "%s", colon + 1);
	} else if (!at) {
		snprintf(r.tag, sizeof(r.tag), "latest");
	}
	if (split_name(name, &r, e) < 0)
		return -1;
	if (strlen(r.domain) + 1 + strlen(r.path) + 1 + strlen(r.tag) + 1 + strlen(r.digest) > REFERENCE_MAX)
		return err_set(e, EINVAL, "image reference longer than %d bytes", REFERENCE_MAX);
	*out = r;
	return 0;
}

void reference_format(const struct reference *r, char out[REFERENCE_MAX + 1])
{
	int len;

	if (r->path[0] == '\0')
		len = snprintf(out, REFERENCE_MAX + 1, "%s", r->digest);
	else
		len = snprintf(out, REFERENCE_MAX + 1, "%s/%s%s%s%s%s", r->domain, r->path, r->tag[0] ? ":" : "", r->tag,
			       r->digest[0] ? "@" : "", r->digest);
	/* reference_parse has bounded the sum; a struct made otherwise must not pass as another name. */
	if (len > REFERENCE_MAX)
		out[0] = '\0';
}
