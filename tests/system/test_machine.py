# SPDX-License-Identifier: Apache-2.0
"""A machine in use: its demonstration, four ports at once, each of its slots, and blocks that go bad while it runs."""
import os
import subprocess

import machines
import pytest
import real_disk
import web
from qmp import Monitor

pytestmark = pytest.mark.qemu
KERNEL = "linux-image-cloud-amd64"
OTHER = "os-faults"  # another image with the same kernel


def follow(m, *words):
    return subprocess.Popen([machines.HULL, "--socket", m.socket, "logs", "-f", *words], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True)


def test_the_demonstration(vm, build):
    port = web.free_port()
    m = vm().start("--forward", f"{port}:80").wait_ready()
    web.wait_demo(port)
    assert web.fetch(port, "/no-such-page")[0] == 404
    m.hull("image", "load", build("images", "busybox.tar"))
    log = follow(m, "demo-web")
    try:
        # While one port streams, the others answer.
        assert log.stdout.readline()
        for number in range(5):
            assert m.unit("demo-web")["state"] == "running"
            assert web.fetch(port, f"/{number}")[0] == 404
        while "GET /4 " not in log.stdout.readline():
            pass
        ran = m.hull("run", "--rm", "busybox", "sh", "-c", "cat; id -u; cat /proc/1/comm; exit 7", check=False)
        assert (ran.returncode, ran.stdout) == (7, "0\nsh\n"), ran.stderr
        ran = m.hull("run", "--rm", "busybox", "sh", "-c", "wget -q -O - http://127.0.0.1/ || echo none", check=False)
        assert ran.stdout == "none\n"  # its own network, not the machine's
        ran = m.hull("run", "--rm", "--network", "host", "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1/")
        assert "Served by nginx" in ran.stdout
        for dangerous in ("reboot -f", "mount -t tmpfs x /tmp", "insmod /x.ko", "ls /dev/vda", "echo b >/proc/sysrq-trigger",
                          "date -s 2001-01-01 2>&1 | grep permitted && exit 3", "hostname elsewhere"):
            ran = m.hull("run", "--rm", "busybox", "sh", "-c", dangerous, check=False)
            assert ran.returncode not in (0, 125), (dangerous, ran.stdout, ran.stderr)
    finally:
        log.terminate()
        log.wait()
    status = m.json("status")
    assert {r["name"]: r["state"] for r in status["roles"]} == {"logs": "running", "net": "running"}
    assert status["crashes"] == 0
    assert web.fetch(port)[0] == 200
    m.hull("poweroff")
    assert m.wait_end() == 0


@pytest.fixture
def disk(tmp_path, build):
    """Two slots: the build's image in a, another one with the same kernel in b."""
    made = real_disk.RealDisk(str(tmp_path))
    made.install("b", build(OTHER))
    return made


def test_a_block_goes_bad_under_a_proven_slot(vm, build, disk):
    """It serves on, and the next boot takes the other slot."""
    disk.set_bits("a", 2, 0, True)
    disk.set_bits("b", 1, 3, False)
    disk.flip("a", build("os"), real_disk.kernel_file(KERNEL, "virtio_balloon.ko"))
    port = web.free_port()
    m = vm(disk=disk.raw, overlay=False)
    path = os.path.join(m.directory, "qmp")
    m.start("--forward", f"{port}:80", "--qmp", path, "--", "-device", "pcie-root-port,id=slot1,chassis=1").wait_ready()
    web.wait_demo(port)
    before = m.json("status")
    assert (before["slot"], before["committed"]) == ("a", True)
    Monitor(path).do("device_add", driver="virtio-balloon-pci", bus="slot1", id="late")
    m.wait_console(r"hull: \S+: block \d+ does not match the root hash of slot a")
    m.wait_console("hull: slot a is not trusted any more")
    assert web.fetch(port)[0] == 200 and m.unit("demo-web")["restarts"] == 0
    m.hull("reboot")
    m.wait_console(r"hull: slot b: root hash \w+ verified")
    m.wait_console("hull: slot b is committed")
    after = m.json("status")
    assert (after["slot"], after["machine_id"]) == ("b", before["machine_id"])
    web.wait_demo(port)
    m.hull("poweroff")
    assert m.wait_end() == 0
    assert disk.bits("a") == (0, 0, False) and disk.bits("b") == (1, 0, True)
    disk.verify_table()
    disk.check()


def test_a_block_goes_bad_under_a_slot_on_trial(vm, build, disk):
    """Back to the other slot at once, by itself."""
    disk.set_bits("a", 2, 3, False)
    disk.set_bits("b", 1, 0, True)
    disk.flip("a", build("os"), real_disk.kernel_file(KERNEL, "softdog.ko"))
    m = vm(disk=disk.raw, overlay=False).start()
    m.wait_console("hull: slot a was not committed yet: back to the other slot")
    m.wait_console(r"hull: slot b: root hash \w+ verified")
    m.wait_ready()
    m.wait_unit("demo-web", "running")
    assert m.json("status")["slot"] == "b"
    m.hull("stop", "--time", "0", "demo-web")
    m.hull("poweroff")
    assert m.wait_end() == 0
    assert "slot a is committed" not in m.console()
    assert disk.bits("a") == (0, 0, False) and disk.bits("b") == (1, 0, True)
    disk.check()


def test_a_bad_block_and_no_other_slot(vm, build, disk):
    """A doubtful machine is better than none; a kernel that can't be read is not entered."""
    disk.set_bits("a", 2, 0, True)
    disk.set_bits("b", 0, 0, False)
    disk.flip("a", build("os"), real_disk.kernel_file(KERNEL, "vmlinuz"))
    m = vm(disk=disk.raw, overlay=False).start().wait_ready()
    m.wait_unit("demo-web", "running")
    m.hull("kexec")
    m.wait_console("hull: slot a is damaged, but no other can be booted: it stays")
    m.wait_console("hull: kexec: no kernel is loaded, so the machine reboots")
    m.wait_console(r"hull: slot a: root hash \w+ verified", count=2)
    m.wait_ready()
    assert m.json("status")["slot"] == "a"
    m.power_cut()
    assert disk.bits("a") == (2, 0, True)
