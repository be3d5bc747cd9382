# SPDX-License-Identifier: Apache-2.0
"""Stage 0 in QEMU: each way in which a slot can fail, and what must work in spite of it.

A boot is dear, a disk is not: slots of several disks are tried one after the other, so one boot sees a dozen failures.
"""
import json
import os
import re
import socket
import struct
import subprocess
import zlib

import machines
import pytest
import slot_disks
from slot_disks import SECTOR, Disk, Os

pytestmark = pytest.mark.qemu
OS = os.environ.get("HULL_TEST_OS", os.path.join(machines.BUILD, "os"))
APPEND = "console=ttyS0 panic=10 oops=panic gpt hull.panic_delay=100 hull.disk_timeout=20000"


@pytest.fixture(scope="module")
def init(tmp_path_factory):
    directory = tmp_path_factory.mktemp("init")
    source, program = directory / "init.c", directory / "init"
    source.write_text(slot_disks.INIT)
    subprocess.run(["gcc", "-static", "-O2", "-s", "-o", program, source], check=True)
    return program.read_bytes()


@pytest.fixture(scope="module")
def good(init, tmp_path_factory):
    return Os(str(tmp_path_factory.mktemp("good")), {}, init)


def start(vm, *disks, append="", bus="virtio-blk", initrd=None):
    machine = vm(disk=disks[0].path, overlay=False)
    options = ["--no-reboot", "--bus", bus, "--kernel", OS + "/vmlinuz", "--initrd", initrd or OS + "/initramfs"]
    more = []
    for number, disk in enumerate(disks[1:]):
        more += ["-drive", f"if=none,id=more{number},format=raw,file={disk.path}",
                 "-device", f"virtio-blk-pci,drive=more{number},addr={0x10 + number:#x}"]
    return machine.start(*options, append=f"{APPEND} {append}", control=False, *(["--"] + more if more else []))


def boot(vm, *disks, **more):
    """Boots to the end of the machine; the lines of Hull and of the init on the console."""
    machine = start(vm, *disks, **more)
    machine.wait_end()
    return machine.console()


def lines_of(console):
    return [line.split("hull: ", 1)[1] for line in console.splitlines() if re.search(r"\] hull: ", line)]


def record(console):
    return json.loads(re.search(r"^BOOT (\{.*\})", console, re.MULTILINE).group(1))


def in_order(lines, wanted):
    """Each wanted pattern matches a line, one behind the other."""
    rest = iter(lines)
    for pattern in wanted:
        assert any(re.search(pattern, line) for line in rest), f"{pattern!r} not (there) in:\n" + "\n".join(lines)


