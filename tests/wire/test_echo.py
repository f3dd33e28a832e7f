#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Talks to an echo server with a WebSocket client of its own: usage test_echo.py SERVER example|deflate"""

import base64
import hashlib
import os
import socket
import struct
import subprocess
import sys
import time
import zlib

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Client:
    def __init__(self, port, extensions=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.received = b""
        key = base64.b64encode(os.urandom(16))
        offer = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
        self.socket.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            + offer.encode() + b"Sec-WebSocket-Key: " + key + b"\r\n\r\n")
        while b"\r\n\r\n" not in self.received:
            self.fill()
        self.head, _, self.received = self.received.partition(b"\r\n\r\n")
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
        assert self.head.startswith(b"HTTP/1.1 101 "), self.head
        assert b"\r\nSec-WebSocket-Accept: " + accept in self.head, self.head

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.received += data

    def take(self, n):
        while len(self.received) < n:
            self.fill()
        data, self.received = self.received[:n], self.received[n:]
        return data

    @staticmethod
    def frame(first, data):
        n = len(data)
        length = bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n) \
            if n < 65536 else b"\xff" + struct.pack(">Q", n)
        key = os.urandom(4)
        pad = (key * (n // 4 + 1))[:n]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(n, "big")
        return bytes([first]) + length + key + masked

    def send(self, first, data):
        self.socket.sendall(self.frame(first, data))

    def read(self):
        first, n = self.take(2)
        if n >= 126:
            n = struct.unpack(">H" if n == 126 else ">Q", self.take(2 if n == 126 else 8))[0]
        return first, self.take(n)

    def expect(self, first, data):
        got = self.read()
        assert got == (first, data), (got[0], len(got[1]), got[1][:40], first, len(data))

    def expect_end(self, code):
        self.expect(0x80 | CLOSE, struct.pack(">H", code))
        try:
            self.fill()
        except (EOFError, ConnectionResetError):
            return
        raise AssertionError("the server goes on after its close frame")


def plain(port):
    client = Client(port)
    for n in (0, 1, 125, 126, 5000, 30000):
        client.send(0x80 | BINARY, os.urandom(n) if n else b"")
        assert len(client.read()[1]) == n
    client.send(TEXT, "caf\u00e9 ".encode()[:4])
    client.send(0x80 | PING, b"between")
    client.send(0x80, "caf\u00e9 ".encode()[4:])
    client.expect(0x80 | PONG, b"between")
    client.expect(0x80 | TEXT, "caf\u00e9 ".encode())
    for byte in Client.frame(0x80 | TEXT, b"byte by byte"):
        client.socket.sendall(bytes([byte]))
    client.expect(0x80 | TEXT, b"byte by byte")
    client.socket.sendall(b"".join(Client.frame(0x80 | TEXT, b"%d" % i) for i in range(500)))
    for i in range(500):
        client.expect(0x80 | TEXT, b"%d" % i)
    client.send(0x80 | CLOSE, struct.pack(">H", 1000) + b"done")
    client.expect_end(1000)


def faults(port):
    for first, data, code in ((0x83, b"", 1002), (0x80, b"", 1002), (0x81, b"\xff", 1007),
                              (0xc1, b"x", 1002), (0x88, b"\x03\xed", 1002)):
        client = Client(port)
        client.send(first, data)
        client.expect_end(code)
    refused = socket.create_connection(("127.0.0.1", port), timeout=10)
    refused.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert refused.recv(65536).startswith(b"HTTP/1.1 426 ")
    assert refused.recv(65536) == b""


def deflate(port):
    client = Client(port, "permessage-deflate; client_max_window_bits; server_max_window_bits=10")
    assert b"\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10" in client.head
    out = zlib.compressobj(6, zlib.DEFLATED, -15)
    back = zlib.decompressobj(-10)
    for n in (1, 5, 300, 70000, 1000000):
        data = (b"price 1.25; " * (n // 12 + 1))[:n]
        client.send(0xc0 | TEXT, (out.compress(data) + out.flush(zlib.Z_SYNC_FLUSH))[:-4])
        first, payload = client.read()
        assert first == 0xc0 | TEXT and back.decompress(payload + b"\0\0\xff\xff") == data
    client.send(0xc0 | TEXT, b"\x07")
    client.expect_end(1007)


def listening(port, server):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10).close()
        except ConnectionRefusedError:
            assert server.poll() is None, "the server has ended"
            time.sleep(0.02)
    raise AssertionError("the server does not listen")


def main():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.argv[1], str(port)])
    try:
        listening(port, server)
        plain(port)
        faults(port)
        if sys.argv[2] == "deflate":
            deflate(port)
        assert server.poll() is None, "the server has ended"
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
