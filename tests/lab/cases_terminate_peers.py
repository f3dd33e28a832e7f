# SPDX-License-Identifier: BSD-3-Clause
"""`mode = "terminate"` between programs that people use: curl, iperf3, nginx, HAProxy, socat, nc, wrk, h2load."""

import hashlib
import json
import os
import re
import threading

from harness import (CLIENT4, GATEWAY_C4, LISTEN, SERVER4, case, check, check_equal, wait_for)
from terminating import WAYS, at, emulating, ending_clean, nginx_of, one, service

HTTP, HTTP2, IPERF, TOOL, FRONT = 8080, 8081, 5201, 8001, 7000
SECOND = (GATEWAY_C4, LISTEN + 2)
LARGE = 200_000_000
# Late, late by chance, lost and overtaken, on what leaves either port.
WORSE = 'delay_us = 5000; jitter_us = 1000; loss = "0.5%"; reorder = "1%"; seed = 11;'


def nginx(lab):
    """nginx in the server namespace: files of the lab's scratch folder, small answers, and HTTP/2."""
    nginx_of(lab, f"""server {{ listen {HTTP}; listen [::]:{HTTP}; location / {{ root {lab.scratch}; }}
              location /small {{ return 200 "a small answer\\n"; }} }}
    server {{ listen {HTTP2} http2; listen [::]:{HTTP2} http2; location / {{ return 200 "a small answer\\n"; }} }}""",
             HTTP, HTTP2)


