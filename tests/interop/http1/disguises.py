# SPDX-License-Identifier: BSD-3-Clause
"""Requests within requests: what public lists of smuggling put around framing, with every byte at every such place."""

from corpora import Case

HOST = b"Host: a\r\n"
INNER = b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"
SPECIAL = b"\0\t\n\r ,;:0x_\x7f\x80\xff"
# @ is the byte.
CODINGS = (b"@Transfer-Encoding: chunked", b"Transfer-Encoding@: chunked", b"Transfer@Encoding: chunked",
           b"Transfer-Encoding@chunked", b"Transfer-Encoding:@chunked", b"Transfer-Encoding: @chunked",
           b"Transfer-Encoding: chunked@", b"Transfer-Encoding: chu@nked", b"Transfer-Encoding: @chunked@",
           b"Transfer-Encoding: identity@chunked", b"Transfer-Encoding: chunked@identity",
           b"Transfer-Encoding: x@ chunked", b"X: y@Transfer-Encoding: chunked", b"X: y\r\n@Transfer-Encoding: chunked",
           b"X: y@\nTransfer-Encoding: chunked", b"X: y\r@Transfer-Encoding: chunked",
           b"X: y\r\n@\r\nTransfer-Encoding: chunked", b"Transfer-Encoding:\r\n@chunked",
           b"Transfer-Encoding: chunked\r\n@X: y", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: @",
           b"Transfer-Encoding: @\r\nTransfer-Encoding: chunked")
LENGTHS = (b"@Content-Length: 0", b"Content-Length@: 0", b"Content@Length: 0", b"Content-Length:@0",
           b"Content-Length: @0", b"Content-Length: 0@", b"Content-Length: 0@0", b"Content-Length: 0, @",
           b"Content-Length: 0\r\n@ 5", b"Content-Length:\r\n@0", b"X: y@Content-Length: 0",
           b"X: y\r\n@Content-Length: 0", b"Content-Length: @\r\nContent-Length: 0",
           b"Content-Length: 0\r\nContent-Length: @")
BODIES = (b"@0\r\n\r\n", b"0@\r\n\r\n", b"0@;x\r\n\r\n", b"0;@\r\n\r\n", b"0;x=@\r\n\r\n", b'0;x="@"\r\n\r\n',
          b"0\r@\n\r\n", b"0@\n\r\n", b"0\r\n@\r\n", b"0\r\n\r@", b"0\r\n@X: y\r\n\r\n", b"0\r\nX@: y\r\n\r\n",
          b"0\r\nX: y@\r\n\r\n", b"5@\r\nhello\r\n0\r\n\r\n", b"@5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello@\r\n0\r\n\r\n",
          b"5\r\nhello\r@0\r\n\r\n", b"5\r\nhello@0\r\n\r\n", b"0@5\r\nhello\r\n0\r\n\r\n")
LINES = (b"@GET / HTTP/1.1\r\n", b"GET@/ HTTP/1.1\r\n", b"GET@ / HTTP/1.1\r\n", b"GET /@ HTTP/1.1\r\n",
         b"GET /@HTTP/1.1\r\n", b"GET / @HTTP/1.1\r\n", b"GET / HTTP/1.1@\r\n", b"GET / HTTP/1@1\r\n",
         b"GET / HTTP/1.@\r\n", b"GET / HTTP/@.1\r\n", b"GET / HTTP/1.1\r@", b"GET / HTTP/1.1@\n",
         b"GET @ HTTP/1.1\r\n", b"G@T / HTTP/1.1\r\n", b"GET http://a@/ HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n@\r\n",
         b"GET / HTTP/1.1\r\nHost@: a\r\n")
HOSTS = (b"Host: a@", b"Host: @a", b"Host: a@b", b"Host:@a", b"@Host: a", b"Host@: a", b"Host: a\r\nHost: @",
         b"Host: a:@", b"Host: a:8@0")


def framed(lines, body, more=b""):
    return b"POST / HTTP/1.1\r\n" + HOST + lines + b"\r\n" + more + b"\r\n" + body + INNER


def requests():
    """Templates, and what each is called."""
    chunks = b"0\r\n\r\n"
    for lines in CODINGS:
        length = b"Content-Length: %d\r\n" % len(chunks + INNER)
        yield lines, framed(lines, chunks)
        yield lines + b" behind a length", framed(length + lines, chunks)
        yield lines + b" before a length", framed(lines, chunks, length)
    for lines in LENGTHS:
        yield lines, framed(lines, b"")
        yield lines + b" behind a coding", framed(b"Transfer-Encoding: chunked\r\n" + lines, chunks)
    for body in BODIES:
        yield body, framed(b"Transfer-Encoding: chunked", body)
    for line in LINES:
        yield line, line + HOST + b"\r\n" + INNER
    for line in HOSTS:
        yield line, b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n" + INNER


def cases():
    for name, template in requests():
        for byte in range(256):
            yield Case("disguises", f"{name!r} with {byte:#04x}", template.replace(b"@", bytes([byte])),
                       kind=repr(name), special=byte in SPECIAL)
