#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Xray's REALITY against ours, both ways, over OpenSSL's s_server as the target.

go builds Xray in the cache, or NEXPATH_XRAY names the program. Ours is the program reality-peer; what goes through is VLESS. Ends with
`N passed, N failed, N skipped`. Cases of a whole nexpathd need root for their lab, the others nothing.
"""

import argparse
import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import behind  # noqa: E402
import live  # noqa: E402
from outside import CACHE, Unavailable, command, fetched, go  # noqa: E402

MODULE = "github.com/xtls/xray-core/main"
VERSION = "1.260327.0"
# From this one on X25519MLKEM768 must stand first among a hello's key shares.
HYBRID_FIRST = (26, 9, 8)
NAME = "example.test"
SHORT_ID = "0102030405060708"
PRIVATE = bytes(range(1, 33))
USER = "5783a3e7-e373-51cd-8642-c83782b807c5"
# A private X25519 key in PKCS #8, without its 32 bytes.
PKCS8 = bytes.fromhex("302e020100300506032b656e04220420")
cases = []


def case(function):
    cases.append(function)
    return function


def xray():
    """The program that is named, else one built in the cache."""
    if os.environ.get("NEXPATH_XRAY"):
        return Path(os.environ["NEXPATH_XRAY"]).absolute()
    folder = CACHE / f"xray-{VERSION}"
    built = folder / "main"
    if built.exists():
        return built
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "go.mod").exists():
        go("mod", "init", "judge", folder=folder, run=fetched)
    go("get", f"{MODULE}@v{VERSION}", folder=folder, run=fetched)
    go("build", "-o", built, MODULE, folder=folder)
    return built


def rules_told(program):
    """Says who stands for which rule of key shares."""
    said = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout
    version = said.split()[1]
    before = tuple(map(int, version.split("."))) < HYBRID_FIRST
    since = ".".join(map(str, HYBRID_FIRST))
    print(f"Xray {version}: the key-share rule {'before' if before else 'since'} {since}")
    if before:
        print(f"our own server: the key-share rule since {since}, for Xray's client and ours; "
              "NEXPATH_XRAY names a newer Xray")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def plain64(key):
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def public_key():
    done = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=PKCS8 + PRIVATE,
                          capture_output=True, check=True)
    return done.stdout[-32:]


def receive(connection, size):
    got = b""
    while len(got) < size:
        data = connection.recv(size - len(got))
        if not data:
            raise ConnectionError(f"an end after {len(got)} of {size} bytes")
        got += data
    return got


def vless_request(port):
    """The head of a VLESS stream to a port of 127.0.0.1."""
    return (b"\0" + bytes.fromhex(USER.replace("-", "")) + b"\0\1" + port.to_bytes(2, "big") + b"\1"
            + socket.inet_aton("127.0.0.1"))


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def vless_echo(connection):
    """A VLESS server that sends back whatever comes."""
    head = receive(connection, len(vless_request(0)))
    if head[1:17] != bytes.fromhex(USER.replace("-", "")):
        raise ConnectionError("another user")
    connection.sendall(b"\0\0")
    echo(connection)


def inbound(target, **more):
    """Xray's REALITY server for VLESS before that port of 127.0.0.1."""
    reality = {"show": True, "target": f"127.0.0.1:{target}", "serverNames": [NAME], "privateKey": plain64(PRIVATE),
               "shortIds": [SHORT_ID], **more}
    return {"protocol": "vless", "settings": {"clients": [{"id": USER}], "decryption": "none"},
            "streamSettings": {"network": "raw", "security": "reality", "realitySettings": reality}}


class Skipped(Exception):
    """The case cannot be run here; the message says why."""


