/* SPDX-License-Identifier: Apache-2.0 */
/* Files: bounded reads, durable writes, directories. All paths are relative to dirfd as with openat(2). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Reads a whole regular file of at most max bytes into *data (malloc'ed, NUL behind *len). EFBIG when larger. */
int fs_read(int dirfd, const char *path, size_t max, char **data, size_t *len, struct err *e);
/* The same, one trailing newline removed, into a buffer of the caller: for pseudo files and identity files. No NULs. */
int fs_read_line(int dirfd, const char *path, char *out, size_t size, struct err *e);
/* Writes into an existing (pseudo) file with one write(2). */
int fs_put(int dirfd, const char *path, const char *text, struct err *e);
/*
 * Replaces a file durably: temporary beside it, fsync, rename, fsync of the directory. A power cut leaves the old or the
 * new file, and perhaps a temporary ".NAME.HEX.tmp", which readers of a directory skip and its owner sweeps.
 */
int fs_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode, struct err *e);
/* mkdir -p; an existing directory is fine. */
int fs_mkdirs(int dirfd, const char *path, mode_t mode, struct err *e);
/* rm -r of any depth without following links or entering another mount (EBUSY, EXDEV); a missing path is fine. */
int fs_remove_tree(int dirfd, const char *path, struct err *e);
/* fsync of a directory. */
int fs_sync_dir(int dirfd, const char *path, struct err *e);
bool fs_exists(int dirfd, const char *path);

/* Loops over EINTR and short counts. Return 0, or -1 with errno; read_full: EPIPE at an early end. */
int fs_read_full(int fd, void *data, size_t len);
int fs_write_full(int fd, const void *data, size_t len);
int fs_pread_full(int fd, void *data, size_t len, off_t off);
int fs_pwrite_full(int fd, const void *data, size_t len, off_t off);

/* openat2(2) below dirfd as if it were the root (RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS). fd or -1 with errno. */
int fs_open_in_root(int dirfd, const char *path, int flags, mode_t mode);
/* openat2(2) that never leaves dirfd and follows no symlink (RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS). */
int fs_open_beneath(int dirfd, const char *path, int flags, mode_t mode);
/* The same, and never into another mount (EXDEV), not even one of the same filesystem. */
int fs_open_same_mount(int dirfd, const char *path, int flags);
