# SPDX-License-Identifier: Apache-2.0
"""Role `net` in a network namespace of its own, wired to another one with real servers: dnsmasq (DHCP, DNS, router
advertisements), chrony, and a time server that lies. Here the test is PID 1: it speaks the role protocol on fd 3.
"""
import errno
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

import pytest
from machines import HULL, until

BINARY = os.environ.get("HULL_NET_ROLE", HULL)
SERVER4, SERVER6 = "10.99.0.1", "fd99::1"
NTP_EPOCH = 2208988800


class Namespace:
    """A network namespace, held by a process that sleeps in it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep infinity"],
                                       stdout=subprocess.PIPE, start_new_session=True)
        assert self.holder.stdout.readline() == b"ready\n"
        self.enter = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--"]

    def popen(self, *words, **more):
        return subprocess.Popen(self.enter + [str(w) for w in words], **more)

    def run(self, *words, check=True):
        return subprocess.run(self.enter + [str(w) for w in words], stdout=subprocess.PIPE, check=check).stdout.decode()

    def ip(self, *words):
        return self.run("ip", *" ".join(words).split())

    def ip_json(self, *words):
        return json.loads(self.run("ip", "-j", *" ".join(words).split()) or "[]")

    def addresses(self, name):
        found = self.ip_json(f"addr show dev {name}")
        return {a["local"]: a for link in found for a in link.get("addr_info", [])}

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Role:
    """`hull --role net`, and PID 1's side of its socket."""

    def __init__(self, namespace):
        self.calls, self.log, self.next_id = [], [], 1
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = namespace.popen(BINARY, "--role", "net", stderr=subprocess.PIPE, pass_fds=(3,), text=True,
                                       preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        theirs.close()
        threading.Thread(target=self._read_log, daemon=True).start()
        threading.Thread(target=self._read_calls, daemon=True).start()
        self.call("org.hull.Role.Work")

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def _read_calls(self):
        while True:
            try:
                packet = self.socket.recv(65536)
            except OSError:
                return
            if not packet:
                return
            self.calls.append(json.loads(packet.rstrip(b"\0")))

    def found(self, method, test=lambda p: True):
        return [c for c in list(self.calls) if c["method"] == method and test(c.get("parameters", {}))]

    def call(self, method, test=lambda p: True, timeout=20):
        """The parameters of a call that comes, or has come."""
        try:
            return until(lambda: self.found(method, test), timeout, f"call of {method}")[-1].get("parameters", {})
        except AssertionError as e:
            raise AssertionError(f"{e}\nlast calls: {self.calls[-3:]}\nlog: {''.join(self.log[-20:])}") from None

    def work(self, op, **params):
        request, self.next_id = self.next_id, self.next_id + 1
        message = {"parameters": {"id": request, "op": op, "params": params}, "continues": True}
        self.socket.send(json.dumps(message).encode())
        return request

    def done(self, request, **more):
        return self.call("org.hull.Role.Done", lambda p: p["id"] == request, **more)

    def status(self):
        return self.done(self.work("net.status"))["result"]

    def interface(self, name="eth0"):
        return next((i for i in self.status()["interfaces"] if i["name"] == name), {})

    def reported(self, test, timeout=20):
        """Waits until the latest report fulfils test."""
        def check():
            reports = self.found("org.hull.Role.Report")
            return reports and test(reports[-1]["parameters"]) and reports[-1]["parameters"]
        try:
            return until(check, timeout, "report")
        except AssertionError as e:
            raise AssertionError(f"{e}\nlast calls: {self.calls[-3:]}\nlog: {''.join(self.log[-20:])}") from None

    def leased(self, name="eth0", **more):
        report = self.reported(lambda r: any(i["name"] == name and i.get("lease") and i["state"] == "up"
                                             for i in r["interfaces"]) and "resolv_conf" in r, **more)
        return next(i for i in report["interfaces"] if i["name"] == name)["lease"]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()

    def close(self):
        # Closing alone doesn't reach the peer while a thread waits in recv.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # ended before
        self.socket.close()
        try:
            self.process.wait(5)
        finally:
            self.process.kill()


class Network:
    """The role's namespace ("inside") with eth0, whose other end sv0 is in the servers' ("outside")."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.inside, self.outside = Namespace(), Namespace()
        self.running = []
        self.outside.ip("link set lo up")
        self.wire("eth0", "sv0")
        self.outside.ip(f"addr add {SERVER4}/24 dev sv0")
        self.outside.ip(f"addr add {SERVER6}/64 dev sv0 nodad")

    def wire(self, inside, outside):
        self.outside.ip(f"link add {outside} type veth peer name {inside} netns {self.inside.holder.pid}")
        self.outside.ip(f"link set {outside} up")

    def daemon(self, *words, ready=None):
        """A server outside; ready: a line of its log that says so."""
        process = self.outside.popen(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        process.lines = []
        threading.Thread(target=lambda: [process.lines.append(line) for line in process.stdout], daemon=True).start()
        self.running.append(process)
        if ready:
            until(lambda: process.poll() is not None or any(ready in line for line in process.lines), 10, ready)
            assert process.poll() is None, "".join(process.lines)
        return process

    def dnsmasq(self, *more, pool="10.99.0.10,10.99.0.20,255.255.255.0,2m", interface="sv0"):
        return self.daemon("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                           "--user=root", "--log-facility=-", "--log-dhcp", "--pid-file=", "--no-ping",
                           f"--dhcp-leasefile={self.directory}/leases", "--bind-dynamic", "--dhcp-authoritative",
                           f"--interface={interface}", f"--dhcp-range={pool}", "--domain=hull.test",
                           f"--address=/ntp.hull.test/{SERVER4}", *more, ready="DHCP, IP range")

    def role(self, **config):
        role = Role(self.inside)
        self.running.append(role)
        if config:
            role.configured = role.work("net.configure", **config)
        return role

    def stop(self, process):
        self.running.remove(process)
        process.terminate()
        process.wait(10)

    def reaches(self, address):
        """Nothing listens on that port, and it takes the host itself to say so."""
        code = f"import socket; print(socket.socket().connect_ex(('{address}', 9)))"
        return self.inside.run("timeout", "10", "python3", "-c", code, check=False).strip() == str(errno.ECONNREFUSED)

    def default_routes(self, family="-4"):
        return self.inside.ip_json(f"{family} route show default")

    def close(self):
        for one in self.running:
            if isinstance(one, Role):
                one.close()
            else:
                one.kill()
                one.wait()
        self.inside.close()
        self.outside.close()


@pytest.fixture
def net(tmp_path):
    network = Network(tmp_path)
    yield network
    network.close()


def test_lease_names_and_ipv6(net):
    net.dnsmasq("--enable-ra", "--dhcp-range=fd99::,ra-only,64,10m", f"--dhcp-option=option6:dns-server,[{SERVER6}]",
                "--dhcp-option=option:mtu,1400")
    role = net.role(mode="dhcp", hostname="box")
    lease = role.leased()
    assert lease["server"] == SERVER4 and lease["gateway"] == SERVER4
    report = role.reported(lambda r: SERVER6 in r.get("resolv_conf", "") and any(
        a.startswith("fd99:") for i in r["interfaces"] for a in i["addresses"]))
    assert report["resolv_conf"].splitlines() == [f"nameserver {SERVER4}", f"nameserver {SERVER6}", "search hull.test"]
    address = net.inside.addresses("eth0")[lease["address"]]
    # The kernel itself ends the address should nobody renew it.
    assert 100 < address["valid_life_time"] <= 120 and address["prefixlen"] == 24
    route, = net.default_routes()
    assert (route["gateway"], route["prefsrc"], route["protocol"]) == (SERVER4, lease["address"], "dhcp")
    assert net.inside.ip_json("link show dev eth0")[0]["mtu"] == 1400
    assert "UP" in net.inside.ip_json("link show dev lo")[0]["flags"]
    assert net.reaches(SERVER4)
    with open(os.path.join(net.directory, "leases")) as f:
        assert " box " in f.read()


def test_renewal(net):
    net.dnsmasq("--dhcp-option=option:T1,3", "--dhcp-option=option:T2,60")
    role = net.role(mode="dhcp")
    first = role.leased()
    later = role.reported(lambda r: r["interfaces"][0]["lease"]["expires_s"] > first["expires_s"])
    assert later["interfaces"][0]["lease"]["address"] == first["address"]


def test_rebinding_when_the_server_is_silent(net):
    server = net.dnsmasq("--dhcp-option=option:T1,2", "--dhcp-option=option:T2,4")
    role = net.role(mode="dhcp")
    first = role.leased()
    net.stop(server)
    role.reported(lambda r: r["interfaces"][0]["dhcp"] == "rebinding" or
                  role.interface()["dhcp"] == "rebinding")
    assert first["address"] in net.inside.addresses("eth0")
    assert role.interface()["state"] == "up"


def test_restarted_role_takes_up_what_is_there(net):
    net.dnsmasq()
    role = net.role(mode="dhcp")
    lease = role.leased()
    monitor = net.inside.popen("ip", "monitor", "address", "route", stdout=subprocess.PIPE, text=True)
    try:
        role.kill()
        net.running.remove(role)
        assert lease["address"] in net.inside.addresses("eth0")
        again = net.role(mode="dhcp")
        assert again.leased()["address"] == lease["address"]
        # Not even for a moment does it say that there are no name servers.
        assert all(r["parameters"].get("resolv_conf") != "" for r in again.found("org.hull.Role.Report"))
    finally:
        monitor.terminate()
    gone = [line for line in monitor.communicate(timeout=5)[0].splitlines() if line.startswith("Deleted")]
    assert not gone, gone


def test_another_network_after_a_refusal(net):
    server = net.dnsmasq()
    role = net.role(mode="dhcp")
    old = role.leased()["address"]
    net.stop(server)
    os.unlink(os.path.join(net.directory, "leases"))
    net.outside.ip(f"addr del {SERVER4}/24 dev sv0")
    net.outside.ip("addr add 10.98.0.1/24 dev sv0")
    net.dnsmasq(pool="10.98.0.10,10.98.0.20,255.255.255.0,2m")
    # A machine that was plugged in elsewhere asks whether its address is still good, and hears no.
    net.outside.ip("link set sv0 down")
    role.reported(lambda r: r["interfaces"][0]["state"] == "no-carrier")
    net.outside.ip("link set sv0 up")
    report = role.reported(lambda r: r["interfaces"][0].get("lease", {}).get("address", "").startswith("10.98."))
    assert "10.98.0.1" in report["resolv_conf"] and SERVER4 not in report["resolv_conf"]
    assert old not in net.inside.addresses("eth0")
    route, = net.default_routes()
    assert route["gateway"] == "10.98.0.1"


def test_carrier(net):
    net.dnsmasq()
    role = net.role(mode="dhcp")
    lease = role.leased()
    net.outside.ip("link set sv0 down")
    role.reported(lambda r: r["interfaces"][0]["state"] == "no-carrier")
    assert not net.default_routes()
    assert lease["address"] in net.inside.addresses("eth0")
    net.outside.ip("link set sv0 up")
    role.reported(lambda r: r["interfaces"][0]["state"] == "up" and r["interfaces"][0]["dhcp"] == "bound")
    assert net.default_routes()[0]["gateway"] == SERVER4
    assert role.interface()["lease"]["address"] == lease["address"]


def test_hotplug_and_preference_of_interfaces(net):
    net.dnsmasq()
    role = net.role(mode="dhcp")
    role.leased()
    net.wire("eth1", "sv1")
    net.outside.ip("addr add 10.97.0.1/24 dev sv1")
    net.daemon("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root",
               "--log-facility=-", "--pid-file=", f"--dhcp-leasefile={net.directory}/leases1", "--bind-dynamic", "--interface=sv1",
               "--dhcp-range=10.97.0.10,10.97.0.20,255.255.255.0,2m", "--no-ping", ready="DHCP, IP range")
    role.leased("eth1", timeout=30)
    first, second = sorted(net.default_routes(), key=lambda r: r["metric"])
    assert (first["dev"], second["dev"]) == ("eth0", "eth1")
    # The way that still works is taken.
    net.outside.ip("link set sv0 down")
    role.reported(lambda r: r["interfaces"][0]["state"] == "no-carrier")
    assert [r["dev"] for r in net.default_routes()] == ["eth1"]
    net.inside.ip("link del eth1")
    role.reported(lambda r: [i["name"] for i in r["interfaces"]] == ["eth0"])


def test_classless_routes(net):
    net.dnsmasq("--dhcp-option=121,192.0.2.0/24,10.99.0.3,0.0.0.0/0,10.99.0.2")
    role = net.role(mode="dhcp")
    assert role.leased()["gateway"] == "10.99.0.2"
    routes = {r["dst"]: r.get("gateway") for r in net.inside.ip_json("route show proto dhcp")}
    assert routes == {"default": "10.99.0.2", "192.0.2.0/24": "10.99.0.3"}


CLAIM = """
import socket
# Says of the first address that somebody probes for that it is taken, and goes on saying so.
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x806))
s.bind(('sv0', 0x806))
print('claiming', flush=True)
mac, mine = b'\\2\\0\\0\\0\\0\\x66', None
while True:
    p = s.recv(100)
    sender, target = p[28:32], p[38:42]
    if sender == bytes(4) and mine is None:
        mine = target
        print('claimed', socket.inet_ntoa(mine), flush=True)
    if target == mine and p[20:22] == b'\\0\\1':
        s.send(p[6:12] + mac + b'\\x08\\6' + p[14:20] + b'\\0\\2' + mac + mine + p[22:28] + sender)
