#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A prober before nexpathd's REALITY listener and before its targets themselves, which it must not tell apart.

The targets are nginx, HAProxy, OpenSSL's s_server with a chain that fills a large record, and a server of Go's standard
library. Every known way to find a REALITY server out is held some times straight to the target and some times through us,
and the records, segments, flags, order and ends that come back are compared (tests/lab/probing.py). Needs root for its
lab. Ends with `N passed, N failed, N skipped`.
"""

import argparse
import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "lab")]

from cases_reality import NAME, PAGE, PUBLIC, SHORT_ID, counted, credential  # noqa: E402
from cases_terminate_peers import haproxy  # noqa: E402
from harness import (ECHO, GATEWAY_C4, LISTEN, SERVER4, Bench, LabError, check_equal, echo, listener,  # noqa: E402
                     upstream, wait_for)
from outside import Unavailable, go_program  # noqa: E402
from probing import (ABUSES, CCS, PATIENCE, STRAIGHT_SERVER, Hellos, Prober, leave_at_once, leave_by_reset,  # noqa: E402
                     leave_late, leave_later, leave_never, link_straight)
from securing import Certificates, context  # noqa: E402
from terminating import MODE, at, ending_clean, nginx_of  # noqa: E402

LANES = 10
# s_server has an ear for one client at a time: it is there some times, and each lane has one.
EARS = {"s_server": 5}
WEB, GATES, RELAYS = 8443, LISTEN, 7443
REQUEST = f"GET /page HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
# A chain as long as that of a target whose certificate's record is larger than 8 KiB.
CHAIN = 24


def ports(name, first):
    """The ports of a target's ears, or what stands before them."""
    return [first + i for i in range(EARS.get(name, 1))]


def lanes(name, first):
    return ports(name, first) if name in EARS else [first] * LANES


def nginx(lab, certificates):
    (lab.folder / "page").write_text(PAGE)
    nginx_of(lab, f"""server {{
        listen {WEB} ssl; server_name {NAME}; root {lab.folder}; client_header_timeout {PATIENCE}s;
        ssl_certificate {certificates.folder}/target.pem; ssl_certificate_key {certificates.folder}/target.key;
        ssl_protocols TLSv1.3; }}""", WEB)


def haproxy_server(lab, certificates):
    page = lab.folder / "page"
    page.write_text(PAGE)
    haproxy(lab, "server", f"""
frontend target
    mode http
    bind :{WEB} ssl crt {certificates.joined("target")} ssl-min-ver TLSv1.3 alpn h2,http/1.1
    timeout client {PATIENCE}s
    http-request return status 200 content-type text/plain file {page}
""", WEB)


def s_server(lab, certificates):
    chain = lab.folder / "chain"
    chain.write_text(certificates.authority.read_text() * CHAIN)
    for port in ports("s_server", WEB):
        lab.spawn("server", "openssl", "s_server", "-accept", str(port), "-cert", certificates.folder / "target.pem", "-key",
                  certificates.folder / "target.key", "-cert_chain", chain, "-www")


def go_server(lab, certificates):
    lab.spawn("server", go_program("probe-target", HERE / "target"), "-certificate", certificates.folder / "target.pem",
              "-key", certificates.folder / "target.key", "-port", str(WEB), "-page", PAGE, "-patience", f"{PATIENCE}s")


TARGETS = {"nginx": nginx, "haproxy": haproxy_server, "s_server": s_server, "go": go_server}


def guarded(lab, name):
    """REALITY before an echo, a listener before each ear of the target."""
    def front(port):
        return credential(lab, at(SERVER4, port)).replace('name = "front"', f'name = "front{port}"')

    listeners = ", ".join(listener(f"in{gate}", "tcp", at(GATEWAY_C4, gate), "echo", f"""{MODE} tcp_profile = "linux";
        transport = {{ security = "reality"; credentials = ["front{port}"]; }};""")
                          for gate, port in zip(ports(name, GATES), ports(name, WEB)))
    text = lab.configuration(listeners, upstream("echo", at(SERVER4, ECHO)),
                             extra=f"credentials = ( {', '.join(map(front, ports(name, WEB)))} );")
    return text.replace("management = {", f'management = {{ key_dir = "{lab.folder}/keys"; metrics = "127.0.0.1:9641";')


