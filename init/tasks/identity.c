/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/fs.h"
#include "base/hash.h"
#include "init/boot.h"
#include "init/boot/clock_floor.h"
#include "init/boot/hostname.h"
#include "init/boot/seed.h"
#include "init/tasks/tasks.h"

#define IDENTITY BOOT_STATE_DIR "/identity"
#define MACHINE_ID_LEN 32

static void note(cJSON *notes, const char *text)
{
	cJSON_AddItemToArray(notes, cJSON_CreateString(text));
}

static bool machine_id_valid(const char *id)
{
	return strlen(id) == MACHINE_ID_LEN && strspn(id, "0123456789abcdef") == MACHINE_ID_LEN &&
	       strspn(id, "0") != MACHINE_ID_LEN;
}

/* machine-id(5): 16 random bytes, marked as a version 4 UUID so that both readings are valid. */
static int new_machine_id(char out[MACHINE_ID_LEN + 1], struct err *e)
{
	uint8_t id[16];

	/* May wait for the first entropy; a task can. */
	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return err_sys(e, "machine id: random");
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	hex_encode(id, sizeof(id), out);
	return 0;
}

static int machine_id(char out[MACHINE_ID_LEN + 1], bool durable, cJSON *notes, struct err *e)
{
	char line[64];
	struct err why;

	if (fs_read_line(AT_FDCWD, IDENTITY "/machine-id", line, sizeof(line), NULL) == 0) {
		if (machine_id_valid(line)) {
			memcpy(out, line, MACHINE_ID_LEN + 1);
			return 0;
		}
		note(notes, "identity/machine-id is no machine id (32 lower-case hex digits); a new one is made");
	}
	if (new_machine_id(out, e) < 0)
		return -1;
	snprintf(line, sizeof(line), "%s\n", out);
	if (fs_replace(AT_FDCWD, IDENTITY "/machine-id", line, strlen(line), 0444, &why) < 0) {
		err_wrap(&why, "machine id can't be kept");
		note(notes, why.text);
	} else if (durable) {
		note(notes, "first boot: new machine id");
	}
	return 0;
}

static void hostname(const char *asked, const char *id, char out[HOSTNAME_MAX + 1], cJSON *notes)
{
	char line[256];

	if (asked[0]) {
		if (hostname_valid(asked)) {
			snprintf(out, HOSTNAME_MAX + 1, "%s", asked);
			return;
		}
		note(notes, "hull.hostname is no host name; another is taken");
	}
	if (fs_read_line(AT_FDCWD, IDENTITY "/hostname", line, sizeof(line), NULL) == 0) {
		if (hostname_valid(line)) {
			snprintf(out, HOSTNAME_MAX + 1, "%.*s", HOSTNAME_MAX, line);
			return;
		}
		note(notes, "identity/hostname is no host name; another is taken");
	}
	snprintf(out, HOSTNAME_MAX + 1, "hull-%.8s", id);
}

static int publish(const char *path, const char *text, struct err *e)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "%s\n", text);

	return fs_replace(AT_FDCWD, path, line, (size_t)n, 0444, e);
}

static void machine_only(cJSON *notes)
{
	char text[160];
	bool credited;
	struct err why;

	if (clock_floor_apply(text, sizeof(text), &why) < 0)
		note(notes, why.text);
	else if (text[0])
		note(notes, text);
	if (seed_load(&credited, &why) < 0)
		note(notes, why.text);
}

int task_identity(struct task_io *io, const cJSON *params, cJSON *result, struct err *e)
{
	struct {
		const char *hostname;
		bool contained, durable;
	} want = {0};
	const struct json_field fields[] = {
		{"hostname", JSON_STRING, offsetof(__typeof__(want), hostname), true, 0, 0},
		{"contained", JSON_BOOL, offsetof(__typeof__(want), contained), true, 0, 0},
		{"durable", JSON_BOOL, offsetof(__typeof__(want), durable), true, 0, 0},
	};
	char id[MACHINE_ID_LEN + 1], name[HOSTNAME_MAX + 1];
	cJSON *notes = cJSON_AddArrayToObject(result, "notes");

	(void)io;
	if (json_read(params, fields, sizeof(fields) / sizeof(fields[0]), 0, "identity", &want, e) < 0)
		return -1;
	/* The seed before the first use of randomness. */
	if (!want.contained)
		machine_only(notes);
	if (machine_id(id, want.durable, notes, e) < 0)
		return -1;
	hostname(want.hostname, id, name, notes);
	if (publish("/run/hull/machine-id", id, e) < 0 || publish("/run/hull/hostname", name, e) < 0)
		return -1;
	cJSON_AddStringToObject(result, "machine_id", id);
	cJSON_AddStringToObject(result, "hostname", name);
	return 0;
}
