/* SPDX-License-Identifier: Apache-2.0 */
#include "base/varlink_port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"

#define RESEND_FIRST_MS 250
#define RESEND_MAX_MS 4000

int varlink_port_lock(const char *path, struct err *e)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return err_sys(e, "%s", path);
	char name[4096 + 8];
	snprintf(name, sizeof(name), "%s.lock", path);
	/* A socket can't be opened, so not flocked. The file stays: were it removed, two clients could lock two files. */
	cleanup_close int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, "open %s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(e, "lock %s", name);
	return take_fd(fd);
}

struct hello {
	char prefix[33]; /* of every nonce of this session */
	unsigned sent; /* number of the last one */
};

/* Two NULs: the first ends what a predecessor left half said, the second asks the other side to forget him. */
static int say(struct varlink_client *c, struct hello *h, struct err *e)
{
	char text[160] = "";
	int n = snprintf(text + 2, sizeof(text) - 2,
			 "{\"method\":\"org.hull.Machine.Hello\",\"parameters\":{\"nonce\":\"%s-%u\"}}", h->prefix,
			 ++h->sent);
	return varlink_write(c, text, (size_t)n + 3, NULL, 0, e);
}

/* The number of our hello that this message answers; 0: none, the message is someone else's. */
static unsigned answers(const struct hello *h, const char *text, size_t len)
{
	struct varlink_reply r;
	if (varlink_reply_parse(text, len, &r, NULL) < 0)
		return 0;
	const cJSON *nonce = json_get(r.parameters, "nonce");
	unsigned number = 0;
	if (!r.error && cJSON_IsString(nonce) && strncmp(nonce->valuestring, h->prefix, 32) == 0 &&
	    nonce->valuestring[32] == '-')
		number = (unsigned)strtoul(nonce->valuestring + 33, NULL, 10);
	varlink_reply_free(&r);
	return number;
}

/*
 * Only the answer to the last hello sent will do: behind it nothing of the earlier ones can follow, neither an answer
 * nor the NULs that the other side sends when it starts anew. When an earlier one is answered, the last gets its time.
 */
int varlink_port_hello(struct varlink_client *c, int64_t deadline, struct err *e)
{
	uint8_t random[16];
	struct hello h = { .sent = 0 };
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_sys(e, "random bytes");
	hex_encode(random, sizeof(random), h.prefix);
	int interval = RESEND_FIRST_MS;
	int64_t next = 0;
	for (;;) {
		int64_t now = varlink_deadline(0);
		if (now >= deadline)
			return err_set(e, ETIMEDOUT,
				       "the machine does not answer (is it still booting, without hull.control=virtio, "
				       "or is the port in use?)");
		if (now >= next) {
			if (say(c, &h, e) < 0)
				return -1;
			next = now + interval;
			interval = interval * 2 < RESEND_MAX_MS ? interval * 2 : RESEND_MAX_MS;
		}
		cleanup_free char *text = NULL;
		size_t len;
		if (varlink_next(c, &text, &len, deadline < next ? deadline : next, e) < 0) {
			/* Too long: half of something old. */
			if (e->code != ETIMEDOUT && e->code != EMSGSIZE)
				return -1;
			continue;
		}
		unsigned number = answers(&h, text, len);
		if (number == h.sent)
			return 0;
		if (number)
			next = varlink_deadline(RESEND_MAX_MS);
	}
}