class World:
    """Programs and threads of one case; its end ends all of them."""

    def __init__(self, build, program):
        self.build = build
        self.peer = Path(build) / "tests/interop/xray/reality-peer"
        self.xray_program = program
        self.closers = ExitStack()
        self.folder = Path(self.closers.enter_context(tempfile.TemporaryDirectory()))
        self.target = free_port()
        certificate, key = self.folder / "certificate", self.folder / "key"
        command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}")
        # As long a chain as the signature of ML-DSA-65 wants.
        chain = self.folder / "chain"
        chain.write_text(certificate.read_text() * 5)
        self.spawn("target", "openssl", "s_server", "-accept", f"127.0.0.1:{self.target}", "-cert", certificate, "-key",
                   key, "-cert_chain", chain, "-www", port=self.target)

    def close(self):
        self.closers.close()

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def spawn(self, name, *words, port):
        log = self.closers.enter_context(open(self.folder / f"{name}.log", "wb"))
        child = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def end():
            child.kill()
            child.wait()

        self.closers.callback(end)
        for _ in range(200):
            if child.poll() is not None:
                raise RuntimeError(f"{name} has ended: {self.log(name)[-300:]}")
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except ConnectionRefusedError:
                time.sleep(0.05)
        raise RuntimeError(f"{name} does not listen")

    def backend(self, handler):
        """A server in this process; returns its port."""
        listener = self.closers.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve(connection):
            with connection:
                try:
                    handler(connection)
                except OSError:
                    pass

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1]

    def xray(self, name, inbound, outbound):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"log": {"loglevel": "debug"}, "inbounds": [inbound], "outbounds": [outbound]}))
        self.spawn(name, self.xray_program, "run", "-c", path, port=inbound["port"])

    def xray_server(self, **more):
        port = free_port()
        self.xray("xray-server", {**inbound(self.target, **more), "listen": "127.0.0.1", "port": port},
                  {"protocol": "freedom"})
        return port

    def xray_client(self, server, browser, **more):
        port = free_port()
        reality = {"serverName": NAME, "fingerprint": browser, "publicKey": plain64(public_key()), "shortId": SHORT_ID,
                   **more}
        self.xray("xray-client",
                  {"listen": "127.0.0.1", "port": port, "protocol": "dokodemo-door",
                   "settings": {"address": "127.0.0.1", "port": 9, "network": "tcp"}},
                  {"protocol": "vless",
                   "settings": {"vnext": [{"address": "127.0.0.1", "port": server,
                                           "users": [{"id": USER, "encryption": "none"}]}]},
                   "streamSettings": {"network": "raw", "security": "reality", "realitySettings": reality}})
        return port

    def our_server(self, rule="any", *more, private=PRIVATE):
        port = free_port()
        self.spawn("our-server", self.peer, "server", port, NAME, private.hex(), SHORT_ID, self.target,
                   self.backend(vless_echo), rule, *more, port=port)
        return port

    def our_client(self, server, browser, *more, short_id=SHORT_ID):
        """Runs ours with a stream through its standard input and output."""
        return subprocess.Popen([self.peer, "client", str(server), NAME, public_key().hex(), short_id, browser, *more],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)


def check(good, what):
    if not good:
        raise RuntimeError(what)


def through_ours(world, server, browser, head, *more):
    """A request and an echo through our client's standard input and output."""
    size = 300000
    child = world.our_client(server, browser, *more)
    data = os.urandom(size)
    timer = threading.Timer(20, child.kill)
    timer.start()

    def send():
        try:
            child.stdin.write(head)
            for at in range(0, size, 10000):
                child.stdin.write(data[at:at + 10000])
        except OSError:
            pass

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    got = b""
    while len(got) < size + 2 and (more := child.stdout.read(65536)):
        got += more
    child.stdin.close()
    said = child.stderr.read().decode().strip()
    child.wait()
    timer.cancel()
    check(got == b"\0\0" + data, f"{len(got)} of {size + 2} bytes came back; {said}")


def through_xray(port):
    data = os.urandom(1 << 20)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        sender = threading.Thread(target=connection.sendall, args=(data,), daemon=True)
        sender.start()
        got = receive(connection, len(data))
    check(got == data, "other bytes came back than were sent")


@case
def our_client_to_xray(world):
    """our client, as three browsers, to Xray's server"""
    server = world.xray_server()
    head = vless_request(world.backend(echo))
    for browser in ("chrome", "firefox", "plain"):
        through_ours(world, server, browser, head)


@case
def our_client_unknown_to_xray(world):
    """our client with another short id is shown the target, and says so"""
    server = world.xray_server()
    child = world.our_client(server, "chrome", short_id="ffffffffffffffff")
    _, said = child.communicate(timeout=20)
    check(child.returncode == 1 and b"certificate" in said, f"status {child.returncode}: {said!r}")


@case
def xray_to_our_server(world):
    """Xray's client, as two browsers, to our server"""
    server = world.our_server()
    for browser in ("chrome", "firefox"):
        through_xray(world.xray_client(server, browser))
        check("authenticated" in world.log("our-server"), world.log("our-server"))


@case
def xray_to_our_server_by_the_newer_rule(world):
    """Xray's client as Chrome keeps the rule for key shares of Xray 26.9.8"""
    through_xray(world.xray_client(world.our_server("new"), "chrome"))


@case
def xray_unknown_to_our_server(world):
    """Xray's client with another key gets the target's certificate, and nothing through"""
    port = world.xray_client(world.our_server(private=bytes(range(2, 34))), "chrome")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"x")
        try:
            check(connection.recv(10) == b"", "bytes came back")
        except ConnectionResetError:
            pass
    check("key_share" in world.log("our-server"), world.log("our-server"))


