/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/compose.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/signame.h"

#define ENVIRONMENT_MAX 1024
#define WORDS_MAX 1024

static const struct json_limits limits = { COMPOSE_FILE_MAX, 100000, 32 };

/* One key of a service: its reader gets the value (never null) and the spec under construction. */
struct service_key {
	const char *key;
	int (*read)(const cJSON *v, struct unit_spec *s, struct err *e);
};

static bool is_extension(const char *key)
{
	return strncmp(key, "x-", 2) == 0;
}

/* `$$` is `$`. Whatever else begins with `$` is a variable, which `docker compose config` would have replaced. */
static char *expand(const char *in, struct err *e)
{
	char *out = malloc(strlen(in) + 1), *o = out;

	if (!out) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	for (; *in; in++) {
		if (*in == '$' && *++in != '$') {
			free(out);
			err_set(e, EINVAL, "variables are not replaced here (`docker compose config` does it): "
				"a literal \"$\" is written \"$$\"");
			return NULL;
		}
		*o++ = *in;
	}
	*o = '\0';
	return out;
}

static char *expand_string(const cJSON *v, struct err *e)
{
	if (cJSON_IsString(v))
		return expand(v->valuestring, e);
	err_set(e, EINVAL, "must be a string");
	return NULL;
}

static void words_free(char **words)
{
	for (char **p = words; p && *p; p++)
		free(*p);
	free(words);
}

/* A command: a string, split into words, or a list of them. */
static int read_words(const cJSON *v, char ***out, struct err *e)
{
	const cJSON *item;
	size_t n = 0;
	char **words;

	if (cJSON_IsString(v)) {
		cleanup_free char *text = expand_string(v, e);

		return text ? compose_words(text, out, e) : -1;
	}
	if (!cJSON_IsArray(v))
		return err_set(e, EINVAL, "must be a string or a list of strings");
	if (cJSON_GetArraySize(v) > WORDS_MAX)
		return err_set(e, E2BIG, "more than %d words", WORDS_MAX);
	words = calloc((size_t)cJSON_GetArraySize(v) + 1, sizeof(*words));
	if (!words)
		return err_set(e, ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, v) {
		words[n] = expand_string(item, e);
		if (!words[n]) {
			words_free(words);
			return err_wrap(e, "item %zu", n);
		}
		n++;
	}
	*out = words;
	return 0;
}

static int read_command(const cJSON *v, struct unit_spec *s, struct err *e)
{
	return read_words(v, &s->command, e);
}

static int read_entrypoint(const cJSON *v, struct unit_spec *s, struct err *e)
{
	return read_words(v, &s->entrypoint, e);
}

static int read_image(const cJSON *v, struct unit_spec *s, struct err *e)
{
	s->image = expand_string(v, e);
	if (!s->image)
		return -1;
	if (!*s->image || strlen(s->image) > 512)
		return err_set(e, EINVAL, "an image reference has 1 to 512 bytes");
	for (const char *p = s->image; *p; p++)
		if (!isgraph((unsigned char)*p))
			return err_set(e, EINVAL, "an image reference has no spaces and only ASCII");
	return 0;
}

struct environment {
	char **list;
	size_t n;
};

/* Takes entry ("K=V") over, also on failure. The last of a name wins. */
static int environment_add(struct environment *env, char *entry, struct err *e)
{
	size_t name = strcspn(entry, "=") + 1;

	if (name == 1) {
		free(entry);
		return err_set(e, EINVAL, "a variable without a name");
	}
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->list[i], entry, name) == 0) {
			free(env->list[i]);
			env->list[i] = entry;
			return 0;
		}
	if (env->n >= ENVIRONMENT_MAX) {
		free(entry);
		return err_set(e, E2BIG, "more than %d variables", ENVIRONMENT_MAX);
	}
	env->list[env->n++] = entry;
	return 0;
}

/* A map's entry as "K=V", NULL on error. */
static char *environment_entry(const cJSON *v, struct err *e)
{
	cleanup_free char *value = NULL;
	char *entry, number[32];

	if (strchr(v->string, '=')) {
		err_set(e, EINVAL, "%.100s: a variable's name has no \"=\"", v->string);
		return NULL;
	}
	if (cJSON_IsString(v)) {
		value = expand(v->valuestring, e);
	} else if (cJSON_IsBool(v)) {
		value = strdup(cJSON_IsTrue(v) ? "true" : "false");
	} else if (cJSON_IsNumber(v)) {
		snprintf(number, sizeof(number), "%.15g", v->valuedouble);
		if (strtod(number, NULL) != v->valuedouble)
			snprintf(number, sizeof(number), "%.17g", v->valuedouble);
		value = strdup(number);
	} else {
		err_set(e, EINVAL, "must be a string, a number, a boolean or null");
	}
	if (!value) {
		err_wrap(e, "%.100s", v->string);
		return NULL;
	}
	if (asprintf(&entry, "%s=%s", v->string, value) < 0) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	return entry;
}

