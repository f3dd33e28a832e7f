# SPDX-License-Identifier: BSD-3-Clause
"""What strangers of a REALITY listener may cost, and what its target is told of them."""

import time

from cases_proxy_protocol import ask
from cases_reality import NAME, WEB, guarded, through
from harness import (ECHO, GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, SERVER6, case, check, check_equal, connect, echo,
                     payload, receive_exactly)
from securing import Certificates, context
from terminating import at, ending_clean, nginx_of

FREE, RATE, BURST = 1 << 20, 256 << 10, 64 << 10
LIMIT = f"{{ after_bytes = {FREE}; bytes_per_s = {RATE}; burst_bytes = {BURST}; }};"


def timed(move, size):
    """How long it takes until so many bytes have come, and until the last, in seconds; move() gives the next."""
    begin, count = time.monotonic(), 0
    first = None
    while count < size:
        data = move()
        check(data, f"the end came after {count} bytes")
        count += len(data)
        if first is None and count >= FREE:
            first = time.monotonic() - begin
    return first, time.monotonic() - begin


def limited(what, first, all_of_it, size):
    """The first part at once, the rest by its rate."""
    expected = (size - FREE - BURST) / RATE
    check(first < 0.5, f"{what}: the first {FREE} bytes took {first:.2f} s")
    check(0.85 * expected < all_of_it < 1.15 * expected + 0.3, f"{what}: {all_of_it:.2f} s, not {expected:.2f}")


@case
def reality_strangers_are_bounded(t):
    """limits of a fallback: a first part as fast as it goes, the rest by its rate, each way; all of it arrives"""
    size, done = FREE + 3 * RATE, []

    def target(connection):
        order = receive_exactly(connection, 4)
        if order == b"GET\n":
            connection.sendall(payload(size))
        else:
            done.append(timed(lambda: connection.recv(65536), size))
            connection.sendall(b"done")

    lab = t.lab()
    Certificates(lab)
    t.tcp_server(lab, WEB, target)
    t.tcp_server(lab, ECHO, echo)
    lab.start(guarded(lab, more=f"limit_fallback_upload = {LIMIT} limit_fallback_download = {LIMIT}"))
    with ending_clean(lab):
        for address in (GATEWAY_C4, GATEWAY_C6):
            with connect(lab, address) as s:
                s.sendall(b"GET\n")
                limited("download", *timed(lambda s=s: s.recv(65536), size), size)
                check_equal(s.recv(1), b"", "behind it")
            with connect(lab, address) as s:
                s.sendall(b"PUT\n" + payload(size))
                check_equal(receive_exactly(s, 4), b"done", "the target's word")
                limited("upload", *done.pop(), size)
        text = lab.at("gateway", "curl", "-sf", "http://127.0.0.1:9641/metrics").stdout
        for way in ("upload", "download"):
            check(f'nexpath_reality_limited_total{{direction="{way}"}} 2' in text, f"{way} is not counted")


@case
def reality_targets_hear_of_the_client(t):
    """target_proxy_protocol: nginx behind it is told each stranger's address and port, in versions 1 and 2, of both
    families, behind either; who has the keys reaches the upstream as ever"""
    lab = t.lab()
    certificates = Certificates(lab)
    certificates.make("target", NAME, key=("rsa:2048",))
    nginx_of(lab, f"""server {{
        listen {WEB} ssl proxy_protocol; listen [::]:{WEB} ssl proxy_protocol; server_name {NAME};
        ssl_certificate {certificates.folder}/target.pem; ssl_certificate_key {certificates.folder}/target.key;
        ssl_protocols TLSv1.3;
        location / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port\\n"; }} }}""", WEB)
    t.tcp_server(lab, ECHO, echo)
    lab.start(guarded(lab, more='target_proxy_protocol = "v1";'))
    with ending_clean(lab):
        for version in ("v1", "v2"):
            for target in (SERVER4, SERVER6):
                lab.apply(guarded(lab, at(target, WEB), f'target_proxy_protocol = "{version}";'))
                for address in (GATEWAY_C4, GATEWAY_C6):
                    s = context(certificates).wrap_socket(connect(lab, address), server_hostname=NAME)
                    with s:
                        heard, own = ask(s), s.getsockname()[:2]
                    check_equal(heard, [own[0], str(own[1]), str(LISTEN)], f"{version}, {address} to {target}")
                    got, said = through(t, lab, b"is anybody there?", address)
                    check_equal(got, b"is anybody there?", f"{version}, {address} to {target}: {said}")
