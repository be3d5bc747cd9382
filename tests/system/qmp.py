# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor: hull-vm --qmp PATH."""
import json
import socket

import machines


class Monitor:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        machines.until(lambda: self.connects(path), 20, "QEMU's monitor")
        self.lines = self.socket.makefile()
        self.lines.readline()  # the greeting
        self.do("qmp_capabilities")

    def connects(self, path):
        try:
            self.socket.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def do(self, command, **arguments):
        """Its return value; events in between are passed over."""
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer:
                raise AssertionError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
