# SPDX-License-Identifier: Apache-2.0
"""Disks with small slots for the tests of stage 0: real signatures, hash trees and tables around an init that only
tells what it sees and powers off. Damage is done to the image files."""
import hashlib
import os
import struct
import subprocess
import sys
import zlib

import machines

sys.path.insert(0, os.path.join(machines.REPO, "initramfs/build"))
import cpio  # noqa: E402
import osimage  # noqa: E402

MIB = 1 << 20
SECTOR = 512
TYPES = {"root": "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "verity": "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5",
         "sig": "41092b05-9fc8-4523-994f-2def0408b176"}
INIT = r"""
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>
static void show(const char *name, const char *path)
{
	static char text[16384];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = 0;
	printf("\n%s %s\n", name, text);
	close(fd);
}
int main(void)
{
	show("BOOT", "/run/hull/boot.json");
	show("MOUNTS", "/proc/mounts");
	show("CMDLINE", "/proc/cmdline");
	printf("WRITABLE %d\n", !access("/", W_OK));
	printf("END\n");
	fflush(stdout);
	fsync(1);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
"""


def run(*words, stdin=None):
    return subprocess.run(words, input=stdin, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


class Os:
    """A signed image in a folder: root.erofs, root.verity, root.sig, root.hash."""

    def __init__(self, directory, files, init=None, key="keys/dev.key", certificate="keys/dev.crt"):
        self.directory = directory
        tree = directory + "/tree"
        for name in ("proc", "sys", "dev", "run", "sbin", "boot"):
            os.makedirs(f"{tree}/{name}")
        if init:
            files = dict(files, **{"sbin/init": init})
        for name, data in files.items():
            osimage.write(f"{tree}/{name}", data, 0o755)
        run("mkfs.erofs", "--quiet", "-T1", f"-U{osimage.EROFS_UUID}", "--all-root", directory + "/root.erofs", tree)
        self.hash = osimage.verity(directory + "/root.erofs", directory + "/root.verity")
        self.sig = osimage.sign(self.hash, os.path.join(machines.REPO, key), os.path.join(machines.REPO, certificate))
        self.erofs, self.verity = (osimage.read(f"{directory}/root.{kind}") for kind in ("erofs", "verity"))


def attributes(priority, tries, successful):
    value = priority | tries << 4 | int(successful) << 8
    return ",".join(f"GUID:{48 + bit}" for bit in range(9) if value >> bit & 1)


class Disk:
    """An image file with slots a and b (an Os each, or None); bits: (priority, tries, successful)."""

    ORDER = ("root-a", "verity-a", "sig-a", "root-b", "verity-b", "sig-b")

    def __init__(self, path, slots, bits=((2, 3, False), (1, 3, False)), root_mib=8):
        self.path, self.place = path, {}
        lines, at = ["label: gpt"], 1
        for name in self.ORDER:
            kind, _, label = name.partition("-")
            mib = root_mib if kind == "root" else 1
            line = f"start={at}MiB, size={mib}MiB, type={TYPES[kind]}, name={name}"
            if kind == "root" and attributes(*bits["ab".index(label)]):
                line += f', attrs="{attributes(*bits["ab".index(label)])}"'
            lines.append(line)
            self.place[name] = at * MIB
            at += mib
        with open(path, "wb") as file:
            file.truncate((at + 1) * MIB)
        run("sfdisk", "--quiet", path, stdin="\n".join(lines).encode())
        for label, image in zip("ab", slots):
            if image:
                self.put(f"root-{label}", image.erofs)
                self.put(f"verity-{label}", image.verity)
                self.put(f"sig-{label}", image.sig)

    def write(self, offset, data):
        with open(self.path, "r+b") as file:
            file.seek(offset)
            file.write(data)

    def read(self, offset, size):
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(size)

    def size(self):
        return os.path.getsize(self.path)

    def put(self, name, data, offset=0):
        self.write(self.place[name] + offset, data)

    def entry(self, name, change):
        """change(bytearray) alters a partition's entry in both copies, checksums included."""
        for header_at in (SECTOR, self.size() - SECTOR):
            header = bytearray(self.read(header_at, SECTOR))
            table_at = struct.unpack_from("<Q", header, 72)[0] * SECTOR
            table = bytearray(self.read(table_at, 128 * 128))
            number = self.ORDER.index(name)
            entry = table[number * 128:number * 128 + 128]
            change(entry)
            table[number * 128:number * 128 + 128] = entry
            struct.pack_into("<I", header, 88, zlib.crc32(table))
            struct.pack_into("<I", header, 16, 0)
            struct.pack_into("<I", header, 16, zlib.crc32(header[:92]))
            self.write(table_at, table)
            self.write(header_at, header)

    def shrink(self, name, sectors):
        def change(entry):
            first = struct.unpack_from("<Q", entry, 32)[0]
            struct.pack_into("<Q", entry, 40, first + sectors - 1)
        self.entry(name, change)

    def bits(self, label, backup=False):
        """(priority, tries, successful) as one copy of the table has it."""
        header = self.read(self.size() - SECTOR if backup else SECTOR, SECTOR)
        assert header[:8] == b"EFI PART"
        table_at = struct.unpack_from("<Q", header, 72)[0] * SECTOR
        value, = struct.unpack_from("<Q", self.read(table_at + self.ORDER.index(f"root-{label}") * 128, 128), 48)
        return value >> 48 & 15, value >> 52 & 15, bool(value >> 56 & 1)

    def verify(self):
        """Both copies are right, by sfdisk's own reading."""
        text = run("sfdisk", "--verify", self.path).decode()
        assert "No errors detected" in text, text
        assert self.bits("a") == self.bits("a", True) and self.bits("b") == self.bits("b", True)


def overlay_initramfs(initramfs, out, files):
    """The build's initramfs with files replaced: the kernel unpacks archives one behind the other."""
    archive = cpio.Archive(1)
    for name, data in files.items():
        archive.file(name, data, 0o755)
    data = osimage.read(initramfs)
    with open(out, "wb") as file:
        file.write(data + bytes(-len(data) % 4) + archive.finish())
    return out


def sha256_line(data):
    return hashlib.sha256(data).hexdigest().encode() + b"\n"
