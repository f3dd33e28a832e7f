#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""packetdrill's own scripts against our TCP engine in virtual time.

packetdrill is no part of the tree: NEXPATH_PACKETDRILL names the folder of a checkout in which it is
built; without it the suite is skipped. Prints a line for each script, and ends with `N passed, N failed, N skipped`. A script that does not apply is
listed in not_applicable.txt with the reason; every other one must pass over IPv4, over IPv4-mapped
IPv6 and over IPv6.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from outside import Unavailable, command  # noqa: E402

import script

HERE = Path(__file__).resolve().parent
COMMIT = "2c4001c4d6fc"  # the one that the lists beside this file were made with
PROGRAM = "gtests/net/packetdrill"
SCRIPTS = "gtests/net"
SECONDS = 30  # for one run; most take a tenth

# The MTU gives IPv6 the MSS of 1,460 that scripts expect.
VARIANTS = {
    "ipv4": ["--ip_version=ipv4", "--local_ip=192.168.0.1", "--gateway_ip=192.168.0.1",
             "--netmask_ip=255.255.0.0", "--remote_ip=192.0.2.1"],
    "mapped": ["--ip_version=ipv4-mapped-ipv6", "--local_ip=192.168.0.1",
               "--gateway_ip=192.168.0.1", "--netmask_ip=255.255.0.0", "--remote_ip=192.0.2.1"],
    "ipv6": ["--ip_version=ipv6", "--mtu=1520", "--local_ip=fd3d:0a0b:17d6::1",
             "--gateway_ip=fd3d:0a0b:17d6:8888::1", "--remote_ip=fd3d:fa7b:d17d::1"],
}


def checkout():
    """The folder of a built packetdrill."""
    folder = os.environ.get("NEXPATH_PACKETDRILL")
    if not folder:
        raise Unavailable(f"NEXPATH_PACKETDRILL names no checkout (of commit {COMMIT}) with a built packetdrill")
    if not (Path(folder) / PROGRAM / "packetdrill").exists():
        raise RuntimeError(f"{folder}/{PROGRAM}/packetdrill is not there: configure and make it in that folder")
    return Path(folder).resolve()


def plugin(build, folder):
    """The shared object, built against the checkout's header."""
    header = str(folder / PROGRAM)
    options = json.loads((build / "meson-info/intro-buildoptions.json").read_text())
    if not any(o["name"] == "packetdrill" and o["value"] == header for o in options):
        command("meson", "configure", str(build), f"-Dpacketdrill={header}")
    command("ninja", "-C", str(build), "packetdrill-plugin")
    return build / "tests/interop/packetdrill/nexpath-packetdrill.so"


def listed(name):
    """Path of a script, or of a folder with a slash behind it -> reason, from a list beside this file."""
    reasons = {}
    for line in (HERE / name).read_text().splitlines():
        if line and not line.startswith("#"):
            path, reason = line.split(None, 1)
            reasons[path] = reason
    return reasons


def reason_for(path, reasons):
    """A script's own line, or that of a folder it is in."""
    if path in reasons:
        return path
    parts = path.split("/")
    return next(("/".join(parts[:n]) + "/" for n in range(len(parts) - 1, 0, -1)
                 if "/".join(parts[:n]) + "/" in reasons), None)


def run_once(so, program, prepared, flags, variant, name):
    """None, or what went wrong."""
    given = dict(flags)
    if variant == "ipv6":
        given["mtu"] = 1520
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / name
        file.write_text(prepared)
        words = [program, f"--so_filename={so}", *VARIANTS[variant]]
        if given:
            words.append("--so_flags=" + ",".join(f"{k}={v}" for k, v in given.items()))
        try:
            done = subprocess.run([*map(str, words), str(file)], capture_output=True, text=True,
                                  timeout=SECONDS, check=False,
                                  env={**os.environ, "LD_PRELOAD": str(so)})
        except subprocess.TimeoutExpired:
            return f"no end after {SECONDS} s"
        if done.returncode == 0:
            return None
        return ((done.stderr + done.stdout).strip() or f"exit {done.returncode}").replace(work + "/", "")


def run_script(so, folder, path, with_code):
    """What went wrong in each variant, [] when nothing did."""
    text = (folder / SCRIPTS / path).read_text()
    try:
        prepared, flags = script.prepare(text, with_code)
    except script.Unsuitable as why:
        return [str(why)]
    faults = []
    for variant in VARIANTS:
        fault = run_once(so, folder / PROGRAM / "packetdrill", prepared, flags, variant,
                         Path(path).name)
        if fault:
            faults.append(f"{variant}: {fault}")
    return faults


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--build", required=True, type=Path, help="a build folder of meson")
    options.add_argument("--show", metavar="SCRIPT", help="print a script as it would run, and end")
    options.add_argument("--all", action="store_true", help="also those that do not apply")
    options.add_argument("scripts", nargs="*", help="these only, as not_applicable.txt names them")
    given = options.parse_args()
    try:
        folder = checkout()
        so = plugin(given.build.resolve(), folder)
    except Unavailable as why:
        print(f"skipped: packetdrill cannot be had: {why}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    except RuntimeError as why:
        print(f"not ok packetdrill: {why}")
        print("0 passed, 1 failed, 0 skipped")
        return 1
    root = folder / SCRIPTS
    if given.show:
        print(script.prepare((root / given.show).read_text()))
        return 0
    paths = given.scripts or sorted(str(p.relative_to(root)) for p in root.rglob("*.pkt"))
    reasons = listed("not_applicable.txt")
    codeless = listed("without_code.txt")
    used = {reason_for(p, reasons) for p in paths}
    stale = [] if given.scripts else sorted((set(reasons) - used) | (set(codeless) - set(paths)))
    for path in stale:
        print(f"not ok {path}: it is in a list here, but there is no such script")
    apply = [p for p in paths if given.all or given.scripts or not reason_for(p, reasons)]
    failed = len(stale)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = pool.map(lambda p: run_script(so, folder, p, p not in codeless), apply)
        for path, faults in zip(apply, results):
            failed += bool(faults)
            print(f"{'not ok' if faults else 'ok'} {path}", flush=True)
            for fault in faults:
                print("    " + fault.replace("\n", "\n    "))
    for path in sorted(set(paths) - set(apply)):
        print(f"n/a {path}: {reasons[reason_for(path, reasons)]}")
    print(f"packetdrill: {len(apply)} scripts, each in {len(VARIANTS)} variants;"
          f" {len(paths) - len(apply)} do not apply")
    print(f"{len(apply) + len(stale) - failed} passed, {failed} failed, 0 skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
