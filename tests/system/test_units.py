# SPDX-License-Identifier: Apache-2.0
"""Containers as a user runs them: run, ps, logs, stop, rm, and units that are there at boot."""
import json
import os
import signal
import subprocess

import machines
import pytest


@pytest.fixture(scope="module")
def h():
    made = machines.Contained()
    try:
        made.load_image(os.path.join(machines.BUILD, "images/busybox.tar"))
        units = os.path.join(made.state, "units")
        os.mkdir(units)
        write(units, "demo.json", {
            "name": "demo",
            "services": {
                "steady": {"image": "busybox", "command": ["sh", "-c", "echo $$0 up; exec sleep 100000"],
                           "entrypoint": None, "environment": {"A": "1"}, "network_mode": "host", "restart": "always",
                           "x-note": "ignored"},
                "once": {"image": "busybox", "command": ["echo", "once"], "network_mode": "host", "restart": "no"},
                "flaky": {"image": "busybox", "command": ["false"], "network_mode": "host", "restart": "on-failure:2"},
            },
            "networks": {"default": {"name": "demo_default", "ipam": {}}},
        })
        write(units, "bad.json", {"services": {"web": {"image": "busybox", "network_mode": "host", "privileged": True}}})
        write(units, "worse.json", "{ not json")
        yield made.start("hull.net=none").wait_ready()
    finally:
        made.close()


def write(folder, name, content):
    with open(os.path.join(folder, name), "w") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))


def run(h, *words, **more):
    return h.hull("run", "--rm", *words, check=False, **more)


def test_units_at_boot(h):
    assert h.wait_unit("demo-steady", "running")["restarts"] == 0
    assert h.wait_unit("demo-once", "exited")["exit_status"] == 0
    flaky = h.wait_unit("demo-flaky", "failed")
    assert (flaky["exit_status"], flaky["restarts"]) == (1, 2)
    assert h.hull("logs", "demo-once").stdout == "once\n"
    assert h.hull("logs", "steady").stdout == "sh up\n"  # $$ is $, and a service's name will do
    # A bad file loses only itself, and says what and where.
    machines.until(lambda: "worse.json" in h.console(), 10, "the error of worse.json")
    assert "bad.json" in h.console() and "services.web.privileged" in h.console()


@pytest.mark.parametrize("command, status, output", [
    (["echo", "hello"], 0, "hello\n"),
    (["sh", "-c", "exit 7"], 7, ""),
    (["sh", "-c", "echo a; echo b >&2; echo c"], 0, "a\nc\n"),
    (["sh", "-c", "kill -9 $$; sleep 1"], 0, ""),  # pid 1 of a namespace shrugs off what it sends itself
    (["sh", "-c", "sh -c 'kill -9 $$'; exit $?"], 137, ""),
    (["no-such-program"], 127, ""),
    (["/etc"], 126, ""),
    (["sh", "-c", "printf no-newline"], 0, "no-newline"),
])
def test_status_and_output(h, command, status, output):
    ran = run(h, "busybox", *command)
    assert (ran.returncode, ran.stdout) == (status, output), ran.stderr
    if status in (126, 127):
        assert command[0] in ran.stderr


def test_no_such_image(h):
    ran = run(h, "no-such-image")
    assert ran.returncode == 125
    assert "no-such-image" in ran.stderr


def test_what_a_container_sees(h):
    ran = run(h, "--name", "sees", "--env", "GREETING=hallo", "busybox", "sh", "-c",
              "echo $$; hostname; echo $GREETING; id -u; cat /proc/1/comm; ls /proc | grep -c '^[0-9]'; "
              "ls -l /proc/self/fd | grep -c -e '->'; cat /proc/self/cgroup; grep CapEff /proc/self/status; cat /proc/sys/kernel/hostname")
    lines = ran.stdout.splitlines()
    assert lines[:5] == ["1", "sees", "hallo", "0", "sh"], ran.stdout + ran.stderr
    assert int(lines[5]) <= 4
    assert int(lines[6]) <= 4  # 0, 1, 2 and the directory itself
    assert "0::/" in lines
    assert "CapEff:\t00000000a80425fb" in lines  # Docker's default set


