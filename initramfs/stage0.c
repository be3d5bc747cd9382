/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/stage0.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cmdline.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/signature.h"
#include "base/slot.h"
#include "base/uevent.h"
#include "initramfs/disk_wait.h"
#include "initramfs/handover.h"
#include "initramfs/kernel_swap.h"
#include "initramfs/ram_root.h"
#include "initramfs/slot_open.h"

#define NEW_ROOT "/sysroot"
#define CERTIFICATES "/etc/hull/certificates"

struct stage0 {
	uint64_t start_us;
	char *line; /* /proc/cmdline */
	struct cmdline cmdline;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The API filesystems. One that fails leaves a line on the console once there is one, and the boot fails later. */
static void mount_api(void)
{
	static const struct {
		const char *where, *type, *options;
		unsigned long flags;
	} mounts[] = {
		{"/dev", "devtmpfs", "mode=0755", MS_NOSUID},
		{"/proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
		{"/sys", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
		{"/run", "tmpfs", "mode=0755", MS_NOSUID | MS_NODEV},
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, mounts[i].flags, mounts[i].options))
			log_err("mounting %s: %s", mounts[i].where, strerror(errno));
	}
	mkdir(NEW_ROOT, 0755);
}

/* An initramfs without /dev/console starts its init with no descriptors at all; low numbers must not become files. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd < 2)
		fd = dup(fd);
	if (fd > 2)
		close(fd);
}

static void complain(void *arg, const char *text)
{
	(void)arg;
	log_warn("%s", text);
}

static void read_cmdline(struct stage0 *s)
{
	static const struct {
		const char *word;
		enum log_level level;
	} levels[] = {{"err", LOG_LEVEL_ERR}, {"warn", LOG_LEVEL_WARN}, {"info", LOG_LEVEL_INFO}, {"debug", LOG_LEVEL_DEBUG}};
	size_t len;
	struct err e;

	if (fs_read(AT_FDCWD, "/proc/cmdline", 65536, &s->line, &len, &e)) {
		log_err("%s", e.text);
		s->line = strdup("");
		len = 0;
	}
	s->line[strcspn(s->line, "\n")] = 0;
	cmdline_parse(s->line, &s->cmdline, complain, NULL);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(levels[i].word, cmdline_text(&s->cmdline, CMDLINE_LOG_LEVEL)))
			log_set_level(levels[i].level);
}

/* The end when nothing boots: long enough to read why, then another try. */
static _Noreturn void give_up(const struct stage0 *s, const char *what)
{
	int64_t ms = cmdline_number(&s->cmdline, CMDLINE_PANIC_DELAY);
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	log_err("%s; rebooting in %ld ms", what, ms);
	while (nanosleep(&left, &left) && errno == EINTR)
		;
	reboot(RB_AUTOBOOT);
	for (;;) /* the kernel refused; init must not exit */
		pause();
}

/* The point of no return. */
static _Noreturn void hand_over(const struct stage0 *s, const struct boot_record *r)
{
	struct err e;

	if (handover_record(r, &e) || handover_exec(NEW_ROOT, &e))
		log_err("slot %s: %s", r->slot, e.text);
	give_up(s, "the handover failed");
}

/* Sees to it that the slot's own kernel runs: 0 it does, -1 it can't be entered. A kexec that works does not return. */
static int enter_own_kernel(const struct stage0 *s, const struct slot *slot, struct err *e)
{
	char note[ERR_TEXT_MAX];
	bool differs;

	/* A second kexec would mean that the slot's own initramfs doesn't know its kernel: then go on as it is. */
	if (cmdline_bool(&s->cmdline, CMDLINE_KEXECED))
		return 0;
	if (kernel_differs(NEW_ROOT, &differs, note, e))
		return -1;
	if (*note)
		log_warn("slot %c: %s", slot->label, note);
	if (!differs)
		return 0;
	log_info("slot %c: its kernel differs from the running one: kexec", slot->label);
	return kernel_enter(NEW_ROOT, slot->label, s->line, e);
}

/* Returns only on failure, with the slot closed. */
static void boot_slot(const struct stage0 *s, const struct slot *slot, const struct certificates *certificates)
{
	const char label[] = {slot->label, 0};
	struct opened_slot o;
	struct err e;

	log_debug("slot %c: opening", slot->label);
	if (slot_open(slot, certificates, NEW_ROOT, &o, &e)) {
		log_err("slot %c: %s", slot->label, e.text);
		return;
	}
	if (enter_own_kernel(s, slot, &e)) {
		log_err("slot %c: %s", slot->label, e.text);
		slot_close(&o, NEW_ROOT);
		return;
	}
	log_info("slot %c: root hash %s verified, stage 0 took %lu ms", slot->label, o.root_hash,
		 (now_us() - s->start_us) / 1000);
	hand_over(s, &(struct boot_record){
			     .slot = label,
			     .verity_device = o.device,
			     .root_hash = o.root_hash,
			     .disk = slot->disk,
			     .init_start_us = s->start_us,
			     .kexeced = cmdline_bool(&s->cmdline, CMDLINE_KEXECED),
			     .committed = slot->successful,
		     });
}

/* What was never tried, and why: at the end, when nobody knows better. */
static void explain(const struct slot *slots, int n, uint32_t tried)
{
	for (int i = 0; i < n; i++) {
		const struct slot *s = &slots[i];

		if (tried >> i & 1)
			continue;
		log_err("slot %c: %s", s->label,
			s->problem[0] ? s->problem
			: !s->priority ? "priority 0"
			: !slot_bootable(s) ? "not successful and no tries left"
					    : "not asked for");
	}
}

/* After a kexec: that slot, whichever disk has it, without a pick and without a decrement. */
static uint32_t try_named(const struct stage0 *s, char label, const struct slot *slots, int n,
			  const struct certificates *certificates)
{
	uint32_t tried = 0;

	for (int i = 0; i < n; i++)
		if (slots[i].label == label) {
			tried |= 1u << i;
			boot_slot(s, &slots[i], certificates);
		}
	return tried;
}

static uint32_t try_picked(const struct stage0 *s, struct slot *slots, int n, const struct certificates *certificates)
{
	const struct slot *picked;
	uint32_t tried = 0;
	struct err e;

	while ((picked = slot_pick(slots, (size_t)n, tried))) {
		struct slot *slot = &slots[picked - slots];

		tried |= 1u << (picked - slots);
		/* Before anything of it is used: whatever it does, the next boot has one try less. */
		if (slot_decrement_tries(slot, &e))
			log_err("slot %c: counting the try: %s", slot->label, e.text);
		else
			boot_slot(s, slot, certificates);
	}
	return tried;
}

static _Noreturn void boot_disk(const struct stage0 *s)
{
	const char *label = cmdline_text(&s->cmdline, CMDLINE_SLOT);
	struct certificates *certificates;
	struct slot slots[SLOTS_MAX];
	uint32_t tried;
	struct err e;
	int events = uevent_open(&e), n; /* before the modules, so that nothing is missed */
	struct kmod *k;

	if (events < 0)
		log_warn("%s", e.text);
	k = disk_modules(&s->cmdline);
	n = disk_wait(&s->cmdline, k, events, slots);
	kmod_close(k);
	if (events >= 0)
		close(events);
	log_debug("%d slots found", n);
	certificates = certificates_load(CERTIFICATES, &e);
	if (!certificates) {
		log_err("certificates: %s", e.text);
		give_up(s, "no slot can be verified");
	}
	if (label[0] == 'a' || label[0] == 'b')
		tried = try_named(s, label[0], slots, n, certificates);
	else
		tried = try_picked(s, slots, n, certificates);
	explain(slots, n, tried);
	give_up(s, "no slot boots");
}

static _Noreturn void boot_ram(const struct stage0 *s)
{
	struct err e;

	kmod_close(disk_modules(&s->cmdline));
	if (ram_root_make(NEW_ROOT, &e)) {
		log_err("hull.root=ram: %s", e.text);
		give_up(s, "no root in memory");
	}
	hand_over(s, &(struct boot_record){
			     .slot = "ram",
			     .verity_device = "",
			     .root_hash = "",
			     .disk = "",
			     .init_start_us = s->start_us,
			     .committed = true,
		     });
}

_Noreturn void stage0_main(void)
{
	static struct stage0 s; /* 8 KiB of command line: not on the stack, and alive to the end */

	s.start_us = now_us();
	umask(022);
	mount_api();
	open_console();
	/* Ten lines in five seconds are the kernel's limit for /dev/kmsg otherwise; the reason must not be the eleventh. */
	fs_put(AT_FDCWD, "/proc/sys/kernel/printk_devkmsg", "on\n", NULL);
	log_open("hull", true);
	read_cmdline(&s);
	log_debug("stage 0");
	if (!strcmp(cmdline_text(&s.cmdline, CMDLINE_ROOT), "ram"))
		boot_ram(&s);
	boot_disk(&s);
}
