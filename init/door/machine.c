/* SPDX-License-Identifier: Apache-2.0 */
/* org.hull.Machine. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/version.h"
#include "init/boot.h"
#include "init/boot/boot_state.h"
#include "init/crash.h"
#include "init/door/machine.h"
#include "init/door/methods.h"
#include "init/roles.h"
#include "init/snapshot.h"

void machine_hello(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)p;
	const cJSON *nonce = json_get(params, "nonce");
	if (!cJSON_IsString(nonce) || strlen(nonce->valuestring) > 128) {
		call_invalid(c, "nonce");
		return;
	}
	cJSON *v = cJSON_CreateObject();
	cJSON_AddStringToObject(v, "nonce", nonce->valuestring);
	call_reply(c, v, false);
}

static int crash_count(const struct pid1 *p)
{
	cleanup_json cJSON *v = snapshot_get(p->snapshot, "crashes");
	const cJSON *count = v ? json_get(v, "count") : NULL;
	return cJSON_IsNumber(count) ? count->valueint : 0;
}

void machine_info(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)params;
	struct utsname un;
	uname(&un);
	cJSON *v = cJSON_CreateObject(), *boot = boot_info(p);
	cJSON_AddStringToObject(v, "version", hull_version);
	cJSON_AddStringToObject(v, "kernel", un.release);
	cJSON_AddBoolToObject(v, "contained", p->contained);
	cJSON_AddNumberToObject(v, "crashes", crash_count(p));
	/* What the boot found out about slot, state and identity stands beside them. */
	while (boot && boot->child) {
		cJSON *fact = cJSON_DetachItemViaPointer(boot, boot->child);
		cJSON_AddItemToObject(v, fact->string, fact);
	}
	cJSON_Delete(boot);
	cJSON_AddItemToObject(v, "roles", roles_info(p));
	cJSON *net = snapshot_get(p->snapshot, "net");
	cJSON_AddItemToObject(v, "net", net ? net : cJSON_CreateObject());
	call_reply(c, v, false);
}

void machine_memory(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)p, (void)params;
	method_by_task(c, "memory", NULL, NULL, 0);
}

void machine_method_end(struct pid1 *p, struct call *c, const cJSON *params)
{
	static const char *const names[] = { [BOOT_POWEROFF] = "poweroff", [BOOT_REBOOT] = "reboot", [BOOT_KEXEC] = "kexec" };
	const cJSON *how = json_get(params, "how");
	for (size_t i = 0; cJSON_IsString(how) && i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], how->valuestring) == 0) {
			if (i == BOOT_KEXEC && !p->contained && !boot_has_slot(p)) {
				call_fail(c, "use `hull reboot`", "this machine's root is no slot, so there is no kernel to enter");
				return;
			}
			call_reply(c, NULL, false);
			shutdown_start(p, (enum boot_end)i);
			return;
		}
	call_invalid(c, "how");
}

static void on_reexec(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	struct err e;
	if (crash_reexec(&e) < 0)
		log_err("%s", e.text);
}

void machine_reexec(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)params;
	call_reply(c, NULL, false);
	/* The answer goes out first: the session ends with this image. */
	struct timeval soon = { 0, 20000 };
	event_base_once(p->loop, -1, EV_TIMEOUT, on_reexec, p, &soon);
}

void machine_command_line(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)params;
	cJSON *v = cJSON_CreateObject(), *keys = cJSON_AddArrayToObject(v, "keys");
	for (int i = 0; i < CMDLINE_KEYS; i++) {
		const struct cmdline_entry *k = &cmdline_table[i];
		cJSON *o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "name", k->name);
		cJSON_AddStringToObject(o, "type", k->type);
		cJSON_AddStringToObject(o, "default", k->default_value);
		cJSON_AddStringToObject(o, "help", k->help);
		cJSON_AddStringToObject(o, "value", cmdline_text(&p->cmdline, (enum cmdline_key)i));
		cJSON_AddBoolToObject(o, "given", p->cmdline.given[i]);
		cJSON_AddItemToArray(keys, o);
	}
	call_reply(c, v, false);
}

/* --- what the role `net` reports and asks --- */

