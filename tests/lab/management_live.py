# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the management socket with traffic: nexpathd on veth pairs, their far ends played by raw
sockets, so that no address and no namespace of this machine is touched. Needs root.
"""

import ctypes
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from management_harness import Client, Failure, RpcError, expect, kinds, wait_for

LAN, WAN = "10.1.0.2", "10.2.0.2"
STATION_MAC = bytes.fromhex("020000000001")

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def datagram(mac, source, source_port, to, to_port, data=b"hello"):
    """A UDP datagram over IPv4 in an Ethernet frame; its UDP checksum is left out."""
    udp = struct.pack("!HHHH", source_port, to_port, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(to))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return mac + STATION_MAC + b"\x08\x00" + head + udp


class Station:
    """The far end of a port: has every address that is asked for, and echoes UDP if it shall."""

    def __init__(self, number, echo):
        self.near, self.far = (f"nxm{os.getpid() % 100000}{end}{number}" for end in "nf")
        subprocess.run(["ip", "link", "add", self.near, "type", "veth", "peer", "name", self.far],
                       check=True)
        for interface in (self.near, self.far):
            with open(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6", "w") as key:
                key.write("1")
            subprocess.run(["ip", "link", "set", interface, "up"], check=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind((self.far, 0))
        self.echo = echo
        self.mac = None  # of the port, as its frames tell
        self.seen = {}   # destination port of datagrams to us: how many
        self.ended = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self):
        self.ended = True
        self.thread.join()
        self.socket.close()
        subprocess.run(["ip", "link", "del", self.near], check=False)

    def link(self, state):
        subprocess.run(["ip", "link", "set", self.far, state], check=True)

    def run(self):
        while not self.ended:
            if select.select([self.socket], [], [], 0.1)[0]:
                try:
                    frame, origin = self.socket.recvfrom(65536)
                except OSError:
                    continue
                if origin[2] != socket.PACKET_OUTGOING:
                    self.take(frame)

    def take(self, frame):
        kind = frame[12:14]
        if kind == b"\x08\x06" and frame[20:22] == b"\x00\x01":
            sender, wanted = frame[28:32], frame[38:42]
            # Probes and announcements of its own addresses are not answered.
            if sender not in (b"\0\0\0\0", wanted):
                self.send(frame[6:12] + STATION_MAC + frame[12:20] + b"\x00\x02" + STATION_MAC +
                          wanted + frame[22:28] + sender)
        elif kind == b"\x08\x00" and frame[23] == 17:
            source_port, port, length = struct.unpack("!HHH", frame[34:40])
            self.mac = frame[6:12]
            self.seen[port] = self.seen.get(port, 0) + 1
            if self.echo:
                self.send(datagram(frame[6:12], socket.inet_ntoa(frame[30:34]), port,
                                   socket.inet_ntoa(frame[26:30]), source_port,
                                   frame[42:34 + length]))

    def send(self, frame):
        try:
            self.socket.send(frame)
        except OSError:
            pass  # the link is down, or its queue full: lost, as on any wire


class Traffic:
    """Two stations, and the configuration of a node between them."""

    station = Station

    def __init__(self, daemon):
        self.daemon = daemon
        self.stations = []
        self.client = None
        self.mac = None

    def __enter__(self):
        self.lan = self.station(1, echo=False)
        self.stations.append(self.lan)
        self.wan = self.station(2, echo=True)
        self.stations.append(self.wan)
        return self

    def __exit__(self, *_):
        if self.daemon.process and self.daemon.process.poll() is None:
            self.daemon.kill()
        for station in self.stations:
            station.close()

    def config(self, listeners, upstreams, ports="", management="", sessions=0):
        return f"""
workers = {{ cpus = "0,0"; memory_mb = 128; sessions = {sessions}; hugepages = "off"; drain_s = 0; }};
management = {{ socket = "{self.daemon.socket}"; group = "root"; {management} }};
ports = ( {{ name = "lan"; device = "af_packet:{self.lan.near}"; address = ["{LAN}/24"]; }},
          {{ name = "wan"; device = "af_packet:{self.wan.near}"; address = ["{WAN}/24"]; }}{ports} );
