# SPDX-License-Identifier: BSD-3-Clause
"""What the suites share that use programs from outside the tree."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexpath"
BUILD_SECONDS = 800
# Where Go's own archive goes; Debian 12 has none that is new enough.
GO_OWN_PLACE = "/usr/local/go/bin"


class Unavailable(Exception):
    """A judge cannot be had here; the message says why."""


def command(*words):
    """Runs a program to its end; Unavailable with its last line when it fails."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise Unavailable(f"{' '.join(map(str, words[:3]))}: {last}")


def go(*words, **more):
    """Runs go to its end, with these things more in its environment; what it prints."""
    program = shutil.which("go") or shutil.which("go", path=GO_OWN_PLACE)
    if program is None:
        raise Unavailable(f"go is missing, 1.26 or later: neither PATH nor {GO_OWN_PLACE} has it")
    try:
        done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False,
                              timeout=BUILD_SECONDS, env={**os.environ, **more})
    except subprocess.TimeoutExpired as why:
        raise Unavailable(f"go {words[0]} took more than {BUILD_SECONDS} s") from why
    if done.returncode != 0:
        raise Unavailable(f"go {words[0]}: " + " ".join((done.stderr or "no message").split())[-300:])
    return done.stdout


def go_root():
    """Where Go's own sources lie."""
    return Path(go("env", "GOROOT").strip())


def go_program(name, source):
    """The program that go makes of a folder of sources, in the cache; another one when they have changed."""
    files = sorted(path for path in Path(source).iterdir() if path.suffix in (".go", ".mod", ".sum"))
    print_of_all = hashlib.sha256(b"".join(path.name.encode() + b"\0" + path.read_bytes() for path in files))
    built = CACHE / f"{name}-{print_of_all.hexdigest()[:12]}" / "main"
    if not built.exists():
        built.parent.mkdir(parents=True, exist_ok=True)
        go("build", "-C", source, "-trimpath", "-o", built, ".")
    return built
