# SPDX-License-Identifier: BSD-3-Clause
"""TCP through `mode = "terminate"`: two connections of our own between the kernel's endpoints."""

import contextlib
import hashlib
import select
import signal
import socket
import threading
import time

from harness import (ECHO, GATEWAY_C4, LISTEN, SERVER4, case, check, check_equal, connect, echo, exchange, expect_error,
                     listener, payload, receive_exactly, reset, run, upstream, wait_for)
from terminating import (MODE, WAYS, at, echo_lab, emulating, ending_clean, one, service, sessions, through)


@case
def terminate_every_family(t):
    """4 MiB there and back from either family to either family"""
    with ending_clean(echo_lab(t)) as lab:
        data = payload(4 << 20)
        for way in WAYS:
            through(lab, way, data)


@case
def terminate_without_offloads(t):
    """the same with every offload of both peers switched off, and with them switched on again"""
    with ending_clean(echo_lab(t)) as lab:
        data = payload(2 << 20)
        for state in ("off", "on"):
            for role in ("client", "server"):
                lab.at(role, "ethtool", "-K", "eth0", "tx", state, "tso", state, "gso", state, "gro", state)
            for way in WAYS:
                through(lab, way, data)


@case
def terminate_one_byte_at_a_time(t):
    """3,000 answers of one byte, each asked for after the last"""
    with ending_clean(echo_lab(t)) as lab, connect(lab) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(3000):
            s.sendall(bytes([i & 255]))
            check_equal(s.recv(2), bytes([i & 255]), f"byte {i}")


@case
def terminate_half_close_by_client(t):
    """the client closes its side, the server sees the end, and 1 MiB still comes the other way"""
    answer, question = payload(1 << 20), payload(1 << 20)

    def after_end(connection):
        got = b"".join(iter(lambda: connection.recv(65536), b""))
        connection.sendall(answer if got == question else b"x")

    with ending_clean(echo_lab(t, after_end)) as lab:
        for way in WAYS:
            with connect(lab, *WAYS[way], timeout=15) as s:
                s.sendall(question)
                s.shutdown(socket.SHUT_WR)
                check(receive_exactly(s, len(answer)) == answer, f"{way}: the answer differs")
                check_equal(s.recv(1), b"", f"{way}: after the answer")


@case
def terminate_half_close_by_server(t):
    """the server closes its side first, the client sees the end and still uploads 1 MiB"""
    data = payload(1 << 20)
    arrived = []

    def closes_first(connection):
        connection.sendall(b"hello")
        connection.shutdown(socket.SHUT_WR)
        arrived.append(b"".join(iter(lambda: connection.recv(65536), b"")))

    with ending_clean(echo_lab(t, closes_first)) as lab:
        for n, way in enumerate(WAYS, 1):
            with connect(lab, *WAYS[way], timeout=15) as s:
                check_equal(receive_exactly(s, 5), b"hello", f"{way}: greeting")
                check_equal(s.recv(1), b"", f"{way}: the server's end")
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                wait_for("the server to see the end", lambda n=n: len(arrived) == n)
            check(arrived[-1] == data, f"{way}: the upload differs")


@case
def terminate_reset_by_server(t):
    """a reset by the server reaches the client as a reset"""
    def handler(connection):
        connection.recv(100)
        reset(connection)

    with ending_clean(echo_lab(t, handler)) as lab:
        for way in WAYS:
            with connect(lab, *WAYS[way]) as s:
                s.sendall(b"you reset")
                expect_error(ConnectionResetError, lambda s=s: s.recv(100), f"{way}: reset by the server")


@case
def terminate_reset_by_client(t):
    """a reset by the client reaches the server as a reset, at once"""
    seen = threading.Semaphore(0)

    def handler(connection):
        connection.sendall(connection.recv(100))
        try:
            connection.recv(100)
        except ConnectionResetError:
            seen.release()

    with ending_clean(echo_lab(t, handler)) as lab:
        for way in WAYS:
            s = connect(lab, *WAYS[way])
            exchange(s)
            reset(s)
            check(seen.acquire(timeout=1), f"{way}: the server never saw the client's reset")


@case
def terminate_reset_behind_data(t):
    """a client that sends 1 MiB and closes without reading what came gives the server a reset, not an end"""
    verdicts = []

    def handler(connection):
        connection.sendall(b"x" * 100000)
        try:
            while connection.recv(65536):
                pass
            verdicts.append("end")
        except ConnectionResetError:
            verdicts.append("reset")

    with ending_clean(echo_lab(t, handler)) as lab:
        s = connect(lab)
        select.select([s], [], [], 5)
        s.sendall(payload(1 << 20))
        s.close()  # unread data: the kernel resets
        wait_for("the server's verdict", lambda: verdicts)
        check_equal(verdicts, ["reset"], "what the server saw")


