# SPDX-License-Identifier: BSD-3-Clause
"""Floods of spoofed packets, and packets that no well-meaning peer sends."""

import contextlib
import ctypes
import errno
import mmap
import os
import random
import signal
import socket
import struct
import time

from cases_operations import Pulse
from frames import ethernet, ipv4, syn, udp
from harness import (ECHO, GATEWAY_C4, GATEWAY_C6, LISTEN, CLIENT4, CLIENT6, ECHO_LISTENERS, ECHO_UPSTREAMS,
                     GATEWAY_S4, GATEWAY_S6, SERVER4, Skip, case, check, connect, echo, exchange, listener, upstream,
                     wait_for)

FLOOD_SECONDS = 5
LONG_SECONDS = 30
FRAMES = 65536  # more clients than a target has ports for
BATCH = 32
PACKET_QDISC_BYPASS = 20
SOL_PACKET = 263
HOLE, HOLE_LISTEN = "10.9.0.1", 9100


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    """struct mmsghdr"""
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("iov", ctypes.POINTER(Iovec)),
                ("iov_count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint32)]


def datagram(source, port=5000):
    return ipv4(source, GATEWAY_C4, 17, udp(source, GATEWAY_C4, port, LISTEN, b"by hand!"))


def spoofed_frames(mac, kind, listen):
    """Frames from addresses of 172.16.0.0/12, a different client each."""
    random.seed(1)
    frames = []
    for _ in range(FRAMES):
        source = socket.inet_ntoa(struct.pack("!I", 0xac100000 | random.getrandbits(20)))
        port = random.randrange(1024, 65536)
        if kind == "syn":
            body = ipv4(source, GATEWAY_C4, 6, syn(source, GATEWAY_C4, port, listen, random.getrandbits(32)))
        else:
            body = datagram(source, port)
        frames.append(ethernet(mac, 0x0800, body))
    return frames


def packet_socket(lab):
    with lab.sockets("client"):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind(("eth0", 0))
    return s


class Flood:
    """A child process that sends the frames round and round, at a rate that may be changed meanwhile."""

    def __init__(self, lab, frames, rate):
        self.shared = mmap.mmap(-1, 16)  # sent so far, rate
        self.slow_down(rate)
        with packet_socket(lab) as s:
            s.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
            self.child = os.fork()
            if self.child == 0:
                try:
                    os.sched_setaffinity(0, {0})
                    self.send(s.fileno(), frames)
                finally:
                    os._exit(1)

    def send(self, descriptor, frames):
        buffers = [ctypes.create_string_buffer(f, len(f)) for f in frames]
        vectors = (Iovec * FRAMES)(*(Iovec(ctypes.addressof(b), len(b)) for b in buffers))
        messages = (Message * FRAMES)(*(Message(iov=ctypes.pointer(v), iov_count=1) for v in vectors))
        libc = ctypes.CDLL(None, use_errno=True)
        then, sent, due = time.monotonic(), 0, 0.0
        while True:
            now = time.monotonic()
            due = min(due + (now - then) * self.rate(), FRAMES)  # too slow: what is behind is not made up for ever
            then = now
            if due < BATCH:
                time.sleep(0.0001)
                continue
            n = libc.sendmmsg(descriptor, ctypes.byref(messages[sent % (FRAMES - BATCH)]), BATCH, 0)
            if n < 0 and ctypes.get_errno() not in (errno.ENOBUFS, errno.EAGAIN):
                return
            sent += max(n, 0)  # less than a batch where a queue on the way is full
            due -= max(n, 1)
            self.shared[:8] = struct.pack("=Q", sent)

    def sent(self):
        return struct.unpack("=Q", self.shared[:8])[0]

    def rate(self):
        return struct.unpack("=Q", self.shared[8:])[0]

    def slow_down(self, rate):
        self.shared[8:] = struct.pack("=Q", int(rate))

    def stop(self):
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)


def flood_lab(t):
    """The client's network has a gateway, so that answers to spoofed addresses have somewhere to go."""
    lab = t.lab()
    t.tcp_server(lab, ECHO, echo)
    t.udp_server(lab, ECHO)
    ports = (f'{{ name = "lan"; device = "af_packet:gw-c"; gateway = ["{CLIENT4}", "{CLIENT6}"]; '
             f'address = ["{GATEWAY_C4}/24", "{GATEWAY_C6}/64"]; }}, '
             f'{{ name = "wan"; device = "af_packet:gw-s"; address = ["{GATEWAY_S4}/24", "{GATEWAY_S6}/64"]; }}')
    # What comes for the hole is never answered: the server routes it nowhere.
    lab.at("server", "ip", "route", "add", "blackhole", f"{HOLE}/32")
    lab.start(lab.configuration(
        ECHO_LISTENERS + ",\n" + listener("hole", "tcp", f"{GATEWAY_C4}:{HOLE_LISTEN}", "hole"),
        ECHO_UPSTREAMS + ",\n" + upstream("hole", f"{HOLE}:{ECHO}"), ports=ports, workers='cpus = "1";',
        extra=f'routes = ( {{ to = "{HOLE}/32"; via = "{SERVER4}"; }} );'))
    return lab


def backlog_drops():
    """Frames that found the queue between a veth interface and the CPU that serves it full."""
    with open("/proc/net/softnet_stat") as cpus:
        return sum(int(cpu.split()[1], 16) for cpu in cpus)


def listen_drops(lab):
    """Connections that the server's own kernel turned away, its queues being full."""
    lines = [line.split() for line in lab.at("server", "cat", "/proc/net/netstat").stdout.splitlines()]
    counts = dict(zip(lines[0][1:], lines[1][1:]))
    return sum(int(counts[name]) for name in ("ListenOverflows", "ListenDrops", "TCPReqQFullDrop"))


