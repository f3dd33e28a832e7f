# SPDX-License-Identifier: BSD-3-Clause
"""REALITY at a listener: who has the keys reaches the upstream, everybody else the target and nothing but the target."""

import base64
import contextlib
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from cases_terminate_transparent import Wire
from harness import (ECHO, GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, LabError, case, check, check_equal, connect, echo,
                     expect_error, listener, payload, reset, upstream, wait_for)
from securing import Certificates
from terminating import MODE, at, ending_clean, nginx_of

NAME = "target.example"
SHORT_ID = "0102030405060708"
PRIVATE = bytes(range(1, 33))
# Of that key, as protocols have it on paper.
PUBLIC = "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c"
WEB = 8443
DIRECT = LISTEN + 10
PAGE = "the page of the target\n"


def nginx_target(lab, certificates):
    """nginx with TLS 1.3 as the target, with a certificate for NAME."""
    certificates.make("target", NAME, key=("rsa:2048",))
    (lab.folder / "page").write_text(PAGE)
    nginx_of(lab, f"""server {{
        listen {WEB} ssl; listen [::]:{WEB} ssl; server_name {NAME}; root {lab.folder};
        ssl_certificate {certificates.folder}/target.pem; ssl_certificate_key {certificates.folder}/target.key;
        ssl_protocols TLSv1.3; }}""", WEB)


def credential(lab, target=at(SERVER4, WEB), more=""):
    """A server's, its key in a file."""
    key = lab.folder / "keys" / "reality.key"
    key.write_text(base64.urlsafe_b64encode(PRIVATE).rstrip(b"=").decode() + "\n")
    key.chmod(0o600)
    return (f'{{ name = "front"; kind = "reality"; private_key = "file:{key}"; target = "{target}"; '
            f'server_names = ["{NAME}"]; short_ids = ["{SHORT_ID}"]; {more} }}')


def guarded(lab, target=at(SERVER4, WEB), more=""):
    """REALITY before an echo on both families, and the target itself on DIRECT."""
    security = 'transport = { security = "reality"; credentials = ["front"]; };'
    listeners = ", ".join([
        listener("in4", "tcp", at(GATEWAY_C4, LISTEN), "echo", f"{MODE} {security}"),
        listener("in6", "tcp", at(GATEWAY_C6, LISTEN), "echo", f"{MODE} {security}"),
        listener("direct", "tcp", at(GATEWAY_C4, DIRECT), "web")])
    upstreams = ", ".join([upstream("echo", at(SERVER4, ECHO)), upstream("web", at(SERVER4, WEB))])
    extra = f"credentials = ( {credential(lab, target, more)} );"
    return lab.configuration(listeners, upstreams, extra=extra).replace(
        "management = {", f'management = {{ key_dir = "{lab.folder}/keys"; metrics = "127.0.0.1:9641";')


def guarded_lab(t, **options):
    lab = t.lab()
    certificates = Certificates(lab)
    nginx_target(lab, certificates)
    t.tcp_server(lab, ECHO, echo)
    lab.start(guarded(lab, **options))
    return lab, certificates


def through(t, lab, data, address=GATEWAY_C4, short_id=SHORT_ID, name=NAME, public=PUBLIC, browser="chrome"):
    """What our own REALITY client gets back for data and an end, and what it says of its handshake."""
    done = subprocess.run(["ip", "netns", "exec", lab.namespace("client"),
                           Path(t.build) / "tests/interop/xray/reality-peer", "client", f"{address}/{LISTEN}", name,
                           public, short_id, browser], input=data, capture_output=True, timeout=30, check=False)
    return done.stdout, done.stderr.decode()


def curl(lab, certificates, address=GATEWAY_C4, port=LISTEN):
    return lab.at("client", "curl", "--silent", "--show-error", "--max-time", "20", "--cacert", certificates.authority,
                  "--resolve", f"{NAME}:{port}:{address}", f"https://{NAME}:{port}/page", check=False)


@case
def reality_strangers_see_the_target(t):
    """curl without the keys gets the target's certificate and page, over both families"""
    lab, certificates = guarded_lab(t)
    with ending_clean(lab):
        for address in (GATEWAY_C4, GATEWAY_C6):
            done = curl(lab, certificates, address)
            check_equal((done.returncode, done.stdout), (0, PAGE), f"curl: {done.stderr}")


@case
def reality_clients_reach_the_upstream(t):
    """a client with the keys gets through to the upstream, over both families, with 4 MiB there and back"""
    lab, _ = guarded_lab(t)
    with ending_clean(lab):
        for address in (GATEWAY_C4, GATEWAY_C6):
            for data in (b"is anybody there?", payload(4 << 20)):
                got, said = through(t, lab, data, address)
                check(got == data, f"{len(got)} of {len(data)} bytes came back; {said}")


def hello_of(t, lab, **options):
    """The hello that our client would send, which nobody has seen yet."""
    with lab.sockets("client"):
        door = socket.create_server(("127.0.0.1", LISTEN))
    got = []

    def listen():
        connection, _ = door.accept()
        with connection:
            connection.settimeout(0.5)
            with contextlib.suppress(OSError):
                while data := connection.recv(65536):
                    got.append(data)

    thread = threading.Thread(target=listen)
    with door:
        thread.start()
        through(t, lab, b"", address="127.0.0.1", **options)
        thread.join()
    return b"".join(got)


