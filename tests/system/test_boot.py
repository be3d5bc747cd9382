# SPDX-License-Identifier: Apache-2.0
"""PID 1's boot and end on a machine: state partition, identity, devices, watchdog, signals, and whatever hangs."""
import json
import os
import signal
import socket
import subprocess
import time

import machines
import pytest
import state_disk
from qmp import Monitor

QMP = "qmp"
VERBOSE = "loglevel=7"


def monitor(m):
    return Monitor(os.path.join(m.directory, QMP))


def state(m):
    """The door answers before there is a state."""
    return machines.until(lambda: m.json("status").get("state"), machines.TCG_SECONDS, "a state")


def status(m):
    """With an identity."""
    return machines.until(lambda: (s := m.json("status")).get("machine_id") and s, machines.TCG_SECONDS, "an identity")


def port_call(m, method, parameters):
    """One Varlink call on the machine's last port, opened as docs/control.md says."""
    with socket.socket(socket.AF_UNIX) as port:
        port.settimeout(30)
        port.connect(os.path.join(m.socket, "3"))
        for name, values in (("org.hull.Machine.Hello", {"nonce": "test"}), (method, parameters)):
            port.sendall(b"\0" + json.dumps({"method": name, "parameters": values}).encode() + b"\0")
            data = b""
            while not data.strip(b"\0") or not data.endswith(b"\0"):
                data += port.recv(65536)
        assert "error" not in json.loads(data.strip(b"\0").split(b"\0")[-1])


def start(m, *append, options=()):
    return m.start("--qmp", os.path.join(m.directory, QMP), *options, append=[VERBOSE, *append])


def look(m, tmp_path):
    return state_disk.StateDisk(m.disk, str(tmp_path))


@pytest.mark.qemu
def test_life_of_a_state_partition(vm, tmp_path):
    """Grown at the first boot, left clean, found again; its journal replayed after a power cut."""
    m = vm(size="2G")
    start(m).wait_ready()
    first = status(m)
    assert first["state"] == {"kind": "partition", "device": "/dev/vda8", "readonly": False}
    m.wait_console(r"hull: state grown to 1\d{3} MiB")
    m.wait_console("hull: slot a is committed")
    m.hull("poweroff")
    assert m.wait_end() == 0
    disk = look(m, tmp_path)
    disk.verify_table()
    disk.check()
    assert disk.size > 1700 << 20
    assert int(disk.superblock()["Block count"]) * 4096 > disk.size - (8 << 20)
    assert disk.read("/identity/machine-id").strip() == first["machine_id"]
    seed = disk.read("/identity/seed")

    start(m, options=["--", "-rtc", "base=2001-02-03"]).wait_ready()
    second = status(m)
    assert (second["machine_id"], second["hostname"]) == (first["machine_id"], first["hostname"])
    assert "was not unmounted in order" not in m.console()
    m.wait_console("clock was behind by .* set to 20[2-9].*: the time saved at the last shutdown")
    m.power_cut()

    start(m).wait_ready()
    m.wait_console("was not unmounted in order: its journal is replayed")
    assert status(m)["machine_id"] == first["machine_id"]
    # Ctrl-Alt-Del, as somebody at the machine's keyboard would end it.
    monitor(m).do("send-key", keys=[{"type": "qcode", "data": key} for key in ("ctrl", "alt", "delete")])
    m.wait_console("hull: signal 2")
    m.wait_console("Run /init", count=2)
    m.wait_ready()
    m.hull("poweroff")
    assert m.wait_end() == 0
    disk = look(m, tmp_path)
    disk.check()
    assert disk.read("/identity/seed") != seed


@pytest.mark.qemu
def test_errors_on_the_state_and_a_new_one(vm, tmp_path):
    raw = state_disk.copy(str(tmp_path))
    disk = state_disk.StateDisk(raw, str(tmp_path))
    disk.debugfs("mkdir identity", "mkdir identity/keep", "ssv state 2", "ssv error_count 3",
                 "ssv first_error_func ext4_test")
    m = vm(disk=raw, overlay=False)
    start(m).wait_ready()
    assert state(m)["readonly"]
    m.wait_console(r"hull: state: .*/dev/vda8 has recorded 3 errors.*: mounted read-only, nothing is lost")
    m.hull("poweroff")
    assert m.wait_end() == 0
    before = disk.superblock()
    assert before["Filesystem state"] == "not clean with errors" or "with errors" in before["Filesystem state"]
    assert "keep" in disk.names("/identity")

    start(m, "hull.state_reset=1").wait_ready()
    m.wait_console("making /dev/vda8 anew")
    m.wait_console("hull: state grown to")
    assert state(m) == {"kind": "partition", "device": "/dev/vda8", "readonly": False}
    m.hull("poweroff")
    assert m.wait_end() == 0
    disk.check()
    after = disk.superblock()
    assert after["Filesystem UUID"] != before["Filesystem UUID"]
    assert int(after["Block count"]) * 4096 > disk.size - (8 << 20)
    assert "keep" not in disk.names("/identity")


