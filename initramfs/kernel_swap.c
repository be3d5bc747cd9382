/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/kernel_swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"

#define COMMAND_LINE_MAX 2048 /* bytes with NUL: COMMAND_LINE_SIZE of x86 */

/* A file as sha256sum(1) writes it: the digest first. */
static int read_digest(int fd, const char *name, uint8_t out[32], struct err *e)
{
	char hex[64];

	if (fs_read_full(fd, hex, sizeof(hex)))
		return err_sys(e, "%s", name);
	if (hex_decode(hex, sizeof(hex), out))
		return err_set(e, EBADMSG, "%s: not a SHA-256", name);
	return 0;
}

static int slot_digest(int root, bool *missing, uint8_t out[32], struct err *e)
{
	cleanup_close int text = fs_open_in_root(root, "/boot/vmlinuz.sha256", O_RDONLY | O_CLOEXEC, 0);
	cleanup_close int image = -1;

	*missing = false;
	if (text >= 0)
		return read_digest(text, "/boot/vmlinuz.sha256", out, e);
	image = fs_open_in_root(root, "/boot/vmlinuz", O_RDONLY | O_CLOEXEC, 0);
	if (image < 0) {
		*missing = true;
		return err_sys(e, "/boot/vmlinuz");
	}
	return hash_sha256_fd(image, out, e);
}

int kernel_differs(const char *root, bool *differs, char note[ERR_TEXT_MAX], struct err *e)
{
	cleanup_close int running = open("/etc/hull/kernel.sha256", O_RDONLY | O_CLOEXEC);
	cleanup_close int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint8_t have[32], want[32];
	bool missing;

	note[0] = 0;
	if (dir < 0)
		return err_sys(e, "%s", root);
	if (running < 0) {
		snprintf(note, ERR_TEXT_MAX, "no /etc/hull/kernel.sha256 in the initramfs: kernel not compared");
		*differs = false;
		return 0;
	}
	if (slot_digest(dir, &missing, want, e)) {
		if (!missing)
			return -1;
		snprintf(note, ERR_TEXT_MAX, "the slot has no kernel of its own: kernel not compared");
		*differs = false;
		return 0;
	}
	if (read_digest(running, "/etc/hull/kernel.sha256", have, e))
		return -1;
	*differs = memcmp(have, want, sizeof(have)) != 0;
	return 0;
}

int kernel_enter(const char *root, char label, const char *cmdline, struct err *e)
{
	cleanup_close int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), kernel = -1, initramfs = -1;
	char line[COMMAND_LINE_MAX];
	int n = snprintf(line, sizeof(line), "%s hull.slot=%c hull.kexeced=1", cmdline, label);

	if (n < 0 || (size_t)n >= sizeof(line))
		return err_set(e, E2BIG, "kexec: the command line has over %d bytes", COMMAND_LINE_MAX - 1);
	if (dir < 0)
		return err_sys(e, "kexec: %s", root);
	kernel = fs_open_in_root(dir, "/boot/vmlinuz", O_RDONLY | O_CLOEXEC, 0);
	if (kernel < 0)
		return err_sys(e, "kexec: /boot/vmlinuz");
	initramfs = fs_open_in_root(dir, "/boot/initramfs", O_RDONLY | O_CLOEXEC, 0);
	if (initramfs < 0)
		return err_sys(e, "kexec: /boot/initramfs");
	if (syscall(SYS_kexec_file_load, kernel, initramfs, (unsigned long)n + 1, line, 0ul))
		return err_sys(e, "kexec: loading the slot's kernel");
	reboot(RB_KEXEC);
	return err_sys(e, "kexec: starting the slot's kernel");
}
