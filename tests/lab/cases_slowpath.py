# SPDX-License-Identifier: BSD-3-Clause
"""The slow path at its worst: threads that stand still, and floods of handshakes that come to nothing."""

import contextlib
import ctypes
import errno
import mmap
import os
import signal
import socket
import struct
import threading
import time
from pathlib import Path

from harness import (ECHO, GATEWAY_C4, LISTEN, LabError, case, check, check_equal, connect, echo, listener,
                     wait_for)
from harness import exchange as exchange_raw
from securing import NAME, Certificates, connect_secured, context, exchange, secured
from terminating import ending_clean

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000
RAW = 9300  # a listener that forwards
SOURCES = [f"10.1.0.{n}" for n in range(30, 46)]  # on both of two threads, but for once in 30,000 times
CROWD = [f"10.1.0.{n}" for n in range(50, 250)]
FLOOD_SECONDS = 6
FLOOD_RATE = 20000  # a second, as far as the machine has it in it
FLOOD_LEAST = 500   # below it the case says nothing
FLOOD_SHORT = 8000  # connections of a flood that is judged by what it takes, not by time
# What takes bytes of a session that is open; strangers, and clients that leave without a word, cause others.
LOSSES = {"handover_full", "no_buffer", "tcp_memory", "tls_record"}
HELD = 3000         # connections of a flood at once
IP_BIND_ADDRESS_NO_PORT = 24
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40)
TIMEOUT = 10  # of a handshake, seconds


@contextlib.contextmanager
def standing_still(pid, name):
    """One thread of a process stands still."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    thread = next(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()
                  if (task / "comm").read_text().strip() == name)
    check(libc.ptrace(PTRACE_SEIZE, thread, None, None) == 0, f"ptrace: errno {ctypes.get_errno()}")
    check(libc.ptrace(PTRACE_INTERRUPT, thread, None, None) == 0, f"ptrace: errno {ctypes.get_errno()}")
    os.waitpid(thread, WALL)
    try:
        yield
    finally:
        check(libc.ptrace(PTRACE_DETACH, thread, None, None) == 0, f"ptrace: errno {ctypes.get_errno()}")


def connect_from(lab, certificates, source, timeout):
    """A TLS connection from one of the client's addresses, and how long it took."""
    began = time.monotonic()
    with lab.sockets("client"):
        s = socket.create_connection((GATEWAY_C4, LISTEN), timeout, (source, 0))
    try:
        s = context(certificates).wrap_socket(s, server_hostname=NAME)
        exchange(s)
        return s, time.monotonic() - began
    except (OSError, LabError):
        s.close()
        return None, time.monotonic() - began


