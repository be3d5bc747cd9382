/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No input brings the check down, and none but a signature by the pinned certificate passes; the fuzzer has not got its
 * key, so the root hash that passes is the one that the corpus was signed over.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/signature.h"

static const char pem[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBhDCCASmgAwIBAgIUOyzYP7tQ8Ae6VwV9QugCluXz3/4wCgYIKoZIzj0EAwIw\n"
	"FzEVMBMGA1UEAwwMSHVsbCBmdXp6aW5nMB4XDTI2MTEyMjE2MDM1M1oXDTI2MTEy\n"
	"MzE2MDM1M1owFzEVMBMGA1UEAwwMSHVsbCBmdXp6aW5nMFkwEwYHKoZIzj0CAQYI\n"
	"KoZIzj0DAQcDQgAEveI2x4gDK1LZbCAKM6XHO4Jw5S4LpouuPlwyxCWtJYrXJRoV\n"
	"y98ecKHA8tnJtmD3mDby0/fnU0hxoC6/MRg0maNTMFEwHQYDVR0OBBYEFDgnrjkV\n"
	"BOKhehc8BQg2PCgvDsDhMB8GA1UdIwQYMBaAFDgnrjkVBOKhehc8BQg2PCgvDsDh\n"
	"MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhALrUcOI0xQ+gGBE2\n"
	"OsNKsg0j5FbSFG8kDpYwVXrObqQmAiEAllylFPniy/4Cm0yVlAy7X7dXmlE988XL\n"
	"4q52sizs20E=\n"
	"-----END CERTIFICATE-----\n";
static const char signed_hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static struct certificates *pinned(void)
{
	char dir[] = "/tmp/hull-fuzz-XXXXXX", path[64];
	struct certificates *c;
	struct err e;
	FILE *f;

	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/c.pem", dir);
	f = fopen(path, "w");
	fputs(pem, f);
	fclose(f);
	c = certificates_load(dir, &e);
	unlink(path);
	rmdir(dir);
	if (!c)
		abort();
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct certificates *c;
	char root_hash[ROOT_HASH_TEXT], *text;
	struct err e;

	if (!c)
		c = pinned();
	text = malloc(size ? size : 1); /* exactly: a read behind the end is seen */
	memcpy(text, data, size);
	if (signature_check(text, size, c, root_hash, &e)) {
		if (!e.code || !memchr(e.text, 0, sizeof(e.text)))
			abort();
	} else if (strcmp(root_hash, signed_hash)) {
		abort();
	}
	free(text);
	return 0;
}
