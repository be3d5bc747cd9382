# SPDX-License-Identifier: Apache-2.0
"""One Varlink call over a virtio port of a machine."""
import json
import os
import socket
import time


class Lines:
    def __init__(self, path, timeout):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.buffer = b""

    def message(self):
        """The next message that is not empty: a lone NUL tells of a new session."""
        while True:
            while b"\0" not in self.buffer:
                piece = self.socket.recv(65536)
                if not piece:
                    raise ConnectionResetError("the port was closed")
                self.buffer += piece
            text, self.buffer = self.buffer.split(b"\0", 1)
            if text:
                return text

    def send(self, method, parameters):
        self.socket.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")


def call(path, method, parameters=None, timeout=60):
    lines = Lines(path, timeout)
    with lines.socket:
        nonce = os.urandom(16).hex() + "-0"
        lines.socket.sendall(b"\0\0")
        lines.send("org.hull.Machine.Hello", {"nonce": nonce})
        end = time.monotonic() + timeout
        while nonce.encode() not in lines.message():
            if time.monotonic() > end:
                raise TimeoutError("no Hello")
        lines.send(method, parameters or {})
        reply = json.loads(lines.message())
    if "error" in reply:
        raise RuntimeError(f"{method}: {reply}")
    return reply["parameters"]
