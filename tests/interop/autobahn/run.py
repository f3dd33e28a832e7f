#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Autobahn's fuzzing client against our echo server, and its fuzzing server against our client.

The suite needs Python 2.7, which Debian 11 still has: a folder of it with the suite is made in the cache once (about
400 MB). Prints a line for each direction and each case that failed, and ends with `N passed, N failed, N skipped`.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from outside import CACHE, Unavailable, fetched  # noqa: E402

# Later ones of the second are built in a way for which that Debian's pip, which lies in an archive, has no program.
PINNED = ("autobahntestsuite==25.10.1", "wsaccel==0.6.2")
ARCHIVE = Path(__file__).resolve().parents[3] / "scripts/archive.sh"
# 12 and 13 are compression: minutes for all of them, so a sample but for --all.
PLAIN = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
SAMPLE = ["12.1.1", "12.1.2", "12.1.3", "12.2.1", "12.5.1", "13.1.1", "13.2.1", "13.3.1", "13.4.1"]
COMPRESSED = ["12.*", "13.*"]
GOOD = ("OK", "NON-STRICT", "INFORMATIONAL")
GOOD_CLOSE = ("OK", "INFORMATIONAL")
MINUTES = 60  # of one direction at most


def debian():
    """Where apt gets Debian from."""
    done = subprocess.run(["bash", "-c", '. "$0" && archive_site', str(ARCHIVE)], capture_output=True, text=True,
                          check=False)
    if not done.stdout.strip():
        raise Unavailable("apt names no Debian archive on this machine")
    return done.stdout.strip()


def suite():
    """The folder with the suite, in the cache."""
    folder = CACHE / ("autobahn-" + "-".join(one.partition("==")[2] for one in PINNED))
    if (folder / "usr/local/bin/wstest").exists():
        return folder
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise Unavailable("making its folder needs root and debootstrap")
    CACHE.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=CACHE))
    try:
        fresh = work / "root"
        fetched("debootstrap", "--variant=minbase",
                "--include=ca-certificates,gcc,libc6-dev,libffi-dev,libssl-dev,python2.7-dev,python-pip-whl,python-setuptools",
                "bullseye", fresh, debian())
        # The certificates too: a machine behind a proxy trusts one that Debian does not know.
        for name in ("hosts", "resolv.conf", "ssl/certs/ca-certificates.crt"):
            if Path("/etc", name).exists():
                shutil.copy(f"/etc/{name}", fresh / "etc" / name)
        fetched("chroot", fresh, "/bin/sh", "-c",
                "PYTHONPATH=$(ls /usr/share/python-wheels/pip-*.whl | head -n 1) "
                "python2.7 -m pip install --no-cache-dir " + " ".join(PINNED))
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.exists():  # else another run was quicker
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(500):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} has ended")
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args[0]} does not listen")


def wstest(folder, mode, work, spec):
    """The suite in its folder; `work` is inside of it."""
    (work / "spec.json").write_text(json.dumps({"outdir": f"/{work.relative_to(folder)}/out", "exclude-cases": [],
                                                "exclude-agent-cases": {}, **spec}))
    return subprocess.Popen(["chroot", folder, "/usr/local/bin/wstest", "-m", mode, "--webport=0", "-s",
                             f"/{work.relative_to(folder)}/spec.json"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def end(process):
    process.terminate()
    process.wait()


def judge(direction, work, expected):
    """Counts of one direction's report, which must have as many cases as were run."""
    cases = next(iter(json.loads((work / "out/index.json").read_text()).values()))
    bad = {name: case for name, case in cases.items()
           if case["behavior"] not in GOOD or case["behaviorClose"] not in GOOD_CLOSE}
    for name, case in sorted(bad.items()):
        print(f"not ok {direction} {name}: {case['behavior']}, close {case['behaviorClose']}")
    if len(cases) != expected:
        raise RuntimeError(f"{direction}: a report of {len(cases)} cases, where {expected} were to be run")
    passed = len(cases) - len(bad)
    print(f"{'not ok' if bad else 'ok'} {direction}: {passed} of {len(cases)} cases", flush=True)
    return passed, len(bad), 0


def our_server(folder, work, build, cases, expected):
    port = free_port()
    server = subprocess.Popen([build / "tests/wire/wire-echo-server", str(port)])
    try:
        wait_for(port, server)
        # It ends as if all were well when it finds no server any longer, too.
        judging = wstest(folder, "fuzzingclient", work,
                         {"servers": [{"agent": "nexpath", "url": f"ws://127.0.0.1:{port}"}], "cases": cases})
        try:
            status = judging.wait(MINUTES * 60)
        finally:
            end(judging)
        if status != 0 or server.poll() is not None:
            raise RuntimeError(f"wstest ended with {status}, our server with {server.poll()}")
    finally:
        end(server)
    return judge("server", work, expected)


def fuzzing_server(folder, work, cases):
    port = free_port()
    return port, wstest(folder, "fuzzingserver", work, {"url": f"ws://127.0.0.1:{port}", "cases": cases})


def count_of(folder, work, cases):
    """How many cases these are."""
    port, server = fuzzing_server(folder, work, cases)
    try:
        wait_for(port, server)
        return case_count(port)
    finally:
        end(server)


def our_client(folder, work, build, cases, expected):
    port, server = fuzzing_server(folder, work, cases)
    try:
        wait_for(port, server)
        count = case_count(port)
        subprocess.run([build / "tests/interop/autobahn/autobahn-client", f"ws://127.0.0.1:{port}", "1", str(count)],
                       check=True, timeout=MINUTES * 60)
    finally:
        end(server)
    return judge("client", work, expected)


def case_count(port):
    """What the fuzzing server answers at /getCaseCount: one unmasked text frame."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /getCaseCount HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n" % port
                           + b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                           b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        received = b""
        while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < 3:
            data = connection.recv(4096)
            if not data:
                raise RuntimeError(f"the fuzzing server says {received!r}")
            received += data
        frame = received.partition(b"\r\n\r\n")[2]
        return int(frame[2:2 + frame[1]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build/gcc"))
    parser.add_argument("--all", action="store_true", help="every compression case too (many minutes)")
    parser.add_argument("cases", nargs="*", help="these cases only, as 9.* or 1.1.1")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    # So that whoever ends it has its servers and its unfinished folder cleared away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        folder = suite()
        if os.geteuid() != 0:
            raise Unavailable("entering its folder needs root")
    except Unavailable as why:
        print(f"skipped: autobahn: {why}\n0 passed, 0 failed, 1 skipped")
        return 0
    totals = [0, 0, 0]
    with tempfile.TemporaryDirectory(dir=folder / "tmp") as work:
        cases = arguments.cases or PLAIN + (COMPRESSED if arguments.all else SAMPLE)
        expected = count_of(folder, Path(work), cases)
        for direction in our_server, our_client:
            place = Path(work) / direction.__name__
            place.mkdir()
            counts = direction(folder, place, build, cases, expected)
            totals = [a + b for a, b in zip(totals, counts)]
    print("{} passed, {} failed, {} skipped".format(*totals))
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