def record(kind, body, version=b"\3\3"):
    return bytes([kind]) + version + struct.pack("!H", len(body)) + body


CCS = record(20, b"\1")
# What somebody says who holds a hello and not its keys, behind the server's flight.
ABUSES = {
    "garbage": b"\xff" * 40,
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "a sealed record that opens under no key": record(23, bytes(53)),
    "change_cipher_spec and such a record": CCS + record(23, bytes(53)),
    "33 of change_cipher_spec": CCS * 33,
    "an alert in the clear": record(21, b"\2\x28"),
    "a handshake record in the clear": record(22, bytes(36)),
    "an empty record": record(23, b""),
    "a record that is too long": record(23, bytes(16641)),
    "a record of another version": record(23, bytes(53), b"\3\1"),
    "a malformed change_cipher_spec": record(20, b"\2"),
    "half a record": record(23, bytes(53))[:30],
    "nothing": b"",
}


def ending(s, seconds):
    """What comes until the end, in bytes, and which end it is."""
    s.settimeout(seconds)
    count = 0
    try:
        while data := s.recv(65536):
            count += len(data)
    except TimeoutError:
        return count, "silence"
    except OSError:
        return count, "reset"
    return count, "end"


def talk(lab, port, first, then, leave):
    """Sends first, awaits the answer, sends then, and leaves; what came in, and how it ended."""
    wire = Wire(lab, "client", port, 0)
    try:
        with connect(lab, GATEWAY_C4, port) as s, contextlib.suppress(ConnectionError):
            s.sendall(first)
            answer = ending(s, 0.3)
            with contextlib.suppress(OSError):
                s.sendall(then)
                if leave == "end":
                    s.shutdown(socket.SHUT_WR)
            last = ending(s, 0.5) if leave != "reset" else None
            if leave == "reset":
                reset(s)
        wait_for("the session to end", lambda: lab.query("session", "list")["total"] == 0)
        time.sleep(0.1)
    finally:
        wire.close()
    return answer, last, wire.shape()


def counted(lab, result):
    """How many clients' handshakes came to this."""
    text = lab.at("gateway", "curl", "-sf", "http://127.0.0.1:9641/metrics").stdout
    series = f'nexpath_reality_handshakes_total{{result="{result}"}} '
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(series))


def same(lab, name, through_us, direct, then, leave="end"):
    ours, its = talk(lab, LISTEN, through_us, then, leave), talk(lab, DIRECT, direct, then, leave)
    check_equal(ours, its, f"{name}, {leave}: through us, and from the target itself")


def sometimes_same(t, lab, name, then, leave="end"):
    """As same. A target that closes as our end arrives resets or not as it happens, so one talk of several counts."""
    for left in (3, 2, 1, 0):
        hello = hello_of(t, lab)
        check(len(hello) > 500, f"no hello: {len(hello)} bytes")
        try:
            return same(lab, name, hello, hello, then, leave)
        except LabError:
            if left == 0:
                raise


@case
def reality_abuse_of_a_hello_meets_the_target(t):
    """whoever holds an authentic hello and not its keys meets the target: lengths, flags, order and the kind of end"""
    lab, _ = guarded_lab(t)
    with ending_clean(lab):
        for name, then in ABUSES.items():
            sometimes_same(t, lab, name, then)
        for leave in ("reset", "stay"):
            sometimes_same(t, lab, "a sealed record", record(23, bytes(53)), leave)
        # They were taken for clients until then.
        counts = {r: counted(lab, r) for r in ("bad_finished", "target_shape", "key_share", "replay", "version")}
        check(counts["bad_finished"] >= len(ABUSES), f"they were strangers from the begin: {counts}")


@case
def reality_strangers_meet_the_target(t):
    """garbage, half a hello, silence, a wrong short id and a hello that was here before are the target's to answer"""
    lab, _ = guarded_lab(t)
    with ending_clean(lab):
        hello = hello_of(t, lab)
        for name, first in {"garbage": b"\xff" * 300, "HTTP": ABUSES["HTTP"], "half a hello": hello[:200],
                            "a header": hello[:3], "silence": b""}.items():
            for leave in ("end", "reset"):
                same(lab, name, first, first, b"", leave)
        for name, wrong in {"a wrong short id": hello_of(t, lab, short_id="0102030405060709"),
                            "a wrong key": hello_of(t, lab, public="09" + "00" * 31),
                            "another name": hello_of(t, lab, name="other.example")}.items():
            same(lab, name, wrong, wrong, ABUSES["garbage"])
        got, said = through(t, lab, b"is anybody there?", short_id="0102030405060709")
        check_equal(got, b"", f"a wrong short id: {said}")
        check_equal([counted(lab, r) for r in ("authenticated", "short_id", "sni")], [0, 2, 1], "results")


@case
def reality_without_a_target(t):
    """a target that refuses is a listener that refuses"""
    lab, _ = guarded_lab(t, target=at(SERVER4, WEB + 1))
    with ending_clean(lab):
        expect_error(ConnectionRefusedError, lambda: connect(lab), "a connection")