@case
def terminate_refused_by_target(t):
    """a target that refuses ends the client's connection within a second, and there is an event"""
    lab = t.lab()
    lab.start(lab.configuration(*service(8001)))
    for way in WAYS:
        began = time.monotonic()

        def attempt(way=way):
            with connect(lab, *WAYS[way]) as s:
                s.recv(1)
                return "an orderly end"
        try:
            check(False, f"{way}: the client saw {attempt()}")
        except (ConnectionRefusedError, ConnectionResetError):
            pass
        check(time.monotonic() - began < 1, f"{way}: it took {time.monotonic() - began:.1f} s")
    wait_for("the event", lambda: any(e["kind"] == "tcp_upstream_connect_failed"
                                      for e in lab.query("events")["events"]))
    with ending_clean(lab):
        pass


@case
def terminate_next_target(t):
    """with one of two targets refusing, every connection reaches the other, and what was sent early is not lost"""
    lab = t.lab()
    t.tcp_server(lab, ECHO, echo)
    lab.start(lab.configuration(listener("in", "tcp", at(GATEWAY_C4, LISTEN), "two", MODE),
                                upstream("two", at(SERVER4, 8001), at(SERVER4, ECHO)), workers='cpus = "1";'))
    with ending_clean(lab):
        for _ in range(20):
            with connect(lab) as s:
                exchange(s, payload(5000))
        targets = {x["target"]: x for u in lab.query("upstream", "list")["upstreams"] for x in u["targets"]}
        check(targets[at(SERVER4, 8001)]["connect_failed"] > 0, f"nobody tried the target that refuses: {targets}")


def silent_port(t, lab, port):
    """A port whose queue of connections is full: the kernel drops every SYN to it."""
    with lab.sockets("server"):
        s = socket.create_server(("", port), backlog=0)
        fill = socket.create_connection((SERVER4, port))
    t.closers.callback(s.close)
    t.closers.callback(fill.close)


@case
def terminate_connect_timeout(t):
    """a target that says nothing ends the client's connection at connect_timeout_s, not before"""
    lab = t.lab()
    silent_port(t, lab, 8001)
    lab.start(lab.configuration(*one(8001, more="connect_timeout_s = 1;")))
    with ending_clean(lab):
        began = time.monotonic()
        try:
            with connect(lab) as s:
                s.settimeout(8)
                check_equal(s.recv(1), b"", "what came")
        except (ConnectionRefusedError, ConnectionResetError):
            pass
        took = time.monotonic() - began
        check(0.9 < took < 3, f"the end came after {took:.1f} s")


@case
def terminate_next_target_after_silence(t):
    """where the first target says nothing, the connection goes to the second at connect_timeout_s"""
    lab = t.lab()
    silent_port(t, lab, 8001)
    t.tcp_server(lab, ECHO, echo)
    lab.start(lab.configuration(
        listener("in", "tcp", at(GATEWAY_C4, LISTEN), "two", f"{MODE} connect_timeout_s = 1;"),
        upstream("two", at(SERVER4, 8001), at(SERVER4, ECHO)), workers='cpus = "1";'))
    with ending_clean(lab):
        took = []
        for _ in range(2):
            began = time.monotonic()
            with connect(lab, timeout=8) as s:
                exchange(s)
            took.append(time.monotonic() - began)
        check(min(took) < 0.9 < max(took) < 3, f"the two connections took {took} s")


@case
def terminate_idle_timeout(t):
    """an idle session ends at its time on both sides, a busy one does not"""
    ended = threading.Event()

    def handler(connection):
        with contextlib.suppress(ConnectionResetError):
            echo(connection)
        ended.set()

    with ending_clean(echo_lab(t, handler, more="idle_timeout_s = 1;")) as lab, connect(lab) as s:
        for _ in range(20):
            exchange(s)
            time.sleep(0.1)  # the traffic's own pace: 2 s in all, never idle for one
        check(not ended.is_set(), "the busy session ended")
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            check_equal(s.recv(1), b"", "what came")
        check(0.5 < time.monotonic() - began < 3, f"the end came after {time.monotonic() - began:.1f} s")
        check(ended.wait(2), "the server's side goes on")