upstreams = ( {", ".join(f'{{ name = "{name}"; targets = ["{target}"]; }}'
                         for name, target in upstreams.items())} );
listeners = ( {", ".join(f'{{ name = "{name}"; protocol = "udp"; listen = "{listen}"; '
                         f'upstream = "{upstream}"; idle_timeout_s = {idle}; }}'
                         for name, (listen, upstream, idle) in listeners.items())} );
"""

    def start(self, text):
        self.client = self.daemon.start(text)
        mac = self.client.call("port.list")["ports"][0]["mac"]
        self.mac = bytes.fromhex(mac.replace(":", ""))
        return self.client

    def say(self, source_port, port, source="10.1.0.1"):
        self.lan.send(datagram(self.mac, source, source_port, LAN, port))

    def answered(self, source_port, port):
        """Whether a datagram to the listener's port comes back."""
        before = self.lan.seen.get(source_port, 0)
        self.say(source_port, port)
        try:
            wait_for("an answer", lambda: self.lan.seen.get(source_port, 0) > before, 1.0)
        except Failure:
            return False
        return True

    def open(self, source_ports, port):
        """Answered sessions of these clients; the first datagrams may wait for the link to come."""
        for source_port in source_ports:
            wait_for(f"a session of {source_port}", lambda p=source_port: self.answered(p, port))


def sessions_of(client, **filters):
    """id: session, over all pages."""
    found, cursor = {}, {}
    while True:
        page = client.call("session.list", limit=10000, **filters, **cursor)
        found |= {s["id"]: s for s in page["sessions"]}
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def test_plan_counts_what_apply_touches(daemon):
    """the sessions that plan counts are those that apply touches, and no others"""
    with Traffic(daemon) as t:
        listeners = {"a": (f"{LAN}:9000", "one", 300), "b": (f"{LAN}:9001", "two", 300),
                     "c": (f"{LAN}:9002", "one", 300)}
        upstreams = {"one": "10.2.0.1:7001", "two": "10.2.0.9:7002"}
        client = t.start(t.config(listeners, upstreams))
        clients = {"a": range(20000, 20010), "b": range(21000, 21006), "c": range(22000, 22004)}
        for name, source_ports in clients.items():
            t.open(source_ports, int(listeners[name][0].split(":")[1]))

        def change(text, drain_s, effect, sessions):
            """Plans and applies; returns the sessions before, the plan's and apply's count agree."""
            before = sessions_of(client)
            plan = client.call("config.plan", text=text, drain_s=drain_s)["changes"]
            expect({c["effect"] for c in plan} == {effect}, plan)
            expect(sum(c["sessions"] for c in plan) == sessions, plan)
            applied = client.call("config.apply", text=text, drain_s=drain_s)["changes"]
            expect(applied == plan, f"{applied} is not {plan}")
            return before

        def touched(before, now, fields=("listener", "target_address", "idle_timeout_s")):
            return {i for i in before
                    if i not in now or any(now[i][f] != before[i][f] for f in fields)}

        def all_pass(*names):
            for name in names:
                for source_port in clients[name]:
                    expect(t.answered(source_port, int(listeners[name][0].split(":")[1])),
                           f"client {source_port} of {name} is cut off")

        expect(len(sessions_of(client)) == 20, "20 sessions")
        upstreams["one"] = "10.2.0.1:7003"
        before = change(t.config(listeners, upstreams), 60, "new-sessions", 0)
        all_pass("a", "b", "c")
        expect(not touched(before, sessions_of(client)), "a changed target")

        more = ', { name = "dmz"; device = "ring:dmz"; address = ["10.3.0.2/24"]; }'
        before = change(t.config(listeners, upstreams, more), 60, "none", 0)
        all_pass("a", "b", "c")
        expect(not touched(before, sessions_of(client)), "a port more")

        listeners["b"] = (*listeners["b"][:2], 500)
        before = change(t.config(listeners, upstreams, more), 60, "live", 6)
        all_pass("b")
        expect(len(touched(before, sessions_of(client))) == 6, "a changed timeout")

        moved = {**listeners, "a": (f"{LAN}:9010", "one", 300)}
        before = change(t.config(moved, upstreams, more), 60, "new-sessions", 0)
        all_pass("a", "b", "c")
        expect(not touched(before, sessions_of(client)), "a listener that moved")
        change(t.config(listeners, upstreams, more), 60, "new-sessions", 0)

        without = {n: l for n, l in listeners.items() if n != "b"}
        before = change(t.config(without, upstreams, more), 0, "reset", 6)
        wait_for("the resets", lambda: len(sessions_of(client)) == 14, 3.0)
        expect(len(touched(before, sessions_of(client))) == 6, "a removed listener, drain 0")
        all_pass("a", "c")

        without = {"a": listeners["a"]}
        before = change(t.config(without, upstreams, more), 2, "drain", 4)
        row = next(l for l in client.call("listener.list")["listeners"] if l["name"] == "c")
        expect(row["state"] == "draining" and row["sessions"] == 4, row)
        all_pass("a", "c")
        expect(not touched(before, sessions_of(client)), "sessions that drain")
        wait_for("the end of the drain", lambda: len(sessions_of(client)) == 10, 6.0)
        expect(len(touched(before, sessions_of(client))) == 4, "a removed listener, drain 2")
        all_pass("a")
        removed = client.call("listener.remove", name="a", drain_s=0)["changes"]
        expect([c["effect"] for c in removed] == ["reset"] and removed[0]["sessions"] == 10, removed)


