/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "init/boot/kexec_line.h"
#include "init/tasks/tasks.h"

#define KERNEL "/boot/vmlinuz"
#define INITRAMFS "/boot/initramfs"

int task_kexec_load(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	const cJSON *slot = json_get(params, "slot");
	cleanup_free char *running = NULL;
	char line[2048]; /* COMMAND_LINE_SIZE on x86 */
	size_t len;
	cleanup_close int kernel = open(KERNEL, O_RDONLY | O_CLOEXEC);
	cleanup_close int initramfs = open(INITRAMFS, O_RDONLY | O_CLOEXEC);

	(void)io;
	(void)result;
	if (!cJSON_IsString(slot))
		return err_set(e, EINVAL, "kexec: slot is missing");
	if (kernel < 0)
		return err_sys(e, "kexec: " KERNEL);
	if (initramfs < 0)
		return err_sys(e, "kexec: " INITRAMFS);
	if (fs_read(AT_FDCWD, "/proc/cmdline", 4096, &running, &len, e) < 0 ||
	    kexec_line(running, slot->valuestring, line, sizeof(line), e) < 0)
		return -1;
	if (syscall(SYS_kexec_file_load, kernel, initramfs, strlen(line) + 1, line, 0UL) < 0)
		return err_sys(e, "kexec: the kernel refuses " KERNEL);
	return 0;
}