"""


def test_duplicate_address_is_declined(net):
    claim = net.daemon("python3", "-c", CLAIM, ready="claiming")
    server = net.dnsmasq(pool="10.99.0.10,10.99.0.12,255.255.255.0,2m")
    role = net.role(mode="dhcp")
    lease = role.leased(timeout=100)
    claimed = next(line.split()[1] for line in claim.lines if line.startswith("claimed"))
    assert lease["address"] != claimed
    assert claimed not in net.inside.addresses("eth0")
    assert any("DHCPDECLINE" in line and claimed in line for line in server.lines)


def test_static_addresses(net):
    role = net.role(mode=f"eth0=10.99.0.2/24,{SERVER4};eth0=fd99::2/64,{SERVER6}", dns=["9.9.9.9"], ntp=["none"])
    report = role.reported(lambda r: r["interfaces"] and r["interfaces"][0]["state"] == "up" and
                           "fd99::2/64" in r["interfaces"][0]["addresses"])
    assert "10.99.0.2/24" in report["interfaces"][0]["addresses"]
    assert report["resolv_conf"] == "nameserver 9.9.9.9\n"
    assert net.default_routes()[0]["gateway"] == SERVER4
    assert net.default_routes("-6")[0]["gateway"] == SERVER6
    assert net.reaches(SERVER4)
    # Asked for something else, it gives back what it had put there, and answers the first request.
    second = role.work("net.configure", mode="eth0=10.99.0.3/32,10.96.0.1", ntp=["none"])
    assert "error" not in role.done(role.configured)
    until(lambda: set(net.inside.addresses("eth0")) >= {"10.99.0.3"}, 10, "new address")
    assert not {"10.99.0.2", "fd99::2"} & set(net.inside.addresses("eth0"))
    route, = net.default_routes()
    assert route["gateway"] == "10.96.0.1" and "onlink" in route["flags"]
    assert not role.found("org.hull.Role.Done", lambda p: p["id"] == second)


def test_static_duplicate_is_said(net):
    net.outside.ip("addr add 10.99.0.2/24 dev sv0")
    role = net.role(mode="eth0=10.99.0.2/24", ntp=["none"])
    report = role.reported(lambda r: r["interfaces"] and r["interfaces"][0].get("duplicates"))
    assert report["interfaces"][0]["duplicates"] == ["10.99.0.2/24"]
    assert any("another station uses 10.99.0.2" in line for line in role.log)


def test_none(net):
    net.dnsmasq()
    role = net.role(mode="none")
    assert role.reported(lambda r: True)["interfaces"] == []
    until(lambda: "UP" in net.inside.ip_json("link show dev lo")[0]["flags"], 10, "loopback")
    assert "UP" not in net.inside.ip_json("link show dev eth0")[0]["flags"]


def test_bad_configuration_is_refused_by_name(net):
    role = net.role()
    for params in ({"mode": "eth0=1.2.3.4"}, {"mode": "dhcp", "dns": ["x"]}, {"mode": 7}, {}, {"mode": "dhcp", "x": 1}):
        error = role.done(role.work("net.configure", **params))["error"]
        assert error["name"] == "org.hull.Net.BadConfig" and error["message"]
    assert "error" in role.done(role.work("net.unheard-of"))
    assert role.process.poll() is None


class TimeServer:
    """SNTP in a thread of this process, on a socket made in the servers' namespace."""

    def __init__(self, net, answer):
        ours, theirs = socket.socketpair()
        code = ("import socket,sys;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(('%s',123));"
                "socket.send_fds(socket.socket(fileno=0),[b'x'],[s.fileno()])" % SERVER4)
        subprocess.run(net.outside.enter + ["python3", "-c", code], stdin=theirs, check=True)
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        self.socket = socket.socket(fileno=fds[0])
        self.asked, self.answer = 0, answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            question, who = self.socket.recvfrom(512)
            self.asked += 1
            for reply in self.answer(question, self.asked):
                self.socket.sendto(reply, who)


