#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""BoringSSL's test runner (BoGo) against the TLS 1.3 handshake engine, client and server.

The runner is no part of the tree: NEXPATH_BOGO names its folder (ssl/test/runner of a checkout), in which
it is built as `bogo`; where it names none the suite is skipped. Prints a line for each test that failed, and ends with
`N passed, N failed, N skipped`. What the engine does not speak is unimplemented and counts as nothing; a test that does
not apply is listed in not_applicable.txt with the reason; every other one must pass, and so many of them as are known to.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from outside import Unavailable, command  # noqa: E402

HERE = Path(__file__).resolve().parent
COMMIT = "a0689af29e8e"  # the one that not_applicable.txt was made with
TESTS = "TLS13-*;*-TLS13*"
LEAST = 460  # that pass: a shim that speaks nothing of it has no faults, either
SECONDS = 600


def runner():
    """The folder of a built runner."""
    folder = os.environ.get("NEXPATH_BOGO")
    if not folder:
        raise Unavailable(f"NEXPATH_BOGO names no ssl/test/runner (of commit {COMMIT}) with a built bogo")
    if not (Path(folder) / "bogo").exists():
        raise RuntimeError(f"{folder}/bogo is not there: go test -c -o bogo . in that folder")
    return Path(folder).resolve()


def not_applicable():
    """Name -> reason."""
    reasons = {}
    for line in (HERE / "not_applicable.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, reason = line.split(None, 1)
            reasons[name] = reason
    return reasons


def run(folder, shim, tests, reasons):
    """Name of a test -> "PASS", "FAIL", "SKIP" and the runner's own words."""
    with tempfile.TemporaryDirectory() as work:
        config, out = Path(work) / "config.json", Path(work) / "out.json"
        config.write_text(json.dumps({"DisabledTests": reasons}))
        done = subprocess.run(
            [str(folder / "bogo"), "-shim-path", str(shim), "-handshaker-path", "/bin/true",
             "-shim-config", str(config), "-allow-unimplemented", "-loose-errors", "-num-workers",
             "2", "-idle-timeout", "60s", "-pipe", "-test", tests, "-json-output", str(out)],
            cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
        if not out.exists():
            raise RuntimeError(f"the runner ended without a result, {done.returncode}: {done.stderr.strip()[-200:]}")
        results = json.loads(out.read_text())["tests"]
    return {name: one["actual"] for name, one in results.items()}, done.stdout


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--build", required=True, type=Path, help="a build folder of meson")
    options.add_argument("--all", action="store_true", help="also those that do not apply")
    options.add_argument("tests", nargs="*", help="patterns of these only")
    given = options.parse_args()
    build = given.build.resolve()
    reasons = {} if given.all else not_applicable()
    try:
        folder = runner()
        command("ninja", "-C", str(build), "tests/interop/bogo/tls13-shim")
        results, words = run(folder, build / "tests/interop/bogo/tls13-shim",
                             ";".join(given.tests) or TESTS, reasons)
    except Unavailable as why:
        print(f"skipped: BoGo cannot be had: {why}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as why:
        print(f"not ok bogo: {why}")
        print("0 passed, 1 failed, 0 skipped")
        return 1
    failed = sorted(n for n, r in results.items() if r not in ("PASS", "SKIP"))
    passed = sum(r == "PASS" for r in results.values())
    if failed:
        print(words[-10000:])
    if passed < LEAST and not given.tests:
        failed.append(f"bogo: {passed} passed, where {LEAST} are known to")
    for name in failed:
        print(f"not ok {name}")
    print(f"bogo: {passed} tests; {sum(r == 'SKIP' for r in results.values())} are of what the engine does"
          f" not speak; {len(reasons)} do not apply")
    print(f"{passed} passed, {len(failed)} failed, 0 skipped")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