@case
def terminate_backpressure_to_client(t):
    """a server that does not read stops the client after some MiB; once it reads, every byte is there"""
    go = threading.Event()
    digests = []

    def handler(connection):
        go.wait(30)
        digest = hashlib.sha256()
        while data := connection.recv(65536):
            digest.update(data)
        digests.append(digest.hexdigest())

    with ending_clean(echo_lab(t, handler)) as lab, connect(lab) as s:
        digest, sent, chunk = hashlib.sha256(), 0, payload(1 << 20)
        while select.select([], [s], [], 1)[1]:
            n = s.send(chunk, socket.MSG_DONTWAIT)
            digest.update(chunk[:n])
            sent += n
            check(sent < 64 << 20, "64 MiB went to a server that reads nothing")
        with connect(lab) as other:  # the buffers that are held are not everyone's
            other.sendall(b"also here")
        go.set()
        s.settimeout(15)
        rest = payload(8 << 20)
        s.sendall(rest)
        digest.update(rest)
        s.shutdown(socket.SHUT_WR)
        wait_for("the server to have read all", lambda: len(digests) == 2, 20)
        check(digest.hexdigest() in digests, f"what arrived of {sent + len(rest)} bytes differs")


@case
def terminate_backpressure_to_server(t):
    """a client that does not read stops the server after some MiB; once it reads, every byte is there"""
    total = 64 << 20
    chunk = payload(1 << 20)
    progress = [0]

    def handler(connection):
        for _ in range(total // len(chunk)):
            connection.sendall(chunk)
            progress[0] += len(chunk)

    with ending_clean(echo_lab(t, handler)) as lab, connect(lab, timeout=30) as s:
        still = [0, time.monotonic()]

        def stopped():
            if progress[0] != still[0]:
                still[:] = progress[0], time.monotonic()
            return time.monotonic() - still[1] > 1
        wait_for("the server to be stopped", stopped, 20, 0.1)
        check(progress[0] < total, f"a client that reads nothing took {total} bytes")
        digest, expected = hashlib.sha256(), hashlib.sha256(chunk * (total // len(chunk)))
        while data := s.recv(1 << 18):
            digest.update(data)
        check_equal(digest.hexdigest(), expected.hexdigest(), "the checksum")


@case
def terminate_over_bad_links(t):
    """4 MB each way from either family to either over links that lose, repeat, reorder and damage"""
    lab = echo_lab(t)
    worse = 'delay_us = 2000; loss = "1%"; duplicate = "2%"; reorder = "2%"; corrupt = "1%"; seed = 7;'
    lab.apply(emulating(lab, *service(), worse))
    with ending_clean(lab):
        for way in WAYS:
            through(lab, way, payload(4_000_000))
        for port in lab.query("port", "list")["ports"]:
            for what in ("lost", "duplicated", "reordered", "corrupted"):
                check(port["emulate"][what] > 0, f"{port['name']}: nothing was {what}")
        lab.apply(lab.configuration(*service()))


@case(alone=True)
def terminate_over_a_narrow_link(t):
    """8 MB each way through 50 Mbit/s with 20 ms and a queue of half that: no loss but the queue's"""
    lab = echo_lab(t)
    narrow = 'rate_bps = "50Mbit/s"; delay_us = 10000; queue_bytes = 62500;'
    lab.apply(emulating(lab, *service(), narrow))
    with ending_clean(lab):
        began = time.monotonic()
        through(lab, (4, 4), payload(8_000_000))
        took = time.monotonic() - began
        check(took < 8_000_000 * 8 / 50e6 * 3, f"8 MB there and back took {took:.1f} s")
        lab.apply(lab.configuration(*service()))


@case
def terminate_many_at_once(t):
    """300 connections at once over two workers, opened and closed twice: none on a wrong one"""
    with ending_clean(echo_lab(t)) as lab:
        for _ in range(2):
            with contextlib.ExitStack() as stack:
                ways = list(WAYS.values())
                held = [stack.enter_context(connect(lab, *ways[i % 4])) for i in range(300)]
                for s in held:
                    exchange(s, payload(3000))
                listed = lab.query("worker", "list")["workers"]
                check_equal(sum(w["wrong_worker"] for w in listed), 0, "packets on a wrong worker")
                check(all(w["sessions"] > 0 for w in listed), f"a worker has no session: {listed}")
                check_equal(lab.query("session", "list", "state=established")["total"], 300, "sessions")


@case
def terminate_sessions_listed_and_killed(t):
    """session list names both ends of each session, session kill resets both sides of one and no other"""
    lost = threading.Semaphore(0)

    def handler(connection):
        try:
            echo(connection)
        except ConnectionResetError:
            lost.release()

    with ending_clean(echo_lab(t, handler)) as lab:
        with connect(lab, *WAYS[6, 4]) as victim, connect(lab) as other:
            for s in (victim, other):
                exchange(s, payload(5000))
            check_equal([x["mode"] for x in lab.query("listener", "list")["listeners"]], ["terminate"] * 4, "modes")
            port = victim.getsockname()[1]
            mine = next(s for s in sessions(lab, "listener=way64") if s["client"].endswith(f":{port}"))
            shown = lab.query("session", "show", mine["id"])["session"]
            check_equal(shown["state"], "established", "state")
            check_equal(shown["target_address"], at(SERVER4, ECHO), "target")
            check_equal((shown["bytes_from_client"] >= 5000, shown["bytes_from_target"] >= 5000), (True, True),
                        f"bytes counted: {shown}")
            check(shown["round_trip_us"] > 0, "no round-trip time")
            lab.nexpath("session", "kill", mine["id"])
            expect_error(ConnectionResetError, lambda: victim.recv(1), "the killed session")
            check(lost.acquire(timeout=2), "the server never saw the reset")
            exchange(other)


@case
def terminate_survives_applies(t):
    """50 configurations applied under a running transfer, and the removal of another listener"""
    lab = echo_lab(t)
    data = payload(200_000)
    with ending_clean(lab), connect(lab, timeout=10) as s:
        for i in range(50):
            more = ", " + listener("turn", "tcp", at(GATEWAY_C4, 10000 + i), "way4", MODE)
            listeners, upstreams = service()
            lab.apply(lab.configuration(listeners + more, upstreams))
            exchange(s, data)
        with connect(lab, port=10049) as victim:
            exchange(victim)
            lab.nexpath("listener", "remove", "turn", "--drain", "0")
            expect_error(ConnectionRefusedError, lambda: connect(lab, port=10049), "the removed listener")
            expect_error(ConnectionResetError, lambda: victim.recv(1), "its session")
        exchange(s, data)


@case
def terminate_killed_and_restarted(t):
    """kill -9 under traffic: new connections pass within 2 s of the restart, old ones get a reset"""
    lab = echo_lab(t)
    old = connect(lab)
    exchange(old, payload(100000))
    lab.stop(lab.daemon, sig=signal.SIGKILL)
    began = time.monotonic()
    lab.start(wait=False)

    def passes():
        try:
            with connect(lab, timeout=0.2) as s:
                exchange(s)
                return True
        except OSError:
            return False
    wait_for("a new connection after the restart", passes, 5, 0.02)
    check(time.monotonic() - began < 2, f"it passed only after {time.monotonic() - began:.1f} s")

    def late():
        old.sendall(b"late")
        old.recv(10)
    expect_error(ConnectionResetError, late, "an unknown session's data")
    lab.wait_ready()
    with ending_clean(lab):
        pass


@case
def terminate_drains_at_the_end(t):
    """SIGTERM with sessions open: they go on for drain_s, then both sides end, and every pool is full"""
    lab = echo_lab(t)
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(lab, *way)) for way in WAYS.values()]
        for s in held:
            exchange(s, payload(50000))
        lab.daemon.send_signal(signal.SIGTERM)
        wait_for("new connections to be refused", lambda: refused(lab), 3)
        exchange(held[0])
        check_equal(lab.daemon.wait(15), 0, f"exit status; log {lab.daemon.log.read_text()[-300:]!r}")


def refused(lab):
    try:
        connect(lab, timeout=0.5).close()
        return False
    except ConnectionRefusedError:
        return True
    except OSError:
        return False


@case
def terminate_on_one_port(t):
    """client and target behind the same port"""
    lab = t.lab()
    t.tcp_server(lab, ECHO, echo, role="client")
    lab.start(lab.configuration(listener("in", "tcp", at(GATEWAY_C4, LISTEN), "back", MODE),
                                upstream("back", "10.1.0.1:7")))
    with ending_clean(lab):
        with connect(lab) as s:
            exchange(s, payload(1 << 20))


@case
def terminate_path_mtu(t):
    """a server behind a link of 1,280 bytes: both ways whole, nothing fragmented"""
    lab = echo_lab(t)
    run("ip", "-n", lab.namespace("server"), "link", "set", "eth0", "mtu", "1280")
    with ending_clean(lab):
        for way in WAYS:
            through(lab, way, payload(1 << 20))