def test_max_sessions_over_workers(daemon):
    """two workers keep a listener's max_sessions to at most one more, and count what they refuse"""
    with Traffic(daemon) as t:
        text = t.config({"in": (f"{LAN}:9000", "up", 300)}, {"up": "10.2.0.1:7001"})
        client = t.start(text.replace("idle_timeout_s", "max_sessions = 41; idle_timeout_s"))
        t.open([20000], 9000)
        for source_port in range(20001, 20400):
            t.say(source_port, 9000)
        drops = wait_for("refusals", lambda: client.call("stats", glob="drop.listener_limit")["counters"])
        wait_for("both shares", lambda: len(sessions_of(client)) == 42, 5.0)
        each = [w["sessions"] for w in client.call("worker.list")["workers"]]
        expect(each == [21, 21], each)
        expect(list(drops.values()), drops)


def test_pages_fit_a_line(daemon):
    """pages of 10,000 sessions stay below 4 MiB, and together hold every session"""
    with Traffic(daemon) as t:
        name = "l" * 60
        client = t.start(t.config({name: (f"{LAN}:9000", "u" * 60, 0)}, {"u" * 60: "10.2.0.1:7001"},
                                  sessions=16384))
        t.open([20000], 9000)
        for source in range(10, 60):
            for source_port in range(1000, 1200):
                t.say(source_port, 9000, f"10.1.0.{source}")
            time.sleep(0.03)
        opened = client.call("session.list", limit=1)["total"]
        expect(opened > 7000, f"only {opened} sessions")
        seen, cursor, pages = set(), {}, 0
        while True:
            begun = client.call("session.list", limit=10000, **cursor)
            line = len(str(begun["sessions"]))
            expect(line < 4 << 20, f"a page of {line} bytes")
            seen |= {s["id"] for s in begun["sessions"]}
            pages += 1
            if begun["next"] is None:
                break
            cursor = {"cursor": begun["next"]}
        expect(pages > 1, "one page held them all")
        expect(len(seen) >= begun["total"], f"{len(seen)} of {begun['total']}")


