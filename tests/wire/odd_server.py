# SPDX-License-Identifier: BSD-3-Clause
"""An HTTP server of single behaviours, each at a path of its own, for the clients' tests."""

import base64
import hashlib
import socket
import threading
import time

OK = b"HTTP/1.1 200 OK\r\n"


def plain(body):
    return OK + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(pieces):
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(
        b"%x\r\n" % len(p) + p + b"\r\n" for p in pieces) + b"0\r\nX-Trailer: t\r\n\r\n"


LARGE = b"l" * 30000
WHOLE = {  # the answer, and whether the connection ends with it
    "/chunked": (chunked([bytes([ord("a") + n % 26]) * 10 for n in range(4000)]), False),
    "/interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + plain(b"final"), False),
    "/204": (b"HTTP/1.1 204 No Content\r\n\r\n", False),
    "/until-close": (OK + b"\r\nuntil close", True),
    "/large": (plain(LARGE), True),
    "/large-chunked": (chunked([LARGE[:1000]] * 30), True),
    "/garbage": (b"SSH-2.0-OpenSSH\r\n\r\n", True),
    "/truncated": (OK + b"Content-Length: 10\r\n\r\nfive", True),
    "/smuggled": (OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True),
    "/gone": (b"", True),
}


def bytewise(connection):
    for byte in plain(b"one byte at a time"):
        connection.sendall(bytes([byte]))
    return True


def silent(connection):
    return connection.recv(1) != b"" and False


def drip(connection):
    connection.sendall(OK + b"Content-Length: 1000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"d")
        time.sleep(0.05)
    return False


def close_later(connection):
    connection.sendall(plain(b"for now"))
    time.sleep(0.05)
    return False


STEPS = {"/bytewise": bytewise, "/silent": silent, "/drip": drip, "/close-later": close_later}


def bad_frame(connection, head):
    key = next(line[19:] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key: "))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n\x89\x01p\x81\x81mask!")
    time.sleep(0.2)
    return False


def answer(connection, head, body):
    path = head.split(b" ")[1].decode().split("?")[0]
    if path == "/bad-frame":
        return bad_frame(connection, head)
    if path in STEPS:
        return STEPS[path](connection)
    if path in WHOLE:
        data, ends = WHOLE[path]
        connection.sendall(data)
        return not ends
    connection.sendall(plain(head + b"\r\n\r\n" + body))
    return True


def refuse(connection, _head, _stream):
    """Closes with the body unread, which resets the connection."""
    connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo large")
    return False


HELD = []  # connections that stay open, unread


def redirect(connection, _head, _stream):
    HELD.append(connection.dup())
    connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 307 Temporary Redirect\r\n"
                       b"Location: /elsewhere\r\nContent-Length: 9\r\n\r\nelsewhere")
    return False


def end(connection, _head, _stream):
    HELD.append(connection.dup())
    connection.shutdown(socket.SHUT_WR)
    return False


def begin(connection, head, stream):
    """Answers while the body still comes, and wants all of it."""
    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 11\r\n\r\nhad ")
    connection.sendall(b"%7d" % len(body_of(head, stream)))
    return True


EARLY = {"/refuse": refuse, "/redirect": redirect, "/end": end, "/begin": begin}  # before the body is read


def body_of(head, stream):
    if b"\r\ntransfer-encoding: chunked" not in head.lower():
        return stream.read(sum(int(line[15:]) for line in head.split(b"\r\n")
                               if line.lower().startswith(b"content-length:")))
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body


def head_of(stream):
    """The next request's lines, without the empty one; None where the client has ended."""
    head = b""
    while (line := stream.readline()) != b"\r\n":
        if not line:
            return None
        head += line
    return head[:-2]


def serve(connection):
    with connection, connection.makefile("rb") as stream:
        while (head := head_of(stream)) is not None:
            path = head.split(b" ")[1].decode()
            goes_on = (EARLY[path](connection, head, stream) if path in EARLY else
                       answer(connection, head, body_of(head, stream)))
            if not goes_on:
                return


def quietly(connection):
    try:
        serve(connection)
    except OSError:
        pass


def start():
    """Serves on a free port from threads that end with the process; returns the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            threading.Thread(target=quietly, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]
