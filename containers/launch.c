/* SPDX-License-Identifier: Apache-2.0 */
#include "containers/launch.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdpass.h"
#include "base/fs.h"
#include "base/json.h"
#include "containers/capabilities.h"
#include "containers/image.h"
#include "containers/mounts.h"
#include "containers/program.h"
#include "containers/protect.h"
#include "containers/rootfs.h"
#include "containers/user.h"

#define REPORT_FD 3
#define PACKET_MAX 65536
#define SETUP_FAILED 125
#define RESOLV_CONF "/run/hull/resolv.conf"
#define RESOLV_CONF_MAX 4096

struct packet {
	const char *name, *image, *store, *directory, *hostname;
	const cJSON *command, *entrypoint, *environment;
	bool terminal, state_readonly;
};
struct launch {
	cJSON *root; /* owns what packet borrows; lives as long as the process */
	struct packet packet;
	struct image image;
	struct rootfs rootfs;
	struct user user;
	char **arguments, **environment;
};

unsigned long launch_clone_flags(int network_host)
{
	/*
	 * Not CLONE_NEWCGROUP: together with CLONE_INTO_CGROUP the namespace's root would be the parent's cgroup. The
	 * launcher makes it once it is where it belongs.
	 */
	return CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | (network_host ? 0 : CLONE_NEWNET);
}

/* ---- steps; each fills e and returns -1, or an exit status, on failure ---- */

static int step_protect(struct launch *l, struct err *e)
{
	char *const arguments[] = { (char *)"hull", (char *)"--launch", NULL };

	(void)l;
	return protect_binary(arguments, e);
}

static int hostname_valid(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-._", name[i]))
			return 0;
	return len > 0 && len <= HOST_NAME_MAX;
}

static int step_packet(struct launch *l, struct err *e)
{
	static const struct json_field fields[] = {
		{ .key = "name", .type = JSON_STRING, .offset = offsetof(struct packet, name), .required = true },
		{ .key = "image", .type = JSON_STRING, .offset = offsetof(struct packet, image), .required = true },
		{ .key = "store", .type = JSON_STRING, .offset = offsetof(struct packet, store), .required = true },
		{ .key = "directory", .type = JSON_STRING, .offset = offsetof(struct packet, directory), .required = true },
		{ .key = "hostname", .type = JSON_STRING, .offset = offsetof(struct packet, hostname), .required = true },
		{ .key = "command", .type = JSON_STRINGS, .offset = offsetof(struct packet, command) },
		{ .key = "entrypoint", .type = JSON_STRINGS, .offset = offsetof(struct packet, entrypoint) },
		{ .key = "environment", .type = JSON_STRINGS, .offset = offsetof(struct packet, environment) },
		{ .key = "terminal", .type = JSON_BOOL, .offset = offsetof(struct packet, terminal) },
		{ .key = "state_readonly", .type = JSON_BOOL, .offset = offsetof(struct packet, state_readonly) },
	};
	static char text[PACKET_MAX];
	size_t n_fds = 0;
	ssize_t n;

	/* No descriptor of the host may come along (CVE-2024-21626). */
	if (fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) < 0 || close_range(REPORT_FD + 1, ~0u, 0) < 0)
		return err_sys(e, "close descriptors");
	do
		n = fdpass_recv(REPORT_FD, text, sizeof(text), NULL, &n_fds, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? err_sys(e, "receive") : err_set(e, EPIPE, "nothing was sent");
	l->root = json_parse(text, (size_t)n, &JSON_MESSAGE, e);
	if (!l->root || json_read(l->root, fields, sizeof(fields) / sizeof(fields[0]), 0, "launch", &l->packet, e) < 0)
		return -1;
	if (l->packet.store[0] != '/' || l->packet.directory[0] != '/')
		return err_set(e, EINVAL, "store and directory must be absolute paths");
	if (!hostname_valid(l->packet.hostname))
		return err_set(e, EINVAL, "the host name must be 1 to 64 letters, digits, '-', '.' or '_'");
	return 0;
}

