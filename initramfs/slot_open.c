/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/slot_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"

#define READ_SIZE ((size_t)1 << 20)

static int check_parts(const struct slot *s, struct err *e)
{
	const struct slot_part *parts[] = {&s->root, &s->verity, &s->sig};

	if (s->problem[0])
		return err_set(e, ENOENT, "%s", s->problem);
	for (int i = 0; i < 3; i++)
		if (!parts[i]->device[0])
			return err_set(e, ENODEV, "the kernel has no device for partition %u of %s", parts[i]->number,
				       s->disk);
	return 0;
}

static int check_signature(const struct slot *s, const struct certificates *c, char root_hash[ROOT_HASH_TEXT],
			   struct err *e)
{
	size_t len = s->sig.size < SIGNATURE_MAX ? (size_t)s->sig.size : SIGNATURE_MAX;
	cleanup_close int fd = open(s->sig.device, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = malloc(len + 1);

	if (!text)
		return err_set(e, ENOMEM, "out of memory");
	if (fd < 0 || fs_pread_full(fd, text, len, 0))
		return err_sys(e, "%s", s->sig.device);
	return signature_check(text, len, c, root_hash, e);
}

static int read_superblock(const struct slot *s, struct verity *v, struct err *e)
{
	cleanup_close int fd = open(s->verity.device, O_RDONLY | O_CLOEXEC);
	uint8_t block[VERITY_SUPERBLOCK_SIZE];

	if (fd < 0 || fs_pread_full(fd, block, sizeof(block), 0))
		return err_sys(e, "%s", s->verity.device);
	return verity_parse(block, sizeof(block), s->root.size, s->verity.size, v, e);
}

/*
 * All of init is read once: a bad block in it would otherwise kill PID 1 at its first page fault, or the exec after the
 * last moment when another slot can be tried. What is read stays in the page cache for the exec.
 */
static int check_init(int root, struct err *e)
{
	cleanup_close int fd = fs_open_in_root(root, "/sbin/init", O_RDONLY | O_CLOEXEC, 0);
	cleanup_free char *data = malloc(READ_SIZE);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return err_sys(e, "/sbin/init");
	if (!data || fstat(fd, &st))
		return err_sys(e, "/sbin/init");
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return err_set(e, ENOEXEC, "/sbin/init: not an executable file");
	while ((n = read(fd, data, READ_SIZE)) > 0)
		;
	return n < 0 ? err_sys(e, "/sbin/init") : 0;
}

static int check_root(const char *where, struct err *e)
{
	static const char *const dirs[] = {"proc", "sys", "dev", "run"};
	cleanup_close int root = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (root < 0)
		return err_sys(e, "%s", where);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (fstatat(root, dirs[i], &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode))
			return err_set(e, ENOTDIR, "the image has no directory /%s", dirs[i]);
	return check_init(root, e);
}

int slot_open(const struct slot *s, const struct certificates *c, const char *where, struct opened_slot *out,
	      struct err *e)
{
	struct opened_slot o;
	struct verity v;

	snprintf(o.name, sizeof(o.name), "hull-%c", s->label);
	if (check_parts(s, e))
		return -1;
	if (check_signature(s, c, o.root_hash, e))
		return err_wrap(e, "signature");
	log_debug("slot %c: its root hash is signed", s->label);
	if (read_superblock(s, &v, e) ||
	    dm_verity_create(o.name, s->root.device, s->verity.device, &v, o.root_hash, o.device, e))
		return -1;
	if (dm_probe(o.device, v.data_blocks, e))
		goto remove;
	log_debug("slot %c: %s is verified", s->label, o.device);
	if (mount(o.device, where, "erofs", MS_RDONLY | MS_NODEV, NULL)) {
		err_sys(e, "mounting erofs");
		goto remove;
	}
	if (check_root(where, e)) {
		slot_close(&o, where);
		return -1;
	}
	*out = o;
	return 0;
remove:
	dm_remove(o.name, NULL);
	return -1;
}

void slot_close(const struct opened_slot *o, const char *where)
{
	umount2(where, MNT_DETACH);
	dm_remove(o->name, NULL);
}