def test_every_failure_is_told_and_the_next_slot_tried(vm, init, good, tmp_path):
    def image(name, *args, **more):
        return Os(str(tmp_path / name), *args, **more)

    def disk(name, a=good, b=good, **more):
        return Disk(str(tmp_path / name), (a, b), **more)

    for name in ("stranger", "no-init", "no-dirs", "other", "other-kernel"):
        (tmp_path / name).mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=stranger", "-days", "1",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "crt"], check=True, stderr=subprocess.DEVNULL)
    stranger = image("stranger", {"x": b"1"}, init, key=str(tmp_path / "key"), certificate=str(tmp_path / "crt"))
    other = image("other", {"x": b"2"}, init)
    no_init = image("no-init", {"x": b"3"})
    bad_kernel = image("other-kernel", {"boot/vmlinuz": b"not a kernel" * 999, "boot/initramfs": b"nothing"}, init)

    signatures = disk("1", b=stranger)
    spoiled = json.loads(good.sig)
    spoiled["rootHash"] = other.hash
    signatures.put("sig-a", json.dumps(spoiled).encode())

    roots = disk("2")
    roots.put("sig-a", other.sig)
    roots.put("verity-b", b"Verity")

    short = disk("3")
    short.shrink("root-a", 8)
    short.shrink("verity-b", 8)

    inits = disk("4", a=no_init)
    at = good.erofs.index(init[:4096]) + 8192
    inits.put("root-b", bytes([good.erofs[at] ^ 0xff]), at)

    rest = disk("5", a=bad_kernel)
    rest.entry("sig-b", lambda entry: entry.__setitem__(slice(0, 16), bytes(16)))

    strange = disk("6")
    strange.entry("root-a", lambda entry: entry.__setitem__(slice(32, 40), (2048 + 2048 * 9).to_bytes(8, "little")))
    strange.put("sig-b", bytes(4096))

    bits = disk("7", bits=((0, 3, True), (1, 0, False)))

    lost = disk("8")
    lost.write(SECTOR, b"\xff" * SECTOR)
    lost.write(lost.size() - SECTOR, b"\xff" * SECTOR)

    console = boot(vm, signatures, roots, short, inits, rest, strange, bits, lost)
    lines = lines_of(console)
    in_order(lines, [
        r"slot a: signature: the signature does not match the root hash",
        r"slot b: signature: signed by none of 1 certificates",
        r"slot a: verity: block 0 does not match the root hash",
        r"slot b: verity superblock: wrong magic",
        r"slot a: the root partition is too small: it has 1 blocks of \d+",
        r"slot b: the verity partition is too small: it has 1 blocks of \d+",
        r"slot a: /sbin/init: No such file or directory",
        r"slot b: /sbin/init: Input/output error",
        r"slot a: its kernel differs from the running one: kexec",
        r"slot a: kexec: loading the slot's kernel: ",
        r"slot b: signature: empty",
        r"no slot boots; rebooting in 100 ms",
    ])
    # What was not tried is explained, and disks without slots are too.
    for wanted in (r"slot b: no partition labelled sig-b", r"slot a: root-a (overlaps another partition|lies|has)",
                   r"slot a: priority 0", r"slot b: not successful and no tries left",
                   r"/dev/vd\w: GPT: primary: no header at sector 1; backup: |/dev/vd\w: no GPT"):
        assert any(re.search(wanted, line) for line in lines), f"{wanted!r} not in:\n" + "\n".join(lines)
    assert "BOOT" not in console
    # Each try was counted before anything of the slot was used, in both copies of the table.
    for one in (signatures, roots, inits):
        one.verify()
        assert one.bits("a") == (2, 2, False) and one.bits("b") == (1, 2, False)
    assert rest.bits("a") == (2, 2, False) and rest.bits("b") == (1, 3, False)
    assert bits.bits("a") == (0, 3, True) and bits.bits("b") == (1, 0, False)


def test_no_disk(vm, good, tmp_path):
    # The cloud kernel has no driver for AHCI: to stage 0 that machine has no disk.
    disk = Disk(str(tmp_path / "disk"), (good, good))
    lines = lines_of(boot(vm, disk, bus="ahci", append="hull.disk_timeout=500"))
    in_order(lines, [r"no disk within 500 ms", r"no slot boots; rebooting in 100 ms"])


def test_damaged_tables_are_repaired_and_the_other_slot_boots(vm, good, tmp_path):
    disk = Disk(str(tmp_path / "disk"), (good, good))
    disk.put("sig-a", b"{}")
    second = Disk(str(tmp_path / "second"), (good, good))
    # As a torn write or a stray dd leaves it: protective MBR, header and entries gone.
    disk.write(0, bytes(34 * SECTOR))
    second.write(second.size() - 20 * SECTOR, b"\xff" * 20 * SECTOR)
    console = boot(vm, disk, second)
    in_order(lines_of(console), [
        r"/dev/vda: GPT: the primary copy is damaged: repaired",
        r"/dev/vdb: GPT: the backup copy is damaged: repaired",
        r"/dev/vdb has slots too: used only if none of /dev/vda boots",
        r"slot a: signature: ",
        r"slot b: root hash " + good.hash + " verified",
    ])
    boot_record = record(console)
    assert boot_record["slot"] == "b" and boot_record["disk"] == "/dev/vda" and boot_record["root_hash"] == good.hash
    assert boot_record["verity_device"] == "/dev/mapper/hull-b" and not boot_record["committed"]
    assert 0 < boot_record["init_start_us"] < boot_record["stage0_us"]
    assert "WRITABLE 0" in console
    assert re.search(r"^/dev/mapper/hull-b / erofs ro", console, re.MULTILINE)
    disk.verify()
    second.verify()
    assert disk.bits("a") == (2, 2, False) and disk.bits("b") == (1, 2, False)
    assert second.bits("a") == (2, 3, False)


