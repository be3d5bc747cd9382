/* SPDX-License-Identifier: Apache-2.0 */
#include "init/fault.h"
#include "init/door/methods.h"

const struct method method_table[] = {
	{ "org.varlink.service.GetInfo", service_get_info, 0 },
	{ "org.varlink.service.GetInterfaceDescription", service_get_interface_description, 0 },
	{ "org.hull.Machine.Hello", machine_hello, 0 },
	{ "org.hull.Machine.Info", machine_info, 0 },
	{ "org.hull.Machine.Memory", machine_memory, 0 },
	{ "org.hull.Machine.End", machine_method_end, 0 },
	{ "org.hull.Machine.Reexec", machine_reexec, 0 },
	{ "org.hull.Machine.CommandLine", machine_command_line, 0 },
	{ "org.hull.Units.List", units_list, 0 },
	{ "org.hull.Units.Get", units_get, 0 },
	{ "org.hull.Units.Run", units_method_run, 0 },
	{ "org.hull.Units.Start", units_start, 0 },
	{ "org.hull.Units.Stop", units_stop, 0 },
	{ "org.hull.Units.Remove", units_remove, 0 },
	{ "org.hull.Units.Wait", units_wait, 0 },
	{ "org.hull.Units.Logs", units_logs, METHOD_MORE },
	{ "org.hull.Images.Load", images_load, 0 },
	{ "org.hull.Images.LoadChunk", images_load_chunk, 0 },
	{ "org.hull.Images.List", images_list, 0 },
	{ "org.hull.Images.Remove", images_remove, 0 },
#ifdef HULL_FAULTS
	{ "org.hull.Test.Arm", fault_method_arm, 0 },
	{ "org.hull.Test.Hang", fault_method_hang, 0 },
#endif
	{ 0 },
};
