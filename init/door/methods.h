/* SPDX-License-Identifier: Apache-2.0 */
/* The door's methods, by interface. Texts of the interfaces: init/door/. */
#pragma once
#include "init/door/door.h"

/* Answers the call with what a task answers, or its error. params are handed on. */
void method_by_task(struct call *c, const char *task, const cJSON *params, const int *fds, size_t n_fds);

/* org.varlink.service (service.c) */
method_fn service_get_info, service_get_interface_description;
/* org.hull.Machine (machine.c) */
method_fn machine_hello, machine_info, machine_memory, machine_method_end, machine_reexec, machine_command_line;
/* org.hull.Units (unit_methods.c, unit_logs.c) */
method_fn units_list, units_get, units_method_run, units_start, units_stop, units_remove, units_wait, units_logs;
/* org.hull.Images (images.c) */
method_fn images_load, images_load_chunk, images_list, images_remove;