def test_tries_run_out(vm, good, tmp_path):
    """A slot that never proves itself is left after its tries; the proven one is not counted."""
    disk = Disk(str(tmp_path / "disk"), (good, good), bits=((2, 1, False), (1, 0, True)))
    assert record(boot(vm, disk))["slot"] == "a"
    disk.verify()
    assert disk.bits("a") == (2, 0, False)
    second = record(boot(vm, disk, append="hull.slot="))
    assert second["slot"] == "b" and second["committed"]
    assert disk.bits("b") == (1, 0, True)


def test_another_kernel_is_entered_by_kexec(vm, init, tmp_path):
    """The slot's initramfs knows its kernel; the running one's is told it is another."""
    kernel, initramfs = (slot_disks.osimage.read(f"{OS}/{name}") for name in ("vmlinuz", "initramfs"))
    (tmp_path / "os").mkdir()
    image = Os(str(tmp_path / "os"), {"boot/vmlinuz": kernel, "boot/initramfs": initramfs,
                                      "boot/vmlinuz.sha256": slot_disks.sha256_line(kernel)}, init)
    disk = Disk(str(tmp_path / "disk"), (image, image), root_mib=32)
    running = slot_disks.overlay_initramfs(OS + "/initramfs", str(tmp_path / "initramfs"),
                                           {"etc/hull/kernel.sha256": slot_disks.sha256_line(b"another kernel")})
    console = boot(vm, disk, initrd=running)
    in_order(lines_of(console), [r"slot a: its kernel differs from the running one: kexec",
                                 r"slot a: root hash \w+ verified"])
    assert record(console)["kexeced"] is True
    assert re.search(r"^CMDLINE .* hull\.slot=a hull\.kexeced=1$", console, re.MULTILINE)
    # Neither a second pick nor a second try.
    assert disk.bits("a") == (2, 2, False) and disk.bits("b") == (1, 3, False)


@pytest.mark.parametrize("bus", ["nvme", "virtio-scsi"])
def test_buses(vm, good, tmp_path, bus):
    """Disks that their drivers find some time after they were loaded."""
    console = boot(vm, Disk(str(tmp_path / "disk"), (good, good)), bus=bus)
    assert record(console)["disk"] == {"nvme": "/dev/nvme0n1", "virtio-scsi": "/dev/sda"}[bus]


def qmp(path, *commands):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        stream = connection.makefile("rw")
        stream.readline()
        for command in ({"execute": "qmp_capabilities"},) + commands:
            stream.write(json.dumps(command) + "\n")
            stream.flush()
            while True:
                answer = json.loads(stream.readline())
                if "event" not in answer:
                    assert "error" not in answer, answer
                    break


def test_a_disk_that_comes_late(vm, good, tmp_path):
    first, late = Disk(str(tmp_path / "first"), (None, None)), Disk(str(tmp_path / "late"), (good, good))
    machine = vm(disk=first.path, overlay=False)
    monitor = os.path.join(machine.directory, "qmp")
    machine.start("--no-reboot", "--bus", "ahci", "--kernel", OS + "/vmlinuz", "--initrd", OS + "/initramfs",
                  "--qmp", monitor, "--", "-device", "virtio-scsi-pci,id=scsi",
                  "-drive", f"if=none,id=late,format=raw,file={late.path}",
                  append=APPEND + " hull.log=debug loglevel=8", control=False)
    machine.wait_console(r"hull: modules loaded")
    qmp(monitor, {"execute": "device_add", "arguments": {"driver": "scsi-hd", "drive": "late", "bus": "scsi.0"}})
    machine.wait_end()
    assert record(machine.console())["disk"] == "/dev/sda"


def logged_writes(path):
    """[(offset, bytes)], with None for a flush: what QEMU's blklogwrites recorded (the format of dm-log-writes)."""
    with open(path, "rb") as file:
        log = file.read()
    magic, version, count, sector = struct.unpack_from("<QQQI", log)
    assert (magic, version) == (0x6A736677736872, 1)
    at, entries = sector, []
    for _ in range(count):
        first, sectors, flags, _ = struct.unpack_from("<QQQQ", log, at)
        at += sector
        if flags & 1:  # a flush comes before the data of the same entry
            entries.append(None)
        if sectors:
            entries.append((first * sector, log[at:at + sectors * sector]))
            at += sectors * sector
        if flags & 2:
            entries.append(None)
    return entries


