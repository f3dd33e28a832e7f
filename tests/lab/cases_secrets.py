# SPDX-License-Identifier: BSD-3-Clause
"""What operators see of secured sessions, and what nobody finds of their keys: in memory, in logs, on the socket."""

import contextlib
import hashlib
import hmac
import os
import shutil
import ssl
import struct
import tempfile
from pathlib import Path

import memory_image
from cases_reality import NAME as REAL
from cases_reality_upstream import Chain
from cases_tls_upstream import WEB, client_credential, configured, echo_tls, named, server_context
from harness import GATEWAY_C4, LISTEN, case, check, check_equal, connect, exchange, wait_for
from securing import NAME, Certificates, connect_secured, transport
from securing import exchange as exchange_secured
from terminating import ending_clean, one

OTHER = "origin.example.net"
PROTOCOLS = 'alpn = ["h2", "http/1.1"];'


@contextlib.contextmanager
def key_log(t):
    """nexpathd that starts meanwhile writes the secrets of handshakes to the file that this gives."""
    folder = Path(tempfile.mkdtemp(prefix="nexpath-secrets-"))
    t.closers.callback(shutil.rmtree, folder)
    os.environ["NEXPATH_KEY_LOG"] = str(folder / "secrets")
    try:
        yield folder / "secrets"
    finally:
        del os.environ["NEXPATH_KEY_LOG"]


def both_secured(t):
    """A lab whose sessions speak TLS on both legs, with names and protocols of their own, before an echo."""
    lab = t.lab()
    certificates = Certificates(lab)
    www = certificates.make("www", NAME).replace("; }", f"; {PROTOCOLS} }}")
    certificates.make("origin", OTHER)
    server = server_context(certificates, "origin")
    server.set_alpn_protocols(["http/1.1"])

    def serve(connection):
        with contextlib.suppress(ssl.SSLError, OSError):
            echo_tls(server.wrap_socket(connection, server_side=True))

    t.tcp_server(lab, WEB, serve)
    ways = one(WEB, more=transport("www"), upstream_more=transport("out"))
    text = configured(lab, [www, client_credential(certificates, more=named(OTHER) + PROTOCOLS)], ways)
    return lab, certificates, text.replace("management = {", 'management = { metrics = "127.0.0.1:9641";')


def legs(lab):
    """What the metrics say of secured legs: {(family, leg, version): value}."""
    page = lab.at("gateway", "curl", "-sf", "http://127.0.0.1:9641/metrics").stdout
    found = {}
    for line in page.splitlines():
        name, _, rest = line.partition("{")
        if name in ("nexpath_tls_legs", "nexpath_tls_legs_total"):
            labels, _, value = rest.partition("} ")
            pairs = dict(p.split("=") for p in labels.replace('"', "").split(","))
            found[name, pairs["leg"], pairs["version"]] = int(value)
    return found


@case
def session_show_tells_what_both_legs_agreed(t):
    """version, suite, SNI and ALPN of both legs, in show and list, and legs by version in the metrics"""
    lab, certificates, text = both_secured(t)
    lab.start(text)
    seen = {}
    with ending_clean(lab):
        for version, name in ((ssl.TLSVersion.TLSv1_3, "1.3"), (ssl.TLSVersion.TLSv1_2, "1.2")):
            with connect_secured(lab, certificates, version=version, alpn=["h2"]) as s:
                exchange_secured(s)
                [session] = lab.query("session", "list")["sessions"]
                shown = lab.query("session", "show", session["id"])["session"]
                for key in ("client_security", "target_security"):
                    check_equal(session[key], shown[key], f"{key} in list and show")
                suite = "TLS_" + s.cipher()[0].replace("-", "_").removeprefix("TLS_")
                check_equal({k: v for k, v in shown["client_security"].items() if k != "suite"},
                            {"version": name, "server_name": NAME, "alpn": "h2"}, "client_security")
                check(name == "1.2" or shown["client_security"]["suite"] == suite, f"{shown}, not {suite}")
                check_equal({k: v for k, v in shown["target_security"].items() if k != "suite"},
                            {"version": "1.3", "server_name": OTHER, "alpn": "http/1.1"}, "target_security")
                text = lab.nexpath("session", "show", session["id"]).stdout
                check(f"SNI {NAME}, ALPN h2\n" in text and f"SNI {OTHER}, ALPN http/1.1\n" in text, text)
                seen = legs(lab)
                check_equal((seen["nexpath_tls_legs", "client", name], seen["nexpath_tls_legs", "target", "1.3"]),
                            (1, 1), "live legs")
        # Nobody is asked for, and nothing agreed on.
        with context_without_name(lab, certificates) as s:
            exchange_secured(s)
            [session] = lab.query("session", "list")["sessions"]
            names = session["client_security"]
            check_equal((names["server_name"], names["alpn"]), (None, None), "names of a client that has none")
        wait_for("the legs to end", lambda: all(v == 0 for k, v in legs(lab).items() if k[0] == "nexpath_tls_legs"))
        seen = legs(lab)
        check_equal([seen["nexpath_tls_legs_total", leg, version] for leg in ("client", "target")
                     for version in ("1.2", "1.3")], [1, 2, 0, 3], "legs in all")