#define CLOCK_LATEST INT64_C(7258118400) /* 2200-01-01: later is no clock */

bool machine_net_report(struct pid1 *p, enum role_id from, const cJSON *params)
{
	(void)from;
	struct err e;
	const cJSON *resolv = json_get(params, "resolv_conf");
	if (resolv && (!cJSON_IsString(resolv) || strlen(resolv->valuestring) > 4096))
		return false;
	if (resolv && fs_replace(AT_FDCWD, "/run/hull/resolv.conf", resolv->valuestring, strlen(resolv->valuestring), 0644, &e) < 0)
		log_warn("%s", e.text);
	if (snapshot_put(p->snapshot, "net", params, &e) < 0)
		log_warn("%s", e.text);
	return true;
}

/* Small offsets are slewed, so that no running program sees time go back. */
static int adjust_clock(const cJSON *offset, bool step, int64_t now_us)
{
	struct timespec t = { now_us / 1000000, now_us % 1000000 * 1000 };
	if (!step && cJSON_IsNumber(offset)) {
		int64_t us = (int64_t)offset->valuedouble;
		struct timeval delta = { us / 1000000, us % 1000000 };
		return adjtime(&delta, NULL);
	}
	return clock_settime(CLOCK_REALTIME, &t);
}

/* Tells the kernel that the clock is right now, so that it writes it to the RTC itself (RTC_SYSTOHC, every 11 minutes). */
static void mark_synchronised(void)
{
	struct timex t = { .modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR, .status = 0, .maxerror = 500000, .esterror = 100000 };
	adjtimex(&t);
}

bool machine_set_clock(struct pid1 *p, enum role_id from, const cJSON *params)
{
	(void)from;
	const cJSON *usec = json_get(params, "usec"), *offset = json_get(params, "offset_us");
	if (!cJSON_IsNumber(usec) || fabs(usec->valuedouble) > 9e15)
		return false;
	bool step = !cJSON_IsFalse(json_get(params, "step")) || !cJSON_IsNumber(offset) || fabs(offset->valuedouble) > 500000;
	int64_t us = (int64_t)usec->valuedouble;
	if (p->contained)
		return true; /* the clock is not ours */
	/* The floor: no true time is before this build's. */
	if (us / 1000000 < hull_build_time || us / 1000000 > CLOCK_LATEST) {
		log_warn("net: clock: %lld s since 1970 is not believed", (long long)(us / 1000000));
		return true;
	}
	if (adjust_clock(offset, step, us) < 0)
		log_warn("net: clock: %s", strerror(errno));
	else
		mark_synchronised();
	if (step)
		log_info("clock set to %lld s since 1970", (long long)(us / 1000000));
	return true;
}

/* Comma separated words as a JSON array. */
static void add_list(cJSON *to, const char *key, const char *text)
{
	char copy[CMDLINE_VALUE_MAX], *save = NULL;
	cJSON *list = cJSON_AddArrayToObject(to, key);
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
		cJSON_AddItemToArray(list, cJSON_CreateString(word));
}

static void on_configured(struct pid1 *p, void *arg, const cJSON *result, const char *error, const char *message)
{
	(void)p, (void)arg, (void)result;
	if (error)
		log_err("net: %s", message);
}

void machine_configure_net(struct pid1 *p)
{
	cleanup_json cJSON *v = cJSON_CreateObject();
	struct utsname un;
	uname(&un);
	cJSON_AddStringToObject(v, "mode", cmdline_text(&p->cmdline, CMDLINE_NET));
	add_list(v, "dns", cmdline_text(&p->cmdline, CMDLINE_DNS));
	add_list(v, "ntp", cmdline_text(&p->cmdline, CMDLINE_NTP));
	/* Only what was asked for comes before the servers that DHCP tells of. */
	cJSON_AddBoolToObject(v, "ntp_fallback", !p->cmdline.given[CMDLINE_NTP]);
	/* "(none)" is what the kernel calls a machine that nobody named yet. */
	cJSON_AddStringToObject(v, "hostname", un.nodename[0] == '(' ? "" : un.nodename);
	roles_work(p, ROLE_NET, "net.configure", v, NULL, 0, on_configured, NULL);
}