@pytest.mark.parametrize("command", [
    "mount -t tmpfs none /mnt", "echo 1 > /proc/sys/kernel/panic", "echo b > /proc/sysrq-trigger", "cat /proc/kcore",
    "hostname other", "mknod /dev/x b 1 1 && cat /dev/x", "dmesg -c", "chroot / mount -t proc proc /mnt", "reboot -f",
    "date -s 2000-01-01; [ $(date +%Y) = 2000 ]", "cat /proc/keys | grep .", "echo x > /sys/kernel/uevent_seqnum", "mkdir /sys/fs/cgroup/x",
])
def test_what_a_container_may_not(h, command):
    before = h.unit("demo-steady")
    ran = run(h, "busybox", "sh", "-c", command)
    assert ran.returncode != 0, ran.stdout
    assert h.unit("demo-steady")["pid"] == before["pid"]


@pytest.mark.parametrize("folder", ["", "/tmp", "/dev", "/dev/shm", "/dev/pts", "/dev/mqueue"])
def test_own_device_nodes_are_of_no_use(h, folder):
    """Docker's default capabilities have CAP_MKNOD: the host's disks must be out of reach all the same."""
    ran = run(h, "busybox", "sh", "-c", f"mkdir -p {folder}/.; mknod {folder}/own c 1 5; head -c 1 {folder}/own | wc -c")
    assert ran.stdout == "0\n", ran.stderr


def test_devices_that_every_container_has(h):
    ran = run(h, "busybox", "sh", "-c", "cd /dev && head -c 3 zero | wc -c; head -c 3 urandom | wc -c; head -c 3 random | wc -c; "
              "head -c 3 full | wc -c; echo gone > null; cat null; stat -c '%a %t:%T' null zero full random urandom tty; grep ' /dev ' /proc/mounts")
    lines = ran.stdout.splitlines()
    assert lines[:4] == ["3"] * 4, ran.stdout + ran.stderr
    assert lines[4:10] == ["666 1:3", "666 1:5", "666 1:7", "666 1:8", "666 1:9", "666 5:0"]
    assert "nodev" in lines[10]


def test_the_roots_are_apart(h):
    assert run(h, "busybox", "sh", "-c", "echo mine > /mark; cat /mark").stdout == "mine\n"
    assert run(h, "busybox", "cat", "/mark").returncode == 1


def test_detach_stop_rm(h):
    assert h.hull("run", "--detach", "--name", "d1", "busybox", "sh", "-c",
                  "trap 'echo asked; exit 5' TERM; echo ready; while :; do sleep 0.1; done").stdout == "d1\n"
    machines.until(lambda: h.hull("logs", "d1").stdout == "ready\n", 20, "its output")
    refused = h.hull("rm", "d1", check=False)
    assert refused.returncode == 1 and "running" in refused.stderr
    h.hull("stop", "d1")
    unit = h.unit("d1")
    assert (unit["state"], unit["exit_status"]) == ("exited", 5)
    assert h.hull("logs", "d1").stdout == "ready\nasked\n"
    h.hull("start", "d1")
    h.wait_unit("d1", "running")
    h.hull("rm", "--force", "d1")
    assert h.unit("d1") is None
    assert h.hull("logs", "d1", check=False).returncode == 1


