/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1: the checklist that leads to the event loop, and what the loop does with signals. */
#include "init/pid1.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "init/boot.h"
#include "init/cgroup.h"
#include "init/crash.h"
#include "init/door/door.h"
#include "init/inherited.h"
#include "init/roles.h"
#include "init/snapshot.h"
#include "init/tasks.h"
#include "init/units.h"

#define INITIAL_PID_NAMESPACE "pid:[4026531836]" /* PROC_PID_INIT_INO, part of the kernel's interface */
#define REAPED_A_TURN 256 /* then the loop's other events have theirs */
#define ZOMBIES_MAX 100000 /* looked at in one go after a re-exec, before launches are begun again */
#define CALLBACKS_A_TURN 32 /* before the loop looks at its descriptors and timers again */
#define FILES_MAX 524288 /* three descriptors a unit, and some for each piece of its roles' work */
#define COMMIT_AFTER_S 3 /* with all roles listening this long after the units were started */

struct resume {
	int snapshot_fd, self_fd;
	const char *why;
	struct crash_window window;
};

/* --- identity of this process image --- */

static bool in_pid_namespace(void)
{
	char link[64];
	ssize_t n = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);
	if (n < 0)
		return false; /* no /proc yet: a real boot */
	link[n] = '\0';
	return strcmp(link, INITIAL_PID_NAMESPACE) != 0;
}

static bool parse_resume(int argc, char **argv, struct resume *r)
{
	if (argc != CRASH_RESUME_ARGC || strcmp(argv[1], "--resume") != 0)
		return false;
	r->snapshot_fd = atoi(argv[2]);
	r->self_fd = atoi(argv[3]);
	r->why = argv[4];
	return crash_window_parse(argv[5], &r->window) == 0;
}

static void complain(void *arg, const char *text)
{
	(void)arg;
	log_warn("%s", text);
}

/* The keys come from the kernel, or, contained, from the words behind `hull`, which a re-exec finds in the snapshot. */
static void read_cmdline(struct pid1 *p, int argc, char **argv)
{
	if (!p->contained) {
		cleanup_free char *text = NULL;
		size_t len;
		struct err e;
		if (fs_read(AT_FDCWD, "/proc/cmdline", 65536, &text, &len, &e) < 0)
			log_err("%s", e.text);
		cmdline_parse(text ? text : "", &p->cmdline, p->resumed ? NULL : complain, NULL);
		return;
	}
	cleanup_json cJSON *words = p->resumed ? snapshot_get(p->snapshot, "argv") : NULL;
	if (!words) {
		words = cJSON_CreateStringArray((const char *const *)argv + 1, argc - 1);
		snapshot_put(p->snapshot, "argv", words, NULL);
	}
	int n = cJSON_GetArraySize(words);
	cleanup_free char **list = calloc((size_t)n + 1, sizeof(char *));
	for (int i = 0; list && i < n; i++)
		list[i] = cJSON_GetArrayItem(words, i)->valuestring;
	cmdline_parse_argv(list ? n : 0, list, &p->cmdline, p->resumed ? NULL : complain, NULL);
}

/* Counts the crash this image follows; one too many is the end. */
static void account_crash(struct pid1 *p, const struct resume *r)
{
	if (strcmp(r->why, "asked") == 0) {
		log_info("re-executed as asked");
		return;
	}
	cleanup_json cJSON *old = snapshot_get(p->snapshot, "crashes"), *now = cJSON_CreateObject();
	const cJSON *before = old ? json_get(old, "count") : NULL;
	double count = (cJSON_IsNumber(before) ? before->valuedouble : 0) + 1;
	cJSON_AddNumberToObject(now, "count", count);
	cJSON_AddStringToObject(now, "last", r->why);
	snapshot_put(p->snapshot, "crashes", now, NULL);
	log_err("PID 1 crashed (%s) and was executed again; %u crashes in this minute", r->why, r->window.count);
	if (crash_too_many(r->window, (unsigned)cmdline_number(&p->cmdline, CMDLINE_CRASH_LIMIT)))
		panic_now(p, "PID 1 crashes again and again");
}

/* --- signals --- */

/* Looked at, recorded, and only then reaped: a crash in between finds the zombie again. False: more may be left. */
static bool reap(struct pid1 *p, int max)
{
	for (int i = 0; i < max; i++) {
		siginfo_t si = { 0 };
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0)
			return true;
		int pid = si.si_pid, status = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
		if (!units_exited(p, pid, status) && !roles_exited(p, pid, status))
			tasks_exited(p, pid); /* or an orphan of somebody's */
		waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG);
	}
	return false;
}

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct pid1 *p = arg;
	struct timeval now = { 0, 0 };
	if (!reap(p, REAPED_A_TURN))
		evtimer_add(p->reap, &now);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct pid1 *p = arg;
	struct signalfd_siginfo si[8];
	ssize_t n = read(fd, si, sizeof(si));
	for (ssize_t i = 0; i < n / (ssize_t)sizeof(*si); i++)
		if (si[i].ssi_signo == SIGCHLD)
			on_reap(-1, 0, p);
		else
			shutdown_signal(p, (int)si[i].ssi_signo);
}

static int open_signals(struct pid1 *p, struct err *e)
{
	sigset_t all;
	sigfillset(&all);
	int fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	struct event *ev = fd < 0 ? NULL : event_new(p->loop, fd, EV_READ | EV_PERSIST, on_signal, p);
	p->reap = evtimer_new(p->loop, on_reap, p);
	if (!ev || !p->reap || event_add(ev, NULL) < 0)
		return err_sys(e, "signalfd");
	return 0;
}

/* --- the way up --- */

static void arm_commit(struct pid1 *p);

