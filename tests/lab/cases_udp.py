# SPDX-License-Identifier: BSD-3-Clause
"""UDP through a listener: families, sizes, errors, expiry."""

import time

from harness import (ECHO, GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, case, check, check_equal,
                     datagram_socket, expect_error, listener, payload, upstream, wait_for)


def ask(s, data):
    s.send(data)
    return s.recv(65536)


@case
def udp_echo_both_families(t):
    """datagrams of 1 to 1,400 bytes there and back over IPv4 and IPv6"""
    lab = t.echo_lab()
    for address in (GATEWAY_C4, GATEWAY_C6):
        with datagram_socket(lab, address) as s:
            for size in (1, 17, 512, 1400):
                data = payload(size)
                check(ask(s, data) == data, f"{size} bytes came back changed")


@case
def udp_fragmented_datagrams(t):
    """datagrams of 4,000 and 60,000 bytes come in fragments and leave in fragments, both ways"""
    lab = t.echo_lab()
    for address in (GATEWAY_C4, GATEWAY_C6):
        with datagram_socket(lab, address) as s:
            for size in (4000, 60000):
                data = payload(size)
                check(ask(s, data) == data, f"{size} bytes to {address} came back changed")


@case
def udp_no_listener(t):
    """a port without a listener answers port unreachable, over both families"""
    lab = t.echo_lab()
    for address in (GATEWAY_C4, GATEWAY_C6):
        with datagram_socket(lab, address, 9999) as s:
            expect_error(ConnectionRefusedError, lambda s=s: ask(s, b"x"), f"datagram to {address}")


@case
def udp_target_unreachable(t):
    """the target's port unreachable is translated back to the client"""
    lab = t.echo_lab(
        more_listeners=",\n" + listener("shut", "udp", f"{GATEWAY_C4}:9001", "shut"),
        more_upstreams=",\n" + upstream("shut", f"{SERVER4}:8001"))
    with datagram_socket(lab, port=9001) as s:
        expect_error(ConnectionRefusedError, lambda: ask(s, b"x"), "datagram to a closed target")


@case
def udp_idle_timeout(t):
    """a session ends after its listener's idle timeout, and 0 means never"""
    lab = t.lab()
    t.udp_server(lab, ECHO)
    lab.start(lab.configuration(
        listener("short", "udp", f"{GATEWAY_C4}:{LISTEN}", "echo", "idle_timeout_s = 1;") + ",\n" +
        listener("never", "udp", f"{GATEWAY_C4}:9001", "echo", "idle_timeout_s = 0;"),
        upstream("echo", f"{SERVER4}:{ECHO}")))
    with datagram_socket(lab) as a, datagram_socket(lab, port=9001) as b:
        ask(a, b"x")
        ask(b, b"x")
        check_equal(lab.query("session", "list")["total"], 2, "sessions")
        wait_for("the short one to end", lambda: lab.query("session", "list")["total"] == 1)
        check_equal(lab.query("session", "list")["sessions"][0]["listener"], "never", "what is left")
        check_equal(ask(a, b"again"), b"again", "a new session on the same ports")


@case(alone=True)
def udp_dead_target_delays_nobody(t):
    """while a target never answers, sessions to a live one answer within 50 ms"""
    lab = t.echo_lab(
        more_listeners=",\n" + listener("dead", "udp", f"{GATEWAY_C4}:9001", "dead"),
        more_upstreams=",\n" + upstream("dead", "10.2.0.99:8001"))
    slowest = 0
    with datagram_socket(lab) as live:
        ask(live, b"first")
        for i in range(200):
            with datagram_socket(lab, port=9001) as dead:
                dead.send(b"anyone?")
            began = time.monotonic()
            check_equal(ask(live, b"%d" % i), b"%d" % i, "the live session")
            slowest = max(slowest, time.monotonic() - began)
    check(slowest < 0.05, f"the slowest answer took {slowest * 1000:.0f} ms")
