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

from cases_terminate_transparent import shape_of
from harness import (ECHO, GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, case, check, check_equal, connect, echo, expect_error,
                     listener, payload, upstream, wait_for)
from probing import (ABUSES, SEALED, TALKS, Hellos, Prober, Tap, leave_at_once, leave_by_reset, leave_late, leave_later,
                     leave_never, link_straight)
from securing import Certificates
from terminating import MODE, at, ending_clean, nginx_of

NAME = "target.example"
SHORT_ID = "0102030405060708"
PRIVATE = bytes(range(1, 33))
# Of that key, as protocols have it on paper.
PUBLIC = "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c"
WEB = 8443
TALKERS = 10  # at once, of a prober
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
    """REALITY before an echo on both families."""
    security = 'transport = { security = "reality"; credentials = ["front"]; };'
    listeners = ", ".join([
        listener("in4", "tcp", at(GATEWAY_C4, LISTEN), "echo", f"{MODE} {security}"),
        listener("in6", "tcp", at(GATEWAY_C6, LISTEN), "echo", f"{MODE} {security}")])
    extra = f"credentials = ( {credential(lab, target, more)} );"
    return lab.configuration(listeners, upstream("echo", at(SERVER4, ECHO)), extra=extra).replace(
        "management = {", f'management = {{ key_dir = "{lab.folder}/keys"; metrics = "127.0.0.1:9641";')


def guarded_lab(t, prepare=lambda lab: None, **options):
    lab = t.lab()
    prepare(lab)
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


def counted(lab, result):
    """How many clients' handshakes came to this."""
    text = lab.at("gateway", "curl", "-sf", "http://127.0.0.1:9641/metrics").stdout
    series = f'nexpath_reality_handshakes_total{{result="{result}"}} '
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(series))


@contextlib.contextmanager
def probed(t):
    """A lab with a way past nexpathd to the target, a prober in it, and hellos of clients."""
    lab, _ = guarded_lab(t, prepare=link_straight)
    with (ending_clean(lab), contextlib.closing(Prober(lab, GATEWAY_C4, [WEB] * TALKERS, [LISTEN] * TALKERS)) as prober):
        yield lab, prober, Hellos(Path(t.build), NAME, PUBLIC, SHORT_ID)


@case(alone=True)
def reality_abuse_of_a_hello_meets_the_target(t):
    """whoever holds an authentic hello and not its keys meets the target: lengths, flags, order and the kind of end"""
    with probed(t) as (lab, prober, hellos):
        known = hellos.fresh()
        tries = [(name, then, leave_later) for name, then in ABUSES.items()]
        tries += [("a sealed record", SEALED, leave)
                  for leave in (leave_at_once, leave_late, leave_by_reset, leave_never)]
        for name, then, leave in tries:
            prober.compare(f"{name}, {leave.__name__}", hellos.fresh, then, leave, straight=lambda: known)
        # They were taken for clients until then.
        counts = {r: counted(lab, r) for r in ("bad_finished", "target_shape", "key_share", "replay", "version")}
        check(counts["bad_finished"] >= TALKS * len(tries), f"they were strangers from the begin: {counts}")


@case(alone=True)
def reality_strangers_meet_the_target(t):
    """garbage, half a hello, silence, a wrong short id and a hello with another name are the target's to answer"""
    with probed(t) as (lab, prober, hellos):
        known = hellos.fresh()
        for name, first in {"garbage": b"\xff" * 300, "HTTP": ABUSES["HTTP"], "half a hello": known[:200],
                            "a header": known[:3], "silence": b""}.items():
            for leave in (leave_at_once, leave_by_reset):
                prober.compare(f"{name}, {leave.__name__}", lambda first=first: first, b"", leave)
        strangers = {"a wrong short id": {"short_id": "0102030405060709"}, "a wrong key": {"public": "09" + "00" * 31},
                     "another name": {"name": "other.example"}}
        for name, other in strangers.items():
            prober.compare(name, lambda other=other: hellos.fresh(**other), ABUSES["garbage"])
        got, said = through(t, lab, b"is anybody there?", short_id="0102030405060709")
        check_equal(got, b"", f"a wrong short id: {said}")
        counts = {r: counted(lab, r) for r in ("short_id", "key_share", "sni")}
        check(min(counts.values()) >= TALKS and counted(lab, "authenticated") == 0, f"results: {counts}")


def lengths(stream):
    """The records in bytes of a server, as (type, length)."""
    got, at = [], 0
    while at + 5 <= len(stream):
        kind, _, length = struct.unpack_from("!BHH", stream, at)
        got.append((kind, length))
        at += 5 + length
    check_equal(at, len(stream), "the records end where the stream does")
    return got


class Recorder:
    """A relay on the client's machine that keeps what the server says, of one connection."""

    def __init__(self, lab):
        self.lab, self.said = lab, bytearray()
        with lab.sockets("client"):
            self.door = socket.create_server(("127.0.0.1", LISTEN))
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        near, _ = self.door.accept()
        with near, connect(self.lab, timeout=10) as far:
            up = threading.Thread(target=self.carry, args=(near, far, bytearray()))
            up.start()
            self.carry(far, near, self.said)
            up.join()

    @staticmethod
    def carry(source, sink, kept):
        source.settimeout(10)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                kept += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self.thread.join()
        self.door.close()
        return lengths(bytes(self.said))


def told(lab, kind):
    """The last event of this kind."""
    events = [e["message"] for e in lab.query("events")["events"] if e["kind"] == kind]
    return events[-1] if events else ""