/* A map or a list of "K=V". A name without a value is unset: nothing to inherit it from here. */
static int read_environment(const cJSON *v, struct unit_spec *s, struct err *e)
{
	struct environment env = { .list = calloc(ENVIRONMENT_MAX + 1, sizeof(char *)) };
	const cJSON *item;

	s->environment = env.list;
	if (!env.list)
		return err_set(e, ENOMEM, "out of memory");
	if (!cJSON_IsObject(v) && !cJSON_IsArray(v))
		return err_set(e, EINVAL, "must be a map or a list of \"NAME=VALUE\"");
	cJSON_ArrayForEach(item, v) {
		char *entry;

		if (cJSON_IsObject(v) && cJSON_IsNull(item))
			continue;
		entry = cJSON_IsObject(v) ? environment_entry(item, e) : expand_string(item, e);
		if (!entry)
			return -1;
		if (!strchr(entry, '=')) {
			free(entry);
			continue;
		}
		if (environment_add(&env, entry, e) < 0)
			return -1;
	}
	return 0;
}

static int read_restart(const cJSON *v, struct unit_spec *s, struct err *e)
{
	/* YAML's bare no is a boolean to many a converter. */
	if (!cJSON_IsString(v))
		return unit_restart_parse("", &s->restart, &s->restart_max, e);
	if (unit_restart_parse(v->valuestring, &s->restart, &s->restart_max, e) < 0)
		return err_wrap(e, "\"%.100s\"", v->valuestring);
	return 0;
}

static int read_stop_signal(const cJSON *v, struct unit_spec *s, struct err *e)
{
	char number[16] = "";
	const char *text = number;

	if (cJSON_IsNumber(v) && v->valuedouble >= 1 && v->valuedouble <= 64)
		snprintf(number, sizeof(number), "%.6g", v->valuedouble);
	else if (cJSON_IsString(v))
		text = v->valuestring;
	s->stop_signal = signame_parse(text);
	if (s->stop_signal > 0)
		return 0;
	s->stop_signal = 0;
	return err_set(e, EINVAL, "must be a signal's name or number, like \"SIGTERM\", \"QUIT\", \"15\" or \"SIGRTMIN+3\"");
}

static int read_stop_grace(const cJSON *v, struct unit_spec *s, struct err *e)
{
	if (!cJSON_IsString(v))
		return err_set(e, EINVAL, "must be a string like \"10s\" or \"1m30s\"");
	if (compose_duration(v->valuestring, &s->stop_grace_ms, e) < 0)
		return err_wrap(e, "\"%.100s\"", v->valuestring);
	return 0;
}

#define NETWORK_ADVICE "until containers have networks of their own, \"network_mode\": \"host\" is required"

static int read_network_mode(const cJSON *v, struct unit_spec *s, struct err *e)
{
	if (!cJSON_IsString(v) || strcmp(v->valuestring, "host") != 0)
		return err_set(e, EINVAL, "only \"host\" is supported: " NETWORK_ADVICE);
	s->network_host = true;
	return 0;
}

/* Compose names the default network where a service says nothing: that form alone says nothing. */
static int read_networks(const cJSON *v, struct unit_spec *s, struct err *e)
{
	const cJSON *item;

	(void)s;
	if (!cJSON_IsObject(v))
		return err_set(e, EINVAL, "only null and {\"default\": null} are supported: " NETWORK_ADVICE);
	cJSON_ArrayForEach(item, v)
		if (!is_extension(item->string) && !(strcmp(item->string, "default") == 0 && cJSON_IsNull(item)))
			return err_set(e, EINVAL, "%.100s: only {\"default\": null} is supported: " NETWORK_ADVICE,
				       item->string);
	return 0;
}

static int read_hostname(const cJSON *v, struct unit_spec *s, struct err *e)
{
	s->hostname = expand_string(v, e);
	return s->hostname ? unit_hostname_check(s->hostname, e) : -1;
}

