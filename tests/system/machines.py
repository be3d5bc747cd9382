# SPDX-License-Identifier: Apache-2.0
"""A Hull to test: in a virtual machine (Machine) or as PID 1 of namespaces of this one (Contained).

Both clean up in close(), whatever state they are in. Waiting is for an event with a deadline; nothing sleeps to be lucky.
"""
import json
import os
import re
import shutil
import signal
import socket as socket_module
import subprocess
import tempfile
import time

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(REPO, "build")
HULL = os.path.join(BUILD, "hull")
HULL_FAULTS = os.path.join(BUILD, "hull-faults")
CGROUPS = "/sys/fs/cgroup/unified" if os.path.isdir("/sys/fs/cgroup/unified") else "/sys/fs/cgroup"
TCG_SECONDS = 120  # deadline for a boot on a slow, shared machine


class Expired(AssertionError):
    """What was waited for did not happen."""


def until(check, timeout, what):
    """check() until it is true; its value."""
    end = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise Expired(f"{what}: not within {timeout} s")
        time.sleep(0.05)


def run_hull(*words, socket=None, check=True, timeout=60, stdin=None, binary=HULL):
    """The command line client, as a user runs it. Its output is text."""
    command = [binary] + (["--socket", socket] if socket else []) + [str(w) for w in words]
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    done.stdout, done.stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Hull:
    """What both kinds have: a directory of their own and a door to talk to."""

    socket = None

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="hull-test-")  # short: sockets are in it

    def hull(self, *words, **more):
        return run_hull(*words, socket=self.socket, **more)

    def json(self, *words, **more):
        return json.loads(self.hull(*words, "--json", **more).stdout)

    def call(self, method, parameters=None, timeout=30):
        """One Varlink call on the control socket, as any client could make it: (error or None, parameters)."""
        with socket_module.socket(socket_module.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(self.socket)
            s.sendall(json.dumps({"method": method, "parameters": parameters or {}}).encode() + b"\0")
            data = b""
            while not data.endswith(b"\0"):
                piece = s.recv(65536)
                if not piece:
                    raise ConnectionResetError(f"{method}: no answer")
                data += piece
        reply = json.loads(data[:-1])
        return reply.get("error"), reply.get("parameters", {})

    def alive(self):
        raise NotImplementedError

    def console(self):
        raise NotImplementedError

    def wait_ready(self, timeout=TCG_SECONDS):
        """Until the door answers."""
        def answers():
            if not self.alive():
                raise AssertionError("it ended before its door answered\n" + self.console()[-4000:])
            try:
                return self.hull("status", check=False, timeout=20).returncode == 0
            except subprocess.TimeoutExpired:
                return False
        try:
            until(answers, timeout, "the door")
        except Expired as expired:
            raise AssertionError(f"{expired}\n{self.console()[-4000:]}") from None
        return self

    def wait_console(self, pattern, timeout=TCG_SECONDS, count=1):
        """Until the console has shown the pattern count times; the last match."""
        def shown():
            found = list(re.finditer(pattern, self.console()))
            if len(found) < count and not self.alive():
                found = list(re.finditer(pattern, self.console()))
                if len(found) < count:
                    raise AssertionError(f"ended without {pattern!r} on the console:\n{self.console()[-4000:]}")
            return found[-1] if len(found) >= count else None
        try:
            return until(shown, timeout, f"{pattern!r} on the console")
        except Expired as expired:
            raise AssertionError(f"{expired}\n{self.console()[-4000:]}") from None

    def unit(self, name):
        """The unit's row of `hull ps`, or None."""
        return next((u for u in self.json("ps") if u["name"] == name), None)

    def wait_unit(self, name, state, timeout=60):
        def there():
            unit = self.unit(name)
            return unit if unit and unit["state"] == state else None
        return until(there, timeout, f"unit {name} {state}")


def read_text(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace").replace("\r", "")
    except FileNotFoundError:
        return ""


class Machine(Hull):
    """A virtual machine on an overlay of a disk image, started by qemu/hull-vm."""

    def __init__(self, disk=None, size=None, overlay=True):
        super().__init__()
        base = os.path.abspath(disk or os.path.join(BUILD, "hull.disk"))
        self.disk = base
        if overlay:
            self.disk = os.path.join(self.directory, "disk.qcow2")
            base_format = "qcow2" if base.endswith(".qcow2") else "raw"
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", base_format, "-b", base, self.disk]
                           + ([size] if size else []), check=True)
        self.socket = os.path.join(self.directory, "control")
        self.serial = os.path.join(self.directory, "serial")
        self.process = None

    def start(self, *options, append=(), control=True):
        command = [os.path.join(REPO, "qemu/hull-vm"), "--disk", self.disk, "--serial", self.serial]
        if control:
            command += ["--control", self.socket]
        for words in [append] if isinstance(append, str) else append:
            command += ["--append", words]
        if os.path.exists(self.serial):
            os.unlink(self.serial)
        self.process = subprocess.Popen(command + list(options), stdin=subprocess.DEVNULL)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def console(self):
        return read_text(self.serial)

    def qemu_pid(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            children = file.read().split()
        for child in children:
            if "qemu-system" in os.readlink(f"/proc/{child}/exe"):
                return int(child)
        return None

    def power_cut(self):
        """QEMU dies at once. What the guest flushed is on the disk; what QEMU had written but the guest not flushed may
        be, too."""
        pid = self.qemu_pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def wait_end(self, timeout=TCG_SECONDS):
        """Until the machine is off; QEMU's exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still on after {timeout} s\n{self.console()[-4000:]}") from None

    def close(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pid = self.qemu_pid()
                if pid:
                    os.kill(pid, signal.SIGKILL)
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Cgroup:
    """A subtree of this machine's cgroup2 hierarchy for one test."""

    def __init__(self, name):
        self.path = os.path.join(CGROUPS, name)
        os.mkdir(self.path)

    def enter(self):
        with open(os.path.join(self.path, "cgroup.procs"), "w") as file:
            file.write("0")

    def remove(self):
        for path, _, _ in os.walk(self.path, topdown=False):
            until(lambda path=path: self.remove_one(path), 10, f"removal of {path}")

    @staticmethod
    def remove_one(path):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


class Contained(Hull):
    """Hull as PID 1 of its own namespaces; the state in a folder that outlives it until close()."""

    number = 0

    def __init__(self, binary=HULL):
        super().__init__()
        self.binary = binary
        self.state = os.path.join(self.directory, "state")
        os.mkdir(self.state)
        self.log = os.path.join(self.directory, "console")
        self.process = None
        self.cgroup = None
        self.pid = None

    def load_image(self, *archives):
        """Into the store, before the start."""
        for archive in archives:
            run_hull("image", "load", "--store", os.path.join(self.state, "images"), archive)
        return self

    def start(self, *words, environment=None, wrap=()):
        """words: hull.* keys. wrap: a command to run Hull under, inside the namespaces."""
        Contained.number += 1
        self.cgroup = Cgroup(f"hull-test-{os.getpid()}-{Contained.number}")
        command = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--net", "--cgroup", *wrap,
                   self.binary, f"hull.state={self.state}", *words]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=self.cgroup.enter, env=environment)
        self.pid = until(self.find_pid, 10, "PID 1 of the namespaces")
        self.socket = f"/proc/{self.pid}/root/run/hull/control"
        return self

    def find_pid(self):
        if not self.alive():
            raise AssertionError(self.console())
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            children = file.read().split()
        return int(children[0]) if children else None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def console(self):
        return read_text(self.log)

    def kill(self):
        """As a power cut: PID 1 and all below it, at once."""
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
            self.process.wait(20)

    def wait_end(self, timeout=60):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after {timeout} s\n{self.console()[-4000:]}") from None

    def stop(self):
        """Ends the namespaces and forgets their cgroups; the state stays."""
        self.kill()
        if self.cgroup:
            self.cgroup.remove()
            self.cgroup = None

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)
