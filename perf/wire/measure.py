# SPDX-License-Identifier: BSD-3-Clause
"""libnexwire beside other libraries, on one pinned core: wire-bench and peers/, whose crates cargo fetches and builds
into a cache outside of the tree (${XDG_CACHE_HOME:-~/.cache}/nexpath)."""

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import fail, save  # noqa: E402
from wire.limits import verdict  # noqa: E402

HERE = Path(__file__).resolve().parent
SHARES = ("p50", "p90", "p99", "p99.9")
LOOPBACK = (("nexus-web", "loopback-post"), ("reqwest", "loopback-post"), ("nexus-web", "loopback-messages-40"),
            ("tungstenite", "loopback-messages-40"))
LOOPBACK_TURNS = {"loopback-post": 10, "loopback-messages-40": 1}
RING_PAGES = 80  # of 2 MiB, that wire-bench-ring takes
MESSAGES_A_ROUND = {"loopback-post": 1, "loopback-messages-40": 10}


def cache():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexpath"


def peers_program():
    """Built, or None with the reason said."""
    if not shutil.which("cargo"):
        print("perf: no cargo: the peers are left out")
        return None
    target = cache() / "wire-peers"
    built = subprocess.run(["cargo", "build", "--release", "--manifest-path", HERE / "peers/Cargo.toml"],
                           env={**os.environ, "CARGO_TARGET_DIR": str(target)}, check=False, stderr=subprocess.PIPE,
                           text=True)
    if built.returncode:
        print(f"perf: the peers are left out: {built.stderr.strip()[-300:]}")
        return None
    return target / "release" / "wire-peers"


def run(core, *command):
    done = subprocess.run(["taskset", "-c", str(core), *[str(c) for c in command]], text=True, check=False,
                          capture_output=True)
    if done.returncode:
        fail(f"{' '.join(str(c) for c in command)}: {done.stderr.strip()[-300:]}")
    return [line.split() for line in done.stdout.splitlines()]


def add(rounds, peer, row, figures):
    rounds.setdefault(row, {}).setdefault(peer, []).append([float(f) for f in figures])


def in_memory(rounds, core, program, peers, folder):
    for row, *figures in run(core, program, "memory", folder / "leaf.pem", folder / "leaf.key"):
        add(rounds, "nexpath", row, figures)
    llhttp = program.parent / "wire-llhttp"
    if llhttp.exists():
        for peer, row, *figures in run(core, llhttp):
            add(rounds, peer, row, figures)
    if peers:
        for peer, row, *figures in run(core, peers, "memory"):
            add(rounds, peer, row, figures)