def test_capture_ends_by_count(daemon):
    """a capture that ends by its count, and one that is stopped, are told of"""
    with Traffic(daemon) as t:
        client = t.start(t.config({"in": (f"{LAN}:9000", "up", 60)}, {"up": "10.2.0.1:7001"}))
        error = client.refused(-32602, "capture.start", port="lan", count=0)
        expect(error.data["hint"] == "1 to 1000000000", error.data)
        client.refused(-32602, "capture.start", port="lan", snap_length=65536)
        t.open([20000], 9000)
        answer = client.call("capture.start", port="lan", count=3)
        expect(answer["snap_length"] == 65535, answer)
        packets = 0
        while True:
            t.say(20000, 9000)
            note = client.events.pop(0) if client.events else client.line()
            if note["method"] == "capture.end":
                expect(note["params"]["reason"] == "count" and packets == 3, note)
                break
            packets += len(note["params"]["packets"])
        wait_for("capture_stopped", lambda: kinds(client).count("capture_stopped") == 1)
        client.call("capture.start", listener="in")
        other = Client(daemon.socket)
        client.close()
        wait_for("capture_stopped", lambda: kinds(other).count("capture_stopped") == 2)


def test_metrics_hold_no_series_twice(daemon):
    """a listener that drains beside one of its name, and a target found twice, are one series each"""
    server = NameServer("10.2.0.1")
    with Traffic(daemon) as t, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        text = t.config({"in": (f"{LAN}:9000", "up", 60)}, {"up": "10.2.0.1:7001"},
                        management=f'metrics = "127.0.0.1:{port}";').replace(
            '"10.2.0.1:7001"', '"10.2.0.1:7001", "same.test:7001"')
        text += f'resolvers = ["127.0.0.1:{server.port}"];\n'
        client = t.start(text)
        wait_for("the name", lambda: "name_resolved" in kinds(client))
        t.open([20000, 20001, 20002], 9000)
        client.call("config.apply", text=text.replace('protocol = "udp"', 'protocol = "tcp"'))
        rows = client.call("listener.list")["listeners"]
        expect(sorted(r["state"] for r in rows) == ["draining", "up"], rows)
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        series = [line.rsplit(" ", 1)[0] for line in page.splitlines() if not line.startswith("#")]
        twice = {s for s in series if series.count(s) > 1}
        expect(not twice, twice)
        expect('nexpath_listener_sessions{listener="in"} 3' in page.splitlines(), "its sessions")
        counted = client.call("stats", glob="listener.in.sessions")["counters"]
        expect(counted == {"listener.in.sessions": 3}, counted)
        listed = [len(sessions_of(client, filter={"listener": "in", **more}))
                  for more in ({}, {"protocol": "udp"}, {"protocol": "tcp"})]
        expect(listed == [0, 3, 0], listed)
    server.close()


def test_listeners_of_a_port_that_is_down(daemon):
    """a listener whose port has no link is down in the list, in status and in the metrics"""
    with Traffic(daemon) as t:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        client = t.start(t.config(
            {"near": (f"{LAN}:9000", "up", 60), "far": (f"{WAN}:9000", "up", 60),
             "any": ("*:9001", "up", 60)}, {"up": "10.2.0.1:7001"},
            management=f'metrics = "127.0.0.1:{port}";'))

        def states():
            """State of each where all that tell of it agree; else None: a link changed in between."""
            rows = {l["name"]: l["state"] for l in client.call("listener.list")["listeners"]}
            status = client.call("status")
            text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
            up = dict(re.findall(r'^nexpath_listener_up\{listener="(\w+)"\} (\d)', text, re.M))
            agree = (rows == {l["name"]: l["state"] for l in status["listeners"]} and
                     status["health"]["ready"] == ("down" not in rows.values()) and
                     up == {name: str(int(state == "up")) for name, state in rows.items()})
            return [rows[name] for name in ("near", "far", "any")] if agree else None

        wait_for("all up", lambda: states() == ["up", "up", "up"])
        t.lan.link("down")
        wait_for("near down", lambda: states() == ["down", "up", "up"])
        t.wan.link("down")
        wait_for("all down", lambda: states() == ["down", "down", "down"])
        expect(kinds(client).count("port_down") == 2, kinds(client))
        t.lan.link("up")
        t.wan.link("up")
        wait_for("all up again", lambda: states() == ["up", "up", "up"])


