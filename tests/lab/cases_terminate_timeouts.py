# SPDX-License-Identifier: BSD-3-Clause
"""What only connections that end here have: urgent data carried across them, and the times after which a peer that says
nothing, takes nothing or acknowledges nothing is given up; and congestion notification."""

import contextlib
import select
import socket
import threading
import time

from cases_terminate_transparent import Wire
from harness import (ECHO, GATEWAY_C4, GATEWAY_S4, LISTEN, case, check, check_equal, connect, echo, exchange,
                     expect_error, payload, receive_exactly, wait_for)
from terminating import WAYS, echo_lab, ending_clean, one, sessions


def urgent_taken(s):
    """The urgent byte, once it is there, and the bytes before and after it."""
    check(select.select([], [], [s], 5)[2], "nothing urgent came")
    return s.recv(1, socket.MSG_OOB), receive_exactly(s, 3), receive_exactly(s, 3)


def urgent_sent(s):
    s.sendall(b"abc")
    s.send(b"!", socket.MSG_OOB)
    s.sendall(b"def")


@case
def terminate_urgent_data(t):
    """what one end's kernel calls urgent is so for the other's, both ways, between the same bytes"""
    got = []

    def handler(connection):
        got.append(urgent_taken(connection))
        urgent_sent(connection)
        connection.recv(1)

    with ending_clean(echo_lab(t, handler)) as lab:
        for way in WAYS:
            with connect(lab, *WAYS[way]) as s:
                urgent_sent(s)
                check_equal(urgent_taken(s), (b"!", b"abc", b"def"), f"{way}: to the client")
            check_equal(got.pop(), (b"!", b"abc", b"def"), f"{way}: to the server")


def has_ecn(s):
    """Whether this connection's handshake agreed on ECN (tcpi_options of TCP_INFO)."""
    return bool(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[5] & 8)


@case
def terminate_ecn(t):
    """kernels that ask for ECN and agree to it have it of listeners and upstreams with `ecn`, and of no others"""
    got = []

    def handler(connection):
        got.append(has_ecn(connection))
        echo(connection)

    for wanted in (True, False):
        keys = f"ecn = {str(wanted).lower()};"
        with ending_clean(echo_lab(t, handler, more=keys, upstream_more=keys)) as lab:
            for role in ("client", "server"):
                lab.at(role, "sysctl", "-qw", "net.ipv4.tcp_ecn=1")
            for way in WAYS:
                with connect(lab, *WAYS[way]) as s:
                    exchange(s, payload(100000))
                    check_equal((has_ecn(s), got.pop()), (wanted, wanted), f"{way}: ECN of client, server")


@case
def terminate_close_timeout(t):
    """when both ends have closed, a client that takes nothing is reset at close_timeout_s, not before"""
    total = 4 << 20

    def handler(connection):
        connection.recv(1)
        connection.sendall(payload(total))

    with ending_clean(echo_lab(t, handler, more="close_timeout_s = 2;")) as lab:
        with lab.sockets("client"):
            s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(5)
        with s:
            s.connect((GATEWAY_C4, LISTEN))
            s.sendall(b"?")
            s.shutdown(socket.SHUT_WR)
            wait_for("both ends to have closed", lambda: [x["state"] for x in sessions(lab)] == ["closing"])
            began = time.monotonic()
            wait_for("the session to end", lambda: not sessions(lab), 8)
            took = time.monotonic() - began
            # Progress is looked at once in that time.
            check(1 < took < 7, f"the session ended after {took:.1f} s")

            def read():
                while s.recv(65536):
                    pass
            expect_error(ConnectionResetError, read, "the rest of what the client was sent")


@contextlib.contextmanager
def unreachable(lab, role, gateway):
    """What this host sends to the appliance goes nowhere."""
    lab.at(role, "ip", "route", "add", "blackhole", f"{gateway}/32")
    try:
        yield
    finally:
        lab.at(role, "ip", "route", "del", "blackhole", f"{gateway}/32")


def ended_within(event, least, most, what):
    began = time.monotonic()
    check(event.wait(most), f"{what}: goes on after {most} s")
    took = time.monotonic() - began
    check(took > least, f"{what}: over after {took:.1f} s")


def noting_resets(event):
    """An echo that tells of a reset."""
    def handler(connection):
        try:
            echo(connection)
        except ConnectionResetError:
            event.set()
    return handler


@case
def terminate_keepalive(t):
    """a silent client is probed and stays; one that answers no probe is given up, and the server is told"""
    told = threading.Event()
    lab = t.lab()
    t.tcp_server(lab, ECHO, noting_resets(told))
    lab.start(lab.configuration(*one(ECHO, more="keepalive_s = 1;")))
    with ending_clean(lab), connect(lab) as s:
        exchange(s)
        wire = Wire(lab, "client", LISTEN, 0)
        time.sleep(3.5)  # silence is the case
        wire.close()
        bare = [tcp for _, tcp in wire.segments if tcp[13] == 0x10 and len(tcp) == (tcp[12] >> 4) * 4]
        check(2 <= len(bare) <= 4, f"{len(bare)} probes in 3.5 s")
        exchange(s)
        with unreachable(lab, "client", GATEWAY_C4):
            ended_within(told, 8, 16, "a client that answers none of nine probes")


@case
def terminate_user_timeout(t):
    """a client that acknowledges nothing is given up at the listener's user_timeout_s, a target at its upstream's"""
    told = threading.Event()
    lab = t.lab()
    connections = []

    def handler(connection):
        connections.append(connection)
        noting_resets(told)(connection)

    t.tcp_server(lab, ECHO, handler)
    lab.start(lab.configuration(*one(ECHO, more="user_timeout_s = 2;", upstream_more="user_timeout_s = 2;")))
    with ending_clean(lab):
        with connect(lab) as s:
            exchange(s)
            with unreachable(lab, "client", GATEWAY_C4):
                connections[0].sendall(b"are you there?")
                ended_within(told, 1.5, 6, "a client that acknowledges nothing")
        with connect(lab, timeout=8) as s:
            exchange(s)
            with unreachable(lab, "server", GATEWAY_S4):
                began = time.monotonic()
                s.sendall(b"are you there?")
                expect_error(ConnectionResetError, lambda: s.recv(1), "a target that acknowledges nothing")
                took = time.monotonic() - began
                check(1.5 < took < 6, f"it was given up after {took:.1f} s")