static int read_container_name(const cJSON *v, struct unit_spec *s, struct err *e)
{
	cleanup_free char *name = expand_string(v, e);

	if (!name || unit_name_check(name, e) < 0)
		return -1;
	snprintf(s->name, sizeof(s->name), "%.*s", UNIT_NAME_MAX, name);
	return 0;
}

static const struct service_key service_keys[] = {
	{ "image", read_image },
	{ "command", read_command },
	{ "entrypoint", read_entrypoint },
	{ "environment", read_environment },
	{ "restart", read_restart },
	{ "stop_signal", read_stop_signal },
	{ "stop_grace_period", read_stop_grace },
	{ "network_mode", read_network_mode },
	{ "networks", read_networks },
	{ "hostname", read_hostname },
	{ "container_name", read_container_name },
};
#define SERVICE_KEYS (sizeof(service_keys) / sizeof(service_keys[0]))

static int unsupported(struct err *e)
{
	char list[256] = "";

	for (size_t i = 0, at = 0; i < SERVICE_KEYS; i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i ? ", " : "", service_keys[i].key);
	return err_set(e, ENOTSUP, "this key is not supported; supported are %s and x-*", list);
}

static int read_key(const char *service, const cJSON *v, struct unit_spec *s, struct err *e)
{
	int rc = 0;
	size_t i = 0;

	while (i < SERVICE_KEYS && strcmp(service_keys[i].key, v->string) != 0)
		i++;
	if (i == SERVICE_KEYS)
		rc = unsupported(e);
	else if (!cJSON_IsNull(v))
		rc = service_keys[i].read(v, s, e);
	return rc < 0 ? err_wrap(e, "services.%.100s.%.100s", service, v->string) : 0;
}

static int check_service_name(const char *name, struct err *e)
{
	if (!*name || strlen(name) > UNIT_NAME_MAX)
		return err_set(e, EINVAL, "a service's name has 1 to %d bytes", UNIT_NAME_MAX);
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			return err_set(e, EINVAL, "a service's name has only letters, digits, '.', '_' and '-'");
	return 0;
}

/* What a service must have once its keys are read, and what follows from them. */
static int complete_service(struct unit_spec *s, struct err *e)
{
	char name[2 * UNIT_NAME_MAX + 2];

	if (!s->image)
		return err_set(e, EINVAL, "image is required");
	if (!s->network_host)
		return err_set(e, EINVAL, "network_mode is missing: " NETWORK_ADVICE);
	if (!*s->name) {
		snprintf(name, sizeof(name), "%s-%s", s->project, s->service);
		if (unit_name_check(name, e) < 0)
			return err_wrap(e, "unit name %.130s", name);
		snprintf(s->name, sizeof(s->name), "%.*s", UNIT_NAME_MAX, name);
	}
	return unit_spec_check_size(s, e);
}

static int read_service(const cJSON *v, const char *project, struct unit_spec *s, struct err *e)
{
	const cJSON *key;

	if (check_service_name(v->string, e) < 0)
		return err_wrap(e, "services.%.100s", v->string);
	if (!cJSON_IsObject(v))
		return err_set(e, EINVAL, "services.%.100s: must be an object", v->string);
	snprintf(s->project, sizeof(s->project), "%s", project);
	snprintf(s->service, sizeof(s->service), "%.*s", UNIT_NAME_MAX, v->string);
	cJSON_ArrayForEach(key, v)
		if (!is_extension(key->string) && read_key(v->string, key, s, e) < 0)
			return -1;
	return complete_service(s, e) < 0 ? err_wrap(e, "services.%.100s", v->string) : 0;
}

/* Compose prints the default network of an application even when every service has another mode: nothing of it is needed. */
static int check_networks(const cJSON *v, struct err *e)
{
	const cJSON *network, *key;

	if (!cJSON_IsObject(v))
		return err_set(e, EINVAL, "must be an object");
	cJSON_ArrayForEach(network, v) {
		if (is_extension(network->string))
			continue;
		if (strcmp(network->string, "default") != 0)
			return err_set(e, ENOTSUP, "%.100s: networks are not supported yet, save for the unused default",
				       network->string);
		if (!cJSON_IsObject(network) && !cJSON_IsNull(network))
			return err_set(e, EINVAL, "default: must be an object");
		cJSON_ArrayForEach(key, network) {
			bool plain = strcmp(key->string, "name") == 0 && cJSON_IsString(key);
			bool empty = strcmp(key->string, "ipam") == 0 && cJSON_IsObject(key) && !key->child;

			if (!plain && !empty && !cJSON_IsNull(key) && !is_extension(key->string))
				return err_set(e, ENOTSUP, "default.%.100s: networks are not supported yet, only "
					       "\"name\" and an empty \"ipam\" may stand here", key->string);
		}
	}
	return 0;
}

