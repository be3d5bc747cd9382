# SPDX-License-Identifier: Apache-2.0
"""The state partition of a machine that is off: looked at and changed with e2fsprogs, as an administrator would."""
import json
import os
import re
import subprocess

import machines

SBIN = "/usr/sbin:/sbin:" + os.environ["PATH"]


def run(*words, check=True):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, PATH=SBIN))
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.stdout.decode()}")
    return done.stdout.decode("latin-1")


def copy(directory, source=None):
    """A raw disk of its own, sparse."""
    path = os.path.join(directory, "disk.raw")
    run("cp", "--sparse=always", source or os.path.join(machines.BUILD, "hull.disk"), path)
    return path


class StateDisk:
    """disk: raw; anything else is converted to a file in directory first, and then only to be looked at."""

    def __init__(self, disk, directory):
        self.raw = disk
        if not disk.endswith(".raw"):
            self.raw = os.path.join(directory, "look.raw")
            run("qemu-img", "convert", "-O", "raw", disk, self.raw)
        # Warnings come before it.
        text = run("sfdisk", "--json", self.raw)
        table = json.loads(text[text.index("{"):])["partitiontable"]
        part = next(p for p in table["partitions"] if p.get("name") == "HULL-STATE")
        self.sector = table.get("sectorsize", 512)
        self.offset, self.size = part["start"] * self.sector, part["size"] * self.sector
        self.path = f"{self.raw}?offset={self.offset}"

    def verify_table(self):
        text = run("sfdisk", "--verify", self.raw)
        assert "No errors detected" in text and "PMBR" not in text

    def superblock(self):
        return dict(re.findall(r"^([^:\n]+):\s+(.*)$", run("dumpe2fs", "-h", self.path), re.M))

    def check(self):
        """Nothing to repair, and nothing to replay."""
        assert self.superblock()["Filesystem state"] == "clean"
        assert "needs_recovery" not in self.superblock()["Filesystem features"]
        run("e2fsck", "-fn", self.path)

    def debugfs(self, *commands):
        for command in commands:
            run("debugfs", "-w", "-R", command, self.path)

    def read(self, name):
        return run("debugfs", "-R", f"cat {name}", self.path).partition("\n")[2]

    def names(self, directory="/"):
        return set(run("debugfs", "-R", f"ls -p {directory}", self.path).split("/")[5::7])

    def damage_superblock(self):
        with open(self.raw, "r+b") as file:
            file.seek(self.offset + 1024)
            file.write(b"\x5a" * 1024)