class Second:
    """Clients that connect one after the other for a second, and what the kernel had lost until then."""

    def __init__(self, lab):
        end, self.slowest = time.monotonic() + 1, 0
        while time.monotonic() < end:
            at = time.monotonic()
            with contextlib.suppress(TimeoutError), connect(lab, timeout=5) as s:
                exchange(s)
            self.slowest = max(self.slowest, time.monotonic() - at)
        ports = lab.query("port", "list")["ports"]
        self.time = time.monotonic()
        self.taken = ports[0]["receive_packets"]
        self.missed = sum(port["missed"] for port in ports) + backlog_drops() + listen_drops(lab)


def untroubled(seconds):
    """Those in which the kernel found room for every frame, by counters that are up to a second late."""
    return [(before, s) for before, s, after in zip(seconds, seconds[1:], seconds[2:]) if before.missed == after.missed]


def survive(t, kind, rate, listen=LISTEN, seconds=FLOOD_SECONDS):
    """What the kernel loses before nexpathd sees it says nothing of nexpathd: where the CPUs are too busy for the
    rate, it goes down until nothing is lost, and only then clients are judged."""
    lab = flood_lab(t)
    pulse = Pulse(lab)
    pulse.socket.settimeout(20)
    flood = Flood(lab, spoofed_frames(lab.gateway_mac(), kind, listen), rate)
    try:
        wait_for("the flood", flood.sent)
        past = [Second(lab)]
        while len(untroubled(past)) < seconds:
            past.append(Second(lab))
            if past[-1].missed > past[-2].missed:
                flood.slow_down(flood.rate() * 0.7)
            if len(past) > 3 * seconds + 10:
                raise Skip(f"the CPUs are too busy: the kernel loses frames at {flood.rate()} a second")
        drops = {d["reason"]: d["packets"] for d in lab.query("drops")["drops"]}
    finally:
        flood.stop()
    pulse.stop()
    judged = untroubled(past)
    slowest = max(s.slowest for _, s in judged)
    got = sum(s.taken - before.taken for before, s in judged) / sum(s.time - before.time for before, s in judged)
    print(f"    {got:.0f} packets a second of {rate} wanted, {past[-1].missed - past[0].missed} lost by the kernel, "
          f"{drops.get('session_evicted', 0)} sessions evicted, slowest connect {slowest * 1000:.0f} ms", flush=True)
    check("session_evicted" in drops, "the flood never filled what unanswered sessions may have")
    check(slowest < 1, f"under {got:.0f} packets a second a connect took {slowest:.2f} s")


@case(alone=True)
def syn_flood(t):
    """200,000 spoofed SYNs a second to a listener whose target is silent: sessions go on, a connect takes under 1 s"""
    survive(t, "syn", 200_000, HOLE_LISTEN)


@case(alone=True)
def syn_flood_answered(t):
    """50,000 a second to the listener that clients use, each answered by the target: the same"""
    survive(t, "syn", 50_000)


@case(alone=True)
def datagram_flood(t):
    """200,000 spoofed datagrams a second: sessions go on, a connect takes under 1 s"""
    survive(t, "udp", 200_000)


@case(long=True)
def long_syn_flood(t):
    """200,000 spoofed SYNs a second for 30 s: the same"""
    survive(t, "syn", 200_000, HOLE_LISTEN, LONG_SECONDS)


@case(long=True)
def long_datagram_flood(t):
    """200,000 spoofed datagrams a second for 30 s: the same"""
    survive(t, "udp", 200_000, seconds=LONG_SECONDS)


@case
def bad_packets_have_reasons(t):
    """truncated, badly summed, overlapping and unknown packets are drops with a name, and nothing breaks"""
    lab = flood_lab(t)
    pulse = Pulse(lab)
    mac = lab.gateway_mac()
    good = datagram(CLIENT4)
    broken_sum = good[:10] + b"\xde\xad" + good[12:]
    bad_udp = good[:26] + b"\xde\xad" + good[28:]
    own_source = datagram(GATEWAY_C4)
    loopback = datagram("127.0.0.1")
    first = ipv4(CLIENT4, GATEWAY_C4, 17, b"a" * 64, 77, 0x2000)
    overlapping = ipv4(CLIENT4, GATEWAY_C4, 17, b"b" * 64, 77, 0x2004)
    wrong_version = b"\x75" + good[1:]
    cut = good[:2] + struct.pack("!H", 400) + good[4:]
    frames = [ethernet(mac, 0x0800, x) for x in
              (broken_sum, bad_udp, own_source, loopback, first, overlapping, wrong_version, cut, good[:12])]
    frames.append(ethernet(mac, 0x88b5, b"?" * 50))
    frames.append(bytes.fromhex(mac.replace(":", ""))[:6] + b"\0" * 8)
    random.seed(2)
    noise = [ethernet(mac, random.choice((0x0800, 0x86dd, 0x0806, 0x8100)), random.randbytes(random.randrange(1, 200)))
             for _ in range(2000)]
    with packet_socket(lab) as s:
        for frame in frames + noise:
            s.send(frame)

    def reasons():
        return {d["reason"] for d in lab.query("drops")["drops"] if d["packets"]}
    wanted = {"ip_bad_checksum", "l4_bad_checksum", "ip_spoofed", "fragment_overlap", "ip_bad_header", "ip_truncated",
              "l2_unknown_type"}
    wait_for(f"the drops {sorted(wanted)}", lambda: wanted <= reasons() or None, 5)
    pulse.stop()
