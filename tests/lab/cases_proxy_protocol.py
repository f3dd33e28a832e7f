# SPDX-License-Identifier: BSD-3-Clause
"""The PROXY protocol, received from HAProxy and raw sockets, sent to nginx and HAProxy."""

import socket
import time

from cases_terminate_peers import haproxy
from harness import (CLIENT4, CLIENT6, ECHO, GATEWAY_C4, LISTEN, case, check, check_equal, connect, echo, exchange,
                     payload, receive_exactly)
from terminating import WAYS, at, echo_lab, ending_clean, nginx_of, one, service, sessions

RECEIVES = 'proxy_protocol = "required";'
SENDS = {1: 'proxy_protocol = "v1";', 2: 'proxy_protocol = "v2";'}
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
WEB, FRONT = 8080, 7000


def block(source, source_port, destination, destination_port, options=b""):
    """A header of version 2 for a TCP connection."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    body = b"".join(socket.inet_pton(family, a) for a in (source, destination)) \
        + source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big") + options
    return SIGNATURE + bytes([0x21, 0x21 if ":" in source else 0x11]) + len(body).to_bytes(2, "big") + body


def line(source, source_port, destination, destination_port):
    family = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {family} {source} {destination} {source_port} {destination_port}\r\n".encode()


def nginx_that_tells(lab):
    """nginx that wants a PROXY header and answers with the address and port in it."""
    nginx_of(lab, f"""server {{ listen {WEB} proxy_protocol; listen [::]:{WEB} proxy_protocol;
        location / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port\\n"; }} }}""", WEB)


def ask(s):
    """One HTTP request; the answer's body as words."""
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = b"".join(iter(lambda: s.recv(65536), b""))
    check(answer.startswith(b"HTTP/1.1 200 "), f"the answer was {answer[:200]}")
    return answer.partition(b"\r\n\r\n")[2].decode().split()


def own(s, port):
    """What a server must hear of this client."""
    return [s.getsockname()[0], str(s.getsockname()[1]), str(port)]


def expect_end(s, what):
    """The connection ends, by a reset or in order, and no byte comes before."""
    try:
        check(s.recv(1) == b"", f"{what}: a byte came")
    except ConnectionResetError:
        pass


@case
def proxy_protocol_sent_to_nginx(t):
    """nginx hears each client's address and port, and the port that it came to, in versions 1 and 2, every way"""
    lab = t.lab()
    nginx_that_tells(lab)
    lab.start(lab.configuration(*service(WEB, upstream_more=SENDS[1])))
    with ending_clean(lab):
        for version in (1, 2):
            lab.apply(lab.configuration(*service(WEB, upstream_more=SENDS[version])))
            for way in WAYS:
                for _ in range(3):
                    with connect(lab, *WAYS[way]) as s:
                        check_equal(ask(s), own(s, WAYS[way][1]), f"version {version}, {way}")


@case
def proxy_protocol_sent_to_haproxy(t):
    """HAProxy with accept-proxy hears the same"""
    lab = t.lab()
    haproxy(lab, "server", f"""
listen web
    mode http
    bind :{WEB} accept-proxy
    bind :::{WEB} v6only accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst_port]"
""", WEB)
    lab.start(lab.configuration(*service(WEB, upstream_more=SENDS[1])))
    with ending_clean(lab):
        for version in (1, 2):
            lab.apply(lab.configuration(*service(WEB, upstream_more=SENDS[version])))
            for way in WAYS:
                with connect(lab, *WAYS[way]) as s:
                    check_equal(ask(s), own(s, WAYS[way][1]), f"version {version}, {way}")


@case
def proxy_protocol_sent_before_the_servers_word(t):
    """the header comes first and alone counts as nothing: a server that speaks first is heard by a silent client"""
    heads = []

    def greets(connection):
        heads.append(connection.recv(200))
        connection.sendall(b"220 hello\r\n")
        connection.recv(1)

    lab = t.lab()
    t.tcp_server(lab, ECHO, greets)
    lab.start(lab.configuration(*one(ECHO, upstream_more=SENDS[1])))
    with ending_clean(lab), connect(lab) as s:
        check_equal(receive_exactly(s, 11), b"220 hello\r\n", "greeting")
        check_equal(heads, [line(CLIENT4, s.getsockname()[1], GATEWAY_C4, LISTEN)], "what the server got first")


@case
def proxy_protocol_received_names_the_client(t):
    """sessions are listed, and killed, under the address that the header names; LOCAL leaves the connection's own"""
    lab = echo_lab(t, more=RECEIVES)
    with ending_clean(lab), connect(lab) as named, connect(lab) as local:
        named.sendall(line("192.0.2.7", 1234, "198.51.100.9", 443))
        local.sendall(SIGNATURE + b"\x20\0\0\0")
        for s in (named, local):
            exchange(s)
        clients = {x["client"] for x in sessions(lab)}
        check_equal(clients, {"192.0.2.7:1234", f"{CLIENT4}:{local.getsockname()[1]}"}, "clients")
        found = sessions(lab, "client=192.0.2.0/24")
        check_equal([x["client"] for x in found], ["192.0.2.7:1234"], "those of the header's client")
        lab.nexpath("session", "kill", "client=192.0.2.7")
        check_equal([x["client"] for x in sessions(lab)], [f"{CLIENT4}:{local.getsockname()[1]}"], "left")


@case
def proxy_protocol_received_and_taken_off(t):
    """headers of both versions are taken off, whole or cut, alone or with data behind: the target sees the data"""
    lab = echo_lab(t, more=RECEIVES)
    headers = [line("192.0.2.7", 1234, "198.51.100.9", 443), line("2001:db8::7", 1234, "2001:db8::9", 443),
               b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN some more\r\n",
               block("192.0.2.7", 1234, "198.51.100.9", 443), block("2001:db8::7", 1234, "2001:db8::9", 443),
               block("192.0.2.7", 1234, "198.51.100.9", 443, b"\4\1\xf4" + bytes(500)),
               SIGNATURE + b"\x20\0\0\0", SIGNATURE + b"\x21\0\0\5abcde"]
    with ending_clean(lab):
        for way in WAYS:
            for header in headers:
                with connect(lab, *WAYS[way]) as s:
                    s.sendall(header + b"early")
                    check_equal(receive_exactly(s, 5), b"early", f"{way}, behind {header[:30]!r}")
                    exchange(s, payload(100_000))
        for header in headers[0], headers[4]:
            with connect(lab) as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for i in range(len(header)):
                    s.sendall(header[i:i + 1])
                    time.sleep(0.001)  # a segment each: that is what the case is about
                exchange(s, payload(100_000))


@case
def proxy_protocol_received_and_sent_on(t):
    """what one header names is what the next one says, whichever version came and goes"""
    lab = t.lab()
    nginx_that_tells(lab)
    lab.start(lab.configuration(*service(WEB, more=RECEIVES, upstream_more=SENDS[1])))
    with ending_clean(lab):
        for version in (1, 2):
            lab.apply(lab.configuration(*service(WEB, more=RECEIVES, upstream_more=SENDS[version])))
            for way in WAYS:
                for write in (line, block):
                    for source, destination in (("192.0.2.7", "198.51.100.9"), ("2001:db8::7", "2001:db8::9")):
                        with connect(lab, *WAYS[way]) as s:
                            s.sendall(write(source, 1234, destination, 4433))
                            check_equal(ask(s), [source, "1234", "4433"], f"{write.__name__} to {version}, {way}")
            with connect(lab) as s:
                s.sendall(SIGNATURE + b"\x20\0\0\0")
                check_equal(ask(s), own(s, LISTEN), f"LOCAL to {version}")


@case
def proxy_protocol_from_haproxy(t):
    """HAProxy in front, with send-proxy and send-proxy-v2 and a checksum, IPv4 and IPv6: nginx hears its clients"""
    lab = t.lab()
    nginx_that_tells(lab)
    lab.start(lab.configuration(*service(WEB, more=RECEIVES, upstream_more=SENDS[2])))
    front = haproxy(lab, "client", "".join(f"""
listen p{i}
    bind :{FRONT + i}
    bind :::{FRONT + i} v6only
    server s {at(GATEWAY_C4, LISTEN)} {how} check inter 200ms
""" for i, how in enumerate(("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"))),
                    FRONT + 2)
    with ending_clean(lab):
        for i in range(3):
            for address in (CLIENT4, CLIENT6):
                with connect(lab, address, FRONT + i) as s:
                    check_equal(ask(s), own(s, FRONT + i), f"HAProxy {i}, {address}")
        lab.stop(front)


@case
def proxy_protocol_bad_headers(t):
    """what is no header ends the connection at once, before the target hears of it"""
    reached = []
    lab = echo_lab(t, lambda connection: (reached.append(1), echo(connection)), more=RECEIVES)
    good = block("192.0.2.7", 1234, "198.51.100.9", 443, b"\3\0\4abcd")
    with ending_clean(lab):
        for bad in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
                    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", b"PROXY TCP4 ::1 ::2 1 2\r\n", b"PROXY " + b"x" * 110,
                    SIGNATURE + b"\x11\x11\0\x0c" + bytes(12), SIGNATURE + b"\x21\x11\0\x0b" + bytes(11),
                    SIGNATURE + b"\x21\x11\xff\xff", good):
            with connect(lab) as s:
                began = time.monotonic()
                s.sendall(bad)
                expect_end(s, f"behind {bad[:30]!r}")
                check(time.monotonic() - began < 1, f"{bad[:30]!r}: it took {time.monotonic() - began:.1f} s")
        with connect(lab) as s:
            s.sendall(good[:-7].replace(b"\x21\x11\0\x13", b"\x21\x11\0\x0c") + b"after")
            check_equal(receive_exactly(s, 5), b"after", "a good one afterwards")
        check_equal(len(reached), 1, "connections that reached the target")


@case
def proxy_protocol_header_never_comes(t):
    """a client that sends no header, or half of one, is ended within 15 s; others are served meanwhile"""
    lab = echo_lab(t, more=RECEIVES)
    with ending_clean(lab), connect(lab, timeout=15) as silent, connect(lab, timeout=15) as half:
        half.sendall(b"PROXY TCP4 1.2.")
        with connect(lab) as s:
            s.sendall(b"PROXY UNKNOWN\r\n")
            exchange(s)
        expect_end(silent, "no header")
        expect_end(half, "half a header")


@case
def proxy_protocol_half_close_behind_the_header(t):
    """a client that sends header, question and its end at once gets its answer"""
    answer = payload(200_000)

    def after_end(connection):
        while connection.recv(65536):
            pass
        connection.sendall(answer)

    lab = echo_lab(t, after_end, more=RECEIVES)
    with ending_clean(lab):
        for way in WAYS:
            with connect(lab, *WAYS[way]) as s:
                s.sendall(line("192.0.2.7", 1234, "198.51.100.9", 443) + b"question")
                s.shutdown(socket.SHUT_WR)
                check(receive_exactly(s, len(answer)) == answer, f"{way}: the answer differs")
                check_equal(s.recv(1), b"", f"{way}: after the answer")
