/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/logs_mark.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

#define MAGIC "HULLLOG1"

/* The file; of this machine only, so in its byte order. */
struct mark_file {
	char magic[8];
	uint8_t boot_id[16];
	struct logs_position at[LOG_STREAMS];
};

void logs_mark_open(struct logs_mark *m, int dirfd, const char *path, const uint8_t boot_id[16], struct logs_position end)
{
	struct mark_file file;

	m->fd = openat(dirfd, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (m->fd >= 0 && fs_pread_full(m->fd, &file, sizeof(file), 0) == 0 &&
	    memcmp(file.magic, MAGIC, sizeof(file.magic)) == 0 && memcmp(file.boot_id, boot_id, sizeof(file.boot_id)) == 0) {
		memcpy(m->at, file.at, sizeof(m->at));
		return;
	}
	memcpy(file.magic, MAGIC, sizeof(file.magic));
	memcpy(file.boot_id, boot_id, sizeof(file.boot_id));
	for (int i = 0; i < LOG_STREAMS; i++)
		m->at[i] = file.at[i] = end;
	if (m->fd >= 0 && fs_pwrite_full(m->fd, &file, sizeof(file), 0) < 0)
		logs_mark_close(m);
}

void logs_mark_set(struct logs_mark *m, enum log_stream stream, struct logs_position at)
{
	off_t place = (off_t)(offsetof(struct mark_file, at) + (size_t)stream * sizeof(at));

	m->at[stream] = at;
	if (m->fd >= 0 && fs_pwrite_full(m->fd, &at, sizeof(at), place) < 0)
		logs_mark_close(m);
}

void logs_mark_close(struct logs_mark *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}
