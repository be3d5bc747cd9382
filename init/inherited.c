/* SPDX-License-Identifier: Apache-2.0 */
#include "init/inherited.h"

#include <dirent.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

struct inherited {
	int *fds;
	size_t n, room;
};

static void add(struct inherited *h, int fd)
{
	if (h->n == h->room) {
		size_t room = h->room ? h->room * 2 : 64;
		int *fds = reallocarray(h->fds, room, sizeof(*fds));
		if (!fds)
			return; /* a leak is better than a guess */
		h->fds = fds;
		h->room = room;
	}
	h->fds[h->n++] = fd;
}

void inherited_open(struct pid1 *p)
{
	if (!p->resumed) {
		close_range(3, ~0u, 0);
		return;
	}
	struct inherited *h = calloc(1, sizeof(*h));
	cleanup_closedir DIR *dir = h ? opendir("/proc/self/fd") : NULL;
	for (struct dirent *d; dir && (d = readdir(dir));) {
		char *end;
		long fd = strtol(d->d_name, &end, 10);
		if (end != d->d_name && *end == '\0' && fd > 2 && fd != dirfd(dir))
			add(h, (int)fd);
	}
	p->inherited = h;
}

int inherited_take(struct pid1 *p, int fd)
{
	struct inherited *h = p->inherited;
	for (size_t i = 0; h && i < h->n; i++)
		if (h->fds[i] == fd) {
			h->fds[i] = h->fds[--h->n];
			return fd;
		}
	return -1;
}

size_t inherited_close(struct pid1 *p)
{
	struct inherited *h = p->inherited;
	size_t n = h ? h->n : 0;
	for (size_t i = 0; i < n; i++)
		close(h->fds[i]);
	if (h)
		free(h->fds);
	free(h);
	p->inherited = NULL;
	return n;
}
