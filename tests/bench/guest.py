# SPDX-License-Identifier: Apache-2.0
"""What both machines get: the programs of guest/, nginx's tree with the stamp before it, initramfs with the stamp before
its /init."""
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../system", "../../initramfs/build"):
    sys.path.insert(0, os.path.join(HERE, folder))
import cpio  # noqa: E402
import machines  # noqa: E402

BUILD = machines.BUILD
WORK = os.path.join(BUILD, "bench")
OS = os.path.join(BUILD, "os")
GUEST = os.path.join(WORK, "guest")
PROGRAM = ["/bench-stamp", "/usr/sbin/nginx", "-g", "daemon off;"]
SETTLE = 10  # seconds from the boot's end until a machine counts as idle


def programs():
    """Compiles guest/*.c, static."""
    os.makedirs(GUEST, exist_ok=True)
    for name in ("stamp", "probe", "sleeper"):
        subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", "-static", "-s", "-o",
                        f"{GUEST}/{name}", f"{HERE}/guest/{name}.c"], check=True)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def initramfs(out, name, program, before=None, directories=()):
    """A cpio archive with one program in it, behind another initramfs."""
    archive = cpio.Archive(1)
    for directory in directories:
        archive.directory(directory)
    archive.file(name, read(program), 0o755)
    base = read(before) if before else b""
    with open(out, "wb") as file:
        file.write(base + bytes(-len(base) % 512) + archive.finish())
    return out


def nginx_tree(out):
    """The tree of build/images/nginx.tar with the stamp in it: the same files for both machines."""
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    with tarfile.open(os.path.join(BUILD, "images/nginx.tar")) as archive:
        def blob(descriptor):
            return archive.extractfile("blobs/" + descriptor["digest"].replace(":", "/"))
        manifest = json.load(blob(json.load(archive.extractfile("index.json"))["manifests"][0]))
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=blob(layer), mode="r:*") as content:
                content.extractall(out, numeric_owner=True)
    shutil.copy(f"{GUEST}/stamp", out + PROGRAM[0])
    return out


def stamps(text):
    """{"init": microseconds, ...} of the lines BENCH NAME NUMBER."""
    return {name: int(value) for name, value in re.findall(r"^BENCH (\w+) (\d+)$", text, re.MULTILINE)}


def used_kb(text):
    """MemTotal - MemAvailable of the lines BENCH MemTotal: ... kB."""
    fields = dict(re.findall(r"^BENCH (\w+):\s+(\d+) kB", text, re.MULTILINE))
    return int(fields["MemTotal"]) - int(fields["MemAvailable"])


def changed(stamp, inputs):
    """Whether what stamp was made from has changed since: paths, by time and size; other words as they are."""
    def word(item):
        path = str(item)
        return f"{path} {os.stat(path).st_mtime_ns} {os.stat(path).st_size}" if os.path.exists(path) else path
    wanted = "\n".join(word(item) for item in inputs)
    try:
        with open(stamp) as file:
            return None if file.read() == wanted else wanted
    except FileNotFoundError:
        return wanted