@pytest.mark.qemu
def test_no_state_is_no_end(vm, tmp_path):
    """A superblock that is none: said, state in memory, and the partition left for somebody to look at."""
    raw = state_disk.copy(str(tmp_path))
    disk = state_disk.StateDisk(raw, str(tmp_path))
    disk.damage_superblock()
    m = vm(disk=raw, overlay=False)
    start(m).wait_ready()
    there = state(m)
    assert there["kind"] == "tmpfs"
    assert "/dev/vda8: no ext4 filesystem" in there["reason"] and "hull.state_reset=1" in there["reason"]
    m.wait_console("the state is in memory and goes with this boot")
    m.hull("poweroff")
    assert m.wait_end() == 0
    with open(raw, "rb") as file:
        file.seek(disk.offset + 1024)
        assert file.read(1024) == b"\x5a" * 1024


@pytest.mark.qemu
@pytest.mark.parametrize("fault", ["unmount:freeze", "save:hang,unmount:hang,sync:hang"])
def test_nothing_that_hangs_keeps_the_machine_from_ending(vm, build, fault):
    m = vm(disk=build("hull-faults.disk"))
    start(m, f"hull_fault={fault}").wait_ready()
    m.hull("poweroff")
    assert m.wait_end() == 0
    for one in fault.split(","):
        assert f"fault: {one.replace(':', ': ')}" in m.console()
    assert "hull: poweroff\n" in m.console()


@pytest.mark.qemu
def test_devices(vm, build):
    """A hardware watchdog is preferred; then, while it runs, come a network card with a driver of its own and a bigger
    disk, and the power button is pressed."""
    m = vm(disk=build("hull-amd64.disk"))
    start(m, options=["--watchdog", "i6300esb", "--", "-device", "pcie-root-port,id=slot1,chassis=1"]).wait_ready()
    watchdog = machines.until(lambda: m.json("status").get("watchdog"), machines.TCG_SECONDS, "the watchdog")
    assert "6300ESB" in watchdog["identity"]
    machines.until(lambda: interfaces(m) == 1, 30, "the first interface")
    qemu = monitor(m)
    qemu.do("device_add", driver="e1000e", bus="slot1", id="late")
    machines.until(lambda: interfaces(m) == 2, 60, "the second interface")
    node = next(b["inserted"]["node-name"] for b in qemu.do("query-block") if b.get("inserted"))
    qemu.do("block_resize", **{"node-name": node, "size": 2 << 30})
    m.wait_console(r"hull: state grown to 1\d{3} MiB")
    # As hypervisors ask a machine to end.
    qemu.do("system_powerdown")
    assert m.wait_end() == 0
    assert "hull: power button" in m.console()


def interfaces(m):
    return len(m.json("status")["net"].get("interfaces", []))


@pytest.mark.qemu
def test_watchdog_resets_a_machine_whose_pid_1_hangs(vm, build):
    m = vm(disk=build("hull-faults.disk"))
    start(m, "hull.watchdog=5", options=["--no-reboot"]).wait_ready()
    watchdog = machines.until(lambda: m.json("status").get("watchdog"), 30, "the watchdog")
    assert watchdog["identity"] == "Software Watchdog" and watchdog["seconds"] == 5
    # It is pinged: a machine that is well is left alone for longer than its watchdog's time.
    time.sleep(8)
    m.hull("status")
    port_call(m, "org.hull.Test.Arm", {"point": "*", "kind": "hang"})
    with pytest.raises(subprocess.TimeoutExpired):
        m.hull("run", "--detach", "no-such-image", check=False, timeout=5)
    assert m.wait_end() == 0


@pytest.mark.qemu
def test_fork_bomb(vm):
    """What containers can't have is left for Hull: its tasks start all the same."""
    m = vm()
    start(m).wait_ready()
    m.hull("image", "load", os.path.join(machines.BUILD, "images/busybox.tar"), timeout=120)
    m.hull("run", "--detach", "--name", "bomb", "busybox", "sh", "-c", "(while :; do sleep 1000 & done); sleep 1000")
    m.wait_console("fork rejected by pids controller")
    assert "busybox" in m.hull("image", "ls", timeout=120).stdout  # by a task
    m.hull("rm", "--force", "bomb", timeout=120)


