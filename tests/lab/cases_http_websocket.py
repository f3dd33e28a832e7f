# SPDX-License-Identifier: BSD-3-Clause
"""WebSockets through HTTP listeners, each side in the clear and over TLS."""

import base64
import hashlib
import os
import re
import ssl
import time

from cases_http import SECURE, WEB, gateway
from cases_tls_upstream import client_credential, named, tls_server
from harness import (LISTEN, SERVER4, LabError, case, check, check_equal, connect, payload, receive_exactly, upstream,
                     wait_for)
from securing import NAME, Certificates, context, transport
from terminating import at, ending_clean

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8a
KEY = base64.b64encode(b"the sample nonce").decode()
GOODBYE = b"\x03\xe8"


def accepting(key):
    """RFC 6455, section 4.2.2."""
    return base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()


def frame(kind, data, masked=True):
    bit = 0x80 if masked else 0
    head = bytes([kind, bit | len(data)] if len(data) < 126 else [kind, bit | 127])
    if len(data) >= 126:
        head += len(data).to_bytes(8, "big")
    if not masked:
        return head + data
    key = os.urandom(4)
    return head + key + unmasked(key, data)


def unmasked(key, data):
    whole = int.from_bytes((key * (len(data) // 4 + 1))[:len(data)], "big")
    return (int.from_bytes(data, "big") ^ whole).to_bytes(len(data), "big")


def next_frame(s):
    """The next frame's first byte and payload."""
    kind, length = receive_exactly(s, 2)
    if length & 127 == 127:
        size = int.from_bytes(receive_exactly(s, 8), "big")
    else:
        size = length & 127
    key = receive_exactly(s, 4) if length & 128 else None
    data = receive_exactly(s, size)
    return kind, unmasked(key, data) if key else data


def end(s):
    """The end of what this side says; with TLS, once the other's has come too."""
    if isinstance(s, ssl.SSLSocket):
        s.unwrap()
    else:
        s.shutdown(1)


def talk(s, path, answer):
    """What the target says and hears: its answer with two frames behind it, echoes of texts and binaries, a ping when it
    is told to, and its end before or after the client's, as the path says."""
    s.sendall(answer + frame(TEXT, b"right behind", masked=False) + frame(PING, b"", masked=False))
    while True:
        kind, data = next_frame(s)
        if data == b"ping me":
            s.sendall(frame(PING, b"still there?", masked=False))
        elif data == b"leave":
            s.sendall(frame(CLOSE, GOODBYE, masked=False))
        elif kind in (TEXT, BINARY):
            s.sendall(frame(kind, data, masked=False))
        elif kind == CLOSE:
            break
    if path.endswith("/client-ends"):
        s.sendall(frame(CLOSE, GOODBYE, masked=False))
        check_equal(s.recv(1), b"", "behind the client's Close")
    end(s)
    if path.endswith("/target-ends"):
        check(isinstance(s, ssl.SSLSocket) or s.recv(1) == b"", "something behind our end")


def server_of(log):
    """Switches and talks; what becomes of each connection is put in the log."""
    def serve(s):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive_exactly(s, 1)
        path = head.split()[1].decode()
        key = re.search(rb"(?i)\nSec-WebSocket-Key: (\S+)", head)[1].decode()
        try:
            talk(s, path, f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          f"Sec-WebSocket-Accept: {accepting(key)}\r\n\r\n".encode())
            log.append(path)
        except (LabError, OSError) as error:
            log.append(f"{path}: {error}")
    return serve


def opened(lab, port, path, tls):
    """A WebSocket whose first frame is sent with its request; tls: the context, or None."""
    s = connect(lab, port=port, timeout=10)
    if tls:
        s = tls.wrap_socket(s, server_hostname=NAME, suppress_ragged_eofs=False)
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
              f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode() + frame(TEXT, b"early"))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += receive_exactly(s, 1)
    check(head.startswith(b"HTTP/1.1 101 ") and accepting(KEY).encode() in head, f"{path}: {head!r}")
    for expected in ((TEXT, b"right behind"), (PING, b""), (TEXT, b"early")):
        check_equal(next_frame(s), expected, path)
    return s


def closed(s, path):
    """Both Close frames, then both ends, as the path says whose comes first. No end here is a cut one."""
    if path.endswith("/client-ends"):
        s.sendall(frame(CLOSE, GOODBYE))
        check_equal(next_frame(s), (CLOSE, GOODBYE), path)
        end(s)
        check(isinstance(s, ssl.SSLSocket) or s.recv(1) == b"", f"{path}: behind our end")
    else:
        s.sendall(frame(TEXT, b"leave"))
        check_equal(next_frame(s), (CLOSE, GOODBYE), path)
        s.sendall(frame(CLOSE, GOODBYE))
        check_equal(s.recv(1), b"", f"{path}: behind the target's Close")
        end(s)
    s.close()


@case
def http_websocket(t):
    """a WebSocket passes to libnexwire's echo server and back"""
    lab = t.lab()
    lab.spawn("server", lab.build / "fastpath/wire/examples/ws-echo-server", str(WEB))
    wait_for("the echo server", lambda: lab.listening("server", WEB))
    lab.start(gateway(lab, ['{ path = "/"; upstream = "web"; }']))
    with ending_clean(lab), connect(lab) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                  b"\x81\x85\0\0\0\0hello")
        got = b""
        while not got.endswith(b"\x81\x05hello"):
            piece = s.recv(65536)
            check(piece, f"ended after {got!r}")
            got += piece
        check(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in got, f"{got!r}")


@case
def http_websocket_over_tls(t):
    """WebSockets with TLS at neither, either and both sides: frames behind the 101, 1 MiB, a ping after silence, ends of each side"""
    lab = t.lab()
    certificates = Certificates(lab)
    credential = certificates.make("www", NAME).replace("}", 'alpn = ["h2", "http/1.1"]; }')
    log = []
    t.tcp_server(lab, WEB, server_of(log))
    failures = tls_server(t, lab, certificates, server_of(log), port=SECURE)
    http = ('http = { keepalive_timeout_s = 2; response_timeout_s = 2; routes = ( '
            '{ path = "/raw"; upstream = "raw"; }, { path = "/tls"; upstream = "far"; } ); };')
    listeners = ", ".join(f'{{ name = "in{port}"; protocol = "http"; listen = "*:{port}"; {more} {http} }}'
                          for port, more in ((LISTEN, ""), (LISTEN + 1, transport("www"))))
    text = lab.configuration(listeners, ", ".join([upstream("raw", at(SERVER4, WEB)),
                                                   upstream("far", at(SERVER4, SECURE), more=transport("out"))]),
                             extra=f"credentials = ( {credential}, {client_credential(certificates, more=named())} );")
    lab.start(text.replace("management = {", f'management = {{ key_dir = "{lab.folder}/keys";'))
    with ending_clean(lab):
        ways = []
        for first in ("client-ends", "target-ends"):
            for version in (None, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                tls = context(certificates, version=version, alpn=("http/1.1",)) if version else None
                for side in ("raw", "tls"):
                    path = f"/{side}/{version and version.name}/{first}"
                    ways.append((opened(lab, LISTEN + bool(tls), path, tls), path))
        big = payload(1 << 20)
        for s, path in ways:
            s.sendall(frame(BINARY, big))
            check(next_frame(s) == (BINARY, big), f"{path}: what came back is not what was sent")
        # They are silent for longer than a client may be between requests, or a target before its answer.
        silent = time.monotonic()
        with connect(lab, timeout=10) as idle:
            idle.sendall(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
            while idle.recv(65536):
                pass
        check(time.monotonic() - silent > 1.9, "an idle client was let go early")
        for s, path in ways:
            s.sendall(frame(TEXT, b"ping me"))
            check_equal(next_frame(s), (PING, b"still there?"), path)
            s.sendall(frame(PONG, b"still there?") + frame(TEXT, b"and more"))
            check_equal(next_frame(s), (TEXT, b"and more"), path)
        for s, path in ways:
            closed(s, path)
        wait_for("the targets' ends", lambda: len(log) == len(ways))
        check_equal(sorted(log), sorted(path for _, path in ways), "what ended in order at the target")
        check_equal(failures, [], "handshakes with the target")
