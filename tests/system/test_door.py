# SPDX-License-Identifier: Apache-2.0
"""The door: what Varlink promises, and clients that want to hurt it."""
import json
import os
import re
import socket

import machines
import pytest


@pytest.fixture(scope="module")
def h():
    made = machines.Contained().start("hull.net=none")
    try:
        yield made.wait_ready()
    finally:
        made.close()


def connect(h, timeout=20):
    s = socket.socket(socket.AF_UNIX)
    s.connect(h.socket)  # waits for its place in the backlog, which a socket with a timeout would not
    s.settimeout(timeout)
    return s


def receive(s):
    data = b""
    while not data.endswith(b"\0"):
        piece = s.recv(65536)
        if not piece:
            return data
        data += piece
    return data


def memory_kb(h):
    with open(f"/proc/{h.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def test_introspection(h):
    error, info = h.call("org.varlink.service.GetInfo")
    assert error is None
    assert {"vendor", "product", "version", "url", "interfaces"} <= set(info)
    methods = []
    for interface in info["interfaces"]:
        error, answer = h.call("org.varlink.service.GetInterfaceDescription", {"interface": interface})
        assert error is None and f"interface {interface}\n" in answer["description"]
        methods += [f"{interface}.{m}" for m in re.findall(r"^method (\w+)\(", answer["description"], re.M)]
    assert "org.hull.Units.List" in methods
    for method in methods:  # whatever is described is there
        if not method.startswith("org.hull.Machine.End") and not method.endswith("Reexec"):
            error, _ = h.call(method)
            assert error not in ("org.varlink.service.MethodNotFound", "org.varlink.service.InterfaceNotFound"), method


@pytest.mark.parametrize("method, parameters, error", [
    ("org.hull.Units.NoSuch", {}, ("org.varlink.service.MethodNotFound", {"method": "org.hull.Units.NoSuch"})),
    ("org.nowhere.Method", {}, ("org.varlink.service.InterfaceNotFound", {"interface": "org.nowhere"})),
    ("org.varlink.service.GetInterfaceDescription", {"interface": "a.b"},
     ("org.varlink.service.InterfaceNotFound", {"interface": "a.b"})),
    ("org.varlink.service.GetInterfaceDescription", {}, ("org.varlink.service.InvalidParameter", {"parameter": "interface"})),
    ("org.hull.Units.Logs", {"name": "x"}, ("org.varlink.service.ExpectedMore", {"method": "org.hull.Units.Logs"})),
    ("org.hull.Units.Get", {"name": 7}, ("org.varlink.service.InvalidParameter", {"parameter": "name"})),
    ("org.hull.Machine.End", {"how": "explode"}, ("org.varlink.service.InvalidParameter", {"parameter": "how"})),
])
def test_errors_as_specified(h, method, parameters, error):
    assert h.call(method, parameters) == error


@pytest.mark.parametrize("message", [
    b"[" * (1 << 20),
    b"x" * 70000,
    b'{"method":"org.hull.Units.List","parameters":' + b'{"a":' * 20 + b"1" + b"}" * 21,
    b'{"method":"org.hull.Units.List","parameters":{"a":[' + b"0," * 20000 + b"0]}}",
    b'{"method":"org.hull.Units.List","method":"org.hull.Machine.Info"}',
    b'{"method":7}',
    b'{"method":"nodots"}',
    b"[]",
    b"\xff\xfe",
    b'{"method":"org.hull.Units.List","parameters":{"a":"\\u0000"}}',
], ids=range(10))
def test_bad_messages_end_only_their_session(h, message):
    with connect(h) as s:
        try:
            s.sendall(message + b"\0")
            data = receive(s)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if data:
            assert "error" in json.loads(data.split(b"\0")[0])
    assert h.call("org.hull.Machine.Info")[0] is None


def test_a_message_in_single_bytes(h):
    with connect(h) as s:
        for byte in b'{"method":"org.varlink.service.GetInfo"}\0':
            s.sendall(bytes([byte]))
        assert json.loads(receive(s)[:-1])["parameters"]["product"] == "hull"


def test_pipelined_calls_are_answered_in_order(h):
    with connect(h) as s:
        s.sendall(b"".join(json.dumps({"method": "org.hull.Machine.Hello", "parameters": {"nonce": str(i)}}).encode() + b"\0"
                           for i in range(100)))
        data = b""
        while data.count(b"\0") < 100:
            data += s.recv(65536)
        assert [json.loads(m)["parameters"]["nonce"] for m in data.split(b"\0")[:-1]] == [str(i) for i in range(100)]


def test_oneway_is_not_answered(h):
    with connect(h) as s:
        s.sendall(b'{"method":"org.hull.Machine.Info","oneway":true}\0{"method":"org.hull.Machine.Hello","parameters":{"nonce":"n"}}\0')
        assert json.loads(receive(s)[:-1]) == {"parameters": {"nonce": "n"}}


def test_ten_thousand_connections(h):
    before = memory_kb(h)
    for _ in range(10000):
        connect(h).close()
    silent = [connect(h) for _ in range(300)]  # more than there are places: the idle ones give way
    for s in silent:
        try:
            s.send(b'{"half')
        except BrokenPipeError:
            pass
    assert h.call("org.hull.Machine.Info")[0] is None
    for s in silent:
        s.close()
    assert h.call("org.hull.Machine.Info")[0] is None
    assert memory_kb(h) < before + 4096


def test_a_client_that_never_reads(h):
    before = memory_kb(h)
    with connect(h, 5) as s:
        try:
            for _ in range(20000):
                s.sendall(b'{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"org.hull.Units"}}\0')
        except (TimeoutError, ConnectionResetError, BrokenPipeError):
            pass
        assert h.call("org.hull.Machine.Info")[0] is None
        assert memory_kb(h) < before + 8192


def test_only_root_may_enter(h):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with socket.socket(socket.AF_UNIX) as s:
                os.chdir(os.path.dirname(h.socket))
                os.setgid(12345)
                os.setuid(12345)
                s.connect("control")
                code = 2
        except PermissionError:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
