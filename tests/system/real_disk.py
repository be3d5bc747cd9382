# SPDX-License-Identifier: Apache-2.0
"""A raw copy of the build's disk with its slots changed: another image in b, other bits, damage at a chosen file."""
import os
import struct

import machines
import state_disk
from state_disk import run

SECTOR = 512
KINDS = {"root": "erofs", "verity": "verity", "sig": "sig"}


def read(path):
    with open(path, "rb") as file:
        return file.read()


class RealDisk(state_disk.StateDisk):
    def __init__(self, directory, source=None):
        super().__init__(state_disk.copy(directory, source), directory)

    def partition(self, name):
        """(number, offset in bytes)"""
        table = state_disk.json.loads(run("sfdisk", "--json", self.raw))["partitiontable"]["partitions"]
        number = next(i for i, p in enumerate(table, 1) if p.get("name") == name)
        return number, table[number - 1]["start"] * SECTOR

    def write(self, offset, data):
        with open(self.raw, "r+b") as file:
            file.seek(offset)
            file.write(data)

    def install(self, letter, folder):
        """An image set of the build's, as an update puts it there."""
        digits = read(f"{folder}/root.hash").decode().strip()
        for kind, suffix in KINDS.items():
            number, offset = self.partition(f"{kind}-{letter}")
            self.write(offset, read(f"{folder}/root.{suffix}"))
            if kind != "sig":
                half = digits[:32] if kind == "root" else digits[32:]
                uuid = "-".join((half[:8], half[8:12], half[12:16], half[16:20], half[20:]))
                run("sfdisk", "--quiet", "--part-uuid", self.raw, str(number), uuid)

    def set_bits(self, letter, priority, tries, successful):
        value = priority | tries << 4 | int(successful) << 8
        bits = ",".join(f"GUID:{48 + bit}" for bit in range(9) if value >> bit & 1)
        run("sfdisk", "--quiet", "--part-attrs", self.raw, str(self.partition(f"root-{letter}")[0]), bits)

    def bits(self, letter):
        """(priority, tries, successful)"""
        entry = 2 * SECTOR + (self.partition(f"root-{letter}")[0] - 1) * 128
        with open(self.raw, "rb") as file:
            file.seek(entry + 48)
            value, = struct.unpack("<Q", file.read(8))
        return value >> 48 & 15, value >> 52 & 15, bool(value >> 56 & 1)

    def flip(self, letter, folder, content):
        """Damages the block of the slot's root where this content (a piece of a file) lies; again: mends it."""
        at = read(f"{folder}/root.erofs").index(content)
        at += self.partition(f"root-{letter}")[1] + len(content) // 2
        with open(self.raw, "rb") as file:
            file.seek(at)
            byte = file.read(1)
        self.write(at, bytes([byte[0] ^ 0xff]))


def kernel_file(package, name):
    """A piece from the middle of one of the kernel's files, as the root has it."""
    base = os.path.join(machines.BUILD, "kernel", package)
    for folder, _, files in os.walk(base):
        if name in files:
            data = read(os.path.join(folder, name))
            middle = len(data) // 8192 * 4096
            return data[middle:middle + 4096] if len(data) > 8192 else data
    raise FileNotFoundError(f"{name} below {base}")
