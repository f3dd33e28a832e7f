# SPDX-License-Identifier: BSD-3-Clause
"""What the lab's cases share: the list of cases, skipping, servers and clients as threads.

A case is a function marked @case that takes a Bench, and has a process of its own. It passes when it returns; check() and the
library's errors make it fail, Skip skips it. Nothing here sleeps in the hope that something happened.
"""

import contextlib
import os
import socket
import struct
import sys
import threading
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import lab as labs  # noqa: E402
from lab import (CLIENT4, CLIENT6, GATEWAY_C4, GATEWAY_C6, GATEWAY_S4, GATEWAY_S6,  # noqa: E402,F401
                 SERVER4, SERVER6, Lab, LabError, listener, run, upstream, wait_for)

ECHO = 7
LISTEN = 9000

ECHO_UPSTREAMS = ",\n  ".join([
    upstream("echo4", f"{SERVER4}:{ECHO}"),
    upstream("echo6", f"[{SERVER6}]:{ECHO}"),
])
ECHO_LISTENERS = ",\n  ".join([
    listener("tcp4", "tcp", f"{GATEWAY_C4}:{LISTEN}", "echo4"),
    listener("tcp6", "tcp", f"[{GATEWAY_C6}]:{LISTEN}", "echo6"),
    listener("udp4", "udp", f"{GATEWAY_C4}:{LISTEN}", "echo4"),
    listener("udp6", "udp", f"[{GATEWAY_C6}]:{LISTEN}", "echo6"),
])

cases = []


class Skip(Exception):
    """The case cannot run here; the text says why."""


class Case(typing.NamedTuple):
    function: typing.Callable
    long: bool
    alone: bool


def case(function=None, *, long=False, alone=False):
    """Marks a case; its doc string is the line that people see. Alone are those that judge by short times, that
    fill the CPUs, or that look at what is the whole machine's: no other runs beside them."""
    def mark(f):
        cases.append(Case(f, long, alone or long))
        return f
    return mark(function) if function else mark


def check(condition, what):
    if not condition:
        raise LabError(what)


def check_equal(got, expected, what):
    check(got == expected, f"{what}: got {got!r}, expected {expected!r}")


class Bench:
    """What a case gets: labs that know the build folder, and servers that end with the case."""

    def __init__(self, build):
        self.build = build
        self.closers = contextlib.ExitStack()
        self.labs = []

    def lab(self, **options):
        lab = self.closers.enter_context(Lab(self.build, **options))
        self.labs.append(lab)
        return lab

    def told(self):
        """What each nexpathd that still runs has dropped and told of: for whoever reads of a failure."""
        lines = []
        for lab in self.labs:
            if lab.daemon is None or lab.daemon.poll() is not None:
                continue
            with contextlib.suppress(LabError, OSError):
                drops = {d["reason"]: d["packets"] for d in lab.query("drops")["drops"]}
                events = [f"{e['kind']} ({e['message']})" for e in lab.query("events")["events"][-8:]]
                lines.append(f"    drops: {drops}; events: {events}")
        return lines

    def echo_lab(self, workers='cpus = "0-1";', more_listeners="", more_upstreams="", **options):
        """A lab with nexpathd before echo servers, TCP and UDP, both families, on port 9000."""
        lab = self.lab()
        self.tcp_server(lab, ECHO, echo)
        self.udp_server(lab, ECHO)
        lab.start(lab.configuration(ECHO_LISTENERS + more_listeners, ECHO_UPSTREAMS + more_upstreams,
                                    workers=workers, **options))
        return lab

    def tcp_server(self, lab, port, handler, role="server", address="::"):
        """Serves each connection by handler(connection) in a thread of its own."""
        with lab.sockets(role):
            s = socket.create_server((address, port), family=socket.AF_INET6, backlog=1024,
                                     dualstack_ipv6=True)
        self.closers.callback(close_hard, s)

        def serve(connection):
            with connection, contextlib.suppress(OSError):
                handler(connection)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def udp_server(self, lab, port, answer=lambda data: data, role="server"):
        with lab.sockets(role):
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("::", port))
        self.closers.callback(close_hard, s)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    data, peer = s.recvfrom(65536)
                    if peer is None:
                        return  # close_hard woke us
                    reply = answer(data)
                    if reply is not None:
                        s.sendto(reply, peer)

        threading.Thread(target=serve, daemon=True).start()

    def close(self):
        self.closers.close()


def close_hard(s):
    """Closes a socket under a thread that waits on it."""
    with contextlib.suppress(OSError):
        s.shutdown(socket.SHUT_RDWR)
    s.close()


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def connect(lab, address=GATEWAY_C4, port=LISTEN, timeout=5.0, role="client"):
    """A TCP connection from the client's namespace."""
    with lab.sockets(role):
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(timeout)
    try:
        s.connect((address, port))
    except OSError:
        s.close()
        raise
    return s


def datagram_socket(lab, address=GATEWAY_C4, port=LISTEN, timeout=3.0, role="client"):
    """A connected UDP socket from the client's namespace: it hears ICMP errors."""
    with lab.sockets(role):
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(timeout)
    s.connect((address, port))
    return s


def receive_exactly(s, n):
    parts = []
    while n > 0:
        data = s.recv(min(n, 1 << 20))
        check(data, f"the connection ended {n} bytes early")
        parts.append(data)
        n -= len(data)
    return b"".join(parts)


def exchange(s, data=b"is anybody there?"):
    """Sends data through an echo and checks that it comes back. A reset is told to whoever asks first: to the sender, and
    then what is received ends as if in order."""
    failed = []

    def send():
        try:
            s.sendall(data)
        except OSError as error:
            failed.append(error)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        check(receive_exactly(s, len(data)) == data, "what came back is not what was sent")
    except LabError:
        sender.join()
        if failed:
            raise failed[0] from None
        raise
    sender.join()
    if failed:
        raise failed[0]


def reset(s):
    """Closes a connection by a reset."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def expect_error(error, action, what):
    """action must raise this OSError type."""
    try:
        action()
    except error:
        return
    except OSError as other:
        raise LabError(f"{what}: {other!r} instead of {error.__name__}") from other
    raise LabError(f"{what}: no {error.__name__}")


def payload(n):
    return os.urandom(n)