def test_log_of_sessions(daemon):
    """log.sessions = all: opened and closed with bytes and reason, and the listeners at each change"""
    with Traffic(daemon) as t:
        text = t.config({"in": (f"{LAN}:9000", "up", 1)}, {"up": "10.2.0.1:7001"})
        client = t.start(text + 'log = { format = "json"; sessions = "all"; };\n')
        t.open([20000], 9000)

        def lines(message):
            # Lines from before the configuration was read are text.
            found = [json.loads(line) for line in daemon.log().splitlines() if line.startswith("{")]
            return [line for line in found if line["message"] == message]

        opened = wait_for("the opening", lambda: lines("session opened"))[0]
        expect(opened["client"] == "10.1.0.1:20000" and opened["local"] == f"{LAN}:9000" and
               opened["listener"] == "in" and opened["upstream"] == "up" and
               opened["target_address"] == "10.2.0.1:7001" and opened["source"].startswith(WAN), opened)
        closed = wait_for("the expiry", lambda: lines("session closed"), 8.0)[0]
        expect(closed["id"] == opened["id"] and closed["reason"] == "idle", closed)
        expect(closed["bytes_from_client"] > 0 and closed["bytes_from_target"] > 0, closed)
        expect(0 <= closed["duration_s"] < 5, closed)
        expect(len(lines("listener")) == 1 and lines("listener")[0]["name"] == "in", lines("listener"))
        client.call("listener.add", values={"name": "more", "protocol": "udp", "listen": f"{LAN}:9001",
                                            "upstream": "up"})
        wait_for("the table again", lambda: len(lines("listener")) == 3)
        change = lines("management change")[0]
        expect(change["method"] == "listener.add" and change["uid"] == 0 and
               change["pid"] == os.getpid(), change)

        client.call("config.apply", text=text + 'log = { format = "json"; sessions = "close"; };\n')
        before = len(lines("session opened"))
        t.open([20001], 9000)
        killed = client.call("session.kill", filter={"client": "10.1.0.1"})["killed"]
        expect(killed == 1, killed)
        wait_for("the end", lambda: [c for c in lines("session closed") if c["reason"] == "killed"])
        expect(len(lines("session opened")) == before, "openings are logged with close")


def test_second_term_ends_at_once(daemon):
    """SIGTERM lets live sessions go on for workers.drain_s and takes no new ones; a second ends at once"""
    with Traffic(daemon) as t:
        client = t.start(t.config({"in": (f"{LAN}:9000", "up", 60)}, {"up": "10.2.0.1:7001"}).replace(
            "drain_s = 0", "drain_s = 60"))
        t.open([20000], 9000)
        daemon.process.send_signal(signal.SIGTERM)
        wait_for("stopping", lambda: client.call("status")["state"] == "stopping")
        expect(not client.call("status")["health"]["ready"], "ready while stopping")
        expect(t.answered(20000, 9000), "a live session is cut off")
        expect(not t.answered(20001, 9000), "a new session is served")
        client.refused(-32001, "config.apply", text=daemon.config())
        daemon.process.send_signal(signal.SIGTERM)
        expect(daemon.process.wait(3) == 0, f"status {daemon.process.returncode}: {daemon.log()[-300:]}")


def worker_of(daemon):
    for task in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        if (task / "comm").read_text().startswith("nx-worker-0"):
            return int(task.name)
    return None


def stall_is_told(daemon, idle):
    client = daemon.start(daemon.config().replace('cpus = "0";', f'cpus = "0"; idle = "{idle}";'))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    worker = worker_of(daemon)

    def state():
        return client.call("worker.list")["workers"][0]["state"]

    time.sleep(2.5)
    expect("worker_stalled" not in kinds(client) and state() == "running", "it ran all the time")
    for times in (1, 2):
        expect(libc.ptrace(PTRACE_SEIZE, worker, None, None) == 0, "ptrace")
        expect(libc.ptrace(PTRACE_INTERRUPT, worker, None, None) == 0, "ptrace")
        os.waitpid(worker, 0x40000000)  # __WALL
        wait_for("the event", lambda: kinds(client).count("worker_stalled") == times, 5.0)
        expect(state() == "stalled" and not client.call("status")["health"]["ready"], "state")
        time.sleep(1.2)
        expect(libc.ptrace(PTRACE_DETACH, worker, None, None) == 0, "ptrace")
        wait_for("it to go on", lambda: state() == "running", 5.0)
    expect(kinds(client).count("worker_stalled") == 2, kinds(client))


