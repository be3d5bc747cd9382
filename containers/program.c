/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/program.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "containers/quote.h"
#include "containers/strings.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int add_all(char ***list, char *const *more, struct err *e)
{
	for (; more && *more; more++)
		if (strings_add(list, *more) < 0)
			return err_sys(e, "arguments");
	return 0;
}

int program_arguments(const struct image_config *image, const cJSON *entrypoint, const cJSON *command, char ***out,
		      struct err *e)
{
	cleanup_strings char **entry = strings_from_json(entrypoint), **cmd = strings_from_json(command), **all = NULL;

	if (!entry || !cmd)
		return err_sys(e, "arguments");
	if (!entrypoint && add_all(&all, image->entrypoint, e) < 0)
		return -1;
	if (entrypoint && !(entry[0] && entry[0][0] == '\0' && !entry[1]) && add_all(&all, entry, e) < 0)
		return -1;
	if (add_all(&all, command ? cmd : entrypoint ? NULL : image->command, e) < 0)
		return -1;
	if (!all || all[0][0] == '\0')
		return err_set(e, EINVAL, "no command: neither the image nor the unit names one");
	*out = take_ptr(all);
	return 0;
}

/* The last of a name wins. */
static int set_variable(char ***list, const char *entry, struct err *e)
{
	size_t name = strcspn(entry, "=");

	if (name == 0 || entry[name] == '\0')
		return 0;
	for (char **v = *list; v && *v; v++) {
		char *copy;

		if (strncmp(*v, entry, name + 1))
			continue;
		copy = strdup(entry);
		if (!copy)
			return err_sys(e, "environment");
		free(*v);
		*v = copy;
		return 0;
	}
	return strings_add(list, entry) < 0 ? err_sys(e, "environment") : 0;
}

static const char *get_variable(char *const *list, const char *name)
{
	size_t len = strlen(name);

	for (; list && *list; list++)
		if (!strncmp(*list, name, len) && (*list)[len] == '=')
			return *list + len + 1;
	return NULL;
}

static int set_formatted(char ***list, const char *name, const char *value, struct err *e)
{
	cleanup_free char *entry = NULL;

	if (asprintf(&entry, "%s=%s", name, value) < 0) {
		entry = NULL;
		return err_sys(e, "environment");
	}
	return set_variable(list, entry, e);
}

int program_environment(const struct image_config *image, const cJSON *unit, const char *hostname, const char *home,
			bool terminal, char ***out, struct err *e)
{
	cleanup_strings char **list = NULL, **own = strings_from_json(unit);

	if (!own)
		return err_sys(e, "environment");
	if (set_formatted(&list, "PATH", PATH_DEFAULT, e) < 0 || set_formatted(&list, "HOSTNAME", hostname, e) < 0 ||
	    (terminal && set_formatted(&list, "TERM", "xterm", e) < 0))
		return -1;
	for (char **v = image->environment; *v; v++)
		if (set_variable(&list, *v, e) < 0)
			return -1;
	for (char **v = own; *v; v++)
		if (set_variable(&list, *v, e) < 0)
			return -1;
	if (!get_variable(list, "HOME") && set_formatted(&list, "HOME", home, e) < 0)
		return -1;
	*out = take_ptr(list);
	return 0;
}

/* Any path in the present root, but through no magic link: /proc/self/exe would be Hull itself (CVE-2019-5736). */
static int open_program(const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/* One candidate: 1 when it is worth an execve (or the only one), 0 when it isn't there, -errno when it can't be run. */
static int look_at(const char *path)
{
	cleanup_close int fd = open_program(path);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EACCES;
	return st.st_mode & 0111 ? 1 : -EACCES;
}

/* The first executable of that name along PATH; 0 or a negative errno. */
static int search(const char *name, char *const *environment, char out[PATH_MAX])
{
	const char *path = get_variable(environment, "PATH");
	int result = -ENOENT;

	for (path = path ? path : PATH_DEFAULT; ; ) {
		size_t len = strcspn(path, ":");
		char candidate[PATH_MAX];
		int seen;

		/* An empty part means the working directory. */
		if (snprintf(candidate, sizeof(candidate), "%.*s/%s", len ? (int)len : 1, len ? path : ".", name) <
		    (int)sizeof(candidate)) {
			seen = look_at(candidate);
			if (seen > 0) {
				strcpy(out, candidate);
				return 0;
			}
			if (seen < 0)
				result = seen;
		}
		if (path[len] == '\0')
			return result;
		path += len + 1;
	}
}

int program_execute(char *const *arguments, char *const *environment, struct err *e)
{
	char path[PATH_MAX], shown[QUOTE_MAX];
	int why;

	if (strchr(arguments[0], '/')) {
		why = look_at(arguments[0]);
		why = why > 0 ? 0 : why == 0 ? -ENOENT : why;
		snprintf(path, sizeof(path), "%s", arguments[0]);
		if (strlen(arguments[0]) >= sizeof(path))
			why = -ENAMETOOLONG;
	} else {
		why = search(arguments[0], environment, path);
	}
	if (why == 0) {
		execve(path, arguments, environment);
		why = -errno;
		if (why == -ENOENT) {
			err_set(e, ENOENT, "execute %s: its interpreter isn't in the image", quote(path, shown));
			return PROGRAM_NOT_FOUND;
		}
	}
	if (why == -ENOENT) {
		err_set(e, ENOENT, "no program %s in the image%s", quote(arguments[0], shown),
			strchr(arguments[0], '/') ? "" : "'s PATH");
		return PROGRAM_NOT_FOUND;
	}
	err_set(e, -why, "execute %s: %s", quote(arguments[0], shown),
		why == -ENOEXEC ? "not a program for this machine (a script without #!?)" : strerror(-why));
	return PROGRAM_NOT_EXECUTABLE;
}

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT }, { "ILL", SIGILL }, { "TRAP", SIGTRAP },
	{ "ABRT", SIGABRT }, { "BUS", SIGBUS }, { "FPE", SIGFPE }, { "KILL", SIGKILL }, { "USR1", SIGUSR1 },
	{ "SEGV", SIGSEGV }, { "USR2", SIGUSR2 }, { "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM },
	{ "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD }, { "CONT", SIGCONT }, { "STOP", SIGSTOP }, { "TSTP", SIGTSTP },
	{ "TTIN", SIGTTIN }, { "TTOU", SIGTTOU }, { "URG", SIGURG }, { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },
	{ "VTALRM", SIGVTALRM }, { "PROF", SIGPROF }, { "WINCH", SIGWINCH }, { "IO", SIGIO }, { "POLL", SIGPOLL },
	{ "PWR", SIGPWR }, { "SYS", SIGSYS },
};

int program_signal(const char *text)
{
	char *end;
	long n;

	if (isdigit((unsigned char)text[0])) {
		n = strtol(text, &end, 10);
		return *end == '\0' && n > 0 && n < _NSIG ? (int)n : 0;
	}
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!strcasecmp(signals[i].name, text))
			return signals[i].number;
	/* The kernel's real-time signals as Docker counts them: from 34 to 64. */
	if (!strcasecmp(text, "RTMIN"))
		return 34;
	if (!strcasecmp(text, "RTMAX"))
		return 64;
	if (!strncasecmp(text, "RTMIN+", 6) || !strncasecmp(text, "RTMAX-", 6)) {
		n = strtol(text + 6, &end, 10);
		if (!isdigit((unsigned char)text[6]) || *end || n > 30)
			return 0;
		return text[5] == '+' ? 34 + (int)n : 64 - (int)n;
	}
	return 0;
}
