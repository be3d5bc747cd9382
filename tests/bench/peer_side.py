# SPDX-License-Identifier: Apache-2.0
"""The peer: Debian 12 with systemd, udev, journald, networkd (DHCP), timesyncd, D-Bus and logind, whose service runs the same
container by crun; by the same kernel, in the same machine. As lean as Debian's packages make it: no ssh, no Docker, no
process beside the container but crun, no overlay below it, its log a plain file, no verified root."""
import json
import os
import re
import shutil
import subprocess

import guest
import machines

WORK = os.path.join(guest.WORK, "peer")
HERE = os.path.join(guest.HERE, "peer")
DISK = WORK + "/peer.img"
KERNEL = os.path.join(machines.BUILD, "kernel/linux-image-cloud-amd64")
PACKAGES = "systemd-sysv,udev,dbus,systemd-timesyncd,libpam-systemd,crun,kmod,initramfs-tools,zstd"
TARGET = "bookworm"


def bundle(out):
    """An OCI bundle of the same tree as Hull's image, configured as Hull configures its container."""
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    guest.nginx_tree(out + "/rootfs")
    subprocess.run(["crun", "spec"], cwd=out, check=True)
    with open(out + "/config.json") as file:
        config = json.load(file)
    config["process"].update(args=guest.PROGRAM, terminal=False, env=["PATH=/usr/sbin:/usr/bin"])
    capabilities = ["CAP_" + name for name in (
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE")]
    config["process"]["capabilities"] = {kind: capabilities for kind in ("bounding", "effective", "permitted")}
    config["root"]["readonly"] = False
    config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "network"]
    config["mounts"] = [m for m in config["mounts"] if m["type"] not in ("sysfs", "cgroup")]
    config["mounts"].append({"destination": "/sys", "type": "bind", "source": "/sys",  # as podman does with the host's network
                             "options": ["rbind", "ro", "nosuid", "noexec", "nodev"]})
    with open(out + "/config.json", "w") as file:
        json.dump(config, file)
    return out


def size(root):
    total = 0
    for path, _, files in os.walk(root):
        if not path.startswith(root + "/srv"):
            total += sum(os.lstat(os.path.join(path, name)).st_size for name in files)
    return total


def build(work):
    """Debian's packages by mmdebstrap from this system's own Debian sources; all in private mounts."""
    if not shutil.which("mmdebstrap"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-q", "-y", "--no-install-recommends", "install", "mmdebstrap"], check=True,
                       env=environment)
    sources = os.path.join(machines.BUILD, "apt/sources.list.d")
    entries = [guest.read(os.path.join(sources, name)) for name in sorted(os.listdir(sources))]
    with open(work + "/debian.sources", "wb") as file:
        file.write(b"\n".join(text for text in entries if b"debian-archive-keyring" in text))
    environment = {**os.environ, "KERNEL": KERNEL, "BUNDLE": bundle(work + "/bundle"), "GUEST": guest.GUEST, "HERE": HERE,
                   "OUT": work}
    with open(work + "/log", "wb") as log:
        done = subprocess.run(["unshare", "--mount", "mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
                               "--include=" + PACKAGES, "--aptopt=APT::Sandbox::User \"root\"",
                               f"--customize-hook=sh {HERE}/customize.sh \"$1\"", TARGET, work + "/root",
                               work + "/debian.sources"], stdout=log, stderr=log, env=environment)
    if done.returncode != 0:
        raise SystemExit("mmdebstrap failed:\n" + machines.read_text(work + "/log")[-3000:])


def prepare():
    """The disk, once; again when what it is made from has changed. The first time takes some minutes."""
    stamp = WORK + "/stamp"
    inputs = guest.changed(stamp, [PACKAGES, KERNEL + "/version", os.path.join(machines.BUILD, "images/nginx.tar"),
                                   __file__, guest.HERE + "/guest/stamp.c", guest.HERE + "/guest/probe.c",
                                   *(os.path.join(HERE, name) for name in sorted(os.listdir(HERE)))])
    if not inputs:
        return
    print("making the peer's disk, once: Debian packages into build/bench/peer ...", flush=True)
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    build(WORK)
    with open(WORK + "/size", "w") as file:
        file.write(str(size(WORK + "/root")))
    subprocess.run(["truncate", "-s", "1G", DISK], check=True)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", WORK + "/root", DISK], check=True)
    for name in ("root", "bundle"):
        shutil.rmtree(f"{WORK}/{name}")
    with open(stamp, "w") as file:
        file.write(inputs)


def read(text):
    """What the machine told its console until it ended."""
    stamps = guest.stamps(text)
    rows = re.findall(r"^BENCH process (\d+) (\w+) (\S+) (\d+) (\d+) (\d+)$", text, re.MULTILINE)
    if "container" not in stamps or not rows:
        raise SystemExit("the peer did not tell its figures:\n" + text[-3000:])
    system = [row for row in rows if row[1] == "system"]
    first = next(row for row in system if row[0] == "1")
    processes = {}
    for row in system:
        processes[row[2]] = processes.get(row[2], 0) + int(row[3])
    return {
        "time": {"kernel": stamps["init"] / 1e3, "initramfs": (stamps["pid1"] - stamps["init"]) / 1e3,
                 "PID 1 and launch": (stamps["container"] - stamps["pid1"]) / 1e3,
                 "total": (stamps["container"] - stamps["init"]) / 1e3},
        "memory": {"pss": sum(int(row[3]) for row in system), "dirty": int(first[4]), "relocated": int(first[5]),
                   "used": guest.used_kb(text)},
        "processes": processes,
    }


def runs(count):
    """As Hull's: count boots of one machine, after a first one."""
    image = guest.initramfs(WORK + "/bench.initrd", "bench-init", guest.GUEST + "/stamp", before=WORK + "/initrd.img")
    result = []
    machine = machines.Machine(DISK)
    try:
        for number in range(count + 1):
            machine.start("--kernel", os.path.join(guest.OS, "vmlinuz"), "--initrd", image,
                          append="console=ttyS0 quiet root=/dev/vda ro rdinit=/bench-init")
            machine.wait_end(300)
            if number:
                result.append(read(machine.console()))
    finally:
        machine.close()
    return result