def test_stalled_worker_adaptive(daemon):
    """a worker that makes no turn for a second is told of once, and that it goes on: adaptive"""
    stall_is_told(daemon, "adaptive")


def test_stalled_worker_poll(daemon):
    """a worker that makes no turn for a second is told of once, and that it goes on: poll"""
    stall_is_told(daemon, "poll")


class NameServer:
    """Answers every question for an A record with one address."""

    def __init__(self, address):
        self.address = socket.inet_aton(address)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.ended = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self):
        # Not before the thread has left it: its descriptor would be another socket's by then.
        self.ended = True
        self.thread.join()
        self.socket.close()

    def run(self):
        while not self.ended:
            try:
                query, peer = self.socket.recvfrom(512)
            except TimeoutError:
                continue
            end = query.index(b"\0", 12) + 5
            is_a = query[end - 4:end - 2] == b"\x00\x01"
            answer = b"\xc0\x0c\x00\x01\x00\x01" + struct.pack("!IH", 60, 4) + self.address
            self.socket.sendto(query[:2] + b"\x81\x80\x00\x01" + struct.pack("!H", is_a) +
                               b"\0\0\0\0" + query[12:end] + answer * is_a, peer)


def test_name_of_an_own_listener(daemon):
    """a name that leads to an own listener is a loop only where the protocol is the same"""
    server = NameServer(LAN)

    def text(listener_port):
        return (daemon.config() + f'resolvers = ["127.0.0.1:{server.port}"];\n').replace(
            "upstreams = (", 'upstreams = ( { name = "self"; targets = ["self.test:9000"]; },').replace(
            "listeners = (", 'listeners = ( { name = "u"; protocol = "udp"; '
            f'listen = "{LAN}:{listener_port}"; upstream = "self"; }},')

    client = daemon.start(text(9001))
    wait_for("the name", lambda: "name_resolved" in kinds(client))
    expect("target_is_own_listener" not in kinds(client), "the TCP listener is no loop for UDP")
    daemon.stop()
    client = daemon.start(text(9000))
    wait_for("the loop", lambda: "target_is_own_listener" in kinds(client))
    server.close()


def test_first_configuration_after_an_empty_start(daemon):
    """without a configuration the first apply starts the data plane; its socket keys take a restart"""
    with open(daemon.folder / "log", "ab") as log:
        daemon.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run && "
             '{ [ ! -d /etc/nexpath ] || mount -t tmpfs none /etc/nexpath; } && exec "$@"', "sh",
             daemon.program, "--no-huge", "--file-prefix", daemon.prefix,
             "--state-dir", daemon.folder / "state"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    configured = daemon.socket
    daemon.socket = Path(f"/proc/{daemon.process.pid}/root/run/nexpath/nexpath.sock")
    client = daemon.client()
    expect(client.call("status")["state"] == "empty", client.call("status"))
    text = daemon.config().replace(str(daemon.socket), str(configured))
    changes = client.call("config.plan", text=text)["changes"]
    effects = {c["path"]: c["effect"] for c in changes}
    expect(effects["management.socket"] == "restart", effects)
    expect(effects["workers.memory_mb"] == "none", effects)
    client.refused(-32001, "config.apply", text=text)
    plain = re.sub(r"management = .*\n", "", text)
    effects = {c["effect"] for c in client.call("config.plan", text=plain)["changes"]}
    expect("restart" not in effects, effects)
    client.call("config.apply", text=plain)
    expect(client.call("listener.list")["listeners"][0]["name"] == "web-in", "listener")
    try:
        client.call("config.apply", text=text)
    except RpcError as error:
        expect(error.code == -32001, error)
