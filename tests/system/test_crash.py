# SPDX-License-Identifier: Apache-2.0
"""PID 1 crashes, by signals and by real faults at every transition, and nothing that runs notices."""
import itertools
import os
import re
import signal

import machines
import pytest

POINTS = ["starting", "running", "exited", "failed", "held", "stopping", "recorded", "before-clone", "after-clone", "launched",
          "started", "exit-seen", "exit-recorded"]
KINDS = ["pointer", "stack", "abort"]
COUNTER = "i=0; while :; do echo $i; i=$((i+1)); usleep 20000; done"


@pytest.fixture
def hull_faults(contained, build):
    made = contained(machines.HULL_FAULTS).load_image(build("images", "busybox.tar"))
    return made.start("hull.crash_limit=1000", "hull.net=none").wait_ready()


def crashes(h):
    return h.json("status")["crashes"]


def wait_crashes(h, count):
    machines.until(lambda: crashes(h) >= count, 30, f"{count} crashes")


def check_gapless(h, unit):
    """The counter's lines in the log are 0, 1, 2, ... without a gap or a repetition."""
    lines = h.hull("logs", unit).stdout.split()
    assert lines == [str(i) for i in range(len(lines))]
    return len(lines)


def test_faults_at_every_transition(hull_faults):
    h = hull_faults
    h.hull("run", "--detach", "--name", "steady", "busybox", "sh", "-c", COUNTER)
    steady = h.wait_unit("steady", "running")
    done = 0
    for number, (point, kind) in enumerate(itertools.product(POINTS, KINDS)):
        name = f"r{number}"
        error, _ = h.call("org.hull.Test.Arm", {"point": point, "kind": kind})
        assert error is None
        status = number % 100 + 1
        if point == "stopping":
            h.hull("run", "--detach", "--name", name, "busybox", "sleep", "1000")
            h.hull("stop", name)
        elif point == "held":
            h.hull("run", "--detach", "--name", name, "--restart", "on-failure:1", "busybox", "sh", "-c", "exit 3")
            assert h.hull("wait", name).stdout == "3\n"
        else:
            # exit 0 ends in `exited`, anything else in `failed`
            status = 0 if point == "exited" else status
            ran = h.hull("run", "--name", name, "busybox", "sh", "-c", f"echo begin; echo end {number}; exit {status}",
                         check=False)
            assert (ran.returncode, ran.stdout) == (status, f"begin\nend {number}\n"), (point, kind, ran.stderr, h.console()[-3000:])
        done += 1
        wait_crashes(h, done)
        assert crashes(h) == done, (point, kind)
        if point != "held":
            assert h.unit(name)["restarts"] == 0
        h.hull("rm", name)
    now = h.unit("steady")
    assert (now["pid"], now["restarts"], now["state"]) == (steady["pid"], 0, "running")
    assert check_gapless(h, "steady") > 20


def test_signals_from_outside(hull_faults):
    h = hull_faults
    h.hull("run", "--detach", "--name", "steady", "busybox", "sh", "-c", COUNTER)
    steady = h.wait_unit("steady", "running")
    for number in range(15):
        os.kill(h.pid, [signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT][number % 5])
        ran = h.hull("run", "--rm", "busybox", "sh", "-c", f"echo {number}; exit {number + 1}", check=False)
        assert (ran.returncode, ran.stdout) == (number + 1, f"{number}\n"), ran.stderr
        wait_crashes(h, number + 1)
    now = h.unit("steady")
    assert (now["pid"], now["restarts"]) == (steady["pid"], 0)
    check_gapless(h, "steady")
    # What runs in a container has inherited nothing of this: no handler, no blocked signal.
    pid = steady_pid_outside(h, "steady")
    with open(f"/proc/{pid}/status") as status:
        masks = dict(re.findall(r"^Sig(Blk|Cgt):\s*([0-9a-f]+)$", status.read(), re.M))
    assert int(masks["Blk"], 16) == 0
    assert int(masks["Cgt"], 16) >> (signal.SIGSEGV - 1) & 1 == 0
    os.kill(int(pid), signal.SIGKILL)
    assert h.wait_unit("steady", "failed")["exit_status"] == 128 + signal.SIGKILL


def steady_pid_outside(h, unit):
    """The pid in this namespace of a unit's first process."""
    with open(os.path.join(h.cgroup.path, "units", unit, "cgroup.procs")) as procs:
        pids = procs.read().split()
    for pid in pids:
        with open(f"/proc/{pid}/status") as status:
            ids = re.search(r"^NSpid:\s*(.*)$", status.read(), re.M).group(1).split()
        if ids[-1] == "1":
            return pid
    raise AssertionError(f"no first process among {pids}")


def test_reexec_as_asked(hull_faults):
    h = hull_faults
    h.hull("run", "--detach", "--name", "steady", "busybox", "sh", "-c", COUNTER)
    steady = h.wait_unit("steady", "running")
    for _ in range(5):
        h.hull("reexec")
    assert h.unit("steady")["pid"] == steady["pid"]
    check_gapless(h, "steady")
    assert crashes(h) == 0


def test_crash_loop_panics(contained, build):
    h = contained(machines.HULL_FAULTS).start("hull.crash_limit=3", "hull.net=none").wait_ready()
    for count in range(3):
        os.kill(h.pid, signal.SIGSEGV)
        wait_crashes(h, count + 1)
    os.kill(h.pid, signal.SIGSEGV)
    assert h.wait_end() == 70
    assert "PID 1 crashes again and again" in h.console()
