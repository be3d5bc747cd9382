/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "containers/manifest.h"
#include "containers/reference.h"
#include "containers/strings.h"

enum folder { BLOBS_SHA256, BLOBS_SHA512, LAYERS, REFS, TMP, FOLDERS };
static const char *const folders[FOLDERS] = {
	[BLOBS_SHA256] = "blobs/sha256",
	[BLOBS_SHA512] = "blobs/sha512",
	[LAYERS] = "layers",
	[REFS] = "refs",
	[TMP] = "tmp",
};

void store_hex(const struct digest *d, char out[STORE_HEX_MAX])
{
	hex_encode(d->bytes, hash_size(d->kind), out);
}

static void blob_path(const struct digest *d, char out[16 + STORE_HEX_MAX])
{
	char hex[STORE_HEX_MAX];

	store_hex(d, hex);
	snprintf(out, 16 + STORE_HEX_MAX, "%s/%s", folders[d->kind == HASH_SHA512 ? BLOBS_SHA512 : BLOBS_SHA256], hex);
}

static void layer_path(const struct digest *d, const char *suffix, char out[16 + STORE_HEX_MAX])
{
	char hex[STORE_HEX_MAX];

	store_hex(d, hex);
	snprintf(out, 16 + STORE_HEX_MAX, "layers/%s%s", hex, suffix);
}

/*
 * The names in a folder, without those that begin with '.', or only those: temporaries that a power cut left. Empty
 * when the folder is missing.
 */