def needs_root():
    if os.geteuid() != 0:
        raise Skipped("a lab needs root")


@case
def nexpathd_to_xray(world):
    """nexpathd with an upstream of security reality, as two browsers, to Xray's server"""
    needs_root()
    live.reaches(world, inbound(live.TARGET), plain64(public_key()), NAME, SHORT_ID, vless_request(live.ECHO))


@case
def nexpathd_unknown_to_xray(world):
    """nexpathd with another short id refuses the session, and says that the real certificate came"""
    needs_root()
    live.is_refused(world, inbound(live.TARGET), plain64(public_key()), NAME, "ffffffffffffffff")


@case
def xray_to_nexpathd(world):
    """Xray's client to nexpathd's listener, by the older and the newer rule for key shares: a page and 10 MiB"""
    needs_root()
    behind.is_reached(world, USER, plain64(public_key()))


@case
def xray_unknown_to_nexpathd(world):
    """Xray's client with another key, short id or name meets the target's own certificate"""
    needs_root()
    behind.shows_the_target_to_others(world, USER, plain64(public_key()), plain64(bytes([9]) + bytes(31)))


@case
def xray_replayed_to_nexpathd(world):
    """the hello of Xray's client, said again by who saw it, is the target's to answer"""
    needs_root()
    behind.leaves_replays_to_the_target(world, USER, plain64(public_key()))


@case
def ours_to_ours(world):
    """our client to our server"""
    through_ours(world, world.our_server("new"), "firefox", vless_request(9))


@case
def second_signatures(world):
    """ML-DSA-65 both ways, where libcrypto has it"""
    status = subprocess.run([world.peer, "mldsa"], check=False).returncode
    check(status in (0, 1), f"reality-peer ended with {status}")
    if status == 1:
        raise Skipped("libcrypto has no ML-DSA-65 (OpenSSL 3.5)")
    done = subprocess.run([world.xray_program, "mldsa65"], capture_output=True, text=True, check=True)
    seed, verify = (line.split()[-1] for line in done.stdout.split("\n")[:2])

    def hexed(text):
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()

    through_ours(world, world.xray_server(mldsa65Seed=seed), "chrome", vless_request(world.backend(echo)),
                 hexed(verify))
    through_xray(world.xray_client(world.our_server("any", hexed(seed)), "chrome", mldsa65Verify=verify))


@case
def probes_see_the_target(world):
    """openssl s_client gets the target's certificate and the same end through our server as directly"""
    def look(port):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", NAME, "-quiet",
                               "-no_ign_eof"], input=b"GET / HTTP/1.0\r\n\r\n", capture_output=True, timeout=20,
                              check=False)
        shown = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", NAME],
                               input=b"", capture_output=True, timeout=20, check=False).stdout
        start, end = (shown.find(f"-----{word} CERTIFICATE-----".encode()) for word in ("BEGIN", "END"))
        check(0 <= start < end, shown[-300:])
        return done.returncode, shown[start:end]

    check(look(world.our_server()) == look(world.target), "another certificate or end than the target's")


def run_case(function, build, program):
    """None, or what is wrong."""
    try:
        world = World(build, program)
        try:
            function(world)
            return None
        finally:
            world.close()
    except Skipped:
        raise
    except (RuntimeError, OSError) as error:
        return str(error)
    except Exception:  # a fault of the case itself must not end the run
        return traceback.format_exc(limit=-3)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--build", required=True, help="a build folder of meson")
    options.add_argument("cases", nargs="*", help="these only")
    given = options.parse_args()
    try:
        program = xray()
    except Unavailable as why:
        print(f"skipped: Xray cannot be had: {why}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    except RuntimeError as why:
        print(f"not ok xray: {why}")
        print("0 passed, 1 failed, 0 skipped")
        return 1
    rules_told(program)
    chosen = [f for f in cases if not given.cases or f.__name__ in given.cases]
    count = {"ok": 0, "not ok": 0, "skipped": 0}
    for function in chosen:
        try:
            fault = run_case(function, given.build, program)
            word = "ok" if fault is None else "not ok"
        except Skipped as why:
            fault, word = why, "skipped"
        count[word] += 1
        print(f"{word} xray {function.__name__}" + (f": {fault}" if fault else ""), flush=True)
    print(f"{count['ok']} passed, {count['not ok']} failed, {count['skipped']} skipped")
    return count["not ok"] != 0


if __name__ == "__main__":
    sys.exit(main())
