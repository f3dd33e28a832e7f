#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""smoltcp, a TCP stack of its own, on a TAP against nexpathd's terminated connections.

The program in src/ is built in the cache. Each case is a lab of namespaces; the other side of
nexpathd is the kernel's TCP. Ends with `N passed, N failed, N skipped`. Needs root.
"""

import argparse
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import traceback
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "lab")]

from harness import (GATEWAY_C4, GATEWAY_C6, GATEWAY_S4, GATEWAY_S6, LISTEN, SERVER4,  # noqa: E402
                     Bench, LabError, check, check_equal, close_hard, connect, listener, upstream,
                     wait_for)
from outside import CACHE, Unavailable, command, fetched  # noqa: E402

PORT = 7000
MEGABYTE = 1 << 20
FOREIGN = {"client": {4: "10.1.0.9/24", 6: "fd00:1::9/64"},
           "server": {4: "10.2.0.9/24", 6: "fd00:2::9/64"}}
GATEWAY = {4: GATEWAY_C4, 6: GATEWAY_C6}
cases = []


def case(function):
    cases.append(function)
    return function


def program():
    """The built program; its folder in the cache is named by what it was built from."""
    sources = [HERE / "Cargo.toml", HERE / "src/main.rs"]
    name = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:12]
    folder = CACHE / f"smoltcp-{name}"
    built = folder / "target/release/nexpath-smoltcp"
    if built.exists():
        return built
    cargo = shutil.which("cargo")
    if cargo is None:
        raise Unavailable("cargo is missing (Debian package cargo)")
    (folder / "src").mkdir(parents=True, exist_ok=True)
    shutil.copy(sources[0], folder)
    shutil.copy(sources[1], folder / "src")
    fetched(cargo, "fetch", "--quiet", cwd=folder)
    command(cargo, "build", "--release", "--quiet", "--offline", cwd=folder)
    return built


class Peer:
    """The kernel's end: sends so many bytes, takes all, and keeps what it took as a sum."""

    def __init__(self, size):
        self.sent = os.urandom(size)
        self.received = 0
        self.crc = 0
        self.error = None
        self.done = threading.Event()

    def __call__(self, connection):
        connection.settimeout(60)
        sender = threading.Thread(target=self.send, args=(connection,), daemon=True)
        sender.start()
        try:
            while data := connection.recv(65536):
                self.received += len(data)
                self.crc = zlib.crc32(data, self.crc)
        except OSError as error:
            self.error = error
        sender.join(60)
        self.done.set()

    def send(self, connection):
        try:
            connection.sendall(self.sent)
            connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.error = self.error or error

    def expects(self):
        """What the program prints when nothing is lost on the way."""
        return (f"sent {self.received} {self.crc:08x} received {len(self.sent)} "
                f"{zlib.crc32(self.sent):08x}")


class World:
    """A lab whose client or server is smoltcp on a TAP."""

    def __init__(self, bench, binary):
        self.bench = bench
        self.binary = binary
        self.lab = bench.lab()

    def start(self, lan="", wan="", targets=(f"{SERVER4}:{PORT}",)):
        ports = (f'{{ name = "lan"; device = "af_packet:gw-c"; emulate = {{ {lan} }}; '
                 f'address = ["{GATEWAY_C4}/24", "{GATEWAY_C6}/64"]; }}, '
                 f'{{ name = "wan"; device = "af_packet:gw-s"; emulate = {{ {wan} }}; '
                 f'address = ["{GATEWAY_S4}/24", "{GATEWAY_S6}/64"]; }}')
        mode = 'mode = "terminate";'
        listeners = ", ".join([listener("t4", "tcp", f"{GATEWAY_C4}:{LISTEN}", "peer", mode),
                               listener("t6", "tcp", f"[{GATEWAY_C6}]:{LISTEN}", "peer", mode)])
        self.lab.start(self.lab.configuration(listeners, upstream("peer", *targets), ports=ports))

    def tap(self, role):
        """The role's link becomes a bridge, to which the TAP belongs too."""
        for words in ("link add br0 type bridge", "link set br0 up", "link set eth0 master br0",
                      "tuntap add dev tap0 mode tap", "link set tap0 master br0", "link set tap0 up"):
            self.lab.at(role, "ip", *words.split())

    def run(self, size, *words, role="client", family=4, buffer=65535):
        """Starts the program; finished() waits for it."""
        self.tap(role)
        return self.lab.spawn(role, self.binary, "tap0", FOREIGN[role][family], str(buffer), str(size),
                              *words)

    def finished(self, child, seconds=60):
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise LabError(f"smoltcp did not end in {seconds} s") from None
        text = child.log.read_text().strip()
        check_equal(status, 0, f"smoltcp's exit status ({text[-300:]})")
        return text

    def transfer(self, up, down, family=4, buffer=65535, **emulate):
        """smoltcp connects and both sides send at once; the sums must agree."""
        peer = Peer(down)
        self.bench.tcp_server(self.lab, PORT, peer)
        self.start(**emulate)
        child = self.run(up, "connect", GATEWAY[family], str(LISTEN), family=family, buffer=buffer)
        said = self.finished(child)
        check(peer.done.wait(10), "the kernel's side did not see the end")
        check_equal(peer.error, None, "the kernel's side")
        check_equal(peer.received, up, "bytes that the kernel's side received")
        check_equal(said, peer.expects(), "what smoltcp sent and received")

    def was_lossy(self, port):
        """The emulated link of a port did lose frames."""
        found = next(p for p in self.lab.query("port", "list")["ports"] if p["name"] == port)
        check(found["emulate"]["lost"] > 0, f"port {port} lost nothing: the case shows nothing")