def relayed(lab, port):
    """A relay by the kernel's sockets: it passes bytes and ends, and neither segments nor resets."""
    def pass_on(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def handler(near):
        with lab.sockets("server"):
            far = socket.create_connection((SERVER4, port))
        with far:
            up = threading.Thread(target=pass_on, args=(near, far), daemon=True)
            up.start()
            pass_on(far, near)
            up.join()

    return handler


def finds_relays(bench, lab, name, known):
    """What the prober is good for: it tells such a relay from the target."""
    for port, relay in zip(ports(name, WEB), ports(name, RELAYS)):
        bench.tcp_server(lab, relay, relayed(lab, port))
    prober = Prober(lab, STRAIGHT_SERVER, lanes(name, WEB), lanes(name, RELAYS), device="straight")
    with contextlib.closing(prober):
        try:
            prober.compare("a relay", lambda: known, ABUSES["garbage"], leave_late)
        except LabError:
            return
    raise LabError("a relay of the kernel's was not told from it")


def browsing(certificates, request, behind):
    """A stranger's whole handshake and request, then close_notify and something behind it."""
    def opening(s):
        came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context(certificates, alpn=("http/1.1",)).wrap_bio(came, goes, server_hostname=NAME)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                s.sendall(goes.read())
                came.write(s.recv(65536))
        if request:
            tls.write(request)
        s.sendall(goes.read())
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()
        return goes.read() + behind
    return opening


def used_hello(lab, prober, build):
    """The hello of a client that got in, as somebody on its way has seen it."""
    done = subprocess.run(["ip", "netns", "exec", lab.namespace("client"), build / "tests/interop/xray/reality-peer",
                           "client", f"{GATEWAY_C4}/{GATES}", NAME, PUBLIC, SHORT_ID, "chrome"], input=b"hello",
                          capture_output=True, timeout=30, check=False)
    check_equal(done.stdout, b"hello", f"a client of ours: {done.stderr.decode().strip()}")
    time.sleep(0.2)
    return prober.hello_on_the_wire("through", GATES)


class Rows:
    """What is tried with one target; each row is a name and what compares both ways."""

    def __init__(self, lab, prober, hellos, certificates, patient):
        self.lab, self.prober, self.hellos, self.certificates, self.patient = lab, prober, hellos, certificates, patient
        self.known = hellos.fresh()
        self.tampered = 0
        self.authentic = 0

    def of_hellos(self, what, then, leave):
        """An authentic hello that nobody has seen, and the same with another tag, each as when sent to the target."""
        def authentic():
            self.authentic += 1
            return self.hellos.fresh()

        def tampered():
            self.tampered += 1
            return self.hellos.tampered()

        for name, opening in (("an authentic hello", authentic), ("a tampered hello", tampered)):
            yield f"{name}, {what}", lambda opening=opening: self.prober.compare(
                what, opening, then, leave, straight=lambda: self.known)

    def alike(self, what, opening, then, leave=leave_later):
        return what, lambda: self.prober.compare(what, opening, then, leave)

    def leavers(self):
        """One who has the keys, here and with the target as its client, and trusts nobody."""
        def leaving(s):
            self.authentic += 1
            return self.hellos.leaving(s)

        for name, leave in {"": leave_later, " and ends at once": leave_at_once, ", and more later": leave_late}.items():
            yield self.alike(f"a client that gives up by an alert{name}", leaving, None, leave)

    def answers(self):
        yield "the answer to a SYN", lambda: check_equal(
            *(self.prober.answer(way) for way in ("through", "straight")), "through us, and straight")

    def abuses(self):
        for name, then in ABUSES.items():
            yield from self.of_hellos(name, then, leave_later)
        for name in ("garbage", "a sealed record that opens under no key", "an alert in the clear", "half a record",
                     "nothing", "33 of change_cipher_spec"):
            yield from self.of_hellos(f"{name} and an end at once", ABUSES[name], leave_at_once)
        for name in ("garbage", "an alert in the clear", "33 of change_cipher_spec"):
            yield from self.of_hellos(f"{name}, and more later", ABUSES[name], leave_late)
        for name in ("half a record", "nothing"):
            yield from self.of_hellos(f"{name} and a reset", ABUSES[name], leave_by_reset)
            if self.patient:
                yield from self.of_hellos(f"{name} and silence", ABUSES[name], leave_never)

    def strangers(self):
        for name, first in {"garbage": b"\xff" * 300, "HTTP": ABUSES["HTTP"], "half a hello": self.known[:200],
                            "a header": self.known[:3], "silence": b"", "change_cipher_spec": CCS,
                            "an alert": ABUSES["an alert in the clear"]}.items():
            yield self.alike(f"{name} in place of a hello", lambda first=first: first, b"")
        if self.patient:
            yield self.alike("silence from the begin", lambda: b"", b"", leave_never)
            yield self.alike("half a hello and silence", lambda: self.known[:200], b"", leave_never)
        for name, other in {"a wrong short id": {"short_id": "0102030405060709"}, "a wrong key": {"public": "09" + "00" * 31},
                            "another name": {"name": "other.example"}, "Firefox": {"browser": "firefox"}}.items():
            yield self.alike(f"{name}, garbage", lambda other=other: self.hellos.fresh(**other), ABUSES["garbage"])

    def replays(self, used):
        for name in ("garbage", "a sealed record that opens under no key", "33 of change_cipher_spec", "nothing"):
            yield self.alike(f"a hello that got somebody in, {name}", lambda: used, ABUSES[name])

    def visitors(self):
        for name, request in {"a page": REQUEST, "no request": b""}.items():
            for end, behind in {"close_notify": b"", "close_notify and garbage": ABUSES["garbage"]}.items():
                yield self.alike(f"a visitor, {name}, {end}", browsing(self.certificates, request, behind), None)

    def all(self, build):
        yield from self.answers()
        yield from self.visitors()
        yield from self.leavers()
        yield from self.strangers()
        yield from self.abuses()
        yield from self.replays(used_hello(self.lab, self.prober, build))

    def results(self):
        """What nexpathd took them for: no comparison counts where it could not play the target from the begin."""
        counts = {name: counted(self.lab, name) for name in ("bad_finished", "target_shape", "replay", "authenticated")}
        if counts["target_shape"] or counts["bad_finished"] < 0.9 * self.authentic or not counts["replay"]:
            raise LabError(f"of {self.authentic} authentic hellos: {counts}")


def report(count, word, what, why=""):
    count[word] += 1
    print(f"{word} probe {what}" + (f": {why}" if why else ""), flush=True)


def tried(count, name, what, act):
    try:
        act()
        report(count, "ok", f"{name}, {what}")
    except (LabError, OSError, ssl.SSLError) as why:
        report(count, "not ok", f"{name}, {what}", why)


def probe(bench, build, name, count):
    lab = bench.lab()
    certificates = Certificates(lab)
    certificates.make("target", NAME, key=("rsa:2048",))
    link_straight(lab)
    # What most releases of Linux have: the window's scale follows from it.
    lab.at("server", "sysctl", "-qw", "net.ipv4.tcp_rmem=4096 131072 6291456")
    TARGETS[name](lab, certificates)
    wait_for(name, lambda: all(lab.listening("server", port) for port in ports(name, WEB)))
    bench.tcp_server(lab, ECHO, echo)
    lab.start(guarded(lab, name))
    prober = Prober(lab, GATEWAY_C4, lanes(name, WEB), lanes(name, GATES))
    rows = Rows(lab, prober, Hellos(build, NAME, PUBLIC, SHORT_ID), certificates, name != "s_server")
    with ending_clean(lab), contextlib.closing(prober):
        tried(count, name, "a relay by sockets is told from it", lambda: finds_relays(bench, lab, name, rows.known))
        for what, act in rows.all(build):
            tried(count, name, what, act)
        tried(count, name, "what nexpathd took them for", rows.results)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--build", required=True, type=Path, help="a build folder of meson")
    options.add_argument("targets", nargs="*", help=f"these only, of {', '.join(TARGETS)}")
    given = options.parse_args()
    count = {"ok": 0, "not ok": 0, "skipped": 0}
    for name in given.targets or TARGETS:
        if os.geteuid() != 0:
            report(count, "skipped", name, "a lab needs root")
            continue
        bench = Bench(given.build)
        try:
            probe(bench, given.build, name, count)
        except Unavailable as why:
            report(count, "skipped", name, why)
        except (LabError, OSError, RuntimeError) as why:
            report(count, "not ok", name, why)
        finally:
            bench.close()
    print(f"{count['ok']} passed, {count['not ok']} failed, {count['skipped']} skipped")
    return count["not ok"] != 0


if __name__ == "__main__":
    sys.exit(main())
