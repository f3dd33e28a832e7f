# SPDX-License-Identifier: BSD-3-Clause
"""TCP through a direct listener, with the kernel's own endpoints at both ends."""

import contextlib
import socket
import threading
import time

from harness import (ECHO, GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, case, check, check_equal, connect,
                     echo, exchange, expect_error, listener, payload, receive_exactly, reset, upstream,
                     wait_for)


@case
def tcp_echo_both_families(t):
    """4 MiB there and back over IPv4 and over IPv6"""
    lab = t.echo_lab()
    for address in (GATEWAY_C4, GATEWAY_C6):
        with connect(lab, address) as s:
            exchange(s, payload(4 << 20))


@case
def tcp_echo_without_offloads(t):
    """the same with every offload of both peers switched off, and with them switched on again"""
    lab = t.echo_lab()
    for state in ("off", "on"):
        for role in ("client", "server"):
            lab.at(role, "ethtool", "-K", "eth0", "tx", state, "tso", state, "gso", state, "gro", state)
        for address in (GATEWAY_C4, GATEWAY_C6):
            with connect(lab, address) as s:
                exchange(s, payload(2 << 20))


@case
def tcp_half_close(t):
    """the client closes its side, and 1 MiB still comes the other way"""
    lab = t.echo_lab(
        more_listeners=",\n" + listener("half", "tcp", f"{GATEWAY_C4}:9001", "half"),
        more_upstreams=",\n" + upstream("half", f"{SERVER4}:8001"))
    answer = payload(1 << 20)

    def after_end(connection):
        while connection.recv(65536):
            pass
        connection.sendall(answer)

    t.tcp_server(lab, 8001, after_end)
    with connect(lab, port=9001) as s:
        s.sendall(b"question")
        s.shutdown(socket.SHUT_WR)
        check(receive_exactly(s, len(answer)) == answer, "the answer differs")
        check_equal(s.recv(1), b"", "after the answer")


@case
def tcp_reset_from_either_side(t):
    """a reset by the client reaches the server, a reset by the server reaches the client"""
    lab = t.echo_lab(
        more_listeners=",\n" + listener("rst", "tcp", f"{GATEWAY_C4}:9001", "rst"),
        more_upstreams=",\n" + upstream("rst", f"{SERVER4}:8001"))
    seen = threading.Event()

    def handler(connection):
        if connection.recv(100) == b"you reset":
            reset(connection)
            return
        try:
            connection.recv(100)
        except ConnectionResetError:
            seen.set()

    t.tcp_server(lab, 8001, handler)
    with connect(lab, port=9001) as s:
        s.sendall(b"you reset")
        expect_error(ConnectionResetError, lambda: s.recv(100), "reset by the server")
    s = connect(lab, port=9001)
    s.sendall(b"I reset")
    wait_for("the session to have passed data", lambda: any(
        x["packets_from_target"] > 1 for x in lab.query("session", "list", "listener=rst",
                                                        "state=established")["sessions"]))
    reset(s)
    check(seen.wait(3), "the server never saw the client's reset")


@case
def tcp_refused_without_listener(t):
    """a port without a listener refuses at once, over both families"""
    lab = t.echo_lab()
    for address in (GATEWAY_C4, GATEWAY_C6):
        # Once beforehand: a new address is not answered for until duplicate detection is over.
        expect_error(ConnectionRefusedError, lambda a=address: connect(lab, a, 9998), "no listener")
        began = time.monotonic()
        expect_error(ConnectionRefusedError, lambda a=address: connect(lab, a, 9999), "no listener")
        check(time.monotonic() - began < 0.5, "the refusal took over half a second")


@case
def tcp_refused_by_target(t):
    """a target that refuses is heard by the client as a refusal"""
    lab = t.echo_lab(
        more_listeners=",\n" + listener("shut", "tcp", f"{GATEWAY_C4}:9001", "shut"),
        more_upstreams=",\n" + upstream("shut", f"{SERVER4}:8001"))
    expect_error(ConnectionRefusedError, lambda: connect(lab, port=9001), "target's refusal")
    wait_for("the event", lambda: any(e["kind"] == "tcp_upstream_connect_failed"
                                      for e in lab.query("events")["events"]))


def spread(t, workers, cpus):
    lab = t.echo_lab(workers=f'cpus = "{cpus}";')
    check_equal(len(lab.query("worker", "list")["workers"]), workers, "workers")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(lab, a))
                       for _ in range(32) for a in (GATEWAY_C4, GATEWAY_C6)]
        for s in connections:
            exchange(s, payload(20000))
        listed = lab.query("worker", "list")["workers"]
        check_equal(sum(w["wrong_worker"] for w in listed), 0, "packets on a wrong worker")
        check_equal(sum(w["sessions"] for w in listed), 64, "live sessions")
        check(all(w["sessions"] > 0 for w in listed), f"a worker has no session: {listed}")


@case
def tcp_one_worker(t):
    """64 connections on one worker"""
    spread(t, 1, "1")


@case
def tcp_two_workers(t):
    """64 connections over two workers: each has some, no packet on a wrong one"""
    spread(t, 2, "0-1")


@case
def tcp_four_workers(t):
    """64 connections over four workers that share the CPUs"""
    spread(t, 4, "0,1,0,1")


@case
def tcp_balance_round_robin(t):
    """two targets in turn, with weights 2 and 1"""
    lab = t.echo_lab(
        more_listeners=",\n" + listener("two", "tcp", f"{GATEWAY_C4}:9001", "two"),
        more_upstreams=",\n" + upstream("two", f"{SERVER4}:8001 weight=2", f"{SERVER4}:8002"),
        workers='cpus = "1";')
    for port in (8001, 8002):
        t.tcp_server(lab, port, lambda c, name=str(port).encode(): c.sendall(name))
    got = []
    for _ in range(30):
        with connect(lab, port=9001) as s:
            got.append(receive_exactly(s, 4))
    check_equal((got.count(b"8001"), got.count(b"8002")), (20, 10), "connections a target")


@case
def tcp_idle_session_expires(t):
    """a session past its idle timeout is gone; what comes late gets a reset"""
    lab = t.lab()
    t.tcp_server(lab, ECHO, echo)
    lab.start(lab.configuration(
        listener("idle", "tcp", f"{GATEWAY_C4}:{LISTEN}", "echo", "idle_timeout_s = 1;"),
        upstream("echo", f"{SERVER4}:{ECHO}")))
    with connect(lab) as s:
        exchange(s)
        wait_for("the session to expire", lambda: lab.query("session", "list")["total"] == 0)

        def late():
            s.sendall(b"late")
            s.recv(10)
        expect_error(ConnectionResetError, late, "data after expiry")