def ntp_reply(question, offset_s=0.0, stratum=2, flags=0x24, reference=b"\x0a\x00\x00\x01", origin=None):
    now = time.time() + offset_s + NTP_EPOCH
    stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
    return struct.pack(">BBbbII4s8s8s8s8s", flags, stratum, 6, -20, 0x100, 0x100, reference, stamp,
                       question[40:48] if origin is None else origin, stamp, stamp)


def test_clock_is_stepped_by_a_named_server(net):
    off = 5 * 86400
    # A forged answer, to a question that was never asked, comes first each time.
    server = TimeServer(net, lambda q, n: [ntp_reply(q, -10**7, origin=b"\1" * 8), ntp_reply(q, off)])
    net.dnsmasq()
    role = net.role(mode="dhcp", ntp=["ntp.hull.test"])
    call = role.call("org.hull.Role.SetClock")
    assert call["step"] is True
    assert abs(call["offset_us"] - off * 10**6) < 10**6
    assert abs(call["usec"] - (time.time() + off) * 10**6) < 30 * 10**6
    clock = role.reported(lambda r: r["clock"]["synchronised"])["clock"]
    assert clock["server"] == "ntp.hull.test" and clock["stratum"] == 2
    assert server.asked == 4


def test_clock_that_is_right_is_left_alone(net):
    server = TimeServer(net, lambda q, n: [ntp_reply(q)])
    # From the lease, rather than the default that nobody chose.
    net.dnsmasq(f"--dhcp-option=option:ntp-server,{SERVER4}")
    role = net.role(mode="dhcp", ntp=["pool.example.org"], ntp_fallback=True, dns=["10.99.0.77"])
    role.reported(lambda r: r["clock"]["synchronised"])
    assert all(not c["parameters"]["step"] for c in role.found("org.hull.Role.SetClock"))
    assert server.asked == 4
    # Configured name servers come before learnt ones.
    assert role.found("org.hull.Role.Report")[-1]["parameters"]["resolv_conf"].splitlines()[:2] == [
        "nameserver 10.99.0.77", f"nameserver {SERVER4}"]


