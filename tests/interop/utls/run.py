#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A browser's hello before nexpathd: a client of uTLS fetches a page as Chrome and as Firefox.

First its hellos are compared with ours, byte by byte but for what newer browsers changed. At a REALITY listener it is a stranger: it gets the target's certificate and page. At a TLS listener it gets the listener's
own. go builds the client in the cache; the lab needs root. Ends with `N passed, N failed, N skipped`.
"""

import argparse
import hashlib
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "lab")]

from cases_reality import NAME, PAGE, PUBLIC, SHORT_ID, WEB, counted, credential, nginx_target  # noqa: E402
from harness import (GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, Bench, LabError, check_equal, listener,  # noqa: E402
                     upstream, wait_for)
from hellos import compare  # noqa: E402
from outside import Unavailable, go_program  # noqa: E402
from probing import Hellos  # noqa: E402
from securing import Certificates, transport  # noqa: E402
from terminating import MODE, at, ending_clean  # noqa: E402

OWN, PLAIN = "www.example.org", 8080
OWN_PAGE = b"a page of our own\n"
BROWSERS = ("chrome", "firefox")
COMPARED = 64  # of which each value that is drawn from four is missing once in 10^7 runs


def configuration(lab, own):
    """REALITY on LISTEN, TLS on the port behind it, on both families."""
    security = 'transport = { security = "reality"; credentials = ["front"]; };'
    ways = {"reality": (LISTEN, security), "tls": (LISTEN + 1, transport("own"))}
    listeners = ", ".join(listener(f"{name}{family}", "tcp", at(address, port), "plain", f"{MODE} {more}")
                          for name, (port, more) in ways.items()
                          for family, address in ((4, GATEWAY_C4), (6, GATEWAY_C6)))
    text = lab.configuration(listeners, upstream("plain", at(SERVER4, PLAIN)),
                             extra=f"credentials = ( {credential(lab, at(SERVER4, WEB))}, {own} );")
    return text.replace("management = {", f'management = {{ key_dir = "{lab.folder}/keys"; metrics = "127.0.0.1:9641";')


def print_of(path):
    """SHA-256 of the first certificate in a file."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text())).hexdigest()


class World:
    def __init__(self, bench, program):
        self.program, self.lab = program, bench.lab()
        self.certificates = Certificates(self.lab)
        nginx_target(self.lab, self.certificates)
        pages = self.lab.folder / "own"
        pages.mkdir()
        (pages / "page").write_bytes(OWN_PAGE)
        self.lab.spawn("server", "python3", "-m", "http.server", str(PLAIN), "--directory", pages)
        wait_for("the server", lambda: self.lab.listening("server", PLAIN))
        self.lab.start(configuration(self.lab, self.certificates.make("own", OWN)))

    def fetches(self, browser, port, name, certificate, page):
        """The browser gets this page, over TLS 1.3 and with this certificate, on both families."""
        for address in (GATEWAY_C4, GATEWAY_C6):
            done = self.lab.at("client", self.program, "-connect", at(address, port), "-name", name, "-browser", browser,
                               "-roots", self.certificates.authority, "-path", "/page", check=False)
            if done.returncode:
                raise LabError(f"{address}: {done.stderr.strip()}")
            got = json.loads(done.stdout)
            got.pop("alpn")
            check_equal(got, {"version": "TLS 1.3", "certificate": print_of(self.certificates.folder / certificate),
                              "status": 200, "bytes": len(page), "sha256": hashlib.sha256(page).hexdigest()}, address)


def meets_the_target(world, browser):
    before = counted(world.lab, "key_share")
    world.fetches(browser, LISTEN, NAME, "target.pem", PAGE.encode())
    check_equal(counted(world.lab, "key_share") - before, 2, "strangers")


def meets_us(world, browser):
    world.fetches(browser, LISTEN + 1, OWN, "own.pem", OWN_PAGE)


def hellos_are_the_same(build, program, browser):
    """Ours, as sent to an address by the client of REALITY, and uTLS's."""
    ours = Hellos(build, NAME, PUBLIC, SHORT_ID)
    done = subprocess.run([program, "-hellos", str(COMPARED), "-name", NAME, "-browser", browser], capture_output=True,
                          text=True, check=True, timeout=60)
    theirs = [bytes.fromhex(line) for line in done.stdout.split()]
    check_equal(len(theirs), COMPARED, "hellos of uTLS")
    compare([ours.fresh(browser) for _ in range(COMPARED)], theirs, browser)


CASES = {f"{browser} at a {kind} listener": (act, browser)
         for kind, act in (("REALITY", meets_the_target), ("TLS", meets_us)) for browser in BROWSERS}


def run_all(build, count):
    bench = Bench(build)

    def report(word, what, why=""):
        count[word] += 1
        print(f"{word} utls {what}" + (f": {why}" if why else ""), flush=True)

    def judge(what, act, *arguments):
        try:
            act(*arguments)
            report("ok", what)
        except LabError as why:
            report("not ok", what, why)

    try:
        program = go_program("utls-client", HERE / "client")
        for browser in BROWSERS:
            judge(f"{browser}'s hello is ours", hellos_are_the_same, build, program, browser)
        if os.geteuid() != 0:
            raise Unavailable("a lab needs root")
        world = World(bench, program)
        with ending_clean(world.lab):
            for what, (act, browser) in CASES.items():
                judge(what, act, world, browser)
    except Unavailable as why:
        report("skipped", "all", why)
    except (LabError, OSError, RuntimeError, subprocess.SubprocessError) as why:
        report("not ok", "lab", why)
    finally:
        bench.close()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--build", required=True, type=Path, help="a build folder of meson")
    count = {"ok": 0, "not ok": 0, "skipped": 0}
    run_all(options.parse_args().build, count)
    print(f"{count['ok']} passed, {count['not ok']} failed, {count['skipped']} skipped")
    return count["not ok"] != 0


if __name__ == "__main__":
    sys.exit(main())
