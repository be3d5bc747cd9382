# SPDX-License-Identifier: Apache-2.0
"""Slots with a kernel of their own, and the kernel for machines of iron: Debian's linux-image-amd64."""
import os

import machines
import pytest
import real_disk

pytestmark = pytest.mark.qemu
# Two image sets that differ by their kernel; HULL_TEST_OTHER_OS and _KERNEL name others than the build's second one.
OTHER_OS = os.environ.get("HULL_TEST_OTHER_OS", os.path.join(machines.BUILD, "os-amd64"))
OTHER_KERNEL = os.environ.get("HULL_TEST_OTHER_KERNEL", "linux-image-amd64")


def version(build, package):
    with open(build("kernel", package, "version")) as file:
        return file.read().strip()


def test_a_slot_brings_its_own_kernel(vm, build, tmp_path):
    disk = real_disk.RealDisk(str(tmp_path))
    disk.install("b", OTHER_OS)
    disk.set_bits("a", 2, 3, False)
    disk.set_bits("b", 3, 3, False)
    theirs = version(build, OTHER_KERNEL)
    m = vm(disk=disk.raw, overlay=False).start()
    m.wait_console("hull: slot b: its kernel differs from the running one: kexec")
    m.wait_console(r"hull: slot b: root hash \w+ verified")
    m.wait_ready()
    m.wait_unit("demo-web", "running")
    status = m.json("status")
    assert (status["slot"], status["kernel"]) == ("b", theirs)
    m.wait_console("hull: slot b is committed")
    lines = [line for line in m.console().splitlines() if "Kernel command line:" in line]
    assert len(lines) == 2
    assert "hull.slot" not in lines[0] and lines[1].endswith(" hull.slot=b hull.kexeced=1")
    # On purpose, too: the slot's kernel, entered directly and by nobody a second time.
    m.hull("kexec")
    m.wait_console("Kernel command line:", count=3)
    m.wait_ready()
    assert m.json("status")["kernel"] == theirs
    m.wait_unit("demo-web", "running")
    console = m.console()
    assert console.count("Kernel command line:") == 3
    assert console.count("hull.kexeced=1") == console.count(" hull.slot=b hull.kexeced=1") == 2
    assert console.count("differs from the running one") == 1
    m.hull("stop", "--time", "0", "demo-web")
    m.hull("poweroff")
    assert m.wait_end() == 0
    # One try was counted, and given back by the commit.
    assert disk.bits("a") == (2, 3, False) and disk.bits("b") == (3, 0, True)
    disk.check()


def test_iron(vm, build):
    """A SATA disk, a watchdog of hardware and the kernel that has their drivers."""
    m = vm(disk=build("hull-amd64.disk")).start("--bus", "ahci", "--watchdog", "i6300esb").wait_ready()
    m.wait_unit("demo-web", "running")
    status = m.json("status")
    assert (status["disk"], status["kernel"]) == ("/dev/sda", version(build, "linux-image-amd64"))
    assert status["state"] == {"kind": "partition", "device": "/dev/sda8", "readonly": False}
    m.wait_console(r"hull: watchdog: /dev/watchdog\d \(i6300ESB timer\)")
    assert "6300ESB" in m.json("status")["watchdog"]["identity"]
    m.hull("stop", "--time", "0", "demo-web")
    m.hull("poweroff")
    assert m.wait_end() == 0