static int list_folder(const struct store *s, enum folder f, bool temporaries, char ***out, struct err *e)
{
	cleanup_strings char **names = calloc(1, sizeof(*names));
	cleanup_closedir DIR *dir = NULL;
	int fd = openat(s->dir, folders[f], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *d;

	if (fd >= 0 && !(dir = fdopendir(fd)))
		close(fd);
	if (!names || (!dir && errno != ENOENT))
		return err_sys(e, "image store: list %s", folders[f]);
	while (dir && (errno = 0, d = readdir(dir)))
		if ((d->d_name[0] == '.') == temporaries && strcmp(d->d_name, ".") && strcmp(d->d_name, "..") &&
		    strings_add(&names, d->d_name) < 0)
			return err_sys(e, "image store: list %s", folders[f]);
	if (errno && errno != ENOENT)
		return err_sys(e, "image store: list %s", folders[f]);
	*out = take_ptr(names);
	return 0;
}

static int sweep_folder(const struct store *s, enum folder f, bool temporaries, struct err *e)
{
	cleanup_strings char **names = NULL;

	if (list_folder(s, f, temporaries, &names, e) < 0)
		return -1;
	for (size_t i = 0; names[i]; i++) {
		char path[16 + NAME_MAX];

		snprintf(path, sizeof(path), "%s/%s", folders[f], names[i]);
		if (fs_remove_tree(s->dir, path, e) < 0)
			return err_wrap(e, "image store: sweep");
	}
	return 0;
}

static int sweep(const struct store *s, struct err *e)
{
	for (enum folder f = 0; f < TMP; f++)
		if (sweep_folder(s, f, true, e) < 0)
			return -1;
	return sweep_folder(s, TMP, false, e);
}

static int open_for_writing(struct store *s, struct err *e)
{
	for (enum folder i = 0; i < FOLDERS; i++)
		if (fs_mkdirs(s->dir, folders[i], 0700, e) < 0)
			return err_wrap(e, "image store");
	s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return err_sys(e, "image store: lock");
	while (flock(s->lock, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(e, "image store: lock");
	return sweep(s, e);
}

int store_open(int dir_fd, bool write, struct store *out, struct err *e)
{
	cleanup_store struct store s = { fcntl(dir_fd, F_DUPFD_CLOEXEC, 3), -1 };

	if (s.dir < 0)
		return err_sys(e, "image store");
	if (write && open_for_writing(&s, e) < 0)
		return -1;
	*out = s;
	s = STORE_NONE;
	return 0;
}

void store_close(struct store *s)
{
	if (s->dir >= 0)
		close(s->dir);
	if (s->lock >= 0)
		close(s->lock);
	*s = STORE_NONE;
}

int store_scratch(const struct store *s, const char *name, struct err *e)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folders[TMP], name);
	if (fs_remove_tree(s->dir, path, e) < 0)
		return -1;
	if (mkdirat(s->dir, path, 0700) < 0)
		return err_sys(e, "image store: create %s", path);
	fd = openat(s->dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "image store: open %s", path) : fd;
}

static int check_digest(const struct digest *d, const char *data, size_t len, struct err *e)
{
	struct hash *h = hash_new(d->kind);
	struct digest seen = { .kind = d->kind };
	char text[DIGEST_TEXT_MAX];

	if (!h || hash_update(h, data, len) < 0) {
		hash_free(h);
		return err_set(e, ENOMEM, "hash a document");
	}
	if (hash_final(h, seen.bytes) < 0)
		return err_set(e, EIO, "hash a document");
	if (!digest_equal(&seen, d)) {
		digest_format(d, text);
		return err_set(e, EBADMSG, "%s: the content doesn't have this digest", text);
	}
	return 0;
}

int store_blob_read(const struct store *s, const struct digest *d, char **data, size_t *len, struct err *e)
{
	cleanup_free char *text = NULL;
	char path[16 + STORE_HEX_MAX];
	size_t n;

	blob_path(d, path);
	if (fs_read(s->dir, path, MANIFEST_BYTES_MAX, &text, &n, e) < 0 || check_digest(d, text, n, e) < 0)
		return err_wrap(e, "image store");
	*data = take_ptr(text);
	*len = n;
	return 0;
}

int store_blob_write(const struct store *s, const struct digest *d, const char *data, size_t len, struct err *e)
{
	char path[16 + STORE_HEX_MAX];

	if (check_digest(d, data, len, e) < 0)
		return -1;
	blob_path(d, path);
	return fs_replace(s->dir, path, data, len, 0600, e) < 0 ? err_wrap(e, "image store") : 0;
}

static int layer_info_parse(const char *text, size_t len, struct layer_info *out, struct err *e)
{
	cleanup_json cJSON *root = json_parse(text, len, &JSON_MESSAGE, e);
	struct {
		int64_t bytes, entries;
		bool opaque, opaque_root;
	} f = { 0 };
	static const struct json_field fields[] = {
		{ .key = "bytes", .type = JSON_INT, .offset = 0, .required = true },
		{ .key = "entries", .type = JSON_INT, .offset = 8, .required = true },
		{ .key = "opaque", .type = JSON_BOOL, .offset = 16, .required = true },
		{ .key = "opaqueRoot", .type = JSON_BOOL, .offset = 17, .required = true },
	};

	if (!root || json_read(root, fields, 4, JSON_ALLOW_UNKNOWN, "layer", &f, e) < 0)
		return -1;
	*out = (struct layer_info){ f.bytes, f.entries, f.opaque, f.opaque_root, { 0 } };
	return 0;
}

int store_layer_get(const struct store *s, const struct digest *diff_id, struct layer_info *out, struct err *e)
{
	char path[16 + STORE_HEX_MAX];
	cleanup_free char *text = NULL;
	struct layer_info info;
	struct stat st;
	size_t len;

	layer_path(diff_id, "", path);
	if (fstatat(s->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "image store: %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, EBADMSG, "image store: %s isn't a directory", path);
	layer_path(diff_id, ".json", path);
	if (fs_read(s->dir, path, JSON_MESSAGE.bytes, &text, &len, e) < 0 || layer_info_parse(text, len, &info, e) < 0)
		return err_wrap(e, "image store: %s", path);
	if (out)
		*out = info;
	return 1;
}

int store_layer_commit(const struct store *s, const struct digest *diff_id, int from_dir, const char *from,
		       const struct layer_info *info, struct err *e)
{
	char path[16 + STORE_HEX_MAX], text[256];

	/* First what describes it: a layer without its description would be damage, a description alone is garbage. */
	layer_path(diff_id, ".unmarked", path);
	if (info->unmarked.len && fs_replace(s->dir, path, info->unmarked.data, info->unmarked.len, 0600, e) < 0)
		return err_wrap(e, "image store");
	layer_path(diff_id, ".json", path);
	snprintf(text, sizeof(text), "{\"bytes\":%lld,\"entries\":%lld,\"opaque\":%s,\"opaqueRoot\":%s}\n",
		 (long long)info->content_bytes, (long long)info->entries, info->opaque ? "true" : "false",
		 info->opaque_root ? "true" : "false");
	if (fs_replace(s->dir, path, text, strlen(text), 0600, e) < 0)
		return err_wrap(e, "image store");
	layer_path(diff_id, "", path);
	if (renameat2(from_dir, from, s->dir, path, RENAME_NOREPLACE) < 0)
		return err_sys(e, "image store: move the layer to %s", path);
	return fs_sync_dir(s->dir, "layers", e);
}

int store_flush(const struct store *s, struct err *e)
{
	return syncfs(s->dir) < 0 ? err_sys(e, "image store: flush") : 0;
}

static void ref_path(const char *reference, char out[8 + REFERENCE_MAX])
{
	snprintf(out, 8 + REFERENCE_MAX, "refs/%s", reference);
	for (char *c = out + 5; *c; c++)
		if (*c == '/')
			*c = '+'; /* which no reference contains */
}

int store_ref_set(const struct store *s, const char *reference, const struct digest *manifest, struct err *e)
{
	char path[8 + REFERENCE_MAX], text[DIGEST_TEXT_MAX + 1];

	ref_path(reference, path);
	digest_format(manifest, text);
	strcat(text, "\n");
	return fs_replace(s->dir, path, text, strlen(text), 0600, e) < 0 ? err_wrap(e, "image store") : 0;
}

int store_ref_get(const struct store *s, const char *reference, struct digest *manifest, struct err *e)
{
	char path[8 + REFERENCE_MAX], text[DIGEST_TEXT_MAX + 1];

	ref_path(reference, path);
	if (!fs_exists(s->dir, path))
		return 0;
	if (fs_read_line(s->dir, path, text, sizeof(text), e) < 0 || digest_parse(text, manifest, e) < 0)
		return err_wrap(e, "image store: reference %s", reference);
	return 1;
}

int store_ref_remove(const struct store *s, const char *reference, struct err *e)
{
	char path[8 + REFERENCE_MAX];

	ref_path(reference, path);
	if (unlinkat(s->dir, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, "image store: remove reference %s", reference);
	return fs_sync_dir(s->dir, "refs", e);
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int store_refs(const struct store *s, char ***out, struct err *e)
{
	if (list_folder(s, REFS, false, out, e) < 0)
		return -1;
	for (size_t i = 0; (*out)[i]; i++)
		for (char *c = (*out)[i]; *c; c++)
			if (*c == '+')
				*c = '/';
	qsort(*out, strings_count(*out), sizeof(**out), compare_strings);
	return 0;
}

static int lock_gc(const struct store *s, int how, struct err *e)
{
	cleanup_close int fd = openat(s->dir, "gc.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	/* A store that can't be written (its filesystem went read-only) doesn't lose layers either. */
	if (fd < 0 && errno == EROFS && how == LOCK_SH)
		fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "image store: gc.lock");
	while (flock(fd, how) < 0)
		if (errno != EINTR)
			return err_sys(e, "image store: gc.lock");
	return take_fd(fd);
}

int store_hold(const struct store *s, struct err *e)
{
	return lock_gc(s, LOCK_SH, e);
}

int store_barrier(const struct store *s, struct err *e)
{
	cleanup_close int fd = lock_gc(s, LOCK_EX, e);

	return fd < 0 ? -1 : 0;
}

/* Moves what is in a folder and not in `keep` to tmp/, to be removed when nobody has to wait for it. */
static int take_out(const struct store *s, enum folder f, char **keep, size_t n_keep, size_t *taken, struct err *e)
{
	cleanup_strings char **names = NULL;

	if (list_folder(s, f, false, &names, e) < 0)
		return -1;
	/* "HEX" before "HEX.json": a layer that a power cut leaves has all that describes it. */
	qsort(names, strings_count(names), sizeof(*names), compare_strings);
	for (size_t i = 0; names[i]; i++) {
		char from[32 + NAME_MAX], to[64], hex[STORE_HEX_MAX], *key = hex;

		/* "HEX.json" stays with HEX. */
		snprintf(hex, sizeof(hex), "%.*s", (int)strcspn(names[i], "."), names[i]);
		if (bsearch(&key, keep, n_keep, sizeof(*keep), compare_strings))
			continue;
		snprintf(from, sizeof(from), "%s/%s", folders[f], names[i]);
		snprintf(to, sizeof(to), "%s/gone-%d-%zu", folders[TMP], (int)f, i);
		if (renameat(s->dir, from, s->dir, to) < 0)
			return err_sys(e, "image store: take out %s", from);
		*taken += f == LAYERS && !strchr(names[i], '.');
	}
	return fs_sync_dir(s->dir, folders[f], e);
}

int store_collect(const struct store *s, char **blobs, char **layers, size_t *removed, struct err *e)
{
	size_t n_blobs = strings_count(blobs), n_layers = strings_count(layers);
	cleanup_close int hold = lock_gc(s, LOCK_EX, e);

	*removed = 0;
	qsort(blobs, n_blobs, sizeof(*blobs), compare_strings);
	qsort(layers, n_layers, sizeof(*layers), compare_strings);
	if (hold < 0 || take_out(s, LAYERS, layers, n_layers, removed, e) < 0 ||
	    take_out(s, BLOBS_SHA256, blobs, n_blobs, removed, e) < 0 ||
	    take_out(s, BLOBS_SHA512, blobs, n_blobs, removed, e) < 0)
		return -1;
	close(take_fd(hold));
	return sweep(s, e);
}
