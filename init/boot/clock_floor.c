/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/clock_floor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/version.h"
#include "init/boot.h"

#define CLOCK_FILE BOOT_STATE_DIR "/identity/clock"
#define LATEST 4102444800 /* 2100: a saved time beyond it is damage, not time */

/* The RTC's time where the kernel hasn't taken it over itself; 0: nothing to be had. */
static time_t rtc_time(void)
{
	char line[8];
	struct rtc_time t;
	struct tm tm = {0};
	cleanup_close int fd = -1;

	if (fs_read_line(AT_FDCWD, "/sys/class/rtc/rtc0/hctosys", line, sizeof(line), NULL) == 0 && !strcmp(line, "1"))
		return 0;
	fd = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RTC_RD_TIME, &t) < 0)
		return 0;
	tm.tm_sec = t.tm_sec;
	tm.tm_min = t.tm_min;
	tm.tm_hour = t.tm_hour;
	tm.tm_mday = t.tm_mday;
	tm.tm_mon = t.tm_mon;
	tm.tm_year = t.tm_year;
	return timegm(&tm);
}

static time_t saved_time(void)
{
	char line[32], *end;
	long long v;

	if (fs_read_line(AT_FDCWD, CLOCK_FILE, line, sizeof(line), NULL) < 0)
		return 0;
	v = strtoll(line, &end, 10);
	return *end || v < 0 || v > LATEST ? 0 : (time_t)v;
}

int clock_floor_apply(char *text, size_t size, struct err *e)
{
	struct timespec to = {time(NULL), 0};
	time_t now = to.tv_sec, rtc = rtc_time(), saved = saved_time(), built = (time_t)hull_build_time;
	const char *source = NULL;
	char date[32];
	struct tm tm;

	text[0] = '\0';
	if (rtc > to.tv_sec)
		to.tv_sec = rtc, source = "the hardware clock";
	if (saved > to.tv_sec)
		to.tv_sec = saved, source = "the time saved at the last shutdown";
	if (built > to.tv_sec)
		to.tv_sec = built, source = "the time this OS was built";
	if (!source)
		return 0;
	if (clock_settime(CLOCK_REALTIME, &to) < 0)
		return err_sys(e, "set the clock");
	gmtime_r(&to.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(text, size, "clock was behind by %lld s, set to %s: %s", (long long)(to.tv_sec - now), date, source);
	return 0;
}

int clock_floor_save(struct err *e)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "%lld\n", (long long)time(NULL));

	if (!fs_exists(AT_FDCWD, BOOT_STATE_DIR "/identity"))
		return 0;
	if (fs_replace(AT_FDCWD, CLOCK_FILE, line, (size_t)n, 0644, e) < 0)
		return err_wrap(e, "saved time");
	return 0;
}
