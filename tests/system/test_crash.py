# SPDX-License-Identifier: Apache-2.0
"""PID 1 crashes, by signals and by real faults at every transition, and nothing that runs notices."""
import itertools
import os
import re
import resource
import signal
import subprocess
import threading
import time

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


def descriptors(h):
    return sorted(os.readlink(f"/proc/{h.pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{h.pid}/fd"))


def test_a_storm_of_crashes(hull_faults):
    """60 of them while containers start and end: nothing is lost, nothing leaks, nothing restarts."""
    h = hull_faults
    h.hull("run", "--detach", "--name", "steady", "busybox", "sh", "-c", COUNTER)
    steady = h.wait_unit("steady", "running")
    before = descriptors(h)
    over = threading.Event()

    def storm():
        for number in range(60):
            os.kill(h.pid, [signal.SIGSEGV, signal.SIGABRT][number % 2])
            if over.wait(0.1 + number % 7 / 50):
                return

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        for number in itertools.count():
            ran = h.hull("run", "--rm", "busybox", "sh", "-c", f"echo {number}; exit {number % 100}", check=False)
            assert (ran.returncode, ran.stdout) == (number % 100, f"{number}\n"), (number, ran.stderr, h.console()[-3000:])
            if not thread.is_alive():
                break
    finally:
        over.set()
        thread.join()
    now = h.unit("steady")
    assert (now["pid"], now["restarts"]) == (steady["pid"], 0)
    assert [role["restarts"] for role in h.json("status")["roles"]] == [0, 0]
    assert check_gapless(h, "steady") > 100
    machines.until(lambda: [u["name"] for u in h.json("ps")] == ["steady"], 90, "the end of what was run with --rm")
    machines.until(lambda: descriptors(h) == before, 10, f"{before} open again, not {descriptors(h)}")


def test_crashes_while_it_boots(contained, build):
    """Wherever they come: units of the boot run once, and every role is there."""
    h = contained(machines.HULL_FAULTS).load_image(build("images", "busybox.tar"))
    os.mkdir(os.path.join(h.state, "units"))
    with open(os.path.join(h.state, "units", "app.json"), "w") as file:
        file.write('{"name":"app","services":{"web":{"image":"busybox","network_mode":"host","command":["sleep","1000"]}}}')
    h.start("hull.crash_limit=1000", "hull.net=none")

    def handles():
        with open(f"/proc/{h.pid}/status") as status:
            return int(re.search(r"^SigCgt:\s*([0-9a-f]+)$", status.read(), re.M).group(1), 16) >> (signal.SIGSEGV - 1) & 1

    for _ in range(25):
        machines.until(handles, 10, "the handler")
        os.kill(h.pid, signal.SIGSEGV)
        time.sleep(0.03)
    h.wait_ready()
    unit = machines.until(lambda: next(iter(h.json("ps")), None), 20, "the unit")
    assert (h.wait_unit(unit["name"], "running")["restarts"], len(h.json("ps"))) == (0, 1)
    machines.until(lambda: [r["state"] for r in h.json("status")["roles"]] == ["running", "running"], 20, "the roles")


def test_crash_in_the_shutdown(hull_faults):
    """It goes on ending: the unit gets its whole grace and its last words are kept."""
    h = hull_faults
    h.hull("run", "--detach", "--name", "slow", "busybox", "sh", "-c",
           "trap 'sleep 3; echo last words; exit 0' TERM; echo ready; while :; do sleep 0.1; done")
    machines.until(lambda: "ready" in h.hull("logs", "slow").stdout, 20, "the unit")
    h.hull("poweroff")
    for _ in range(3):
        time.sleep(0.5)
        os.kill(h.pid, signal.SIGSEGV)
    assert h.wait_end() == 0
    with open(os.path.join(h.state, "logs", "slow", "current")) as log:
        assert "last words" in log.read()


def limit_files(h, count):
    _, hard = resource.prlimit(h.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(h.pid, resource.RLIMIT_NOFILE, (count, hard))


def processor_seconds(h):
    with open(f"/proc/{h.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_no_descriptors_left(hull_faults):
    h = hull_faults
    h.hull("run", "--detach", "--name", "steady", "busybox", "sh", "-c", COUNTER)
    steady = h.wait_unit("steady", "running")
    limit_files(h, max(int(fd) for fd in os.listdir(f"/proc/{h.pid}/fd")) + 2)
    # One or two clients still get in, idle ones give way, the others wait; and the loop doesn't spin for them.
    waiting = [machines.socket_module.socket(machines.socket_module.AF_UNIX) for _ in range(20)]
    for s in waiting:
        s.connect(h.socket)
        try:
            s.sendall(b'{"method":"org.hull.Units.Wait","parameters":{"name":"steady"}}\0')
        except BrokenPipeError:
            pass
    before = processor_seconds(h)
    time.sleep(2)
    assert processor_seconds(h) - before < 0.5
    for s in waiting:
        s.close()
    error, answer = h.call("org.hull.Units.Run", {"spec": {"name": "poor", "image": "busybox"}})
    poor = h.wait_unit("poor", "failed")
    assert error is None and poor["exit_status"] == 125 and "Too many open files" in poor["reason"], (answer, poor)
    # A crash is survived in that state; the next image asks for its descriptors again.
    os.kill(h.pid, signal.SIGSEGV)
    wait_crashes(h, 1)
    assert h.hull("run", "--rm", "busybox", "echo", "well").stdout == "well\n"
    now = h.unit("steady")
    assert (now["pid"], now["restarts"]) == (steady["pid"], 0)
    check_gapless(h, "steady")


def zombies_of(h):
    return sum(1 for pid in children_of(h.pid) if state_of(pid) == "Z")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


@pytest.mark.parametrize("crash", [False, True], ids=["alone", "with a crash"])
def test_three_thousand_zombies(hull_faults, crash):
    h = hull_faults
    h.hull("run", "--detach", "--name", "steady", "busybox", "sh", "-c", COUNTER)
    steady = h.wait_unit("steady", "running")
    os.kill(h.pid, signal.SIGSTOP)
    try:
        subprocess.run(["nsenter", "--target", str(h.pid), "--pid", "/usr/bin/python3", "-c",
                        "import os\nfor _ in range(3000):\n    if os.fork() == 0:\n        os._exit(7)"], check=True, timeout=60)
        machines.until(lambda: zombies_of(h) >= 3000, 10, "zombies")
        if crash:
            os.kill(h.pid, signal.SIGSEGV)
    finally:
        os.kill(h.pid, signal.SIGCONT)
    assert h.call("org.hull.Machine.Info", timeout=5)[0] is None or crash
    machines.until(lambda: zombies_of(h) == 0, 20, "their end")
    assert h.unit("steady")["pid"] == steady["pid"]
    check_gapless(h, "steady")


def test_a_flood_of_signals(hull_faults):
    h = hull_faults
    flood = [signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGALRM, signal.SIGXFSZ, signal.SIGWINCH, signal.SIGRTMIN + 1]
    for number in range(20000):
        os.kill(h.pid, flood[number % len(flood)])
        if number % 5000 == 0:
            assert h.call("org.hull.Machine.Info", timeout=10)[0] is None
    assert h.call("org.hull.Machine.Info", timeout=10)[0] is None
    assert crashes(h) == 0


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