/* Out of PID 1's session, limits and privileges of survival. */
static int step_detach(struct launch *l, struct err *e)
{
	struct rlimit files, wanted = { 1024, 524288 };

	(void)l;
	setsid(); /* fails only for a session leader, which is fine too */
	umask(022);
	for (int sig = 1; sig < _NSIG; sig++)
		signal(sig, SIG_DFL); /* what was ignored would stay so over execve */
	fs_put(AT_FDCWD, "/proc/self/oom_score_adj", "0", NULL); /* PID 1's own may not be inherited; refused: as it is */
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_sys(e, "read limits");
	if (wanted.rlim_max > files.rlim_max)
		wanted.rlim_max = files.rlim_max;
	if (wanted.rlim_cur > wanted.rlim_max)
		wanted.rlim_cur = wanted.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &wanted) < 0)
		return err_sys(e, "set the limit of open files");
	if (unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(e, "cgroup namespace");
	/* An own keyring: root's is shared by all containers otherwise. Kernels without keyrings have none to share. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	return 0;
}

/*
 * Which manifest's layers the container stands on, beside its writable layer: the name it was started by may move on,
 * and whoever removes images has to know. Not flushed: after a power cut the container doesn't run.
 */
static int record_image(const struct launch *l, struct err *e)
{
	cleanup_close int dir = open(l->packet.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	char text[DIGEST_TEXT_MAX];

	digest_format(&l->image.manifest, text);
	fd = dir < 0 ? -1 : openat(dir, LAUNCH_IMAGE_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fs_write_full(fd, text, strlen(text)) < 0)
		return err_sys(e, "record the image in %s", l->packet.directory);
	return 0;
}

static int step_image(struct launch *l, struct err *e)
{
	cleanup_store struct store store = STORE_NONE;
	cleanup_close int dir = open(l->packet.store, O_RDONLY | O_DIRECTORY | O_CLOEXEC), hold = -1;

	if (dir < 0 && errno == ENOENT)
		return err_set(e, ENOENT, "no image '%s' on this machine: load it by `hull image load`", l->packet.image);
	if (dir < 0)
		return err_sys(e, "open %s", l->packet.store);
	if (store_open(dir, false, &store, e) < 0 || (hold = store_hold(&store, e)) < 0 ||
	    image_open(&store, l->packet.image, &l->image, e) < 0)
		return -1;
	/* Mounted while held: afterwards the layers are in use by a container that PID 1 knows. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(e, "make mounts private");
	if (rootfs_mount(&l->image, l->packet.store, l->packet.directory, l->packet.state_readonly, &l->rootfs, e) < 0)
		return -1;
	return l->packet.state_readonly ? 0 : record_image(l, e);
}

/* Whether this process has a network namespace of its own: not that of the process that started it. */
static bool own_network(void)
{
	struct stat self, init;

	return stat("/proc/self/ns/net", &self) == 0 && stat("/proc/1/ns/net", &init) == 0 && self.st_ino != init.st_ino;
}

static int step_network(struct launch *l, struct err *e)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	cleanup_close int fd = -1;

	(void)l;
	if (!own_network())
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		return err_sys(e, "bring up lo");
	/* As Docker: in its own network, any user may serve port 80 and ping. /proc/sys/net is the reader's namespace. */
	fs_put(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0", NULL);
	fs_put(AT_FDCWD, "/proc/sys/net/ipv4/ping_group_range", "0 2147483647", NULL);
	return 0;
}

static int step_mounts(struct launch *l, struct err *e)
{
	cleanup_free char *resolv_conf = NULL;
	size_t len;

	/* No network yet: an empty file, as no server is known. */
	if (fs_read(AT_FDCWD, RESOLV_CONF, RESOLV_CONF_MAX, &resolv_conf, &len, NULL) < 0)
		resolv_conf = NULL;
	if (mounts_etc(l->rootfs.root, l->rootfs.scratch, l->packet.hostname, resolv_conf ? resolv_conf : "", e) < 0)
		return -1;
	return mounts_make(l->rootfs.root, e);
}

static int step_mask(struct launch *l, struct err *e)
{
	return mounts_mask(l->rootfs.root, e);
}

static int step_enter(struct launch *l, struct err *e)
{
	if (rootfs_enter(&l->rootfs, e) < 0)
		return -1;
	rootfs_close(&l->rootfs);
	if (sethostname(l->packet.hostname, strlen(l->packet.hostname)) < 0)
		return err_sys(e, "set the host name");
	return 0;
}

static int step_program(struct launch *l, struct err *e)
{
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_sys(e, "open /");
	/* PID 1 decides about the cgroup, so this process still may do all; nothing of the image ran yet. */
	if (user_resolve(root, l->image.config.user, &l->user, e) < 0 ||
	    program_arguments(&l->image.config, l->packet.entrypoint, l->packet.command, &l->arguments, e) < 0)
		return -1;
	return program_environment(&l->image.config, l->packet.environment, l->packet.hostname, l->user.home,
				   l->packet.terminal, &l->environment, e);
}

/* The working directory, made when missing; inside of the root by whatever links (CVE-2024-21626). */
static int step_directory(struct launch *l, struct err *e)
{
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), dir = -1;
	const char *wanted = l->image.config.working_dir[0] ? l->image.config.working_dir : "/";
	char path[PATH_MAX + 2], where[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", wanted[0] == '/' ? "" : "/", wanted);
	dir = fs_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
	if (dir < 0 && errno == ENOENT) {
		if (fs_mkdirs(AT_FDCWD, path, 0755, e) < 0)
			return -1;
		dir = fs_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
	}
	if (dir < 0 || fchdir(dir) < 0)
		return err_sys(e, "working directory %s", wanted);
	if (!getcwd(where, sizeof(where)) || where[0] != '/')
		return err_set(e, EXDEV, "the working directory %s isn't inside of the container", wanted);
	return 0;
}

/* stdin to stderr: the container's own /dev/null instead of the host's; pipes and terminals belong to the user. */
static int step_stdio(struct launch *l, struct err *e)
{
	for (int fd = 0; fd <= 2; fd++) {
		cleanup_close int null = -1;
		struct stat st;

		if (fstat(fd, &st) < 0)
			return err_sys(e, "descriptor %d", fd);
		if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) {
			null = open("/dev/null", O_RDWR | O_CLOEXEC);
			if (null < 0 || dup2(null, fd) < 0)
				return err_sys(e, "/dev/null");
		} else if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd)) {
			/* So that /dev/stderr can be opened again; refused on some, which then work as they are. */
			if (fchown(fd, l->user.uid, l->user.gid) < 0 && errno != EPERM && errno != EINVAL && errno != EROFS)
				return err_sys(e, "descriptor %d", fd);
		}
	}
	if (l->packet.terminal && ioctl(0, TIOCSCTTY, 0) < 0)
		return err_sys(e, "controlling terminal");
	return 0;
}

