/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First in link order: takes the place of libc's name services, character set conversion, message catalogues and
 * dlopen, each refusing honestly. A static binary that calls getpwnam() inside a foreign root would load that root's
 * libnss and run it; libmount, libevent and OpenSSL hold such calls. Names are resolved elsewhere by our own code; the
 * lint checks with nm that none of the replaced code is linked in.
 *
 * Not part of the unit tests, which are dynamic programs.
 */
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <iconv.h>
#include <netdb.h>
#include <pwd.h>
#include <shadow.h>
#include <stddef.h>
#include <strings.h>
#include <sys/socket.h>

/* Users and groups. NULL with errno ENOSYS, or ENOSYS returned: "can't know", never "no such user". */

static void *refuse(void)
{
	errno = ENOSYS;
	return NULL;
}

struct passwd *getpwnam(const char *name)
{
	(void)name;
	return refuse();
}

struct passwd *getpwuid(uid_t uid)
{
	(void)uid;
	return refuse();
}

struct group *getgrnam(const char *name)
{
	(void)name;
	return refuse();
}

struct group *getgrgid(gid_t gid)
{
	(void)gid;
	return refuse();
}

struct spwd *getspnam(const char *name)
{
	(void)name;
	return refuse();
}

int getpwnam_r(const char *name, struct passwd *p, char *buf, size_t size, struct passwd **result)
{
	(void)name, (void)p, (void)buf, (void)size;
	*result = NULL;
	return ENOSYS;
}

int getpwuid_r(uid_t uid, struct passwd *p, char *buf, size_t size, struct passwd **result)
{
	(void)uid, (void)p, (void)buf, (void)size;
	*result = NULL;
	return ENOSYS;
}

int getgrnam_r(const char *name, struct group *g, char *buf, size_t size, struct group **result)
{
	(void)name, (void)g, (void)buf, (void)size;
	*result = NULL;
	return ENOSYS;
}

int getgrgid_r(gid_t gid, struct group *g, char *buf, size_t size, struct group **result)
{
	(void)gid, (void)g, (void)buf, (void)size;
	*result = NULL;
	return ENOSYS;
}

int getgrouplist(const char *user, gid_t group, gid_t *groups, int *n)
{
	(void)user, (void)group, (void)groups;
	*n = 0;
	return -1;
}

int initgroups(const char *user, gid_t group)
{
	(void)user, (void)group;
	errno = ENOSYS;
	return -1;
}

/* Hosts and services. */

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	(void)node, (void)service, (void)hints, (void)result;
	return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

int getnameinfo(const struct sockaddr *sa, socklen_t size, char *host, socklen_t host_size, char *service,
		socklen_t service_size, int flags)
{
	(void)sa, (void)size, (void)host, (void)host_size, (void)service, (void)service_size, (void)flags;
	return EAI_FAIL;
}

static struct hostent *refuse_host(void)
{
	h_errno = NO_RECOVERY;
	return refuse();
}

struct hostent *gethostbyname(const char *name)
{
	(void)name;
	return refuse_host();
}

struct hostent *gethostbyname2(const char *name, int family)
{
	(void)name, (void)family;
	return refuse_host();
}

struct hostent *gethostbyaddr(const void *address, socklen_t size, int family)
{
	(void)address, (void)size, (void)family;
	return refuse_host();
}

int gethostbyname_r(const char *name, struct hostent *ret, char *buf, size_t size, struct hostent **result, int *error)
{
	(void)name, (void)ret, (void)buf, (void)size;
	*result = NULL;
	*error = NO_RECOVERY;
	return ENOSYS;
}

int gethostbyname2_r(const char *name, int family, struct hostent *ret, char *buf, size_t size,
		     struct hostent **result, int *error)
{
	(void)family;
	return gethostbyname_r(name, ret, buf, size, result, error);
}

int gethostbyaddr_r(const void *address, socklen_t address_size, int family, struct hostent *ret, char *buf,
		    size_t size, struct hostent **result, int *error)
{
	(void)address, (void)address_size, (void)family;
	return gethostbyname_r(NULL, ret, buf, size, result, error);
}

struct servent *getservbyname(const char *name, const char *protocol)
{
	(void)name, (void)protocol;
	return refuse();
}

struct servent *getservbyport(int port, const char *protocol)
{
	(void)port, (void)protocol;
	return refuse();
}

struct protoent *getprotobyname(const char *name)
{
	(void)name;
	return refuse();
}

struct protoent *getprotobynumber(int number)
{
	(void)number;
	return refuse();
}

