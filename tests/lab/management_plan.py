# SPDX-License-Identifier: BSD-3-Clause
"""What plan says of TCP sessions is what apply does to them, for each kind of change. Needs root."""

import socket
import struct

import management_live
from management_harness import expect, wait_for
from management_live import LAN, STATION_MAC, Station, Traffic, checksum, sessions_of

FIN, SYN, RST, ACK = 1, 2, 4, 16


def segment(mac, source, source_port, to, to_port, flags, seq=0, ack=0):
    """A TCP segment without data over IPv4 in an Ethernet frame."""
    tcp = struct.pack("!HHIIBBHHH", source_port, to_port, seq, ack, 0x50, flags, 65535, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(to) + struct.pack("!HH", 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0,
                       socket.inet_aton(source), socket.inet_aton(to))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return mac + STATION_MAC + b"\x08\x00" + head + tcp


class TcpStation(Station):
    """Also accepts every connection; keeps what it saw by (own port, flags)."""

    def __init__(self, number, echo):
        self.segments = {}
        super().__init__(number, echo)

    def take(self, frame):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            super().take(frame)
            return
        peer_port, port, seq = struct.unpack("!HHI", frame[34:42])
        flags = frame[47] & (FIN | SYN | RST | ACK)
        self.segments[port, flags] = self.segments.get((port, flags), 0) + 1
        if flags == SYN:
            self.send(segment(frame[6:12], socket.inet_ntoa(frame[30:34]), port,
                              socket.inet_ntoa(frame[26:30]), peer_port, SYN | ACK, 5000, seq + 1))


class TcpTraffic(Traffic):
    """TCP between the stations; the clients' sequence numbers begin at 1000."""

    station = TcpStation

    def text(self, listeners, targets, more=""):
        """listeners: name: (port, protocol, upstream, idle, sources); more goes to the ports."""
        rows = ", ".join(
            f'{{ name = "{name}"; protocol = "{protocol}"; listen = "{LAN}:{port}"; '
            f'upstream = "{upstream}"; idle_timeout_s = {idle}; }}'
            for name, (port, protocol, upstream, idle) in listeners.items())
        used = {upstream for _, _, upstream, _ in listeners.values()}
        text = self.config({}, {n: t for n, t in targets.items() if n in used}, more)
        return text.replace("listeners = (  );", f"listeners = ( {rows} );")

    def open_tcp(self, source_ports, port):
        for p in source_ports:
            def connected(p=p):
                self.lan.send(segment(self.mac, "10.1.0.1", p, LAN, port, SYN, 1000))
                return self.lan.segments.get((p, SYN | ACK))
            wait_for(f"a connection of {p}", connected)
            self.lan.send(segment(self.mac, "10.1.0.1", p, LAN, port, ACK, 1001, 5001))
        wait_for("the sessions", lambda: sum(
            s["state"] == "established" and int(s["client"].split(":")[1]) in source_ports
            for s in sessions_of(self.client).values()) == len(source_ports))

    def passes(self, source_ports, port):
        """Whether an acknowledgement of each still reaches the far end."""
        before = sum(n for (_, flags), n in self.wan.segments.items() if flags == ACK)
        for p in source_ports:
            self.lan.send(segment(self.mac, "10.1.0.1", p, LAN, port, ACK, 1001, 5001))
        wait_for("their segments", lambda: sum(
            n for (_, flags), n in self.wan.segments.items() if flags == ACK) >=
            before + len(source_ports), 3.0)

    def resets(self, source_ports):
        return sum(any(self.lan.segments.get((p, f)) for f in (RST, RST | ACK)) for p in source_ports)


def test_plan_counts_tcp_sessions(daemon):
    """of TCP sessions too plan counts those that apply touches: every kind of change"""
    with TcpTraffic(daemon) as t:
        listeners = {"a": (9000, "tcp", "one", 300), "b": (9001, "tcp", "two", 300),
                     "c": (9002, "tcp", "two", 300), "d": (9003, "tcp", "three", 300)}
        targets = {"one": "10.2.0.1:7001", "two": "10.2.0.9:7002", "three": "10.2.0.7:7003"}
        vlan = ', { name = "trunk"; device = "ring:t"; address = ["10.3.0.2/24", "10.4.0.2/24"]; ' \
               'vlans = ( { id = 7; address = ["10.7.0.2/24"]; } ); }'
        client = t.start(t.text(listeners, targets, vlan))
        clients = {"a": range(20000, 20005), "b": range(21000, 21004), "c": range(22000, 22003),
                   "d": range(23000, 23002)}
        for name, ports in clients.items():
            t.open_tcp(ports, listeners[name][0])
        expect(len(sessions_of(client)) == 14, "14 sessions")

        def all_pass(*names):
            for name in names:
                t.passes(clients[name], listeners.get(name, (9000 + "abcd".index(name),))[0])

        def change(what, text, effects, sessions, drain_s=60):
            """Plans and applies; both count alike. Returns the ids of the sessions before."""
            before = set(sessions_of(client))
            plan = client.call("config.plan", text=text, drain_s=drain_s)["changes"]
            expect({c["effect"] for c in plan} == effects, f"{what}: {plan}")
            expect(sum(c["sessions"] for c in plan) == sessions, f"{what}: {plan}")
            applied = client.call("config.apply", text=text, drain_s=drain_s)["changes"]
            expect(applied == plan, f"{what}: {applied} is not {plan}")
            return before

        def kept(before):
            expect(set(sessions_of(client)) == before, "sessions that no change touches")

        targets["one"] = "10.2.0.1:7009"
        kept(change("target", t.text(listeners, targets, vlan), {"new-sessions"}, 0))
        all_pass("a", "b", "c", "d")

        # An upstream goes; its listener's live sessions go on to the old target.
        listeners["d"] = (9003, "tcp", "one", 300)
        kept(change("upstream", t.text(listeners, targets, vlan), {"new-sessions"}, 0))
        all_pass("d")

        listeners["b"] = (9001, "tcp", "two", 900)
        kept(change("timeout", t.text(listeners, targets, vlan), {"live"}, 4))
        now = [s for s in sessions_of(client).values() if s["idle_timeout_s"] == 900]
        expect(len(now) == 4, f"{len(now)} sessions have the new timeout")

        without = {n: l for n, l in listeners.items() if n != "b"}
        before = change("drain 0", t.text(without, targets, vlan), {"reset"}, 4, 0)
        wait_for("the resets", lambda: len(sessions_of(client)) == 10, 3.0)
        wait_for("resets at the clients", lambda: t.resets(clients["b"]) == 4, 3.0)
        expect(len(before - set(sessions_of(client))) == 4, "drain 0")
        all_pass("a", "c", "d")

        del listeners["b"], listeners["c"]
        before = change("drain 1", t.text(listeners, targets, vlan), {"drain", "new-sessions"}, 3, 1)
        all_pass("c")
        kept(before)
        wait_for("the end of the drain", lambda: len(sessions_of(client)) == 7, 5.0)
        wait_for("resets at the clients", lambda: t.resets(clients["c"]) == 3, 3.0)
        all_pass("a", "d")

        # Another protocol is another listener: its sessions drain, and are counted once.
        listeners["d"] = (9003, "udp", "one", 300)
        before = change("protocol", t.text(listeners, targets, vlan), {"drain"}, 2, 1)
        wait_for("the end of the drain", lambda: len(sessions_of(client)) == 5, 5.0)
        all_pass("a")

        for what, port in (
                ("port", ""), ("address", vlan.replace(', "10.4.0.2/24"', "")),
                ("VLAN", vlan.replace('{ id = 7; address = ["10.7.0.2/24"]; } ', "")),
                ("a VLAN more", vlan.replace("{ id = 7;", '{ id = 8; address = ["10.8.0.2/24"]; }, { id = 7;'))):
            text = t.text(listeners, targets, port)
            plan = client.call("config.plan", text=text)["changes"]
            expect([(c["effect"], c["sessions"]) for c in plan] == [("restart", 5)], f"{what}: {plan}")
            client.refused(-32001, "config.apply", text=text)
        all_pass("a")
        expect(t.resets(clients["a"]) == 0, "a refused apply touched sessions")
        applied = client.call("config.apply", text=t.text(listeners, targets), restart=True)
        expect(applied["restart"] and [c["sessions"] for c in applied["changes"]] == [5], applied)
        expect(daemon.process.wait(15) == 75, f"status {daemon.process.returncode}")


def test_first_af_xdp_port_takes_a_restart(daemon):
    """a first af_xdp port is told of as a restart, with the reason; apply refuses, or ends with 75"""
    with management_live.Traffic(daemon) as t:
        client = t.start(t.config({}, {}))
        xdp = t.config({}, {}).replace(
            f"af_packet:{t.wan.near}", f"af_packet:{t.wan.near}\"; address = [\"10.2.0.2/24\"]; }}, "
            f'{{ name = "fast"; device = "af_xdp:{t.wan.near}').replace(
            'af_xdp:' + t.wan.near + '"; address = ["10.2.0.2/24"]',
            'af_xdp:' + t.lan.far + '"; address = ["10.5.0.2/24"]')
        change = client.call("config.plan", text=xdp)["changes"][0]
        expect((change["path"], change["kind"], change["effect"]) == ("ports.fast", "add", "restart"), change)
        expect("CAP_BPF" in change["reason"], change)
        error = client.refused(-32001, "config.apply", text=xdp)
        expect("ports.fast needs a restart" in str(error) and "CAP_BPF" in str(error), error)
        expect(client.call("hello")["revision"] == 1, "revision")
        tap = t.config({}, {}, ', { name = "slow"; device = "ring:r"; address = ["10.6.0.2/24"]; }')
        change = client.call("config.plan", text=tap)["changes"][0]
        expect((change["effect"], change["reason"]) == ("none", None), change)
        expect(client.call("config.apply", text=xdp, restart=True)["restart"], "no restart")
        expect(daemon.process.wait(15) == 75, f"status {daemon.process.returncode}")