def test_stop_kills_after_the_grace(h):
    h.hull("run", "--detach", "--name", "deaf", "--stop-timeout", "0", "busybox", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    h.wait_unit("deaf", "running")
    h.hull("stop", "deaf")
    assert h.unit("deaf")["exit_status"] == 137
    h.hull("rm", "deaf")


def test_a_name_is_taken_once(h):
    h.hull("run", "--detach", "--name", "twin", "busybox", "sleep", "1000")
    again = h.hull("run", "--detach", "--name", "twin", "busybox", "sleep", "1000", check=False)
    assert again.returncode != 0 and "twin" in again.stderr
    h.hull("rm", "--force", "twin")


def test_removed_after_its_end(h):
    before = len(h.json("ps"))
    assert run(h, "busybox", "echo", "x").stdout == "x\n"
    h.hull("run", "--rm", "--detach", "busybox", "true")
    machines.until(lambda: len(h.json("ps")) == before, 20, "both gone")
    containers = os.path.join(h.state, "containers")
    machines.until(lambda: len(os.listdir(containers)) == before, 20, "their layers gone")


def test_ctrl_c_stops_the_container(h):
    client = subprocess.Popen([machines.HULL, "--socket", h.socket, "run", "--name", "fg", "busybox", "sh", "-c",
                               "trap 'exit 9' INT TERM; echo up; while :; do sleep 0.1; done"], stdout=subprocess.PIPE)
    assert client.stdout.readline() == b"up\n"
    client.send_signal(signal.SIGINT)
    assert client.wait(30) == 9
    assert h.unit("fg")["state"] in ("exited", "failed")
    h.hull("rm", "fg")


def test_the_longest_name(h):
    name = "n" * 64
    assert run(h, "--name", name, "busybox", "hostname").stdout == name + "\n"
    assert run(h, "--name", name + "n", "busybox", "true").returncode == 2


def test_a_slow_load_holds_nobody_up(h):
    slow = subprocess.Popen([machines.HULL, "--socket", h.socket, "image", "load", "-"], stdin=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    slow.stdin.write(b"not yet an archive")
    slow.stdin.flush()
    h.hull("image", "load", os.path.join(machines.BUILD, "images/busybox.tar"), timeout=30)
    slow.stdin.close()
    assert slow.wait(30) == 1


def test_nulls_in_a_spec_are_absent(h):
    error, answer = h.call("org.hull.Units.Run", {"spec": {"name": None, "image": "busybox", "command": ["true"],
                                                           "stop_signal": "TERM", "hostname": None}})
    assert error is None and answer["name"].startswith("busybox-")
    h.hull("wait", answer["name"])
    h.hull("rm", answer["name"])


def test_memory(h):
    memory = h.json("memory")
    processes = {p["name"]: p for p in memory["processes"]}
    assert set(processes) == {"hull", "logs", "net"} and processes["hull"]["pid"] == 1
    assert memory["pss_bytes"] == sum(p["pss_bytes"] for p in memory["processes"]) > 0
    for process in processes.values():
        assert 0 < process["relocation_bytes"] <= process["private_dirty_bytes"]
    assert 0 < memory["available_bytes"] < memory["total_bytes"]
    assert "in all" in h.hull("memory").stdout


def test_logs(h):
    h.hull("run", "--detach", "--name", "talk", "busybox", "sh", "-c",
           "for i in 1 2 3 4 5; do echo line $i; done; cat; sleep 1000")
    machines.until(lambda: h.hull("logs", "talk").stdout.count("\n") == 5, 20, "five lines")
    assert h.hull("logs", "--tail", "2", "talk").stdout == "line 4\nline 5\n"
    follower = subprocess.Popen([machines.HULL, "--socket", h.socket, "logs", "-f", "talk"], stdout=subprocess.PIPE)
    assert follower.stdout.readline() == b"line 1\n"
    h.hull("stop", "talk")
    follower.wait(30)
    h.hull("rm", "talk")


def test_a_flood_of_output_harms_nobody(h):
    h.hull("run", "--detach", "--name", "flood", "busybox", "sh", "-c", "exec yes 0123456789012345678901234567890123456789")
    h.wait_unit("flood", "running")
    for number in range(5):
        assert run(h, "busybox", "echo", number).stdout == f"{number}\n"
    h.hull("rm", "--force", "flood")


def test_big_output_arrives_whole(h):
    ran = run(h, "busybox", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i of a longer text; i=$((i+1)); done", timeout=120)
    assert ran.stdout == "".join(f"line {i} of a longer text\n" for i in range(20000))


def test_many_at_once(h):
    clients = [subprocess.Popen([machines.HULL, "--socket", h.socket, "run", "--rm", "busybox", "sh", "-c", f"echo {i}; exit {i}"],
                                stdout=subprocess.PIPE) for i in range(20)]
    for i, client in enumerate(clients):
        out, _ = client.communicate(timeout=60)
        assert (client.returncode, out) == (i, f"{i}\n".encode())
