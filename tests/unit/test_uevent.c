/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/uevent.h"

static struct uevent u;

#define PARSE(text) uevent_parse(text, sizeof(text), &u, &e)

static void test_fields(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(PARSE("add@/devices/pci0/virtio0/block/vda\0ACTION=add\0DEVPATH=/devices/pci0/virtio0/block/vda\0"
			       "SUBSYSTEM=block\0MAJOR=254\0DEVNAME=vda\0DEVTYPE=disk\0SEQNUM=7"),
			 0);
	assert_string_equal(u.action, "add");
	assert_string_equal(u.devpath, "/devices/pci0/virtio0/block/vda");
	assert_string_equal(u.subsystem, "block");
	assert_string_equal(u.devname, "vda");
	assert_string_equal(u.devtype, "disk");
	assert_string_equal(u.modalias, "");
	assert_false(u.verity_error);
	assert_int_equal(PARSE("add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0MODALIAS=pci:v=1"), 0);
	assert_string_equal(u.modalias, "pci:v=1");
}

static void test_verity(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(PARSE("change@/devices/virtual/block/dm-0\0ACTION=change\0DEVPATH=/devices/virtual/block/dm-0\0"
			       "SUBSYSTEM=block\0DM_TARGET=verity\0DM_VERITY_ERR_BLOCK_NR=123,1\0"),
			 0);
	assert_true(u.verity_error);
	assert_int_equal(u.verity_block, 123);
	assert_int_equal(PARSE("change@/d\0ACTION=change\0DEVPATH=/d\0DM_VERITY_ERR_BLOCK_NR=\0"), 0);
	assert_false(u.verity_error);
}

static void test_malformed(void **state)
{
	struct err e;
	char large[UEVENT_MAX + 1];

	(void)state;
	assert_int_equal(PARSE("libudev\0\xfe\xed\xca\xfe"), -1);
	assert_int_equal(e.code, EBADMSG);
	assert_int_equal(PARSE(""), -1);
	assert_int_equal(PARSE("@/x\0ACTION=add\0DEVPATH=/x"), -1);
	assert_int_equal(PARSE("add@x\0ACTION=add\0DEVPATH=/x"), -1);
	assert_int_equal(PARSE("add@/x\0ACTIO=add\0DEVPATH=/x"), -1);
	assert_int_equal(PARSE("add@/x"), -1);
	assert_int_equal(uevent_parse("add@/x\0ACTION=add\0DEVPATH=/x", 20, &u, &e), -1); /* cut */
	memset(large, 'a', sizeof(large));
	memcpy(large, "add@/", 5);
	assert_int_equal(uevent_parse(large, sizeof(large), &u, &e), -1);
}

/* A process that is not the kernel can send to our port; nothing of it may arrive. */
static void test_only_the_kernel(void **state)
{
	static const char message[] = "add@/x\0ACTION=add\0DEVPATH=/x";
	struct sockaddr_nl us = {0};
	socklen_t len = sizeof(us);
	struct err e;
	int fd = uevent_open(&e), other = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	(void)state;
	assert_true(fd >= 0 && other >= 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&us, &len), 0);
	us.nl_groups = 0;
	if (sendto(other, message, sizeof(message), 0, (struct sockaddr *)&us, len) < 0) {
		assert_true(errno == EPERM || errno == ECONNREFUSED);
	} else {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&p, 1, 1000), 1);
		for (int result; (result = uevent_receive(fd, &u, &e));) /* the machine's own events may pass by */
			assert_string_not_equal(u.devpath, "/x");
	}
	close(fd);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_verity),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_only_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
