/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disk_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/uevent.h"

/* What a verified root, or one in memory, needs beside the disk's driver; and what PID 1 is going to want first. */
static const char *const for_slot[] = {"dm_verity", "erofs", NULL}, *const for_ram[] = {"loop", "erofs", NULL};
static const char *const for_pid1[] = {"overlay", "ext4", NULL};

/* The reports of one look at the disks; kept back until it is the last one, since a disk may just be late. */
struct reports {
	char text[SLOTS_MAX][ERR_TEXT_MAX];
	int n;
};

static void keep_report(void *arg, const char *text)
{
	struct reports *r = arg;

	if (r->n < SLOTS_MAX)
		snprintf(r->text[r->n++], ERR_TEXT_MAX, "%s", text);
}

static void log_module(void *arg, const char *text)
{
	(void)arg;
	/* A driver that finds it has no hardware after all is no news. */
	log_debug("%s", text);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void load_needed(struct kmod *k, const char *const *needed)
{
	struct err e;

	for (; *needed; needed++)
		if (kmod_load(k, *needed, &e))
			log_warn("%s", e.text);
}

/*
 * Most of the time goes into checking modules' signatures: another processor does that for what is needed anyway. It goes
 * on with what PID 1 wants while the slot is opened, which is mostly waiting; nobody waits for that: at the handover the
 * files go, PID 1 loads what is missing from its root, and reaps this process. Returns a descriptor that is at its end
 * when all that is needed was tried, -1: nothing was started.
 */
static int load_beside(struct kmod *k, const char *const *needed)
{
	int ends[2];
	struct err e;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid) {
		close(ends[1]);
		if (pid > 0)
			return ends[0];
		close(ends[0]);
		return -1;
	}
	close(ends[0]);
	load_needed(k, needed);
	close(ends[1]);
	for (const char *const *name = for_pid1; *name; name++)
		if (kmod_load(k, *name, &e))
			log_debug("%s", e.text); /* one that isn't here, or no more, is PID 1's business */
	_exit(0);
}

static void wait_loaded(int fd)
{
	char nothing;

	while (read(fd, &nothing, 1) < 0 && errno == EINTR)
		;
	close(fd);
}

struct kmod *disk_modules(const struct cmdline *c)
{
	struct err e;
	struct kmod *k = kmod_open(NULL, NULL, NULL, &e);
	const char *const *needed = strcmp(cmdline_text(c, CMDLINE_ROOT), "ram") ? for_slot : for_ram;
	char list[CMDLINE_VALUE_MAX], *save = NULL;
	int beside;

	if (!k) {
		log_warn("%s", e.text); /* everything may be built into this kernel */
		return NULL;
	}
	beside = load_beside(k, needed);
	kmod_coldplug(k, "/sys", log_module, NULL);
	snprintf(list, sizeof(list), "%s", cmdline_text(c, CMDLINE_MODULES));
	/* Those that are not in the initramfs are for PID 1 to load from the root. */
	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save))
		if (kmod_load(k, name, &e) && e.code != ENOENT)
			log_warn("%s", e.text);
	if (beside < 0)
		load_needed(k, needed);
	else
		wait_loaded(beside);
	log_debug("modules loaded");
	return k;
}

static bool part_ready(const struct slot_part *p)
{
	return !p->number || p->device[0];
}

/* Every slot is as complete as it will be. */
static bool all_ready(const struct slot *s, int n)
{
	for (int i = 0; i < n; i++)
		if (!s[i].problem[0] && !(part_ready(&s[i].root) && part_ready(&s[i].verity) && part_ready(&s[i].sig)))
			return false;
	return n > 0;
}

/* Takes all events that are waiting. Devices get their drivers; true: a disk may have come. */
static bool take_events(int fd, struct kmod *k)
{
	struct uevent *u = calloc(1, sizeof(*u));
	bool block = false;
	struct err e;
	int result;

	while (u && (result = uevent_receive(fd, u, &e))) {
		if (result < 0) {
			if (e.code != ENOBUFS)
				break;
			if (k)
				kmod_coldplug(k, "/sys", log_module, NULL);
			block = true;
			continue;
		}
		if (k && *u->modalias && !strcmp(u->action, "add"))
			kmod_load_alias(k, u->modalias, log_module, NULL);
		block |= !strcmp(u->subsystem, "block");
	}
	free(u);
	return block;
}

static void wait_for_disk(int events, struct kmod *k, int64_t deadline)
{
	int64_t left;

	while ((left = deadline - now_ms()) > 0) {
		struct pollfd p = {.fd = events, .events = POLLIN};

		/* Without events, look every 100 ms. */
		if (poll(&p, events >= 0, events >= 0 ? (int)left : 100) < 0 && errno != EINTR)
			return;
		if (events < 0 || take_events(events, k))
			return;
	}
}

int disk_wait(const struct cmdline *c, struct kmod *k, int events, struct slot out[SLOTS_MAX])
{
	int64_t deadline = now_ms() + cmdline_number(c, CMDLINE_DISK_TIMEOUT);
	struct reports *r = calloc(1, sizeof(*r));
	int n;

	for (;;) {
		if (r)
			r->n = 0;
		n = slots_find("/sys", out, r ? keep_report : NULL, r);
		if (all_ready(out, n) || now_ms() >= deadline)
			break;
		wait_for_disk(events, k, deadline);
	}
	for (int i = 0; r && i < r->n; i++)
		log_warn("%s", r->text[i]);
	if (!n)
		log_err("%s within %d ms", r && r->n ? "no disk with slots" : "no disk",
			(int)cmdline_number(c, CMDLINE_DISK_TIMEOUT));
	free(r);
	return n;
}