def random_file(path, size):
    """Writes a file of any bytes, returns its SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as out:
        while size > 0:
            block = os.urandom(min(size, 1 << 20))
            out.write(block)
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def download(lab, way, *options, name="data"):
    out = lab.scratch / "got"
    lab.at("client", "curl", "-gsS", "--fail", "--max-time", "60", "-o", out, *options,
           f"http://{at(*WAYS[way])}/{name}")
    digest = sha256(out)
    out.unlink()
    return digest


@case
def terminate_curl_download(t):
    """curl downloads 200 MB from nginx over IPv4 and 50 MB every other way; each checksum is right"""
    lab = t.lab()
    nginx(lab)
    digests = {size: random_file(lab.scratch / f"data{size}", size) for size in (LARGE, LARGE // 4)}
    lab.start(lab.configuration(*service(HTTP)))
    with ending_clean(lab):
        for way in WAYS:
            size = LARGE if way == (4, 4) else LARGE // 4
            check_equal(download(lab, way, name=f"data{size}"), digests[size], f"{way}: checksum")


@case
def terminate_curl_slow_client(t):
    """a client that reads 10 MB a second gets its 40 MB whole, beside one that reads as fast as it can"""
    lab = t.lab()
    nginx(lab)
    digest = random_file(lab.scratch / "data", 40_000_000)
    lab.start(lab.configuration(*service(HTTP)))
    with ending_clean(lab):
        out = lab.scratch / "slow"
        slow = lab.spawn("client", "curl", "-gsS", "--fail", "--limit-rate", "10M", "-o", out,
                         f"http://{at(*WAYS[4, 4])}/data")
        wait_for("the slow one to have begun", lambda: out.exists() and out.stat().st_size > 0)
        check_equal(download(lab, (6, 6)), digest, "the fast one's checksum")
        check(slow.poll() is None, "the slow one was not slow")
        check_equal(slow.wait(30), 0, f"curl: {slow.log.read_text()}")
        check_equal(sha256(out), digest, "the slow one's checksum")


def check_links_were_bad(lab):
    for port in lab.query("port", "list")["ports"]:
        for what in ("lost", "reordered"):
            check(port["emulate"][what] > 0, f"{port['name']}: nothing was {what}")


@case
def terminate_curl_over_bad_links(t):
    """curl downloads and uploads 5 MB, from either family to either, over links that delay, lose and reorder"""
    lab = t.lab()
    got = []
    nginx(lab)
    upload_server(t, lab, TOOL, got)
    digest = random_file(lab.scratch / "data", 5_000_000)
    lab.start(emulating(lab, *service(HTTP), WORSE))
    with ending_clean(lab):
        for way in WAYS:
            check_equal(download(lab, way), digest, f"{way}: checksum")
        lab.apply(emulating(lab, *service(TOOL), WORSE))
        for way in WAYS:
            upload(lab, way, lab.scratch / "data")
        check_equal(got, [digest] * len(WAYS), "checksums of uploads")
        check_links_were_bad(lab)


def upload_server(t, lab, port, digests, pause=None):
    """Takes one HTTP PUT a connection and answers with its body's SHA-256; pause is called at each piece."""
    def handler(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        if b"100-continue" in head.lower():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        left = int(re.search(rb"(?i)content-length: (\d+)", head)[1]) - len(body)
        digest = hashlib.sha256(body)
        while left > 0:
            if pause:
                pause()
            piece = connection.recv(1 << 18)
            check(piece, "the upload ended early")
            digest.update(piece)
            left -= len(piece)
        digests.append(digest.hexdigest())
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    t.tcp_server(lab, port, handler)


def upload(lab, way, path):
    done = lab.at("client", "curl", "-gsS", "--fail", "--max-time", "60", "-w", "%{http_code}", "-T", path,
                  f"http://{at(*WAYS[way])}/put")
    check_equal(done.stdout, "201", f"{way}: status")


@case
def terminate_curl_upload(t):
    """curl uploads 200 MB over IPv4 and 50 MB every other way; each checksum is right"""
    lab = t.lab()
    got = []
    upload_server(t, lab, TOOL, got)
    large = random_file(lab.scratch / "large", LARGE)
    part = random_file(lab.scratch / "part", LARGE // 4)
    lab.start(lab.configuration(*service(TOOL)))
    with ending_clean(lab):
        for way in WAYS:
            upload(lab, way, lab.scratch / ("large" if way == (4, 4) else "part"))
    check_equal(got, [large, part, part, part], "checksums")


@case
def terminate_curl_slow_server(t):
    """a server that reads in small pieces with pauses between gets its 20 MB whole"""
    lab = t.lab()
    got, rest = [], threading.Event()
    upload_server(t, lab, TOOL, got, pause=lambda: rest.wait(0.005))
    digest = random_file(lab.scratch / "data", 20_000_000)
    lab.start(lab.configuration(*service(TOOL)))
    with ending_clean(lab):
        upload(lab, (4, 4), lab.scratch / "data")
    check_equal(got, [digest], "checksum")


class Iperf3:
    """A run of 2 s between a client and a server of its own, which has one port."""

    def __init__(self, lab, address, port, *options, server=IPERF):
        self.lab, self.what = lab, f"{address}:{port} {options}"
        # A server for each: between two clients one closes its socket, some time after the first.
        self.server = lab.spawn("server", "iperf3", "-s", "-1", "-p", server)
        wait_for("iperf3", lambda: lab.listening("server", server))
        self.client = lab.spawn("client", "iperf3", "-c", address, "-p", port, "-t", "2", "-J", *options)

    def check_faster(self, least):
        """Than this many Mbit/s, as received."""
        check_equal(self.client.wait(timeout=30), 0, self.what)
        rate = json.loads(self.client.log.read_text())["end"]["sum_received"]["bits_per_second"] / 1e6
        check(rate > least, f"{self.what}: {rate:.1f} Mbit/s")
        self.server.wait(timeout=10)


def iperf3_service():
    """Every way to one server, and a way to a second. Two servers are for both directions at once: iperf3's --bidir
    tells its two connections by the order in which they arrive, and connections that end at two workers have none."""
    return (", ".join(both) for both in zip(service(IPERF), one(IPERF + 1, "second", listen=at(*SECOND))))


def check_iperf3_both_at_once(lab, least):
    there, back = Iperf3(lab, *WAYS[4, 4]), Iperf3(lab, *SECOND, "-R", server=IPERF + 1)
    there.check_faster(least)
    back.check_faster(least)


@case
def terminate_iperf3(t):
    """iperf3 there, back, both at once and in four streams, over every way"""
    lab = t.lab()
    lab.start(lab.configuration(*iperf3_service()))
    with ending_clean(lab):
        for way, options in (((4, 4), ()), ((4, 4), ("-R",)), ((4, 4), ("-P", "4")),
                             ((6, 6), ("-R", "-P", "4")), ((4, 6), ()), ((6, 4), ("-R",))):
            Iperf3(lab, *WAYS[way], *options).check_faster(200)
        check_iperf3_both_at_once(lab, 100)


@case
def terminate_iperf3_over_bad_links(t):
    """iperf3 there, back and both at once over links that delay, lose and reorder"""
    lab = t.lab()
    lab.start(emulating(lab, *iperf3_service(), WORSE))
    with ending_clean(lab):
        for way, options in (((4, 4), ()), ((4, 4), ("-R",)), ((6, 6), ()), ((6, 6), ("-R",))):
            Iperf3(lab, *WAYS[way], *options).check_faster(2)
        check_iperf3_both_at_once(lab, 2)
        check_links_were_bad(lab)


@case
def terminate_h2load(t):
    """h2load: 20,000 requests in HTTP/1.1 and 20,000 in HTTP/2 over 50 connections: all succeed"""
    lab = t.lab()
    nginx(lab)
    parts = one(HTTP, name="h1"), one(HTTP2, name="h2", listen=at(GATEWAY_C4, LISTEN + 1))
    lab.start(lab.configuration(*(", ".join(p) for p in zip(*parts))))
    with ending_clean(lab):
        for port, more in ((LISTEN, ("--h1", "-m", "1")), (LISTEN + 1, ("-m", "10"))):
            done = lab.at("client", "h2load", "-n", "20000", "-c", "50", *more, f"http://{GATEWAY_C4}:{port}/small",
                          timeout=60)
            check("20000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, f"h2load said {done.stdout}")


@case
def terminate_haproxy_before(t):
    """HAProxy in front, as our client, with health checks: requests and a download pass"""
    lab = t.lab()
    nginx(lab)
    digest = random_file(lab.scratch / "data", 20_000_000)
    lab.start(lab.configuration(*service(HTTP)))
    front = haproxy(lab, "client", f"""
listen web
    bind :{FRONT}
    server s {at(*WAYS[4, 4])} check inter 100ms
    server t {at(*WAYS[6, 4])} check inter 100ms
""", FRONT)
    with ending_clean(lab):
        out = lab.scratch / "got"
        for _ in range(4):
            lab.at("client", "curl", "-sS", "--fail", "-o", out, f"http://{CLIENT4}:{FRONT}/data")
            check_equal(sha256(out), digest, "checksum")
        done = lab.at("client", "wrk", "-t", "1", "-c", "16", "-d", "2", f"http://{CLIENT4}:{FRONT}/small")
        check("Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, f"wrk said {done.stdout}")
        lab.stop(front)  # its health checks are sessions too


def haproxy(lab, role, sections, port):
    """HAProxy in a namespace, once it listens on the port; its process."""
    path = lab.folder / f"haproxy-{role}.cfg"
    path.write_text(f"""global
    nbthread 1
    maxconn 1000
defaults
    mode tcp
    timeout connect 5s
    timeout client 20s
    timeout server 20s
{sections}""")
    child = lab.spawn(role, "haproxy", "-db", "-f", path)
    wait_for("HAProxy", lambda: lab.listening(role, port))
    return child


def shell(lab, role, line, timeout=20):
    """A shell line in a namespace; its output as text."""
    return lab.at(role, "bash", "-c", f"set -o pipefail; {line}", timeout=timeout).stdout.strip()


@case
def terminate_socat_half_close(t):
    """socat sends 20 MB, shuts its side down and reads the checksum that the server makes of all of it"""
    lab = t.lab()
    digest = random_file(lab.scratch / "data", 20_000_000)
    lab.spawn("server", "socat", f"TCP6-LISTEN:{TOOL},fork,reuseaddr,ipv6only=0", "SYSTEM:sha256sum")
    wait_for("socat", lambda: lab.listening("server", TOOL))
    lab.start(lab.configuration(*service(TOOL)))
    with ending_clean(lab):
        for way in WAYS:
            said = shell(lab, "client", f"socat -t 10 - TCP:{at(*WAYS[way])} < {lab.scratch}/data")
            check_equal(said.split()[:1], [digest], f"{way}: what came back")


@case
def terminate_netcat(t):
    """netcat to netcat: the server's small file ends first, and the client's 20 MB still arrive whole"""
    lab = t.lab()
    # The other way round netcat itself gives up: it sends no more once its peer has ended.
    up, down = random_file(lab.scratch / "up", 20_000_000), random_file(lab.scratch / "down", 1000)
    lab.start(lab.configuration(*one(TOOL)))
    with ending_clean(lab):
        server = lab.spawn("server", "bash", "-c",
                           f"exec nc -N -l {SERVER4} {TOOL} < {lab.scratch}/down > {lab.scratch}/taken")
        wait_for("netcat", lambda: lab.listening("server", TOOL))
        shell(lab, "client", f"nc -N {GATEWAY_C4} {LISTEN} < {lab.scratch}/up > {lab.scratch}/got")
        check_equal(server.wait(10), 0, "the server's netcat")
        check_equal(sha256(lab.scratch / "taken"), up, "the upload's checksum")
        check_equal(sha256(lab.scratch / "got"), down, "the download's checksum")


@case
def terminate_wrk(t):
    """wrk: 64 kept connections, then a connection a request; no socket error, no wrong status"""
    lab = t.lab()
    nginx(lab)
    lab.start(lab.configuration(*service(HTTP)))
    with ending_clean(lab):
        for way, more in (((4, 4), ()), ((6, 4), ("-H", "Connection: close"))):
            done = lab.at("client", "wrk", "-t", "1", "-c", "64", "-d", "3", *more, f"http://{at(*WAYS[way])}/small",
                          timeout=30)
            check("Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, f"wrk said {done.stdout}")
            requests = int(re.search(r"(\d+) requests in", done.stdout)[1])
            check(requests > 1000, f"{way}: only {requests} requests")


@case
def terminate_haproxy_behind(t):
    """HAProxy in HTTP mode as the target, its nginx behind: requests and a download pass"""
    lab = t.lab()
    nginx(lab)
    digest = random_file(lab.scratch / "data", 20_000_000)
    haproxy(lab, "server", f"""
listen web
    mode http
    bind :{TOOL}
    bind :::{TOOL} v6only
    server s 127.0.0.1:{HTTP}
""", TOOL)
    lab.start(lab.configuration(*service(TOOL)))
    with ending_clean(lab):
        for way in WAYS:
            check_equal(download(lab, way), digest, f"{way}: checksum")
        done = lab.at("client", "wrk", "-t", "1", "-c", "16", "-d", "2", f"http://{at(*WAYS[4, 4])}/small")
        check("Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, f"wrk said {done.stdout}")
