/* SPDX-License-Identifier: Apache-2.0 */
/* The boot's tables and texts: signals, sysctls, host names, the line for kexec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include <errno.h>
#include <signal.h>

#include "init/boot/hostname.h"
#include "init/boot/kexec_line.h"
#include "init/boot/modprobe.h"
#include "init/boot/signals.h"
#include "init/boot/sysctl.h"

static void signals(void **st)
{
	const struct {
		int signo;
		enum boot_end real, contained;
	} want[] = {
		{SIGINT, BOOT_REBOOT, BOOT_POWEROFF},	{SIGTERM, BOOT_REBOOT, BOOT_POWEROFF},
		{SIGUSR1, BOOT_POWEROFF, BOOT_POWEROFF}, {SIGUSR2, BOOT_POWEROFF, BOOT_POWEROFF},
		{SIGPWR, BOOT_POWEROFF, BOOT_POWEROFF},	{SIGRTMIN + 3, BOOT_POWEROFF, BOOT_POWEROFF},
		{SIGRTMIN + 4, BOOT_POWEROFF, BOOT_POWEROFF}, {SIGRTMIN + 5, BOOT_REBOOT, BOOT_REBOOT},
		{SIGRTMIN + 6, BOOT_KEXEC, BOOT_REBOOT},
	};
	enum boot_end how = BOOT_KEXEC;

	(void)st;
	for (int signo = 1; signo <= SIGRTMAX; signo++) {
		size_t i = 0;

		while (i < sizeof(want) / sizeof(want[0]) && want[i].signo != signo)
			i++;
		if (i == sizeof(want) / sizeof(want[0])) {
			assert_false(signals_end_asked(signo, false, &how));
			assert_false(signals_end_asked(signo, true, &how));
			continue;
		}
		assert_true(signals_end_asked(signo, false, &how));
		assert_int_equal(how, want[i].real);
		assert_true(signals_end_asked(signo, true, &how));
		assert_int_equal(how, want[i].contained);
	}
}

static void sysctls(void **st)
{
	(void)st;
	assert_true(sysctl_table_len > 0);
	for (size_t i = 0; i < sysctl_table_len; i++) {
		const struct sysctl_entry *s = &sysctl_table[i];

		assert_true(s->path[0] != '/' && !strchr(s->path, '.') && strchr(s->path, '/'));
		assert_true(s->value[0] && s->why[0]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(s->path, sysctl_table[j].path);
	}
}

static void hostnames(void **st)
{
	static const char *const good[] = {"a", "hull-0a1b2c3d", "web.example.org", "1",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	static const char *const bad[] = {"", "-a", "a-", ".a", "a.", "a..b", "a.-b", "a-.b", "a_b", "a b", "a\n", "\xc3\xa4",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	(void)st;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(hostname_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hostname_valid(bad[i]));
}

static void kexec_lines(void **st)
{
	char out[256], small[16] = "as it was";
	struct err e = {0};

	(void)st;
	assert_int_equal(kexec_line("BOOT_IMAGE=/x console=ttyS0 hull.slot=b hull.kexeced=1 a=\"b c\"  hull.slots=1 "
				    "hull.state_reset=1\n", "a", out, sizeof(out), &e), 0);
	assert_string_equal(out, "console=ttyS0 a=\"b c\" hull.slots=1 hull.slot=a hull.kexeced=1");
	assert_int_equal(kexec_line(" quiet\n", "", out, sizeof(out), &e), 0);
	assert_string_equal(out, "quiet");
	assert_int_equal(kexec_line("", "b", out, sizeof(out), &e), 0);
	assert_string_equal(out, "hull.slot=b hull.kexeced=1");
	assert_int_equal(kexec_line("console=ttyS0 panic=10", "a", small, sizeof(small), &e), -1);
	assert_int_equal(e.code, E2BIG);
}

static void modprobe(void **st)
{
	static const char *const yes[] = {"fs-overlay", "net-pf-10", "nft-chain-2-nat", "crypto-sha256", "block-major-7-0",
		"rtnl-link-veth"};
	static const char *const no[] = {"", "net-pf-9", "net-pf-100", "net-pf-29", "fs-ext4x", "fs-btrfs", "overlay2",
		"rtnl-link-veth0", "binfmt-464c",
		"usb:v1234p5678", "../overlay", "can-proto-1"};

	(void)st;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(modprobe_allowed(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(modprobe_allowed(no[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals),
		cmocka_unit_test(sysctls),
		cmocka_unit_test(hostnames),
		cmocka_unit_test(kexec_lines),
		cmocka_unit_test(modprobe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
