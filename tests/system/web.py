# SPDX-License-Identifier: Apache-2.0
"""The demonstration's nginx, seen from outside: hull-vm --forward PORT:80."""
import http.client
import socket

import machines


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fetch(port, path="/"):
    """(status, body), or None when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_demo(port, timeout=machines.TCG_SECONDS):
    """Until the demonstration's page is served."""
    def served():
        answer = fetch(port)
        return answer and answer[0] == 200 and "Served by nginx in a container" in answer[1]
    machines.until(served, timeout, "the demonstration's page")