def browse(lab, certificates):
    """The records that a stranger gets who asks for the page, with the suite and protocols of our hello."""
    recorder = Recorder(lab)
    done = lab.at("client", "sh", "-c", r'printf "GET /page HTTP/1.0\r\n\r\n" | exec openssl s_client "$@"', "sh",
                  "-connect", f"127.0.0.1:{LISTEN}", "-servername", NAME, "-CAfile", certificates.authority, "-quiet",
                  "-ciphersuites", "TLS_AES_128_GCM_SHA256", "-alpn", "h2,http/1.1", "-groups", "X25519", check=False)
    records = recorder.close()
    check(PAGE in done.stdout, f"no page: {done.stderr}")
    return records


def segments(tap):
    """How long those were that the newest connection to the listener brought, but for what has no payload."""
    return [length for _, length in shape_of(tap.taken(*tap.newest(LISTEN))[0]) if length > 0]


@case
def reality_clients_get_the_records_of_the_target(t):
    """behind the handshake a client with the keys gets records as long as a stranger's: the target's tickets"""
    lab, certificates = guarded_lab(t)
    with ending_clean(lab):
        wait_for("the target to be looked at", lambda: "2 records" in told(lab, "reality_target_fit"), seconds=30)
        tap = Tap(lab, "eth0")
        with contextlib.closing(tap):
            strangers = browse(lab, certificates)
            theirs = segments(tap)
            recorder = Recorder(lab)
            got, why = through(t, lab, b"!", address="127.0.0.1")
            ours = recorder.close()
            imitated = segments(tap)
        check_equal(got, b"!", f"an echo: {why}")
        # change_cipher_spec, four of the flight, two tickets; a hybrid key share makes ServerHello longer.
        check_equal([kind for kind, _ in strangers[:8]], [22, 20] + [23] * 6, "a stranger's records")
        check_equal(ours[1:8], strangers[1:8], "records of a client, and of a stranger")
        check(strangers[6][1] > 100 and strangers[6] == strangers[7], f"no tickets: {strangers}")
        ticket = 5 + strangers[6][1]
        check_equal(imitated.count(ticket), theirs.count(ticket), f"tickets in segments of their own: {imitated}, {theirs}")
        check_equal(imitated.count(2 * ticket), theirs.count(2 * ticket), f"two in one: {imitated}, {theirs}")
        # Then the session's own.
        check_equal(ours[8], (23, 1 + 1 + 16), "the echo")


@case
def reality_targets_are_looked_at(t):
    """a target that is not there is told of; and after a reload that it is fit"""
    lab = t.lab()
    certificates = Certificates(lab)
    t.tcp_server(lab, ECHO, echo)
    lab.start(guarded(lab))
    with ending_clean(lab):
        unfit = "reality_target_unfit"
        wait_for("word of the target", lambda: "does not answer" in told(lab, unfit), seconds=30)
        nginx_target(lab, certificates)
        lab.nexpath("credential", "reload")
        wait_for("word of the target", lambda: "is fit" in told(lab, "reality_target_fit"), seconds=30)
        text = lab.at("gateway", "curl", "-sf", "http://127.0.0.1:9641/metrics").stdout
        check(int(text.partition("\nnexpath_reality_probes_total ")[2].split()[0]) >= 4, "looks are counted")


@case
def reality_refusals_are_counted(t):
    """too low a version, a clock behind, and a target that cannot be played end as such, before the target itself"""
    lab = t.lab()
    certificates = Certificates(lab)
    nginx_target(lab, certificates)
    t.tcp_server(lab, ECHO, echo)
    lab.spawn("server", "openssl", "s_server", "-accept", str(WEB + 1), "-cert", certificates.folder / "target.pem", "-key",
              certificates.folder / "target.key", "-tls1_2", "-quiet")
    wait_for("s_server", lambda: lab.listening("server", WEB + 1))
    of = {"version": credential(lab, more='min_client_version = "255.0.0";'),
          "time": credential(lab, more="max_time_diff_s = 1;"),
          "target_shape": credential(lab, target=at(SERVER4, WEB + 1))}
    listeners = ", ".join(listener(f"in{i}", "tcp", at(GATEWAY_C4, LISTEN + i), "echo", f"""{MODE}
        transport = {{ security = "reality"; credentials = ["{result}"]; }};""") for i, result in enumerate(of))
    extra = ", ".join(text.replace('name = "front"', f'name = "{result}"') for result, text in of.items())
    text = lab.configuration(listeners, upstream("echo", at(SERVER4, ECHO)), extra=f"credentials = ( {extra} );")
    lab.start(text.replace("management = {", f'management = {{ key_dir = "{lab.folder}/keys"; metrics = "127.0.0.1:9641";'))
    with ending_clean(lab):
        hellos = Hellos(Path(t.build), NAME, PUBLIC, SHORT_ID)
        old, made = hellos.fresh(), time.time()
        wait_for("the hello to be an old one", lambda: time.time() > made + 3)
        for i, result in enumerate(of):
            with connect(lab, GATEWAY_C4, LISTEN + i) as s:
                s.sendall(old if result == "time" else hellos.fresh())
                check(s.recv(1), f"{result}: the target's answer")
                wait_for(f"{result} to be counted", lambda result=result: counted(lab, result) == 1)
        counts = {one: counted(lab, one) for one in (*of, "authenticated", "bad_finished", "key_share", "short_id", "sni")}
        check_equal(sum(counts.values()), len(of), f"{counts}")


@case
def reality_without_a_target(t):
    """a target that refuses is a listener that refuses"""
    lab, _ = guarded_lab(t, target=at(SERVER4, WEB + 1))
    with ending_clean(lab):
        expect_error(ConnectionRefusedError, lambda: connect(lab), "a connection")
