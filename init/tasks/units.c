/* SPDX-License-Identifier: Apache-2.0 */
#include "init/tasks/units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "supervisor/compose.h"

#define TEXTS_MAX 64
#define FILES_MAX 1024

static const int syscalls[] = {
	SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(getdents64), SCMP_SYS(memfd_create), -1,
};

/* Root's files are read by their owner; nothing else is needed. */
const struct sandbox units_sandbox = {
	.root = "/",
	.syscalls = syscalls,
	.landlock_fs = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
};

/* Lines for people, with a bound. */
struct texts {
	cJSON *array; /* borrowed from the result */
	size_t n;
};

struct found {
	struct unit_spec spec;
	size_t directory;
	char *file; /* the path, for saying who won */
};

struct loader {
	struct found *found;
	size_t n;
	struct texts errors, notes;
};

static void __attribute__((format(printf, 2, 3))) say(struct texts *t, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list args;

	if (t->n++ >= TEXTS_MAX)
		return;
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (text)
		cJSON_AddItemToArray(t->array, cJSON_CreateString(text));
}

static void say_rest(struct texts *t)
{
	size_t rest = t->n > TEXTS_MAX ? t->n - TEXTS_MAX : 0;

	t->n = 0;
	if (rest)
		say(t, "and %zu more like these", rest);
}

static struct found *find(struct loader *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->found[i].spec.name, name) == 0)
			return &l->found[i];
	return NULL;
}

/* Takes the spec over, or drops it with a word why. */
static void take(struct loader *l, struct unit_spec *spec, size_t directory, const char *file)
{
	struct found *f = find(l, spec->name);

	if (f && f->directory == directory) {
		say(&l->errors, "%s: unit %s is defined by %s already", file, spec->name, f->file);
		unit_spec_free(spec);
		return;
	}
	if (f) {
		say(&l->notes, "%s: unit %s replaces that of %s", file, spec->name, f->file);
		unit_spec_free(&f->spec);
		free(f->file);
	} else if (l->n >= UNITS_LOAD_MAX) {
		say(&l->errors, "%s: unit %s: there are %d units already, no more are taken", file, spec->name, UNITS_LOAD_MAX);
		unit_spec_free(spec);
		return;
	} else {
		f = &l->found[l->n++];
	}
	*f = (struct found){ *spec, directory, strdup(file) };
	*spec = (struct unit_spec){ 0 };
	if (!f->file)
		f->file = strdup("");
}

static int read_regular(int dirfd, const char *name, char **text, size_t *len, struct err *e)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	cleanup_close int fd = fs_open_beneath(dirfd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP ? err_set(e, ELOOP, "is a symbolic link: put the file itself there") : err_sys(e, "open");
	if (fstat(fd, &st) < 0)
		return err_sys(e, "fstat");
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "is no regular file");
	if (st.st_size > COMPOSE_FILE_MAX)
		return err_set(e, EFBIG, "has %lld bytes, at most %d are allowed", (long long)st.st_size, COMPOSE_FILE_MAX);
	*text = malloc((size_t)st.st_size + 1);
	if (!*text)
		return err_set(e, ENOMEM, "out of memory");
	if (fs_pread_full(fd, *text, (size_t)st.st_size, 0) < 0) {
		free(*text);
		return err_sys(e, "read");
	}
	*len = (size_t)st.st_size;
	return 0;
}

static void load_file(struct loader *l, int dirfd, size_t directory, const char *path, const char *name)
{
	cleanup_free char *text = NULL, *file = NULL;
	struct unit_spec *specs;
	struct err e = { 0 };
	size_t len = 0, n;

	if (asprintf(&file, "%s/%s", path, name) < 0) {
		file = NULL;
		return;
	}
	if (read_regular(dirfd, name, &text, &len, &e) < 0) {
		text = NULL;
		say(&l->errors, "%s: %s", file, e.text);
		return;
	}
	if (compose_parse(file, text, len, &specs, &n, &e) < 0) {
		say(&l->errors, "%s", e.text);
		return;
	}
	for (size_t i = 0; i < n; i++)
		take(l, &specs[i], directory, file);
	compose_free(specs, n);
}

static int is_unit_file(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 5 && d->d_name[0] != '.' && strcmp(d->d_name + len - 5, ".json") == 0;
}

/* By bytes, the same on every machine; alphasort goes by locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_directory(struct loader *l, size_t directory, const char *path)
{
	cleanup_close int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **names;
	int n;

	if (dirfd < 0) {
		if (errno != ENOENT)
			say(&l->errors, "%s: %s", path, strerror(errno));
		return;
	}
	n = scandirat(dirfd, ".", &names, is_unit_file, by_name);
	if (n < 0) {
		say(&l->errors, "%s: %s", path, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		if (i < FILES_MAX)
			load_file(l, dirfd, directory, path, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	if (n > FILES_MAX)
		say(&l->errors, "%s: has %d unit files, only the first %d are read", path, n, FILES_MAX);
}

static int write_records(const struct loader *l, int fd, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		cleanup_json cJSON *v = unit_spec_to_json(&l->found[i].spec);
		cleanup_free char *text = v ? json_print(v) : NULL;

		if (!text)
			return err_set(e, ENOMEM, "out of memory");
		if (fs_write_full(fd, text, strlen(text) + 1) < 0)
			return err_sys(e, "write records");
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return err_sys(e, "seal records");
	return 0;
}

static int load_all(struct loader *l, const cJSON *params, struct err *e)
{
	static const char *const standard[] = { "/etc/hull/units", "/var/lib/hull/units" };
	const cJSON *directories = params ? json_get(params, "directories") : NULL, *d;
	size_t i = 0;

	if (!directories || cJSON_IsNull(directories)) {
		for (; i < sizeof(standard) / sizeof(standard[0]); i++)
			load_directory(l, i, standard[i]);
		return 0;
	}
	if (!cJSON_IsArray(directories))
		return err_set(e, EINVAL, "directories: must be a list of paths");
	cJSON_ArrayForEach(d, directories) {
		if (!cJSON_IsString(d) || d->valuestring[0] != '/')
			return err_set(e, EINVAL, "directories: must be a list of absolute paths");
		load_directory(l, i++, d->valuestring);
	}
	return 0;
}

static void loader_free(struct loader *l)
{
	for (size_t i = 0; i < l->n; i++) {
		unit_spec_free(&l->found[i].spec);
		free(l->found[i].file);
	}
	free(l->found);
}

int task_units(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	struct loader l = { .found = calloc(UNITS_LOAD_MAX, sizeof(*l.found)) };
	cleanup_close int records = memfd_create("units", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	l.errors.array = cJSON_AddArrayToObject(result, "errors");
	l.notes.array = cJSON_AddArrayToObject(result, "notes");
	if (!l.found || !l.errors.array || !l.notes.array) {
		loader_free(&l);
		return err_set(e, ENOMEM, "out of memory");
	}
	if (records < 0) {
		loader_free(&l);
		return err_sys(e, "memfd_create");
	}
	rc = load_all(&l, params, e);
	if (rc == 0)
		rc = write_records(&l, records, e);
	if (rc == 0) {
		say_rest(&l.errors);
		say_rest(&l.notes);
		cJSON_AddNumberToObject(result, "units", (double)l.n);
		io->out_fds[io->n_out_fds++] = take_fd(records);
	}
	loader_free(&l);
	return rc;
}
