/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every process but this one and its cgroup's costs, and the machine's memory, on stdout. What Hull tells about itself
 * by org.hull.Machine.Memory, this tells about the peer, from the same files of /proc.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t read_text(const char *pid, const char *name, char *out, size_t size)
{
	char path[300];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	FILE *f = fopen(path, "r");
	if (f) {
		n = fread(out, 1, size - 1, f);
		fclose(f);
	}
	out[n] = 0;
	return n;
}

static ino_t pid_namespace(const char *pid)
{
	char path[300];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/ns/pid", pid);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* pss, private dirty, and of that what lies in mappings of files: written by relocation, or data with a start value. */
static void usage(const char *pid, long kb[3])
{
	char path[300], line[512], name[300];
	int of_file = 0;

	snprintf(path, sizeof(path), "/proc/%s/smaps", pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		long value;
		int fields = sscanf(line, "%*x-%*x %*s %*x %*x:%*x %*u %299s", name);
		if (strchr(line, '-') && strchr(line, '-') < strchr(line, ' '))
			of_file = fields == 1 && name[0] == '/';
		else if (sscanf(line, "Pss: %ld", &value) == 1)
			kb[0] += value;
		else if (sscanf(line, "Private_Dirty: %ld", &value) == 1) {
			kb[1] += value;
			kb[2] += of_file ? value : 0;
		}
	}
	if (f)
		fclose(f);
}

int main(void)
{
	static char own[4096], theirs[4096], text[8192];
	struct dirent *d;

	read_text("self", "cgroup", own, sizeof(own));
	/* First, before the reading of smaps takes memory. */
	read_text(".", "meminfo", text, sizeof(text));
	for (char *line = strtok(text, "\n"); line && line[0] == 'M'; line = strtok(NULL, "\n"))
		printf("BENCH %s\n", line);
	DIR *proc = opendir("/proc");
	while (proc && (d = readdir(proc))) {
		long kb[3] = { 0 };
		char name[64];
		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		read_text(d->d_name, "cgroup", theirs, sizeof(theirs));
		if (!strcmp(own, theirs) && strcmp(d->d_name, "1"))
			continue;
		usage(d->d_name, kb);
		read_text(d->d_name, "comm", name, sizeof(name));
		name[strcspn(name, "\n")] = 0;
		for (char *c = name; *c; c++)
			*c = *c == ' ' ? '_' : *c;
		if (kb[0]) /* else a kernel thread */
			printf("BENCH process %s %s %s %ld %ld %ld\n", d->d_name,
			       pid_namespace(d->d_name) == pid_namespace("self") ? "system" : "container", name, kb[0], kb[1], kb[2]);
	}
	puts("BENCH end");
	return fflush(stdout);
}
