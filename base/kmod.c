/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kmod.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define FILE_MAX ((size_t)16 << 20) /* bytes of one modules.* file */
#define NAME_MAX_LEN 128
#define PASSES_MAX 8
#define SEEN_MAX 4096

enum module_state { MODULE_NEW, MODULE_LOADING, MODULE_LOADED, MODULE_FAILED };

struct module {
	char name[NAME_MAX_LEN]; /* with '_' for '-' */
	const char *path;	 /* below dir; NULL: built in */
	const char *dependencies; /* separated by spaces, to be loaded from the last to the first */
	enum module_state state;
};

struct alias {
	const char *pattern, *module;
	size_t literal; /* length before the first wildcard: most aliases differ there already */
};

struct softdep {
	const char *module, *text; /* "pre: a b post: c" */
};

struct kmod {
	int dir;
	kmod_insert_fn *insert;
	void *arg;
	char *dep_text, *alias_text, *softdep_text, *builtin_text;
	struct module *modules; /* sorted by name */
	struct alias *aliases;
	struct softdep *softdeps;
	size_t n_modules, n_aliases, n_softdeps;
	uint64_t seen[SEEN_MAX]; /* hashes of the modaliases that coldplug has looked up */
	size_t n_seen;
	int inserted;
};

static int insert_kernel(void *arg, int fd, const char *path)
{
	(void)arg;
	(void)path;
	return (int)syscall(SYS_finit_module, fd, "", 0);
}

static void *array_grow(void *array, size_t n, size_t size)
{
	if (n && (n < 64 || (n & (n - 1)))) /* full only at powers of two from 64 on */
		return array;
	return reallocarray(array, n ? n * 2 : 64, size);
}

/* "kernel/drivers/net/virtio_net.ko.xz" or "virtio-net" -> "virtio_net". false: too long. */
static bool name_normal(const char *in, char out[NAME_MAX_LEN])
{
	const char *base = strrchr(in, '/');
	size_t n = 0;

	for (base = base ? base + 1 : in; *base; base++, n++) {
		if (!strncmp(base, ".ko", 3) && (base[3] == '.' || !base[3]))
			break;
		if (n + 1 >= NAME_MAX_LEN)
			return false;
		out[n] = *base == '-' ? '_' : *base;
	}
	out[n] = 0;
	return n > 0;
}

static int module_order(const void *a, const void *b)
{
	return strcmp(((const struct module *)a)->name, ((const struct module *)b)->name);
}

static int add_module(struct kmod *k, const char *path, const char *dependencies, bool builtin)
{
	struct module *grown = array_grow(k->modules, k->n_modules, sizeof(*grown)), *m;

	if (!grown)
		return -1;
	k->modules = grown;
	m = &grown[k->n_modules];
	if (!name_normal(path, m->name))
		return 0;
	m->path = builtin ? NULL : path;
	m->dependencies = dependencies;
	m->state = builtin ? MODULE_LOADED : MODULE_NEW;
	k->n_modules++;
	return 0;
}

static int parse_dep(struct kmod *k, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon)
		return 0;
	*colon = 0;
	return add_module(k, line, colon + 1, false);
}

static int parse_builtin(struct kmod *k, char *line)
{
	return add_module(k, line, "", true);
}

static int parse_alias(struct kmod *k, char *line)
{
	struct alias *grown;
	char *pattern, *module;

	if (strncmp(line, "alias ", 6))
		return 0;
	pattern = line + 6;
	module = strrchr(pattern, ' ');
	if (!module)
		return 0;
	*module++ = 0;
	grown = array_grow(k->aliases, k->n_aliases, sizeof(*grown));
	if (!grown)
		return -1;
	k->aliases = grown;
	grown[k->n_aliases++] = (struct alias){pattern, module, strcspn(pattern, "*?[")};
	return 0;
}

