# SPDX-License-Identifier: BSD-3-Clause
"""A whole nexpathd in a lab before Xray's server: what clients say in the clear travels as REALITY."""

import contextlib
import json
import os
import ssl
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "lab"))

from harness import ECHO, SERVER4, Bench, LabError, connect, echo, wait_for  # noqa: E402
from terminating import at, ending_clean, one  # noqa: E402

TARGET, SERVER = 8443, 9443


def credential(roots, public, name, short_id, browser):
    return (f'{{ name = "out"; kind = "reality-client"; public_key = "{public}"; server_name = "{name}"; '
            f'short_id = "{short_id}"; fingerprint = "{browser}"; roots = "file:{roots}"; }}')


def target_of(folder, chain):
    """What a connection of Xray's target is answered by. Many at a time: Xray keeps one for seconds to look at it, and
    `openssl s_server` would have the others wait."""
    chain.write_bytes((folder / "certificate").read_bytes() + (folder / "chain").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, folder / "key")

    def answer(connection):
        with context.wrap_socket(connection, server_side=True) as s:
            while s.recv(1 << 16):
                s.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
    return answer


@contextlib.contextmanager
def lab_before_xray(world, inbound, public, name):
    """A lab whose server namespace has Xray, its target and an echo; and what makes a configuration for it."""
    bench = Bench(world.build)
    try:
        lab = bench.lab()
        path = lab.folder / "xray.json"
        path.write_text(json.dumps({"inbounds": [{**inbound, "listen": "0.0.0.0", "port": SERVER}],
                                    "outbounds": [{"protocol": "freedom"}]}))
        bench.tcp_server(lab, TARGET, target_of(world.folder, lab.folder / "target.pem"))
        lab.spawn("server", world.xray_program, "run", "-c", path)
        bench.tcp_server(lab, ECHO, echo)
        wait_for("Xray and its target", lambda: all(lab.listening("server", p) for p in (TARGET, SERVER)))

        def configuration(browser, short_id):
            listeners, upstreams = one(
                SERVER, upstream_more='transport = { security = "reality"; credentials = ["out"]; };')
            extra = f'credentials = ( {credential(world.folder / "certificate", public, name, short_id, browser)} );'
            return lab.configuration(listeners, upstreams, extra=extra)

        yield lab, configuration
    except (LabError, OSError):
        print(*bench.told(), sep="\n")
        raise
    finally:
        bench.close()


def exchange(lab, head, size=1 << 20):
    """A head and an echo behind it, through the node."""
    data = os.urandom(size)
    with connect(lab, timeout=20) as s:
        sender = threading.Thread(target=s.sendall, args=(head + data,), daemon=True)
        sender.start()
        got = bytearray()
        while len(got) < size + 2:
            piece = s.recv(1 << 16)
            if not piece:
                raise LabError(f"an end after {len(got)} bytes")
            got += piece
        sender.join()
    if got[2:] != data:
        raise LabError("other bytes came back than were sent")


def events(lab, kind):
    return [e["message"] for e in lab.query("events")["events"] if e["kind"] == kind]


def reaches(world, inbound, public, name, short_id, head):
    """Both browsers' hellos get through, many sessions one after another and at once."""
    with lab_before_xray(world, inbound, public, name) as (lab, configuration):
        lab.start(configuration("chrome", short_id))
        with ending_clean(lab):
            for browser in ("chrome", "firefox"):
                lab.apply(configuration(browser, short_id))
                for _ in range(5):
                    exchange(lab, head)
                many = [threading.Thread(target=exchange, args=(lab, head, 1 << 18)) for _ in range(10)]
                for thread in many:
                    thread.start()
                for thread in many:
                    thread.join()


def is_refused(world, inbound, public, name, short_id):
    """With another short id the target's certificate comes: the session is refused, and an event says so."""
    with lab_before_xray(world, inbound, public, name) as (lab, configuration):
        lab.start(configuration("chrome", short_id))
        with ending_clean(lab):
            with connect(lab) as s:
                try:
                    got = s.recv(1)
                except ConnectionResetError:
                    got = None
                if got is not None:
                    raise LabError(f"{got!r} instead of a reset")
            wait_for("the event", lambda: any(
                at(SERVER4, SERVER) in m for m in events(lab, "reality_real_certificate")))
