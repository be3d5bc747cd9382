#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Figures of a boot and of an idle machine, as a table and in build/bench/boot.json.

Times are of a virtual machine (TCG unless KVM works), memory of the processes of a Hull in namespaces of this machine
(that is where /proc/PID/smaps can be read), memory of a whole machine from its /proc/meminfo, beside the floor: the same
kernel with an init that only sleeps. Nothing here passes or fails: figures are reported as measured.
"""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
import machines  # noqa: E402

RUNS = int(os.environ.get("BENCH_RUNS", "3"))
SLEEPER = r"""
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>
int main(void)
{
	char line[128];
	mount("proc", "/proc", "proc", 0, NULL);
	FILE *f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof line, f))
		fputs(line, stdout);
	puts("SLEEPING");
	fflush(stdout);
	for (;;)
		pause();
}
"""


def meminfo_kb(text):
    fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE))
    return int(fields["MemTotal"]) - int(fields["MemAvailable"])


def boot_once():
    """Milliseconds: (kernel until /init, stage 0, PID 1 until the first container's program runs)."""
    machine = machines.Machine()
    try:
        machine.start("--cpus", "2").wait_ready()
        boot = machines.until(lambda: (lambda b: b if b.get("first_unit_us") else None)(machine.json("status")["boot"]),
                              120, "the first container")
        points = [0, boot["init_start_us"], boot["stage0_us"], boot["first_unit_us"]]
        return [(after - before) / 1000 for before, after in zip(points, points[1:])]
    finally:
        machine.close()


def machine_memory():
    """kB used (MemTotal - MemAvailable) of an idle machine with the demonstration container."""
    machine = machines.Machine()
    try:
        machine.start().wait_ready()
        machine.hull("image", "load", os.path.join(machines.BUILD, "images/busybox.tar"), timeout=180)
        return meminfo_kb(machine.hull("run", "--rm", "localhost/busybox:latest", "cat", "/proc/meminfo",
                                       timeout=180).stdout)
    finally:
        machine.close()


def floor_memory():
    """kB used by the same kernel and no user space to speak of."""
    sys.path.insert(0, os.path.join(machines.REPO, "initramfs/build"))
    import cpio
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(["gcc", "-O2", "-static", "-x", "c", "-", "-o", work + "/init"], input=SLEEPER.encode(), check=True)
        archive = cpio.Archive(1)
        for name in ("dev", "proc"):
            archive.directory(name)
        with open(work + "/init", "rb") as file:
            archive.file("init", file.read(), 0o755)
        with open(work + "/initrd", "wb") as file:
            file.write(archive.finish())
        machine = machines.Machine()
        try:
            machine.start("--kernel", os.path.join(machines.BUILD, "os/vmlinuz"), "--initrd", work + "/initrd",
                          append="console=ttyS0 quiet", control=False)
            machine.wait_console("SLEEPING")
            return meminfo_kb(machine.console())
        finally:
            machine.close()


def smaps(pid):
    """(PSS, private dirty, private dirty of the binary's own relocated data) in kB"""
    pss = dirty = relocated = 0
    own = False
    exe = os.readlink(f"/proc/{pid}/exe")
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                own = line.rstrip().endswith(exe)
            key, _, value = line.partition(":")
            if key == "Pss":
                pss += int(value.split()[0])
            elif key == "Private_Dirty":
                dirty += int(value.split()[0])
                relocated += int(value.split()[0]) if own else 0
    return pss, dirty, relocated


def hull_pids(pid):
    """PID 1 of the namespaces and every process below it that runs our binary."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = [int(c) for c in file.read().split()]
    exe = os.stat(f"/proc/{pid}/exe").st_ino
    below = [p for child in children for p in hull_pids_of(child, exe)]
    return [pid] + below


def hull_pids_of(pid, inode):
    try:
        return hull_pids(pid) if os.stat(f"/proc/{pid}/exe").st_ino == inode else []
    except FileNotFoundError:
        return []


def process_memory():
    """kB: (PSS of all Hull processes with one idle container, PID 1's private dirty, of that self-relocation)"""
    hull = machines.Contained()
    try:
        hull.start().wait_ready()
        hull.hull("image", "load", os.path.join(machines.BUILD, "images/busybox.tar"))
        hull.hull("run", "--detach", "--name", "idle", "localhost/busybox:latest", "sleep", "1000000")
        hull.wait_unit("idle", "running")
        figures = {pid: smaps(pid) for pid in hull_pids(hull.pid)}
        return sum(f[0] for f in figures.values()), figures[hull.pid][1], figures[hull.pid][2], len(figures)
    finally:
        hull.close()


def main():
    runs = [boot_once() for _ in range(RUNS)]
    kernel, stage0, pid1 = (statistics.median(column) for column in zip(*runs))
    pss, dirty, relocated, processes = process_memory()
    sizes = {name: os.path.getsize(os.path.join(machines.BUILD, "os", name))
             for name in ("root.erofs", "initramfs", "vmlinuz")}
    figures = [
        ("kernel until /init", kernel, "ms", ""),
        ("stage 0", stage0, "ms", ""),
        ("PID 1 until the first container's program", pid1, "ms", ""),
        ("/init to the first container", stage0 + pid1, "ms", "at most 2000"),
        (f"PSS of {processes} Hull processes, one idle container", pss / 1000, "MB", "at most 8"),
        ("PID 1, private dirty", dirty, "kB", "systemd 252: 2620, s6-svscan: 128"),
        ("  of it self-relocation and own data", relocated, "kB", ""),
        ("PID 1, private dirty without it", dirty - relocated, "kB", "at most 1000"),
        ("memory used by the machine, demonstration running", machine_memory() / 1000, "MB",
         "Debian with systemd, ssh, Docker: 243"),
        ("  the same kernel, an init that sleeps", floor_memory() / 1000, "MB", ""),
        ("binary", os.path.getsize(machines.HULL) / 1e6, "MB", "at most 8"),
        ("OS image (root, with initramfs and kernel in it)", sizes["root.erofs"] / 1e6, "MB", "at most 45"),
        ("  initramfs", sizes["initramfs"] / 1e6, "MB", ""),
        ("  kernel", sizes["vmlinuz"] / 1e6, "MB", ""),
    ]
    for name, value, unit, note in figures:
        print(f"{name:54} {value:10.1f} {unit:3} {note}")
    out = os.path.join(machines.BUILD, "bench/boot.json")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(out, "w") as file:
        json.dump([{"name": n.strip(), "value": v, "unit": u, "note": t} for n, v, u, t in figures], file, indent="\t")


if __name__ == "__main__":
    main()
