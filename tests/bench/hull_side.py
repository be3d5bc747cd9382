# SPDX-License-Identifier: Apache-2.0
"""Hull's machine: the disk of `make image` with the stamp before the container's program, and what is measured on it."""
import os
import re
import shutil
import subprocess
import sys

import guest
import machines
import oci
import port

DISK = os.path.join(guest.WORK, "hull.disk")
INITRAMFS = os.path.join(guest.WORK, "hull.initramfs")
TOOLS = os.path.join(machines.REPO, "initramfs/build")
UNIT = os.path.join(TOOLS, "demo.json")


def prepare():
    """The disk, when what it is made from has changed."""
    stamp = DISK + ".stamp"
    inputs = guest.changed(stamp, [os.path.join(guest.OS, "root.hash"), os.path.join(machines.BUILD, "images/nginx.tar"),
                                   UNIT, guest.HERE + "/guest/stamp.c", machines.HULL])
    if not inputs:
        return
    tree = guest.nginx_tree(guest.WORK + "/nginx")
    archive = guest.WORK + "/nginx.tar"
    oci.write_archive(archive, oci.image({"reference": "localhost/nginx:latest", "config": {
        "Cmd": guest.PROGRAM, "Env": ["PATH=/usr/sbin:/usr/bin"], "StopSignal": "SIGQUIT", "WorkingDir": "/"}},
        oci.layer(tree)))
    state = guest.WORK + "/state"
    shutil.rmtree(state, ignore_errors=True)
    for name in ("images", "units"):
        os.makedirs(f"{state}/{name}")
    machines.run_hull("image", "load", "--store", state + "/images", archive)
    shutil.copy(UNIT, state + "/units/")
    subprocess.run([sys.executable, TOOLS + "/disk.py", "--slot-a", guest.OS, "--state", state, "--out", DISK], check=True)
    for path in (state, tree):
        shutil.rmtree(path)
    with open(stamp, "w") as file:
        file.write(inputs)


def measure(machine):
    """Milliseconds, kB and what was told, of a machine that was just started."""
    machine.wait_ready()
    status = machines.until(lambda: (lambda s: s if s["boot"].get("first_unit_us") else None)(machine.json("status")), 120,
                            "the first container")
    boot = status["boot"]
    name = machine.json("ps")[0]["name"]
    at = machines.until(lambda: guest.stamps(machine.hull("logs", "--tail", "5", name).stdout).get("container"), 60,
                        "the container's stamp")
    init = guest.stamps(re.sub(r"(?m)^.*(?=BENCH )", "", machine.console()))["init"]
    subprocess.run(["sleep", str(guest.SETTLE)], check=True)
    memory = port.call(machine.socket + "/3", "org.hull.Machine.Memory")
    own = next(p for p in memory["processes"] if p["pid"] == 1)
    return {
        "time": {"kernel": init / 1e3, "stage 0": (boot["stage0_us"] - init) / 1e3,
                 "PID 1": (boot["ready_us"] - boot["stage0_us"]) / 1e3, "launch": (at - boot["ready_us"]) / 1e3,
                 "total": (at - init) / 1e3},
        "memory": {"pss": memory["pss_bytes"] / 1024, "dirty": own["private_dirty_bytes"] / 1024,
                   "relocated": own["relocation_bytes"] / 1024,
                   "used": (memory["total_bytes"] - memory["available_bytes"]) / 1024},
        "processes": {p["name"]: p["pss_bytes"] / 1024 for p in memory["processes"]},
    }


def runs(count):
    """count boots of one machine, after a first one that makes its identity and commits the slot."""
    guest.initramfs(INITRAMFS, "bench-init", guest.GUEST + "/stamp", before=os.path.join(guest.OS, "initramfs"))
    result = []
    machine = machines.Machine(DISK)
    try:
        for number in range(count + 1):
            machine.start("--initrd", INITRAMFS, append="rdinit=/bench-init")
            if number:
                result.append(measure(machine))
            else:
                machine.wait_ready()
                machines.until(lambda: machine.json("status")["boot"].get("first_unit_us"), 120, "the first container")
            machine.hull("poweroff")
            machine.wait_end()
    finally:
        machine.close()
    return result


def floors(count):
    """The same kernel with an init that only sleeps."""
    image = guest.initramfs(guest.WORK + "/floor.initramfs", "init", guest.GUEST + "/sleeper", directories=("dev", "proc"))
    result = []
    for _ in range(count):
        machine = machines.Machine(DISK)
        try:
            machine.start("--kernel", os.path.join(guest.OS, "vmlinuz"), "--initrd", image, append="console=ttyS0 quiet")
            machine.wait_console("BENCH end")
            text = machine.console()
            result.append({"kernel": guest.stamps(text)["init"] / 1e3, "used": guest.used_kb(text)})
        finally:
            machine.close()
    return result