@pytest.mark.qemu
def test_kexec(vm):
    """The same slot again without the firmware; the disk is left in order between."""
    m = vm()
    start(m).wait_ready()
    before = status(m)
    m.hull("kexec")
    m.wait_console("hull: kexec\n")
    m.wait_console("Run /init", count=2)
    m.wait_ready()
    after = status(m)
    assert (after["slot"], after["machine_id"]) == ("a", before["machine_id"])
    assert "was not unmounted in order" not in m.console()
    assert "hull.slot=a hull.kexeced=1" in m.console()


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPWR,
           *(signal.SIGRTMIN + n for n in (3, 4, 5, 6))]


@pytest.mark.parametrize("number", SIGNALS)
def test_signals_that_end_a_contained_machine(contained, number):
    h = contained().start("hull.net=none").wait_ready()
    for harmless in (signal.SIGHUP, signal.SIGPIPE, signal.SIGALRM, signal.SIGWINCH, signal.SIGRTMIN):
        os.kill(h.pid, harmless)
    h.hull("status")
    os.kill(h.pid, number)
    assert h.wait_end() == 0


def test_identity_lasts_and_can_be_given(contained):
    h = contained().start("hull.net=none").wait_ready()
    first = status(h)
    h.hull("poweroff")
    h.wait_end()
    h.stop()
    h.start("hull.net=none", "hull.hostname=web-1").wait_ready()
    second = status(h)
    assert first["hostname"] == "hull-" + first["machine_id"][:8]
    assert (second["machine_id"], second["hostname"]) == (first["machine_id"], "web-1")
    with open(os.path.join(h.state, "identity/hostname"), "w") as file:
        file.write("db.example.org\n")
    with open(os.path.join(h.state, "identity/machine-id"), "w") as file:
        file.write("not a machine id\n")
    h.stop()
    h.start("hull.net=none").wait_ready()
    third = status(h)
    assert third["hostname"] == "db.example.org"
    assert len(third["machine_id"]) == 32 and third["machine_id"] != first["machine_id"]
    assert "identity/machine-id is no machine id" in h.console()


PREPARED = ("sh", "-c", 'mount -t tmpfs run /run && mkdir /run/hull && mount --bind "$0" /run/hull && exec "$@"')


def start_with_fault(h, fault, *words):
    """/run/hull is prepared by whoever starts it, with the fault in it."""
    shared = os.path.join(h.directory, "shared")
    os.mkdir(shared)
    with open(os.path.join(shared, "fault"), "w") as file:
        file.write(fault)
    return h.start("hull.net=none", *words, wrap=(*PREPARED, shared))


def test_a_state_that_hangs(contained):
    """The door answers meanwhile; after the task's deadline the machine goes on in memory."""
    h = start_with_fault(contained(machines.HULL_FAULTS), "state:hang")
    h.wait_ready(10)
    h.wait_console("fault: state: hang")
    for _ in range(20):
        h.hull("status", timeout=5)
    assert "state" not in h.json("status")
    h.wait_console("not done within", timeout=90)
    assert state(h)["kind"] == "tmpfs"
    h.wait_console("hull: machine hull-")


@pytest.mark.parametrize("fault", ["state:fail", "identity:fail", "units:fail"])
def test_a_boot_task_that_dies_is_no_end(contained, fault):
    h = start_with_fault(contained(machines.HULL_FAULTS), fault).wait_ready()
    task = fault.partition(":")[0]
    h.wait_console(f"task {task}: ended without an answer")
    h.hull("poweroff")
    assert h.wait_end() == 0


def test_the_door_answers_while_tasks_hang(contained):
    h = start_with_fault(contained(machines.HULL_FAULTS), "save:hang").wait_ready()
    for _ in range(20):
        assert h.call("org.hull.Test.Hang", {"how": "sleep"})[0] is None
    for _ in range(20):
        h.hull("status", timeout=5)
    h.hull("poweroff")
    assert h.wait_end() == 0


def test_state_in_memory(contained):
    h = contained().start("hull.net=none", "hull.state=tmpfs").wait_ready()
    assert state(h)["kind"] == "tmpfs"


def test_a_directory_that_is_not_there(contained):
    h = contained().start("hull.net=none", "hull.state=/no/such/directory").wait_ready()
    there = state(h)
    assert there["kind"] == "tmpfs" and "/no/such/directory" in there["reason"]