@case
def both_ways(world):
    """8 MiB each way at once"""
    world.transfer(8 * MEGABYTE, 8 * MEGABYTE)


@case
def both_ways_6(world):
    """8 MiB each way at once, IPv6 to nexpathd and IPv4 behind it"""
    world.transfer(8 * MEGABYTE, 8 * MEGABYTE, family=6)


@case
def nothing_at_all(world):
    """a connection that is opened and closed"""
    world.transfer(0, 0)


@case
def one_way_each(world):
    """16 MiB down while the way up is closed from the start"""
    world.transfer(0, 16 * MEGABYTE)


@case
def small_window(world):
    """a window of 700 bytes, less than a segment"""
    world.transfer(64 << 10, 64 << 10, buffer=700)


@case
def bad_link(world):
    """2 MiB each way with 1 % loss, reordering, duplicates and flipped bits towards smoltcp"""
    world.transfer(2 * MEGABYTE, 2 * MEGABYTE,
                   lan='delay_us = 2000; loss = "1%"; reorder = "1%"; duplicate = "1%"; corrupt = "0.5%";')
    world.was_lossy("lan")


@case
def bad_link_6(world):
    """2 MiB each way with 2 % loss and 5 ms of delay, IPv6"""
    world.transfer(2 * MEGABYTE, 2 * MEGABYTE, family=6, lan='delay_us = 5000; loss = "2%"; seed = 7;')
    world.was_lossy("lan")


@case
def smoltcp_behind(world):
    """the kernel connects, nexpathd connects to smoltcp, 4 MiB each way, 1 % loss on that side"""
    target = FOREIGN["server"][4].split("/")[0]
    world.start(wan='delay_us = 2000; loss = "1%";', targets=(f"{target}:{PORT}",))
    child = world.run(4 * MEGABYTE, "listen", str(PORT), role="server")
    peer = Peer(4 * MEGABYTE)
    wait_for("smoltcp to read its TAP", lambda: "LOWER_UP" in world.lab.at(
        "server", "ip", "link", "show", "tap0").stdout)
    s = connect(world.lab)
    world.bench.closers.callback(close_hard, s)
    peer(s)
    said = world.finished(child)
    check_equal(peer.error, None, "the kernel's side")
    check_equal(said, peer.expects(), "what smoltcp sent and received")
    world.was_lossy("wan")


@case
def reset_is_carried(world):
    """smoltcp resets after 100,000 bytes and an answer, and the server behind sees a reset"""
    peer = Peer(1)
    world.bench.tcp_server(world.lab, PORT, peer)
    world.start()
    world.finished(world.run(100000, "abort", GATEWAY[4], str(LISTEN)))
    check(peer.done.wait(10), "the kernel's side did not see the end")
    check(isinstance(peer.error, ConnectionResetError), f"the kernel's side saw {peer.error!r}, no reset")


def run_case(function, build, binary):
    bench = Bench(build)
    try:
        function(World(bench, binary))
        return None
    except (LabError, OSError) as error:
        return str(error)
    except Exception:  # a fault of the case itself must not end the run
        return traceback.format_exc(limit=-3)
    finally:
        bench.close()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--build", required=True, help="a build folder of meson")
    options.add_argument("cases", nargs="*", help="these only")
    given = options.parse_args()
    try:
        if os.geteuid() != 0:
            raise Unavailable("namespaces need root")
        binary = program()
    except Unavailable as why:
        print(f"skipped: smoltcp cannot be had: {why}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    except RuntimeError as why:
        print(f"not ok smoltcp: {why}")
        print("0 passed, 1 failed, 0 skipped")
        return 1
    chosen = [f for f in cases if not given.cases or f.__name__ in given.cases]
    failed = 0
    for function in chosen:
        fault = run_case(function, given.build, binary)
        failed += fault is not None
        print(f"ok smoltcp {function.__name__}" if fault is None
              else f"not ok smoltcp {function.__name__}: {fault}", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed, 0 skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