static bool roles_listen(const struct pid1 *p)
{
	cleanup_json cJSON *roles = roles_info(p);
	const cJSON *r;
	cJSON_ArrayForEach(r, roles)
		if (strcmp(cJSON_GetStringValue(json_get(r, "state")), "running") != 0)
			return false;
	return true;
}

static void on_commit_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct pid1 *p = arg;
	if (p->shutting_down)
		return;
	if (roles_listen(p))
		boot_commit_slot(p);
	else
		arm_commit(p);
}

static void arm_commit(struct pid1 *p)
{
	struct timeval delay = { COMMIT_AFTER_S, 0 };
	event_base_once(p->loop, -1, EV_TIMEOUT, on_commit_timer, p, &delay);
}

static void on_loaded(struct pid1 *p)
{
	struct err e;
	if (p->shutting_down)
		return;
	/* Behind the first containers: nothing of theirs waits for the network role. */
	roles_start(p, ROLE_NET);
	cleanup_json cJSON *yes = cJSON_CreateTrue();
	if (snapshot_put(p->snapshot, "loaded", yes, &e) < 0)
		log_err("%s", e.text);
	units_sweep(p);
	arm_commit(p);
}

static void on_ready(struct pid1 *p)
{
	roles_start(p, ROLE_LOGS);
	units_load(p, on_loaded);
}

static void on_libevent_fatal(int err)
{
	log_err("libevent: fatal error %d", err);
	abort();
}

static void on_libevent_log(int severity, const char *text)
{
	(void)severity;
	log_warn("libevent: %s", text);
}

static int open_modules(struct pid1 *p, struct err *e)
{
	event_set_fatal_callback(on_libevent_fatal);
	event_set_log_callback(on_libevent_log);
	struct event_config *config = event_config_new();
	if (config) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
		/* Else what activates itself again would keep everybody else from their turn. */
		event_config_set_max_dispatch_interval(config, NULL, CALLBACKS_A_TURN, 0);
		p->loop = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (!p->loop)
		return err_set(e, ENOMEM, "event loop");
	if (tasks_open(p, e) < 0 || roles_open(p, e) < 0 || units_open(p, e) < 0 || open_signals(p, e) < 0)
		return -1;
	return door_open(p, e);
}

/* Above the numbers that children are given, and not CLOEXEC: the next image needs it. */
static int open_self(struct err *e)
{
	cleanup_close int low = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	int fd = low < 0 ? -1 : fcntl(low, F_DUPFD, 10);
	return fd < 0 ? err_sys(e, "/proc/self/exe") : fd;
}

static int take_state(struct pid1 *p, const struct resume *r, struct err *e)
{
	size_t lost = 0;
	if (p->resumed) {
		p->self_fd = inherited_take(p, r->self_fd);
		if (p->self_fd < 0)
			p->self_fd = open_self(e);
		p->snapshot = snapshot_resume(inherited_take(p, r->snapshot_fd), &lost, e);
		if (lost)
			log_err("%zu damaged copies in the snapshot", lost);
	} else {
		p->self_fd = open_self(e);
		p->snapshot = p->self_fd < 0 ? NULL : snapshot_create(e);
	}
	return p->snapshot && p->self_fd >= 0 ? 0 : -1;
}

/* Descriptors 0-2 always exist, so that no other ever gets their numbers. */
static void reserve_stdio(void)
{
	int fd;
	while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd <= 2)
		fcntl(fd, F_SETFD, 0);
	if (fd > 2)
		close(fd);
}

/* Children that run strangers' programs set their own. */
static void raise_limits(void)
{
	struct rlimit files = { FILES_MAX, FILES_MAX };
	if (setrlimit(RLIMIT_NOFILE, &files) == 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

/* After a re-exec: what ended meanwhile is looked at before what is missing is begun again. */
static int take_up(struct pid1 *p, struct err *e)
{
	size_t left = inherited_close(p);
	if (left)
		log_warn("%zu descriptors were left without a record", left);
	if (boot_resume(p, on_ready, e) < 0)
		return -1;
	if (!reap(p, ZOMBIES_MAX))
		on_reap(-1, 0, p);
	units_reconcile(p);
	roles_resumed(p);
	if (!boot_is_ready(p) || p->shutting_down)
		return 0;
	cleanup_json cJSON *loaded = snapshot_get(p->snapshot, "loaded");
	if (loaded)
		arm_commit(p);
	else
		on_ready(p); /* once more: what it had begun is found */
	return 0;
}

int pid1_main(int argc, char **argv)
{
	static struct pid1 pid1; /* zero, and no allocation before the crash path is armed */
	struct pid1 *p = &pid1;
	struct resume r = { 0 };
	struct err e = { .text = "" };

	p->resumed = parse_resume(argc, argv, &r);
	umask(0022);
	if (access("/proc/self", F_OK) < 0)
		mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	inherited_open(p);
	p->contained = in_pid_namespace();
	if (!p->resumed)
		reserve_stdio();
	raise_limits();
	log_open("hull", !p->contained);
	if (take_state(p, &r, &e) < 0 || crash_arm(p->self_fd, snapshot_fd(p->snapshot), r.window, p->contained, &e) < 0)
		panic_now(p, e.text);
	read_cmdline(p, argc, argv);
	if (p->resumed)
		account_crash(p, &r);
	if (!p->resumed && boot_early(p, &e) < 0)
		panic_now(p, e.text);
	if (p->resumed)
		p->cgroups = access(CGROUP_ROOT "/hull", F_OK) == 0;
	if (open_modules(p, &e) < 0)
		panic_now(p, e.text);
	if (!p->resumed)
		boot_start(p, on_ready);
	else if (take_up(p, &e) < 0)
		panic_now(p, e.text);
	event_base_dispatch(p->loop);
	panic_now(p, "the event loop ended");
}