static int parse_softdep(struct kmod *k, char *line)
{
	struct softdep *grown;
	char *text;

	if (strncmp(line, "softdep ", 8))
		return 0;
	text = strchr(line + 8, ' ');
	if (!text)
		return 0;
	*text++ = 0;
	grown = array_grow(k->softdeps, k->n_softdeps, sizeof(*grown));
	if (!grown)
		return -1;
	k->softdeps = grown;
	grown[k->n_softdeps++] = (struct softdep){line + 8, text};
	return 0;
}

static int parse_file(struct kmod *k, const char *name, bool required, char **text,
		      int (*parse)(struct kmod *, char *), struct err *e)
{
	struct err why;
	char *save = NULL, *line;
	size_t len;

	if (fs_read(k->dir, name, FILE_MAX, text, &len, &why)) {
		if (!required && why.code == ENOENT)
			return 0;
		return err_set(e, why.code, "%s", why.text);
	}
	for (line = strtok_r(*text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (*line != '#' && parse(k, line))
			return err_set(e, ENOMEM, "%s: out of memory", name);
	return 0;
}

struct kmod *kmod_open(const char *dir, kmod_insert_fn *insert, void *arg, struct err *e)
{
	struct kmod *k = calloc(1, sizeof(*k));
	struct utsname u;
	char path[PATH_MAX];

	if (!k) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	k->insert = insert ? insert : insert_kernel;
	k->arg = arg;
	if (!dir) {
		uname(&u);
		snprintf(path, sizeof(path), "/lib/modules/%s", u.release);
		dir = path;
	}
	k->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->dir < 0) {
		err_sys(e, "%s", dir);
		goto fail;
	}
	if (parse_file(k, "modules.dep", true, &k->dep_text, parse_dep, e) ||
	    parse_file(k, "modules.builtin", false, &k->builtin_text, parse_builtin, e) ||
	    parse_file(k, "modules.alias", false, &k->alias_text, parse_alias, e) ||
	    parse_file(k, "modules.softdep", false, &k->softdep_text, parse_softdep, e)) {
		err_wrap(e, "%s", dir);
		goto fail;
	}
	if (k->n_modules)
		qsort(k->modules, k->n_modules, sizeof(*k->modules), module_order);
	return k;
fail:
	kmod_close(k);
	return NULL;
}

void kmod_close(struct kmod *k)
{
	if (!k)
		return;
	if (k->dir >= 0)
		close(k->dir);
	free(k->dep_text);
	free(k->alias_text);
	free(k->softdep_text);
	free(k->builtin_text);
	free(k->modules);
	free(k->aliases);
	free(k->softdeps);
	free(k);
}

static struct module *find(struct kmod *k, const char *name)
{
	struct module key;

	if (!k->n_modules || !name_normal(name, key.name))
		return NULL;
	return bsearch(&key, k->modules, k->n_modules, sizeof(key), module_order);
}

static int load_module(struct kmod *k, struct module *m, struct err *e);

/* Loads the "pre:" or "post:" part of a module's softdeps; these are wishes, so what fails is left. */
static void load_soft(struct kmod *k, const struct module *m, const char *which)
{
	char name[NAME_MAX_LEN];

	for (size_t i = 0; i < k->n_softdeps; i++) {
		const char *p = k->softdeps[i].text;
		bool in_part = false;

		if (!name_normal(k->softdeps[i].module, name) || strcmp(name, m->name))
			continue;
		for (size_t n; p += strspn(p, " \t"), (n = strcspn(p, " \t")); p += n) {
			struct module *other;

			if (p[n - 1] == ':') {
				in_part = n == strlen(which) && !strncmp(p, which, n);
				continue;
			}
			if (!in_part || n >= sizeof(name))
				continue;
			memcpy(name, p, n);
			name[n] = 0;
			other = find(k, name);
			if (other)
				load_module(k, other, NULL);
			else /* what several modules offer, as "crc32c" */
				kmod_load_alias(k, name, NULL, NULL);
		}
	}
}

static int insert_file(struct kmod *k, struct module *m, struct err *e)
{
	cleanup_close int fd = openat(k->dir, m->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "module %s: %s", m->name, m->path);
	if (k->insert(k->arg, fd, m->path)) {
		if (errno != EEXIST)
			return err_sys(e, "module %s", m->name);
		m->state = MODULE_LOADED;
		return 0;
	}
	m->state = MODULE_LOADED;
	k->inserted++;
	return 0;
}

static int load_module(struct kmod *k, struct module *m, struct err *e)
{
	const char *end;

	/* Softdeps may go in a circle: what is being loaded further up the stack counts as there. */
	if (m->state == MODULE_LOADED || m->state == MODULE_LOADING)
		return 0;
	m->state = MODULE_LOADING;
	load_soft(k, m, "pre:");
	/* depmod lists all dependencies, direct or not, so that each comes before those it needs itself. */
	for (end = m->dependencies + strlen(m->dependencies); end > m->dependencies;) {
		const char *start = end;
		char name[PATH_MAX];
		struct module *other;

		while (start > m->dependencies && start[-1] != ' ')
			start--;
		if (start < end && (size_t)(end - start) < sizeof(name)) {
			memcpy(name, start, (size_t)(end - start));
			name[end - start] = 0;
			other = find(k, name);
			if (other && load_module(k, other, e)) {
				m->state = MODULE_FAILED;
				return err_wrap(e, "module %s", m->name);
			}
		}
		end = start > m->dependencies ? start - 1 : start;
	}
	if (insert_file(k, m, e)) {
		m->state = MODULE_FAILED;
		return -1;
	}
	load_soft(k, m, "post:");
	return 0;
}

int kmod_load(struct kmod *k, const char *name, struct err *e)
{
	struct module *m = find(k, name);

	if (!m)
		return err_set(e, ENOENT, "module %s: there is no such module", name);
	return load_module(k, m, e);
}

int kmod_load_alias(struct kmod *k, const char *alias, kmod_complaint *complain, void *arg)
{
	int before = k->inserted;

	for (size_t i = 0; i < k->n_aliases; i++) {
		const struct alias *a = &k->aliases[i];
		struct module *m;
		struct err e;

		if (strncmp(a->pattern, alias, a->literal) || fnmatch(a->pattern, alias, 0))
			continue;
		m = find(k, a->module);
		/* One that failed (no such hardware after all) is not tried again for each device that names it. */
		if (m && m->state == MODULE_NEW && load_module(k, m, &e) && complain)
			complain(arg, e.text);
	}
	return k->inserted - before;
}

/* FNV-1a. Two aliases of one machine with the same 64 bits are not going to happen. */
static uint64_t alias_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3u;
	return h;
}

