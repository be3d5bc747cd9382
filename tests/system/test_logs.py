# SPDX-License-Identifier: Apache-2.0
"""What containers write: nothing is lost or told twice when the role dies, and a flood harms only who makes it."""
import json
import os
import re
import signal
import subprocess
import threading

import machines
import pytest

COUNTER = "i=0; while [ $i -lt %d ]; do echo $i; i=$((i+1)); done"


@pytest.fixture(scope="module")
def h():
    made = machines.Contained()
    try:
        made.load_image(os.path.join(machines.BUILD, "images/busybox.tar"))
        yield made.start("hull.net=none").wait_ready()
    finally:
        made.close()


def role_pid(h):
    """The role's process id out here; None while there is none."""
    with open(f"/proc/{h.pid}/task/{h.pid}/children") as file:
        children = file.read().split()
    for child in children:
        try:
            with open(f"/proc/{child}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[1:3] == [b"--role", b"logs"]:
            return int(child)
    return None


def kill_role(h):
    pid = machines.until(lambda: role_pid(h), 30, "the role")
    os.kill(pid, signal.SIGKILL)
    return pid


def check_count(text, count):
    lines = text.split("\n")
    assert lines.pop() == ""
    for number, line in enumerate(lines):
        assert line == str(number), f"line {number} is {line}"
    assert len(lines) == count


def test_a_killed_role_loses_and_repeats_nothing(h):
    count = 100000
    h.hull("run", "--detach", "--name", "counts", "busybox", "sh", "-c", COUNTER % count)
    with subprocess.Popen([machines.HULL, "--socket", h.socket, "logs", "-f", "counts"], stdout=subprocess.PIPE) as follower:
        output = []
        reader = threading.Thread(target=lambda: output.append(follower.stdout.read()))
        reader.start()
        for _ in range(5):
            last = kill_role(h)
            machines.until(lambda last=last: role_pid(h) not in (None, last), 60, "the next role")
        assert h.hull("wait", "counts", check=False).returncode == 0
        reader.join(60)
        assert follower.wait(60) == 0
    check_count(h.hull("logs", "counts").stdout, count)
    check_count(output[0].decode(), count)
    unit = h.unit("counts")
    assert (unit["state"], unit["exit_status"], unit["restarts"]) == ("exited", 0, 0)
    h.hull("rm", "counts")


@pytest.mark.parametrize("attached", [False, True])
def test_last_words_while_the_role_is_away(h, attached):
    """A container ends while no role is there, which may have known it or not: its pipes wait for the next."""
    command = "trap 'echo last words; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
    pid = machines.until(lambda: role_pid(h), 60, "the role")
    if not attached:
        os.kill(pid, signal.SIGSTOP)
        command = "echo ready; echo last words"
    h.hull("run", "--detach", "--name", "brief", "busybox", "sh", "-c", command)
    if not attached:
        h.wait_unit("brief", "exited")
    else:
        machines.until(lambda: h.hull("logs", "brief").stdout == "ready\n", 20, "its output")
        os.kill(pid, signal.SIGSTOP)
    h.hull("stop", "brief")
    os.kill(pid, signal.SIGKILL)
    machines.until(lambda: role_pid(h) not in (None, pid), 60, "the next role")
    machines.until(lambda: h.hull("logs", "brief").stdout == "ready\nlast words\n", 20, "the last words")
    h.hull("rm", "brief")


def test_a_flood_is_bounded_and_harms_nobody_else(h):
    h.hull("run", "--detach", "--name", "flood", "busybox", "sh", "-c", "exec yes a-line-of-a-flood")
    h.hull("run", "--detach", "--name", "quiet", "busybox", "sh", "-c", "while :; do echo tick; sleep 0.2; done")
    folder = os.path.join(h.state, "logs/flood")
    machines.until(lambda: os.path.exists(os.path.join(folder, "2")), 60, "two rotations")
    for _ in range(10):
        seen = h.hull("logs", "quiet").stdout.count("tick")
        machines.until(lambda seen=seen: h.hull("logs", "quiet").stdout.count("tick") > seen, 10, "another tick")
    assert sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)) < 13 << 20
    # The newest records, whole lines or pieces of one (a writer that pauses in a line has it told in two).
    newest = h.hull("logs", "--tail", "3", "flood").stdout.replace("\n", "")
    assert newest and newest in "a-line-of-a-flood" * 5
    # The files are what Kubernetes calls CRI's format.
    with open(os.path.join(h.state, "logs/quiet/current")) as file:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout F tick\n", file.readline())
    h.hull("rm", "--force", "flood")
    h.hull("rm", "--force", "quiet")
    machines.until(lambda: not os.path.exists(folder), 10, "the log's removal")


def test_bytes_come_as_they_are(h):
    ran = subprocess.run([machines.HULL, "--socket", h.socket, "run", "--rm", "busybox", "sh", "-c",
                          r"printf 'a\377\000b\n\033[1m\t'; printf 'no end' >&2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (ran.stdout, ran.stderr) == (b"a\xff\x00b\n\x1b[1m\t", b"no end")


def test_a_cursor_outlives_everything(h):
    h.hull("run", "--detach", "--name", "talk", "busybox", "sh", "-c", "echo one; echo two; cat /dev/zero | head -c 40000 | tr '\\0' x; echo; sleep 1000")
    machines.until(lambda: h.hull("logs", "talk").stdout.endswith("x\n"), 20, "the long line")
    piece = read_piece(h, "")
    assert [line.get("text") for line in piece["lines"]][:2] == ["one", "two"]
    kill_role(h)
    rest = read_piece(h, piece["cursor"])
    texts = piece["lines"] + rest["lines"]
    assert "".join(line["text"] for line in texts[2:]) == "x" * 40000
    assert [bool(line.get("partial")) for line in texts] == [False, False, True, True, False]
    h.hull("rm", "--force", "talk")


def read_piece(h, cursor):
    """The first reply of org.hull.Units.Logs."""
    import socket
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(h.socket)
        s.sendall(json.dumps({"method": "org.hull.Units.Logs", "more": True,
                              "parameters": {"name": "talk", "cursor": cursor}}).encode() + b"\0")
        data = b""
        while b"\0" not in data:
            data += s.recv(65536)
    return json.loads(data.split(b"\0")[0])["parameters"]