static int project_given(const cJSON *name, char *out, size_t size, struct err *e)
{
	cleanup_free char *text = expand_string(name, e);

	if (!text)
		return err_wrap(e, "name");
	if (!isalnum((unsigned char)*text) || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(text) ||
	    strlen(text) >= size)
		return err_set(e, EINVAL, "name: \"%.100s\": a project's name starts with a-z or 0-9, has only those, '_' and "
			       "'-', and at most %zu bytes", text, size - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

/* As Compose makes a project's name of a directory's: lower case, what isn't allowed dropped. */
static int project_from_file(const char *base, char *out, size_t size, struct err *e)
{
	size_t len = strlen(base), n = 0;

	if (len > 5 && strcmp(base + len - 5, ".json") == 0)
		len -= 5;
	for (size_t i = 0; i < len && n + 1 < size; i++) {
		char c = (char)tolower((unsigned char)base[i]);

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (n > 0 && (c == '_' || c == '-')))
			out[n++] = c;
	}
	out[n] = '\0';
	return n > 0 ? 0 : err_set(e, EINVAL, "name: required, for none can be made of the file's name");
}

static int read_services(const cJSON *services, const char *project, struct unit_spec *specs, size_t *n, struct err *e)
{
	const cJSON *service;

	cJSON_ArrayForEach(service, services) {
		if (is_extension(service->string))
			continue;
		if (*n >= COMPOSE_SERVICES_MAX)
			return err_set(e, E2BIG, "services: more than %d", COMPOSE_SERVICES_MAX);
		unit_spec_init(&specs[*n]);
		/* counted first: what was read of a bad one is freed with the others */
		if (read_service(service, project, &specs[(*n)++], e) < 0)
			return -1;
		for (size_t i = 0; i + 1 < *n; i++)
			if (strcmp(specs[i].name, specs[*n - 1].name) == 0)
				return err_set(e, EINVAL, "services.%.100s: the unit name %s is taken by service %s",
					       service->string, specs[i].name, specs[i].service);
	}
	return *n > 0 ? 0 : err_set(e, EINVAL, "services: required, at least one");
}

static int read_application(const cJSON *root, const char *base, struct unit_spec *specs, size_t *n, struct err *e)
{
	char project[UNIT_NAME_MAX + 1];
	const cJSON *key, *name = json_get(root, "name"), *networks = json_get(root, "networks");
	const cJSON *services = json_get(root, "services");

	if (!cJSON_IsObject(root))
		return err_set(e, EINVAL, "must be a JSON object");
	cJSON_ArrayForEach(key, root)
		if (key != name && key != networks && key != services && !is_extension(key->string))
			return err_set(e, ENOTSUP, "%.100s: this key is not supported; supported are name, services, networks "
				       "and x-*", key->string);
	if (name && !cJSON_IsNull(name) ? project_given(name, project, sizeof(project), e) < 0
					: project_from_file(base, project, sizeof(project), e) < 0)
		return -1;
	if (networks && !cJSON_IsNull(networks) && check_networks(networks, e) < 0)
		return err_wrap(e, "networks");
	if (services && !cJSON_IsNull(services) && !cJSON_IsObject(services))
		return err_set(e, EINVAL, "services: must be an object");
	return read_services(services, project, specs, n, e);
}

void compose_free(struct unit_spec *specs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		unit_spec_free(&specs[i]);
	free(specs);
}

int compose_parse(const char *file, const char *text, size_t len, struct unit_spec **out, size_t *n_out, struct err *e)
{
	const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	cleanup_json cJSON *root = json_parse(text, len, &limits, e);
	struct unit_spec *specs;
	size_t n = 0;

	if (!root)
		return err_wrap(e, "%.200s", file);
	specs = calloc(COMPOSE_SERVICES_MAX, sizeof(*specs));
	if (!specs)
		return err_set(e, ENOMEM, "out of memory");
	if (read_application(root, base, specs, &n, e) < 0) {
		compose_free(specs, n);
		return err_wrap(e, "%.200s", file);
	}
	*out = specs;
	*n_out = n;
	return 0;
}
