#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Figures of a boot and of an idle machine, as a table and in build/bench/boot.json: median (least..most) of BENCH_RUNS
boots of Hull, of a peer (Debian 12 with systemd, see peer_side.py) and of an init that only sleeps, one after the other on
the same emulated machine with the same kernel and the same container.

Times run from the kernel's start of /init to the container's first instruction; a stamp (guest/stamp.c) before both tells
them, in both machines. Nothing here passes or fails: figures are reported as measured.
"""
import json
import os
import statistics
import subprocess
import time

import guest
import hull_side
import machines
import peer_side

RUNS = int(os.environ.get("BENCH_RUNS", "3"))
OUT = os.path.join(guest.WORK, "boot.json")


def column(runs, *keys):
    """{"median", "min", "max"} of one figure of all runs."""
    values = []
    for run in runs:
        for key in keys:
            run = run[key]
        values.append(run)
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def one(value):
    return {"median": value, "min": value, "max": value}


def packed(path):
    """Bytes after zstd -9: what a download costs."""
    done = subprocess.run(["zstd", "-9", "-q", "-c", path], check=True, stdout=subprocess.PIPE)
    return len(done.stdout)


def size_rows():
    rows = [("binary, stripped", one(os.path.getsize(machines.HULL) / 1e6), "MB", "at most 8")]
    for title, name, note in (("OS image: root with initramfs and kernel in it", "root.erofs", "at most 45"),
                              ("  initramfs", "initramfs", ""), ("  kernel", "vmlinuz", "")):
        path = os.path.join(guest.OS, name)
        rows.append((title, one(os.path.getsize(path) / 1e6), "MB", note))
        rows.append((title.replace(": root with initramfs and kernel in it", "") + ", zstd -9", one(packed(path) / 1e6),
                     "MB", ""))
    peer = int(guest.read(peer_side.WORK + "/size")) + sum(
        os.path.getsize(path) for path in (peer_side.WORK + "/initrd.img", os.path.join(guest.OS, "vmlinuz")))
    return rows + [("peer: root, initramfs and kernel", one(peer / 1e6), "MB", "")]


def time_rows(hull, peer, floor):
    return [
        ("kernel until /init, apart", column(hull, "time", "kernel"), "ms", ""),
        ("/init to the container's first instruction", column(hull, "time", "total"), "ms", "at most 2000"),
        ("  stage 0", column(hull, "time", "stage 0"), "ms", ""),
        ("  PID 1 until units may start", column(hull, "time", "PID 1"), "ms", ""),
        ("  launch", column(hull, "time", "launch"), "ms", ""),
        ("peer: kernel until /init", column(peer, "time", "kernel"), "ms", ""),
        ("peer: /init to the container's first instruction", column(peer, "time", "total"), "ms", ""),
        ("  initramfs", column(peer, "time", "initramfs"), "ms", ""),
        ("  systemd until the container's first instruction", column(peer, "time", "PID 1 and launch"), "ms", ""),
        ("floor: kernel until an init that sleeps", column(floor, "kernel"), "ms", ""),
    ]


def memory_rows(hull, peer, floor):
    return [
        (f"PSS of {len(hull[0]['processes'])} Hull processes", column(hull, "memory", "pss"), "kB", "at most 8000"),
        ("PID 1, private dirty", column(hull, "memory", "dirty"), "kB", "at most 1000"),
        ("  of it the binary's pages, by self-relocation", column(hull, "memory", "relocated"), "kB", ""),
        ("machine, MemTotal - MemAvailable", column(hull, "memory", "used"), "kB", ""),
        (f"peer: PSS of {len(peer[0]['processes'])} kinds of system processes", column(peer, "memory", "pss"), "kB", ""),
        ("peer: systemd as PID 1, private dirty", column(peer, "memory", "dirty"), "kB", ""),
        ("  of it pages of files, by relocation", column(peer, "memory", "relocated"), "kB", ""),
        ("peer: machine", column(peer, "memory", "used"), "kB", ""),
        ("floor: the same kernel, an init that sleeps", column(floor, "used"), "kB", ""),
    ]


def ratio_rows(hull, peer, floor):
    def ratio(*keys):
        return column(hull, *keys)["median"] / column(peer, *keys)["median"]
    ground = column(floor, "used")["median"]
    above = [column(side, "memory", "used")["median"] - ground for side in (hull, peer)]
    return [
        ("Hull / peer: time to the container", one(ratio("time", "total")), "", ""),
        ("Hull / peer: PSS", one(ratio("memory", "pss")), "", ""),
        ("Hull / peer: private dirty of PID 1", one(ratio("memory", "dirty")), "", ""),
        ("Hull / peer: memory of the machine", one(ratio("memory", "used")), "", ""),
        ("Hull / peer: the same above the floor", one(above[0] / above[1]), "", ""),
    ]


def text(figure, unit):
    digits = {"ms": 0, "kB": 0, "MB": 1}.get(unit, 2)
    median, least, most = (f"{figure[key]:.{digits}f}" for key in ("median", "min", "max"))
    return median, "" if least == most else f"({least}..{most})"


def report(rows, detail):
    for name, figure, unit, note in rows:
        median, spread = text(figure, unit)
        print(f"{name:52} {median:>8} {unit:2} {spread:20} {note}".rstrip())
    with open(OUT, "w") as file:
        json.dump({"figures": [{"name": name.strip(), **figure, "unit": unit, "target": note}
                               for name, figure, unit, note in rows], **detail}, file, indent="\t")


def main():
    began = time.monotonic()
    guest.programs()
    peer_side.prepare()
    hull_side.prepare()
    hull, peer, floor = hull_side.runs(RUNS), peer_side.runs(RUNS), hull_side.floors(RUNS)
    print(f"\n{RUNS} boots each in QEMU, load of this machine {os.getloadavg()[0]:.1f} "
          f"on {os.cpu_count()} processors, {time.monotonic() - began:.0f} s\n")
    report(time_rows(hull, peer, floor) + memory_rows(hull, peer, floor) + ratio_rows(hull, peer, floor) + size_rows(),
           {"hull": hull, "peer": peer, "floor": floor, "load": os.getloadavg()[0]})


if __name__ == "__main__":
    main()
