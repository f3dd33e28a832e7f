# SPDX-License-Identifier: BSD-3-Clause
"""What the suites share that use programs from outside the tree.

Only what is not there, or cannot be fetched, is Unavailable, and makes a suite skip. What is there and does not do its
work, or sources of ours that do not build, are faults: they raise RuntimeError.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexpath"
BUILD_SECONDS = 800
# Where Go is beside PATH: its own archive's place, and Debian's of each version.
GO_PLACES = ("/usr/local/go/bin", *map(str, Path("/usr/lib").glob("go-*/bin")))
# What go.mod files ask for; one since the second that is older fetches the third, in the way of every module.
GO_NEEDED, GO_FETCHING, GO_FETCHED = (1, 26), (1, 21), "go1.26.8"


class Unavailable(Exception):
    """A judge cannot be had here; the message says why."""


def command(*words, **how):
    """Runs a program to its end; what it prints. RuntimeError with its last words when it fails."""
    what = " ".join(map(str, words[:3]))
    try:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False,
                              timeout=BUILD_SECONDS, **how)
    except subprocess.TimeoutExpired as why:
        raise RuntimeError(f"{what} took more than {BUILD_SECONDS} s") from why
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").split()
        raise RuntimeError(f"{what}: {' '.join(said)[-300:]}")
    return done.stdout


def fetched(*words, **how):
    """The same for what fetches: Unavailable when it fails."""
    try:
        return command(*words, **how)
    except RuntimeError as why:
        raise Unavailable(str(why)) from why


@functools.cache
def newest_go():
    """Go of this machine, and what its environment must have."""
    local = {**os.environ, "GOTOOLCHAIN": "local"}
    programs = {shutil.which("go", path=place) for place in (os.environ.get("PATH"), *GO_PLACES)} - {None}
    versions = {program: tuple(map(int, re.findall(r"\d+", command(program, "env", "GOVERSION", env=local, cwd="/"))))
                for program in programs}
    program = max(versions, key=versions.get, default=None)
    if program is None or versions[program] < GO_FETCHING:
        raise Unavailable("no go is here since 1.21 (Debian's package golang-go, of Debian 12 that of backports)")
    return program, {} if versions[program] >= GO_NEEDED else {"GOTOOLCHAIN": GO_FETCHED}


def go(*words, folder="/", run=command, **more):
    """Runs go to its end in a folder, with these things more in its environment; what it prints."""
    program, environment = newest_go()
    return run(program, *words, cwd=folder, env={**os.environ, **environment, **more})


def go_root():
    """Where Go's own sources lie."""
    return Path(go("env", "GOROOT", run=fetched).strip())


def go_program(name, source):
    """The program that go makes of a folder of sources, in the cache; another one when they have changed."""
    files = sorted(path for path in Path(source).iterdir() if path.suffix in (".go", ".mod", ".sum"))
    print_of_all = hashlib.sha256(b"".join(path.name.encode() + b"\0" + path.read_bytes() for path in files))
    built = CACHE / f"{name}-{print_of_all.hexdigest()[:12]}" / "main"
    if not built.exists():
        go("mod", "download", folder=source, run=fetched)
        built.parent.mkdir(parents=True, exist_ok=True)
        go("build", "-trimpath", "-o", built, ".", folder=source)
    return built