static bool seen_before(struct kmod *k, const char *alias)
{
	uint64_t h = alias_hash(alias);

	for (size_t i = 0; i < k->n_seen; i++)
		if (k->seen[i] == h)
			return true;
	if (k->n_seen < SEEN_MAX)
		k->seen[k->n_seen++] = h;
	return false;
}

static void coldplug_bus(struct kmod *k, int bus, kmod_complaint *complain, void *arg)
{
	int fd = openat(bus, "devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_closedir DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(d))) {
		char path[NAME_MAX + 16], alias[4096];
		struct err ignored;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/modalias", entry->d_name);
		if (!fs_read_line(dirfd(d), path, alias, sizeof(alias), &ignored) && *alias && !seen_before(k, alias))
			kmod_load_alias(k, alias, complain, arg);
	}
}

/*
 * Over the buses, not over all of /sys/devices: whatever a driver binds to is on a bus, and the tree below devices has
 * thousands of directories, which costs a tenth of a second where the processor is emulated.
 */
int kmod_coldplug(struct kmod *k, const char *sys, kmod_complaint *complain, void *arg)
{
	int before = k->inserted;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/bus", sys);
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		cleanup_closedir DIR *buses = opendir(path);
		struct dirent *entry;
		int count = k->inserted;

		while (buses && (entry = readdir(buses))) {
			cleanup_close int bus = -1;

			if (entry->d_name[0] == '.')
				continue;
			bus = openat(dirfd(buses), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
			if (bus >= 0)
				coldplug_bus(k, bus, complain, arg);
		}
		if (k->inserted == count)
			break;
	}
	return k->inserted - before;
}