def context_without_name(lab, certificates):
    c = ssl.create_default_context(cafile=certificates.authority)
    c.check_hostname = False
    return c.wrap_socket(connect(lab, GATEWAY_C4, LISTEN))


def expand(secret, label, length):
    """HKDF-Expand-Label (RFC 8446 7.1) for lengths up to one hash."""
    digest = hashlib.sha256 if len(secret) == 32 else hashlib.sha384
    label = b"tls13 " + label.encode()
    info = struct.pack("!HB", length, len(label)) + label + b"\0\1"
    return hmac.new(secret, info, digest).digest()[:length]


def secrets_of(log):
    """What a key log has, and the keys that come of it: {name: bytes}."""
    secrets = {}
    for number, line in enumerate(log.read_text().splitlines()):
        label, _, value = line.split()
        secrets[f"{label} {number}"] = secret = bytes.fromhex(value)
        if "TRAFFIC" in label:
            # AES-128-GCM has half of a key of the others.
            for length in (16, 32):
                secrets[f"{label} {number}, key of {length}"] = expand(secret, "key", length)
    return secrets


def check_hidden(pid, log, while_open):
    secrets = secrets_of(log)
    check(len(secrets) > 4, f"secrets: {list(secrets)}")
    # Once a session is over not even locked memory has them.
    places = memory_image.found(pid, secrets, marked=not while_open)
    check(not places, f"{'open' if while_open else 'over'}: {places}")


def asked(lab):
    """What methods that know of sessions say, in one text."""
    verbs = (("status",), ("session", "list"), ("credential", "list"), ("config", "show"), ("events",), ("stats",),
             ("drops",), ("pool", "list"))
    return " ".join(lab.nexpath("--json", *v, check=False).stdout for v in verbs)


@case
def session_secrets_are_in_locked_memory(t):
    """of open sessions no secret or key is in what a core file could hold; of sessions that ended, nowhere at all"""
    lab, certificates, text = both_secured(t)
    with key_log(t) as log:
        lab.start(text + 'log = { level = "debug"; sessions = "all"; };')
    pid = int(lab.query("status")["pid"])
    with ending_clean(lab):
        with contextlib.ExitStack() as stack:
            for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
                s = stack.enter_context(connect_secured(lab, certificates, version=version))
                exchange_secured(s, os.urandom(100000))
            # The test finds what is there: each open leg of TLS 1.3 has its secrets in memory that is marked.
            live = {k: v for k, v in secrets_of(log).items() if k.startswith("SERVER_TRAFFIC") and "key" not in k}
            check_equal(set(memory_image.found(pid, live, marked=True)), set(live), "secrets in locked memory")
            check_hidden(pid, log, True)
            said = asked(lab)
        wait_for("the sessions to end", lambda: lab.query("session", "list")["total"] == 0)
        check_hidden(pid, log, False)
        said += asked(lab) + lab.daemon.log.read_text(errors="replace")
        check_equal(memory_image.told(said, secrets_of(log)), [], "secrets that were told")


@case
def reality_secrets_are_in_locked_memory(t):
    """the same of REALITY, both ends; and both write the same lines to the key log, and say loudly that they do"""
    with key_log(t) as log:
        chain = Chain(t)
    lab = chain.lab
    pids = [int(lab.query("status")["pid"]), int(chain.answer("status")["pid"])]
    with ending_clean(lab):
        with connect(lab, timeout=20) as s:
            exchange(s, os.urandom(100000))
            lines = log.read_text().splitlines()
            for label in ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                          "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"):
                both = [line for line in lines if line.startswith(label + " ")]
                check(len(both) == 2 and both[0] == both[1], f"{label}: {len(both)} lines")
            for pid in pids:
                check_hidden(pid, log, True)
            [near], [far] = lab.query("session", "list")["sessions"], chain.answer("session", "list")["sessions"]
            for leg in (near["target_security"], far["client_security"]):
                check_equal((leg["version"], leg["server_name"], leg["alpn"]), ("1.3", REAL, None), "a leg of REALITY")
        told = [e for answer in (lab.query("events"), chain.answer("events"))
                for e in answer["events"] if e["kind"] == "key_log_on"]
        check_equal([e["severity"] for e in told], ["error", "error"], "events of the key log")
        wait_for("the sessions to end", lambda: lab.query("session", "list")["total"] == 0 and
                 chain.answer("session", "list")["total"] == 0)
        for pid in pids:
            check_hidden(pid, log, False)
    chain.end_far()