/* Character sets. */

iconv_t iconv_open(const char *to, const char *from)
{
	(void)to, (void)from;
	errno = EINVAL; /* "this conversion is not supported" */
	return (iconv_t)-1;
}

size_t iconv(iconv_t cd, char **in, size_t *in_left, char **out, size_t *out_left)
{
	(void)cd, (void)in, (void)in_left, (void)out, (void)out_left;
	errno = EBADF;
	return (size_t)-1;
}

int iconv_close(iconv_t cd)
{
	(void)cd;
	errno = EBADF;
	return -1;
}

/* Shared objects. */

void *dlopen(const char *file, int mode)
{
	(void)file, (void)mode;
	return NULL;
}

void *dlsym(void *restrict handle, const char *restrict name)
{
	(void)handle, (void)name;
	return NULL;
}

int dlclose(void *handle)
{
	(void)handle;
	return -1;
}

char *dlerror(void)
{
	static char text[] = "shared objects can't be loaded into a static binary";
	return text;
}

int dladdr(const void *address, Dl_info *info)
{
	(void)address, (void)info;
	return 0;
}

/*
 * What glibc itself calls behind setlocale, gettext, wide streams and stack unwinding: these names are its own, so the
 * declarations are here. Each of its source files is replaced as a whole, or the linker would take both.
 */
enum { GCONV_OK = 0, GCONV_NOCONV = 1, GCONV_ILLEGAL_DESCRIPTOR = 8 };

int __gconv_lock;
int __gconv_open(void *spec, void **handle, int flags);
int __gconv_close(void *handle);
int __gconv(void *handle, const unsigned char **in, const unsigned char *in_end, unsigned char **out,
	    unsigned char *out_end, size_t *irreversible);
int __gconv_create_spec(void *spec, const char *from, const char *to);
void __gconv_destroy_spec(void *spec);
int __gconv_find_transform(const char *to, const char *from, void **steps, size_t *n, int flags);
int __gconv_close_transform(void *steps, size_t n);
void __gconv_release_step(void *step);
int __gconv_compare_alias(const char *a, const char *b);
void *__libc_dlopen_mode(const char *name, int mode);
void *__libc_dlsym(void *handle, const char *name);
void *__libc_dlvsym(void *handle, const char *name, const char *version);
int __libc_dlclose(void *handle);
int _nl_msg_cat_cntr;
char *__dcigettext(const char *domain, const char *one, const char *many, int plural, unsigned long n, int category);

int __gconv_open(void *spec, void **handle, int flags)
{
	(void)spec, (void)flags;
	*handle = NULL;
	return GCONV_NOCONV;
}

int __gconv_close(void *handle)
{
	(void)handle;
	return GCONV_OK;
}

int __gconv(void *handle, const unsigned char **in, const unsigned char *in_end, unsigned char **out,
	    unsigned char *out_end, size_t *irreversible)
{
	(void)handle, (void)in, (void)in_end, (void)out, (void)out_end, (void)irreversible;
	return GCONV_ILLEGAL_DESCRIPTOR;
}

int __gconv_create_spec(void *spec, const char *from, const char *to)
{
	(void)spec, (void)from, (void)to;
	errno = ENOSYS;
	return -1;
}

void __gconv_destroy_spec(void *spec)
{
	(void)spec;
}

int __gconv_find_transform(const char *to, const char *from, void **steps, size_t *n, int flags)
{
	(void)to, (void)from, (void)flags;
	*steps = NULL;
	*n = 0;
	return GCONV_NOCONV;
}

int __gconv_close_transform(void *steps, size_t n)
{
	(void)steps, (void)n;
	return GCONV_OK;
}

void __gconv_release_step(void *step)
{
	(void)step;
}

int __gconv_compare_alias(const char *a, const char *b)
{
	return strcasecmp(a, b);
}

void *__libc_dlopen_mode(const char *name, int mode)
{
	(void)name, (void)mode;
	return NULL;
}

void *__libc_dlsym(void *handle, const char *name)
{
	(void)handle, (void)name;
	return NULL;
}

void *__libc_dlvsym(void *handle, const char *name, const char *version)
{
	(void)handle, (void)name, (void)version;
	return NULL;
}

int __libc_dlclose(void *handle)
{
	(void)handle;
	return -1;
}

/* Messages stay in English, as POSIX's C locale has them. */
char *__dcigettext(const char *domain, const char *one, const char *many, int plural, unsigned long n, int category)
{
	(void)domain, (void)category;
	return (char *)(plural && n != 1 ? many : one);
}
