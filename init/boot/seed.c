/* SPDX-License-Identifier: Apache-2.0 */
#include "init/boot/seed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"
#include "init/boot.h"

#ifndef GRND_INSECURE
#define GRND_INSECURE 4
#endif
#define SEED_FILE BOOT_STATE_DIR "/identity/seed"
#define SEED_BYTES 64
#define CREDIT_BITS 256 /* what the kernel's generator can take in */

struct seed {
	uint8_t bytes[SEED_BYTES];
	uint8_t good; /* 1: made from an initialised generator or from a good seed */
};

/* Tells whether the kernel's generator is initialised; fills with the best it has either way. */
static bool kernel_random(void *out, size_t len)
{
	if (getrandom(out, len, GRND_NONBLOCK) == (ssize_t)len)
		return true;
	if (getrandom(out, len, GRND_INSECURE) != (ssize_t)len)
		memset(out, 0, len);
	return false;
}

/*
 * The successor of a seed: a hash over it and whatever is at hand. As the old one is never used again after this, the
 * new one is as unguessable as the old, also while the kernel has no entropy of its own yet.
 */
static int succeed(const struct seed *old, struct seed *next, struct err *e)
{
	struct hash *h = hash_new(HASH_SHA512);
	uint8_t fresh[SEED_BYTES], digest[HASH_MAX];
	struct timespec now[2];
	bool ready = kernel_random(fresh, sizeof(fresh));

	if (!h)
		return err_set(e, ENOMEM, "seed: out of memory");
	clock_gettime(CLOCK_REALTIME, &now[0]);
	clock_gettime(CLOCK_MONOTONIC, &now[1]);
	hash_update(h, old, sizeof(*old));
	hash_update(h, fresh, sizeof(fresh));
	hash_update(h, now, sizeof(now));
	if (hash_final(h, digest) < 0)
		return err_set(e, EIO, "seed: hash failed");
	memcpy(next->bytes, digest, SEED_BYTES);
	next->good = ready || old->good;
	return 0;
}

static int feed_kernel(const struct seed *s, struct err *e)
{
	/* struct rand_pool_info with its data behind it */
	struct {
		int entropy_count, buf_size;
		uint8_t bytes[SEED_BYTES];
	} pool = {.entropy_count = s->good ? CREDIT_BITS : 0, .buf_size = SEED_BYTES};
	cleanup_close int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	_Static_assert(offsetof(__typeof__(pool), bytes) == sizeof(struct rand_pool_info), "the kernel's layout");
	memcpy(pool.bytes, s->bytes, SEED_BYTES);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0)
		return err_sys(e, "/dev/urandom: add the seed");
	return 0;
}

static int write_seed(const struct seed *s, struct err *e)
{
	if (fs_replace(AT_FDCWD, SEED_FILE, s, sizeof(*s), 0600, e) < 0)
		return err_wrap(e, "entropy seed");
	return 0;
}

int seed_load(bool *credited, struct err *e)
{
	struct seed old = {0}, next;
	cleanup_free char *data = NULL;
	size_t len = 0;
	bool found = fs_read(AT_FDCWD, SEED_FILE, sizeof(old), &data, &len, NULL) == 0 && len == sizeof(old);

	*credited = false;
	if (found)
		memcpy(&old, data, sizeof(old));
	old.good = found && old.good == 1;
	if (succeed(&old, &next, e) < 0)
		return -1;
	if (write_seed(&next, e) < 0) {
		/* It may come again at the next boot: mixed in, it does no harm, but it can't count. */
		old.good = 0;
		if (found)
			feed_kernel(&old, NULL);
		return -1;
	}
	if (found && feed_kernel(&old, e) < 0)
		return -1;
	*credited = old.good;
	return 0;
}

int seed_save(struct err *e)
{
	struct seed s = {0};

	s.good = kernel_random(s.bytes, sizeof(s.bytes));
	/* Without a state directory there is nowhere to keep it. */
	if (!fs_exists(AT_FDCWD, BOOT_STATE_DIR "/identity"))
		return 0;
	return write_seed(&s, e);
}
