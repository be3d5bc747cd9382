# SPDX-License-Identifier: Apache-2.0
"""The machine as its firmware starts it: OVMF and the unified kernel image, nothing taken apart by hull-vm."""
import pytest
import web

pytestmark = pytest.mark.qemu
LINE = r"Kernel command line: (?P<words>.*)"


def words(m):
    return m.wait_console(LINE).group("words").split()


@pytest.fixture
def cmdline(build):
    with open(build("os", "cmdline")) as file:
        return file.read().split()


def test_boots_from_the_esp(vm, cmdline):
    """With the image's own command line alone: the door is on no port then, nginx and the console tell the rest."""
    port = web.free_port()
    m = vm().start("--uefi", "--forward", f"{port}:80", control=False)
    m.wait_console("EFI stub: Loaded initrd")
    assert words(m) == cmdline
    m.wait_console(r"hull: slot a: root hash \w{64} verified")
    web.wait_demo(port)
    m.wait_console("hull: slot a is committed")
    m.power_cut()
    # The firmware finds its way again on a disk whose tables were written.
    m.start("--uefi", "--forward", f"{port}:80", control=False)
    web.wait_demo(port)


def test_boots_with_further_words(vm, cmdline):
    m = vm().start("--uefi", append="hull.hostname=by-firmware")
    m.wait_ready()
    m.wait_unit("demo-web", "running")
    given = words(m)
    assert given[:len(cmdline)] == cmdline and "hull.hostname=by-firmware" in given
    status = m.json("status")
    assert (status["slot"], status["hostname"]) == ("a", "by-firmware")
    m.hull("poweroff")
    assert m.wait_end() == 0