@pytest.mark.parametrize("answer", [
    lambda q, n: [ntp_reply(q, stratum=0, reference=b"DENY")],
    lambda q, n: [ntp_reply(q, -40 * 365 * 86400)],
    lambda q, n: [ntp_reply(q, flags=0xe4)],
    lambda q, n: [ntp_reply(q)[:40]],
], ids=["denied", "before the build", "not synchronised", "cut"])
def test_unfit_time_servers_are_passed_over(net, answer):
    net.outside.ip("addr add 10.99.0.5/24 dev sv0")
    TimeServer(net, answer)
    net.daemon("chronyd", "-d", "-x", "-U", "-u", "root", "local stratum 5", "allow", "bindaddress 10.99.0.5",
               "cmdport 0", f"pidfile {net.directory}/chronyd.pid", ready="starting")
    role = net.role(mode="eth0=10.99.0.2/24", ntp=[SERVER4, "10.99.0.5"])
    # The second one is a real server and right.
    clock = role.reported(lambda r: r["clock"]["synchronised"], timeout=60)["clock"]
    assert clock["server"] == "10.99.0.5" and abs(clock["offset_us"]) < 128000
    assert not role.found("org.hull.Role.SetClock", lambda p: p["step"])


def test_confined(net):
    net.dnsmasq()
    role = net.role(mode="dhcp")
    role.leased()
    pid = role.process.pid
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
    assert status["Uid"].split() == status["Gid"].split() and status["Uid"].split()[0] != "0"
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 1 << 12 | 1 << 13 | 1 << 10
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert os.listdir(f"/proc/{pid}/root/") == []
    with open(f"/proc/{pid}/smaps_rollup") as f:
        print(re.search(r"Pss:.*", f.read()).group())


