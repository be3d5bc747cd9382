/* SPDX-License-Identifier: Apache-2.0 */
/* org.varlink.service: what this service is and what it speaks (https://varlink.org/Service). */
#include <string.h>

#include "base/version.h"
#include "init/door/methods.h"

/* The interface texts, as files beside this one. */
#define EMBED(symbol, file)                                                                                           \
	__asm__(".pushsection .rodata\n" #symbol ":\n.incbin \"" file "\"\n.byte 0\n.popsection\n");                  \
	extern const char symbol[]

EMBED(text_service, "init/door/org.varlink.service.varlink");
EMBED(text_machine, "init/door/org.hull.Machine.varlink");
EMBED(text_units, "init/door/org.hull.Units.varlink");
EMBED(text_images, "init/door/org.hull.Images.varlink");

static const struct {
	const char *name, *text;
} interfaces[] = {
	{ "org.varlink.service", text_service },
	{ "org.hull.Machine", text_machine },
	{ "org.hull.Units", text_units },
	{ "org.hull.Images", text_images },
};
#define N_INTERFACES (sizeof(interfaces) / sizeof(*interfaces))

void service_get_info(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)p, (void)params;
	cJSON *v = cJSON_CreateObject();
	cJSON_AddStringToObject(v, "vendor", "Hull");
	cJSON_AddStringToObject(v, "product", "hull");
	cJSON_AddStringToObject(v, "version", hull_version);
	cJSON_AddStringToObject(v, "url", "");
	cJSON *list = cJSON_AddArrayToObject(v, "interfaces");
	for (size_t i = 0; i < N_INTERFACES; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(interfaces[i].name));
	call_reply(c, v, false);
}

void service_get_interface_description(struct pid1 *p, struct call *c, const cJSON *params)
{
	(void)p;
	const cJSON *name = json_get(params, "interface");
	if (!cJSON_IsString(name)) {
		call_invalid(c, "interface");
		return;
	}
	for (size_t i = 0; i < N_INTERFACES; i++) {
		if (strcmp(interfaces[i].name, name->valuestring) != 0)
			continue;
		cJSON *v = cJSON_CreateObject();
		cJSON_AddStringToObject(v, "description", interfaces[i].text);
		call_reply(c, v, false);
		return;
	}
	cJSON *v = cJSON_CreateObject();
	cJSON_AddStringToObject(v, "interface", name->valuestring);
	call_error(c, "org.varlink.service.InterfaceNotFound", v);
}