static int step_rights(struct launch *l, struct err *e)
{
	const struct user *u = &l->user;

	if (capabilities_bound(CAPABILITIES_DEFAULT, e) < 0)
		return -1;
	if (setgroups(u->n_groups, u->groups) < 0 || setresgid(u->gid, u->gid, u->gid) < 0 ||
	    setresuid(u->uid, u->uid, u->uid) < 0)
		return err_sys(e, "become user %u:%u", u->uid, u->gid);
	/* Root keeps the set; for another user it stays what a setuid program could gain. */
	return capabilities_set(u->uid == 0 ? CAPABILITIES_DEFAULT : 0, e);
}

static void report(const cJSON *v)
{
	cleanup_free char *text = v ? json_print(v) : NULL;

	/* PID 1 gone or not reading: the exit status says what it can. */
	if (text)
		fdpass_send(REPORT_FD, text, strlen(text), NULL, 0, MSG_NOSIGNAL);
}

static void report_prepared(const struct launch *l)
{
	cleanup_json cJSON *v = cJSON_CreateObject();
	cJSON *p = cJSON_AddObjectToObject(v, "prepared");
	char digest[DIGEST_TEXT_MAX];

	digest_format(&l->image.manifest, digest);
	cJSON_AddNumberToObject(p, "stop_signal", program_signal(l->image.config.stop_signal));
	cJSON_AddStringToObject(p, "image", digest);
	report(v);
}

static int step_execute(struct launch *l, struct err *e)
{
	report_prepared(l);
	return program_execute(l->arguments, l->environment, e);
}

/* In this order: what needs the host's root, the change of root, what needs root's rights, the end of them. */
static const struct {
	const char *name;
	int (*run)(struct launch *l, struct err *e);
} steps[] = {
	{ "protect Hull's binary", step_protect },
	{ "launch request", step_packet },
	{ "leave PID 1's surroundings", step_detach },
	{ "image", step_image },
	{ "network", step_network },
	{ "mount", step_mounts },
	{ "hide parts of /proc and /sys", step_mask },
	{ "enter the root filesystem", step_enter },
	{ "what to run", step_program },
	{ "working directory", step_directory },
	{ "standard streams", step_stdio },
	{ "give up rights", step_rights },
	{ "execute", step_execute },
};

static _Noreturn void fail(const char *step, const struct err *why, int status)
{
	cleanup_json cJSON *v = cJSON_CreateObject();
	cJSON *error = cJSON_AddObjectToObject(v, "error");

	cJSON_AddStringToObject(error, "step", step);
	cJSON_AddStringToObject(error, "message", why->text);
	cJSON_AddNumberToObject(error, "status", status);
	report(v);
	_exit(status);
}

_Noreturn void launch_main(void)
{
	struct launch l = { .rootfs = ROOTFS_NONE };
	struct err e = { EIO, "failed" };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int rc = steps[i].run(&l, &e);

		if (rc != 0)
			fail(steps[i].name, &e, rc < 0 ? SETUP_FAILED : rc);
	}
	_exit(SETUP_FAILED); /* not reached: the last step only comes back with a status */
}