def test_hostile_station(net):
    """Noise on the wire neither ends the role nor keeps it from its lease."""
    noise = net.daemon("python3", "-c", """
import os, random, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'sv0')
random.seed(1)
print('noise', flush=True)
for i in range(20000):
    m = bytearray(random.randbytes(random.randrange(0, 600)))
    if len(m) > 240 and i % 2:
        m[0:3] = b'\\2\\1\\6'; m[236:240] = b'\\x63\\x82\\x53\\x63'
    try:
        s.sendto(m, ('255.255.255.255', 68))
    except OSError:
        pass
""", ready="noise")
    net.dnsmasq()
    role = net.role(mode="dhcp")
    role.leased(timeout=60)
    noise.wait(60)
    assert role.process.poll() is None
    assert role.interface()["state"] == "up"


def test_ends_with_pid_1(net):
    role = net.role(mode="none")
    role.reported(lambda r: True)
    role.socket.shutdown(socket.SHUT_RDWR)
    assert role.process.wait(10) == 0
    net.running.remove(role)


def test_under_pid_1(net, contained):
    """The same through PID 1: a wire that is plugged in, the role killed, PID 1 re-executed."""
    net.dnsmasq()
    machine = contained().start("hull.net=dhcp", "hull.ntp=none").wait_ready()
    resolv_conf = f"/proc/{machine.pid}/root/run/hull/resolv.conf"

    def status():
        return json.loads(machine.hull("status", "--json").stdout)

    def interface():
        found = status()["net"].get("interfaces", [])
        return next((i for i in found if i["name"] == "eth0" and i["state"] == "up" and i.get("lease")), None)

    def servers():
        try:
            with open(resolv_conf) as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def role():
        return next(r for r in status()["roles"] if r["name"] == "net")

    net.outside.ip("link del sv0")
    net.outside.ip(f"link add sv0 type veth peer name eth0 netns {machine.pid}")
    net.outside.ip(f"addr add {SERVER4}/24 dev sv0")
    net.outside.ip("link set sv0 up")
    lease = until(interface, 60, "a lease")["lease"]
    assert servers() == f"nameserver {SERVER4}\nsearch hull.test\n"

    before = role()
    inside = ["nsenter", f"--target={machine.pid}", "--net", "--"]
    monitor = subprocess.Popen(inside + ["ip", "monitor", "address", "route"], stdout=subprocess.PIPE, text=True)
    try:
        # The number is that of PID 1's namespace.
        subprocess.run(["nsenter", f"--target={machine.pid}", "--pid", "--mount", "--", "/bin/sh", "-c",
                        f"kill -KILL {before['pid']}"], check=True)
        until(lambda: role()["restarts"] > before["restarts"] and role()["pid"], 30, "the role's return")
        assert until(interface, 30, "the lease again")["lease"]["address"] == lease["address"]
        machine.hull("reexec")
        until(lambda: machine.hull("status", check=False).returncode == 0, 30, "PID 1")
        assert until(interface, 30, "what PID 1 knew")["lease"]["address"] == lease["address"]
    finally:
        monitor.terminate()
    assert not [line for line in monitor.communicate(timeout=5)[0].splitlines() if line.startswith("Deleted")]
    assert servers() == f"nameserver {SERVER4}\nsearch hull.test\n"
