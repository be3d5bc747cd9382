#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A bootable raw disk: GPT with the ESP, both slots and the state partition, as docs/disk.md describes it."""
import argparse
import os
import shutil
import subprocess
import tempfile

MIB = 1 << 20
TYPES = {  # Discoverable Partitions Specification, x86-64
    "esp": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "root": "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
    "verity": "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5",
    "sig": "41092B05-9FC8-4523-994F-2DEF0408B176",
    "state": "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
}
LAYOUT = (("esp", 64), ("root-a", 96), ("root-b", 96), ("verity-a", 4), ("verity-b", 4), ("sig-a", 1), ("sig-b", 1))
# Of an empty slot and of what has no root hash; the state's is the template's, a machine's own id is in its identity.
UUID = "485554ff-0000-4000-8000-{:012x}"


def slot_attributes(priority, tries, successful):
    """Bits 48-51, 52-55 and 56 of root-a and root-b: what stage 0 picks by."""
    value = priority | tries << 4 | int(successful) << 8
    return [f"GUID:{48 + bit}" for bit in range(9) if value >> bit & 1]


def uuid_text(digits):
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


class Slot:
    """What lies in slot a or b: a folder made by osimage.py, or nothing."""

    def __init__(self, directory, attributes):
        self.directory, self.attributes = directory, attributes
        self.hash = None
        if directory:
            with open(f"{directory}/root.hash") as file:
                self.hash = file.read().strip()

    def uuid(self, kind):
        if self.hash and kind in ("root", "verity"):
            return uuid_text(self.hash[:32] if kind == "root" else self.hash[32:])
        return None

    def file(self, kind):
        return f"{self.directory}/root.{'erofs' if kind == 'root' else kind}" if self.directory else None


def copy_into(disk, path, offset, limit):
    """Sparse: blocks of zeros are skipped, the disk is new."""
    if os.path.getsize(path) > limit:
        raise SystemExit(f"{path} doesn't fit into its partition of {limit} bytes")
    with open(path, "rb") as source:
        for block in iter(lambda: source.read(64 * 1024), b""):
            if block.count(0) != len(block):
                disk.seek(offset)
                disk.write(block)
            offset += len(block)


def make_esp(path, size, image):
    with open(path, "wb") as file:
        file.truncate(size)
    subprocess.run(["mkfs.vfat", "--invariant", "-F", "32", "-n", "HULL-ESP", path], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["mmd", "-i", path, "::/EFI", "::/EFI/BOOT"], check=True)
    subprocess.run(["mcopy", "-i", path, image, "::/EFI/BOOT/BOOTX64.EFI"], check=True)


def make_state(path, size, tree):
    with open(path, "wb") as file:
        file.truncate(size)
    uuid = UUID.format(0xE4)
    environment = dict(os.environ, E2FSPROGS_FAKE_TIME=os.environ.get("SOURCE_DATE_EPOCH", "1"))
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "HULL-STATE", "-U", uuid, "-m", "1", "-E",
                    f"hash_seed={uuid},root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1",
                    *(["-d", tree] if tree else []), path],
                   check=True, env=environment)


def table(slots, state_mib, total_mib):
    lines, offsets, at = [], {}, 1
    for number, (name, mib) in enumerate(LAYOUT + (("state", state_mib),), 1):
        kind, _, letter = name.partition("-")
        slot = slots.get(letter)
        uuid = (slot and slot.uuid(kind)) or UUID.format(number)
        label = "HULL-STATE" if name == "state" else name
        line = f'start={at}MiB, size={mib}MiB, type={TYPES[kind]}, uuid={uuid}, name="{label}"'
        attributes = slot.attributes if slot and kind == "root" else []
        # DPS "no auto": systemd-dissect takes the last signature partition that it meets, whichever slot it is of.
        attributes = attributes + ["GUID:63"] if letter == "b" else attributes
        if attributes:
            line += f', attrs="{",".join(attributes)}"'
        lines.append(line)
        offsets[name] = (at * MIB, mib * MIB)
        at += mib
    if at + 1 > total_mib:
        raise SystemExit("the partitions don't fit on the disk")
    return "label: gpt\nlabel-id: " + UUID.format(0) + "\n" + "\n".join(lines) + "\n", offsets


def build(args):
    slots = {
        "a": Slot(args.slot_a, slot_attributes(2, args.tries, args.successful)),
        "b": Slot(args.slot_b, slot_attributes(1, args.tries, args.successful) if args.slot_b else []),
    }
    total = sum(mib for _, mib in LAYOUT) + args.state_mib + 2
    script, offsets = table(slots, args.state_mib, total)
    new = args.out + ".new"
    with open(new, "wb") as file:
        file.truncate(total * MIB)
    subprocess.run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", new], input=script.encode(), check=True)
    work = tempfile.mkdtemp(dir=os.path.dirname(os.path.abspath(args.out)))
    try:
        make_esp(work + "/esp", offsets["esp"][1], f"{args.slot_a}/hull.efi")
        make_state(work + "/state", offsets["state"][1], args.state)
        with open(new, "r+b") as disk:
            copy_into(disk, work + "/esp", *offsets["esp"])
            copy_into(disk, work + "/state", *offsets["state"])
            for letter, slot in slots.items():
                for kind in ("root", "verity", "sig"):
                    if slot.directory:
                        copy_into(disk, slot.file(kind), *offsets[f"{kind}-{letter}"])
    finally:
        shutil.rmtree(work)
    os.rename(new, args.out)
    print(f"{args.out}: {total} MiB, slot a {slots['a'].hash}, slot b {slots['b'].hash or 'empty'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slot-a", required=True, help="folder made by osimage.py; its hull.efi goes on the ESP")
    parser.add_argument("--slot-b", help="the same for slot b; else it is empty")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--successful", action="store_true", help="the slots have proven that they boot")
    parser.add_argument("--state", help="folder to fill the state partition from")
    parser.add_argument("--state-mib", type=int, default=512)
    parser.add_argument("--out", required=True)
    build(parser.parse_args())


if __name__ == "__main__":
    main()