def loopback(rounds, core, program, peers, port):
    """Each library's posts by short turns: how long the kernel takes to wake who waits drifts by more than they differ."""
    for row, turns in LOOPBACK_TURNS.items():
        for _ in range(turns):
            for _, *figures in run(core, program, row, port, 20000 // turns):
                add(rounds, "nexpath", row, figures)
            for peer in (peer for peer, measured in LOOPBACK if peers and measured == row):
                for _, _, *figures in run(core, peers, "loopback", peer, row, port, 20000 // turns):
                    add(rounds, peer, row, figures)


def over_our_tcp(rounds, core, other, program):
    """The exchange of loopback-post over fastpath/tcp and ring ports, in one process."""
    free = int(re.search(r"HugePages_Free:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="ascii")).group(1))
    pages = () if free >= RING_PAGES else ("--no-huge",)
    for row, *figures in run(core, program.parent / "wire-bench-ring", core, other, 20000, *pages):
        add(rounds, "nexpath", row, figures)


def beside_kernel_loopback(rows):
    """Peers have no TCP of their own: their round trip is the one through the kernel."""
    if "nexus-web" in rows["loopback-post"]:
        rows["ring-post"]["nexus-web"] = rows["loopback-post"]["nexus-web"]
    return rows


def system_calls(command, rounds):
    """Of one run, by strace's count."""
    with tempfile.NamedTemporaryFile(mode="r") as log:
        subprocess.run(["strace", "-f", "-c", "-o", log.name, *[str(c) for c in command], str(rounds)], check=True,
                       stdout=subprocess.DEVNULL)
        return int(re.search(r"(\d+)(?:\s+\d+)?\s+total", log.read()).group(1))


def calls_a_message(command, messages_a_round):
    """What twice the rounds add, so that start and end do not count."""
    few, many = 1000, 3000
    return (system_calls(command, many) - system_calls(command, few)) / (many - few) / 1.1 / messages_a_round


def all_calls(program, peers, port):
    """System calls a message of the client: {row: {peer: calls}}. Ours runs both rows in one."""
    calls = {}
    if not shutil.which("strace"):
        return calls
    for peer, row in LOOPBACK if peers else ():
        calls.setdefault(row, {})[peer] = calls_a_message(
            [peers, "loopback", peer, row, port], MESSAGES_A_ROUND[row])
    for row in MESSAGES_A_ROUND:
        calls.setdefault(row, {})["nexpath"] = calls_a_message(
            [program, row, port], MESSAGES_A_ROUND[row])
    return calls


def serve(program, core, port):
    server = subprocess.Popen(["taskset", "-c", str(core), program, "serve", str(port)])
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server
        except ConnectionRefusedError:
            time.sleep(0.02)
    return fail("wire-bench does not serve")


def medians(rounds):
    return {row: {peer: dict(zip(SHARES, (statistics.median(column) for column in zip(*figures))))
                  for peer, figures in by_peer.items()} for row, by_peer in rounds.items()}


def machine():
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="ascii") if "model name" in line)
    rust = subprocess.run(["rustc", "--version"], text=True, check=False, capture_output=True).stdout.strip() \
        if shutil.which("rustc") else "none"
    compiler = subprocess.run(["cc", "-dumpfullversion"], text=True, check=True, capture_output=True).stdout.strip()
    return {"cpu": cpu, "cpus": os.cpu_count(), "kernel": os.uname().release, "compiler": compiler, "rust": rust}


def measure(arguments):
    program = arguments.build.resolve() / "perf/wire/wire-bench"
    if not program.exists():
        fail(f"{program} is missing; build it: meson setup {arguments.build} && ninja -C {arguments.build}")
    peers, rounds = peers_program(), {}
    core, other = os.cpu_count() - 1, 0
    port = 20000 + os.getpid() % 10000
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-keyout", f"{folder}/leaf.key", "-out", f"{folder}/leaf.pem"],
                       check=True, capture_output=True)
        server = serve(program, other, port)
        try:
            for _ in range(arguments.rounds):
                in_memory(rounds, core, program, peers, Path(folder))
                loopback(rounds, core, program, peers, port)
                over_our_tcp(rounds, core, other, program)
            calls = all_calls(program, peers, port)
        finally:
            server.terminate()
            server.wait()
    result = {"machine": machine(), "rounds": arguments.rounds, "rows": beside_kernel_loopback(medians(rounds)),
              "system_calls": calls}
    save(arguments, "wire", result)
    print_table(result)
    return 0


def print_table(result):
    print(f"{'row':24} {'library':17} " + " ".join(f"{share:>9}" for share in SHARES) + "  ours/theirs")
    for row, by_peer in result["rows"].items():
        for peer in sorted(by_peer, key=lambda name: (name != "nexpath", name)):
            figures = by_peer[peer]
            ratio, limit = verdict(row, peer, result["rows"])
            calls = result["system_calls"].get(row, {}).get(peer)
            print(f"{row:24} {peer:17} " + " ".join(f"{figures[share]:9.1f}" for share in SHARES)
                  + ("" if peer == "nexpath" else f"{ratio:13.2f}  {limit}")
                  + (f"  {calls:.3f} system calls a message" if calls is not None else ""))