def connect_all(lab, certificates, sources, timeout):
    """The same from several at once: how long each took, None for those whose handshake came to nothing."""
    results = {}

    def one(source):
        s, took = connect_from(lab, certificates, source, timeout)
        if s:
            s.close()
        results[source] = (s is not None, took)

    threads = [threading.Thread(target=one, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def events(lab, kind):
    return sum(e["kind"] == kind for e in lab.query("events")["events"])


@case(alone=True)
def slowpath_thread_stands_still(t):
    """one thread stalled: packets are forwarded, sessions go on, its handshakes time out, the other's do not"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, echo)
    for source in SOURCES:
        lab.at("client", "ip", "addr", "add", f"{source}/24", "dev", "eth0")
    raw_listener = listener("raw", "tcp", f"{GATEWAY_C4}:{RAW}", "in")
    text = secured(lab, [certificates.make("www", NAME)]).replace("listeners = (", f"listeners = ( {raw_listener},")
    lab.start("slowpath = { threads = 2; };\n" + text)
    with ending_clean(lab):
        check(all(ok for ok, _ in connect_all(lab, certificates, SOURCES, 5).values()), "a handshake before")
        old = connect_secured(lab, certificates)
        raw = connect(lab, port=RAW)
        with standing_still(lab.daemon.pid, "nx-slow-0"):
            # More of them than a ring holds messages.
            results = {}
            attempts = threading.Thread(
                target=lambda: results.update(connect_all(lab, certificates, SOURCES, TIMEOUT + 5)))
            attempts.start()
            crowd = [connect(lab, timeout=TIMEOUT + 5) for _ in range(100)]
            for s in crowd:
                s.sendall(b"\x16\x03\x01\x02\x00" + bytes(60))
            until = time.monotonic() + TIMEOUT + 1
            while time.monotonic() < until:
                for ask, s in ((exchange, old), (exchange_raw, raw)):
                    began = time.monotonic()
                    ask(s, b"x" * 5000)
                    check(time.monotonic() - began < 1, "an exchange took over a second")
                time.sleep(0.05)
            attempts.join()
            check_equal(events(lab, "slowpath_stalled"), 1, "slowpath_stalled")
            check_equal(events(lab, "slowpath_resumed"), 0, "slowpath_resumed")
            served = {source for source, (ok, _) in results.items() if ok}
            check(0 < len(served) < len(SOURCES), f"{served} of {SOURCES} were served")
            check(all(took < 2 for ok, took in results.values() if ok), f"the other thread's: {results}")
            check(all(took > TIMEOUT - 1 for ok, took in results.values() if not ok), f"its own: {results}")
            # Nothing that was asked of it was answered, either.
            wait_for("the event", lambda: events(lab, "slowpath_silent") == 1)
            check_equal(events(lab, "slowpath_answers"), 0, "slowpath_answers")
            for s in crowd:
                s.close()
        wait_for("the event", lambda: events(lab, "slowpath_resumed") == 1)
        wait_for("the event", lambda: events(lab, "slowpath_answers") == 1)
        results = connect_all(lab, certificates, SOURCES, 5)
        check(all(ok for ok, _ in results.values()), f"handshakes after: {results}")
        for ask, s in ((exchange, old), (exchange_raw, raw)):
            ask(s)
            s.close()
        drops = {d["reason"]: d["packets"] for d in lab.query("drops")["drops"]}
        check(drops.get("tls_timeout", 0) >= len(SOURCES) - len(served), f"drops: {drops}")


class Flood:
    """A child process whose connections say half a hello, garbage or nothing, from these addresses in turn."""

    def __init__(self, lab, sources):
        self.shared = mmap.mmap(-1, 8)
        with lab.sockets("client"):
            self.child = os.fork()
            if self.child == 0:
                try:
                    self.run(sources)
                finally:
                    os._exit(0)

    def run(self, sources):
        began, made, held = time.monotonic(), 0, []
        said = (HALF_A_HELLO, b"GET / HTTP/1.1\r\n\r\n", b"", bytes(100))
        while os.getppid() != 1:
            if made > (time.monotonic() - began) * FLOOD_RATE:
                time.sleep(0.001)
                continue
            s = socket.socket()
            s.setblocking(False)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            with contextlib.suppress(OSError):
                s.bind((sources[made % len(sources)], 0))
                if s.connect_ex((GATEWAY_C4, LISTEN)) in (0, errno.EINPROGRESS):
                    held.append(s)
                    made += 1
                    self.shared[:8] = struct.pack("Q", made)
            # What was begun a little earlier is connected by now.
            if len(held) > 100:
                with contextlib.suppress(OSError):
                    held[-100].send(said[made % len(said)])
            if len(held) > HELD:
                held.pop(0).close()

    def made(self):
        return struct.unpack("Q", self.shared[:8])[0]

    def end(self):
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)


def flood_begin(t, sources):
    """A listener that serves TLS to clients and strangers at these addresses."""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, echo)
    for source in sources:
        lab.at("client", "ip", "addr", "add", f"{source}/24", "dev", "eth0")
    lab.start(secured(lab, [certificates.make("www", NAME)]))
    return lab, certificates


def flood_drops(lab, rate):
    """What was counted as dropped: some of it must be the flood's."""
    drops = {d["reason"]: d["packets"] for d in lab.query("drops")["drops"]}
    print(f"# {rate:.0f} a second; drops {drops}")
    check(sum(drops.get(reason, 0) for reason in ("tls_handshake", "tls_crowded", "tls_refused")) > 0, f"drops: {drops}")
    return drops


def flooded(t, sources):
    """Meanwhile a session that was open goes on, and whoever comes is served within a second."""
    lab, certificates = flood_begin(t, sources)
    with ending_clean(lab):
        old = connect_secured(lab, certificates)
        flood = Flood(lab, sources)
        try:
            until = time.monotonic() + FLOOD_SECONDS
            while time.monotonic() < until:
                began = time.monotonic()
                with connect_secured(lab, certificates, timeout=5) as s:
                    exchange(s)
                took = time.monotonic() - began
                check(took < 1, f"a connection took {took:.1f} s after {flood.made()} of the flood")
                exchange(old, b"x" * 20000)
                time.sleep(0.1)
            rate = flood.made() / FLOOD_SECONDS
        finally:
            flood.end()
        check(rate > FLOOD_LEAST, f"only {rate:.0f} connections a second")
        exchange(old)
        old.close()
        flood_drops(lab, rate)


@case(alone=True)
def slowpath_flood_takes_nothing(t):
    """meanwhile every byte of a session that was open arrives, nothing of it is dropped, and clients are served"""
    lab, certificates = flood_begin(t, CROWD)
    with ending_clean(lab):
        old = connect_secured(lab, certificates)
        flood = Flood(lab, CROWD)
        try:
            began = time.monotonic()
            wait_for("the flood", lambda: flood.made() > FLOOD_SHORT / 4)
            while flood.made() < FLOOD_SHORT:
                exchange(old, os.urandom(100_000))
                with connect_secured(lab, certificates, timeout=TIMEOUT) as s:
                    exchange(s)
            rate = flood.made() / (time.monotonic() - began)
        finally:
            flood.end()
        exchange(old)
        old.close()
        check_equal(set(flood_drops(lab, rate)) & LOSSES, set(), "drops that an open session can feel")


@case(long=True)
def slowpath_flood_from_many(t):
    """half hellos, garbage and silence from 200 addresses: sessions go on, clients are served within a second"""
    flooded(t, CROWD)


@case(long=True)
def slowpath_flood_from_one(t):
    """the same from one address"""
    flooded(t, CROWD[:1])
