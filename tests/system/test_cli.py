# SPDX-License-Identifier: Apache-2.0
"""The client: its exit codes, images in every form, and a machine's four ports used by several clients at once."""
import os
import signal
import subprocess
import tarfile

import machines
import pytest

BUSYBOX = os.path.join(machines.BUILD, "images/busybox.tar")


@pytest.fixture(scope="module")
def h():
    made = machines.Contained()
    try:
        yield made.load_image(BUSYBOX).start("hull.net=none").wait_ready()
    finally:
        made.close()


@pytest.fixture
def layout(tmp_path):
    with tarfile.open(BUSYBOX) as archive:
        archive.extractall(tmp_path / "layout")
    return tmp_path / "layout"


@pytest.mark.parametrize("words, code, says", [
    (["ps"], 0, ""),
    (["stop", "nobody"], 1, "no unit and no service is named"),
    (["frobnicate"], 2, "no such verb"),
    (["ps", "--frobnicate"], 2, "unknown option --frobnicate"),
    (["run", "--network", "bridge", "busybox"], 2, "not one of: host none"),
    (["run", "--rm", "busybox", "/nonexistent"], 127, "/nonexistent"),
    (["run", "--rm", "busybox", "/etc"], 126, "/etc"),
    (["run", "--rm", "nowhere/image"], 125, "nowhere/image"),
])
def test_exit_codes(h, words, code, says):
    done = h.hull(*words, check=False)
    assert done.returncode == code, done.stderr
    assert says in done.stderr


def test_no_machine(tmp_path):
    done = machines.run_hull("ps", socket=tmp_path / "control", check=False)
    assert done.returncode == 3 and done.stderr.startswith("hull: ps: ")


def test_key_table_without_a_machine():
    done = machines.run_hull("cmdline", check=False)
    assert done.returncode == 0 and "hull.crash_limit" in done.stdout


def load_forms(h, layout):
    """The same image as a file, by standard input and as a directory."""
    digests = {image["digest"] for image in h.json("image", "load", "--name", "cli:file", BUSYBOX)}
    with open(BUSYBOX, "rb") as file:
        digests |= {image["digest"] for image in h.json("image", "load", "--name", "cli:pipe", "-", stdin=file.read())}
    digests |= {image["digest"] for image in h.json("image", "load", "--name", "cli:layout", layout)}
    assert len(digests) == 1
    names = [image["reference"] for image in h.json("image", "ls")]
    for tag in ("file", "pipe", "layout"):
        assert f"docker.io/library/cli:{tag}" in names
        h.hull("image", "rm", f"cli:{tag}")
    assert not any("/cli:" in image["reference"] for image in h.json("image", "ls"))


def test_images_in_every_form(h, layout):
    load_forms(h, layout)


def test_what_is_no_image(h, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("not an archive\n" * 1000)
    for name in ("empty", "text", "missing"):
        done = h.hull("image", "load", tmp_path / name, check=False)
        assert done.returncode == 1 and done.stderr.startswith("hull: image load "), done.stderr


def test_run_goes_on_over_restarts_of_pid_1(h):
    client = subprocess.Popen(
        [machines.HULL, "--socket", h.socket, "run", "--rm", "--name", "counter", "busybox", "sh", "-c",
         "i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); usleep 10000; done; exit 5"], stdout=subprocess.PIPE)
    assert client.stdout.readline() == b"0\n"
    before = h.json("status")["crashes"]
    h.hull("reexec")
    os.kill(h.pid, signal.SIGSEGV)
    machines.until(lambda: h.json("status")["crashes"] > before, 20, "the crash")
    rest = client.stdout.read().split()
    assert client.wait(60) == 5
    assert rest == [b"%d" % i for i in range(1, 200)]
    assert h.unit("counter") is None


def test_completion_offers_units(h, tmp_path):
    script = tmp_path / "completion"
    script.write_text(h.hull("completion").stdout)
    h.hull("run", "-d", "--name", "offered", "busybox", "sleep", "1000")
    line = f"source {script}; COMP_WORDS=(hull --socket {h.socket} stop off); COMP_CWORD=4; _hull; echo ${{COMPREPLY[*]}}"
    path = f"{os.path.dirname(machines.HULL)}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", line], stdout=subprocess.PIPE, env=dict(os.environ, PATH=path), check=True)
    assert done.stdout == b"offered\n"
    h.hull("rm", "--force", "offered")


@pytest.mark.qemu
def test_four_clients_on_four_ports(vm, layout):
    machine = vm().start().wait_ready()
    machine.wait_unit("demo-web", "running")
    load_forms(machine, layout)  # in chunks, since a port passes no descriptor
    followers = [subprocess.Popen([machines.HULL, "--socket", machine.socket, "logs", "-f", "demo-web"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(3)]
    try:
        # The fourth port is free for the rest: one after another, and while PID 1 goes away under all of them.
        assert machine.unit("demo-web")["state"] == "running"
        machine.hull("reexec")
        assert machine.unit("demo-web")["restarts"] == 0
        assert all(follower.poll() is None for follower in followers)
        machine.hull("stop", "demo-web", timeout=60)
        assert [follower.wait(60) for follower in followers] == [0, 0, 0]
    finally:
        for follower in followers:
            if follower.poll() is None:
                follower.kill()
                follower.wait()
    machine.hull("poweroff")
    assert machine.wait_end() == 0
