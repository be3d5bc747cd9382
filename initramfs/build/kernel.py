#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel, downloaded and unpacked: kernel.py BUILD PACKAGE DEST

PACKAGE may be a meta package (linux-image-cloud-amd64): the image that it depends on is taken. DEST gets vmlinuz,
config, lib/modules/VERSION with depmod's index files, and `version`.
"""
import os
import re
import shutil
import subprocess
import sys

SOURCES = os.path.join(os.path.dirname(__file__), "../../mk/sources.py")


def output(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def download(build, package, debs):
    path = output(sys.executable, SOURCES, os.path.join(build, "apt"), "deb", package, debs).splitlines()[-1]
    name = os.path.basename(path).split("_")[0]
    if name != package:
        sys.exit(f"kernel.py: asked for {package}, got {path}")
    return path


def image_deb(build, package, debs):
    """The package that holds the kernel: itself, or what the meta package depends on, followed a few steps."""
    for _ in range(3):
        deb = download(build, package, debs)
        if "./boot/vmlinuz-" in output("dpkg-deb", "-c", deb):
            return deb
        depends = output("dpkg-deb", "-f", deb, "Depends")
        match = re.search(r"\b(linux-image-[0-9][\w.+-]*)", depends)
        os.unlink(deb)
        if not match:
            break
        package = match.group(1)
    sys.exit(f"kernel.py: {package} holds no kernel and depends on none")


def main():
    build, package, dest = sys.argv[1:]
    work = dest + ".new"
    debs = work + "/debs"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(debs)
    deb = image_deb(os.path.abspath(build), package, os.path.abspath(debs))
    subprocess.run(["dpkg-deb", "-x", deb, work + "/root"], check=True)
    version = os.listdir(work + "/root/lib/modules")[0]
    os.makedirs(work + "/lib/modules")
    os.rename(f"{work}/root/lib/modules/{version}", f"{work}/lib/modules/{version}")
    os.rename(f"{work}/root/boot/vmlinuz-{version}", work + "/vmlinuz")
    os.rename(f"{work}/root/boot/config-{version}", work + "/config")
    subprocess.run(["depmod", "-b", work, version], check=True)
    with open(work + "/version", "w") as out:
        out.write(version + "\n")
    shutil.rmtree(work + "/root")
    shutil.rmtree(debs)
    shutil.rmtree(dest, ignore_errors=True)
    os.rename(work, dest)
    print(f"kernel {version} from {os.path.basename(deb)}")


if __name__ == "__main__":
    main()