def cuts(entries):
    """What the disk may hold after a power cut: all writes before a flush, and any of those since."""
    safe, open_writes = [], []
    for entry in entries + [None]:
        if entry is not None:
            open_writes.append(entry)
            continue
        for chosen in range(1 << len(open_writes)):
            yield safe + [w for i, w in enumerate(open_writes) if chosen >> i & 1]
        safe, open_writes = safe + open_writes, []


def valid_bits(image, disk, label):
    """The bits of a slot in each copy of the table whose checksums are right: primary, backup (None: damaged)."""
    result = []
    for at in (SECTOR, len(image) - SECTOR):
        header = bytearray(image[at:at + SECTOR])
        crc, table_at, table_crc = (struct.unpack_from(form, header, where)[0]
                                    for form, where in (("<I", 16), ("<Q", 72), ("<I", 88)))
        struct.pack_into("<I", header, 16, 0)
        table = image[table_at * SECTOR:table_at * SECTOR + 128 * 128]
        right = header[:8] == b"EFI PART" and zlib.crc32(header[:92]) == crc and zlib.crc32(table) == table_crc
        value = struct.unpack_from("<Q", table, disk.ORDER.index(f"root-{label}") * 128 + 48)[0] if right else 0
        result.append((value >> 48 & 15, value >> 52 & 15) if right else None)
    return result


@pytest.mark.parametrize("damaged", [None, "primary", "backup"])
def test_power_cut_at_any_write(vm, good, tmp_path, damaged):
    """Repair and decrement, in each state that a power cut can leave: a copy is right, and says the old or the new."""
    first, disk = Disk(str(tmp_path / "first"), (None, None)), Disk(str(tmp_path / "disk"), (good, good))
    if damaged:
        disk.write(SECTOR if damaged == "primary" else disk.size() - SECTOR, bytes(SECTOR))
    before = disk.read(0, disk.size())
    log = tmp_path / "log"
    log.touch()
    machine = vm(disk=first.path, overlay=False)
    machine.start("--no-reboot", "--bus", "ahci", "--kernel", OS + "/vmlinuz", "--initrd", OS + "/initramfs", "--",
                  "-blockdev", f"driver=file,node-name=disk0,filename={disk.path}",
                  "-blockdev", f"driver=file,node-name=log0,filename={log}",
                  "-blockdev", "driver=blklogwrites,node-name=logged,file=disk0,log=log0",
                  "-device", "virtio-blk-pci,drive=logged,addr=0x10", append=APPEND, control=False)
    machine.wait_end()
    assert record(machine.console())["slot"] == "a"
    entries = logged_writes(log)
    assert len([e for e in entries if e is not None]) == (6 if damaged else 4)
    seen = set()
    for writes in cuts(entries):
        image = bytearray(before)
        for at, data in writes:
            image[at:at + len(data)] = data
        primary, backup = valid_bits(image, disk, "a")
        seen.add((primary, backup))
        assert {primary, backup} <= {None, (2, 3), (2, 2)} and (primary or backup)
    assert ((2, 2), (2, 2)) in seen and ((2, 3), None) in seen  # the cuts did reach the middle


def test_root_in_memory(vm, good, init, tmp_path):
    """As an erofs image, and as the tree of the initramfs itself; both away from the rootfs, which can't be pivoted."""
    disk = Disk(str(tmp_path / "disk"), (None, None))
    image = slot_disks.overlay_initramfs(OS + "/initramfs", str(tmp_path / "erofs"), {"root.erofs": good.erofs})
    console = boot(vm, disk, initrd=image, append="hull.root=ram")
    assert record(console)["slot"] == "ram"
    assert re.search(r"^/dev/loop0 / erofs ro", console, re.MULTILINE)
    tree = slot_disks.overlay_initramfs(OS + "/initramfs", str(tmp_path / "tree"), {"sbin/init": init})
    console = boot(vm, disk, initrd=tree, append="hull.root=ram")
    assert record(console)["slot"] == "ram" and "WRITABLE 1" in console
    assert re.search(r"^tmpfs / tmpfs rw", console, re.MULTILINE)
