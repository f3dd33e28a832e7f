# SPDX-License-Identifier: BSD-3-Clause
"""A whole nexpathd in a lab behind Xray's client: its REALITY listener is Xray's server, or the target."""

import contextlib
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "lab"))

from cases_reality import NAME, PAGE, SHORT_ID, WEB, counted, credential, curl, nginx_target  # noqa: E402
from harness import (GATEWAY_C4, LISTEN, SERVER4, Bench, check, check_equal, listener, payload, upstream,  # noqa: E402
                     wait_for)
from probing import ABUSES, Prober, link_straight  # noqa: E402
from securing import Certificates  # noqa: E402
from terminating import MODE, at, ending_clean  # noqa: E402

SOCKS, VLESS, PLAIN = 1080, 9443, 8080
SIZE = 10 << 20


class Behind:
    """Xray's client -> nexpathd -> Xray's server without security -> a server of files."""

    def __init__(self, bench, program, user, prepare=lambda lab: None):
        self.program, self.user = program, user
        lab = self.lab = bench.lab()
        prepare(lab)
        self.certificates = Certificates(lab)
        nginx_target(lab, self.certificates)
        (lab.folder / "file").write_bytes(payload(SIZE))
        lab.spawn("server", "python3", "-m", "http.server", str(PLAIN), "--directory", lab.folder)
        self.server = self.xray("server", {"protocol": "vless", "listen": "0.0.0.0", "port": VLESS, "settings": {
            "clients": [{"id": user}], "decryption": "none"}}, {"protocol": "freedom"})
        wait_for("the servers", lambda: all(lab.listening("server", port) for port in (PLAIN, VLESS)))
        lab.start(self.configuration())

    def xray(self, role, inbound, outbound):
        path = self.lab.folder / f"xray-{role}-{len(self.lab.children)}.json"
        path.write_text(json.dumps({"log": {"loglevel": "debug"}, "inbounds": [inbound], "outbounds": [outbound]}))
        return self.lab.spawn(role, self.program, "run", "-c", path,
                              env={**os.environ, "SSL_CERT_FILE": str(self.certificates.authority)})

    def configuration(self, rule="any"):
        text = self.lab.configuration(
            listener("in", "tcp", at(GATEWAY_C4, LISTEN), "vless",
                     f'{MODE} transport = {{ security = "reality"; credentials = ["front"]; }};'),
            upstream("vless", at(SERVER4, VLESS)),
            extra=f"credentials = ( {credential(self.lab, more=f'key_shares = {json.dumps(rule)};')} );")
        return text.replace("management = {",
                            f'management = {{ key_dir = "{self.lab.folder}/keys"; metrics = "127.0.0.1:9641";')

    @contextlib.contextmanager
    def client(self, public, **settings):
        """Xray's client on SOCKS, and its log."""
        reality = {"serverName": NAME, "fingerprint": "chrome", "publicKey": public, "shortId": SHORT_ID, **settings}
        child = self.xray(
            "client", {"protocol": "socks", "listen": "127.0.0.1", "port": SOCKS},
            {"protocol": "vless",
             "settings": {"vnext": [{"address": GATEWAY_C4, "port": LISTEN,
                                     "users": [{"id": self.user, "encryption": "none"}]}]},
             "streamSettings": {"network": "raw", "security": "reality", "realitySettings": reality}})
        try:
            wait_for("Xray's client", lambda: self.lab.listening("client", SOCKS))
            yield child.log
        finally:
            self.lab.stop(child)

    def fetch(self, path):
        """curl's exit status and what it got, through Xray's client."""
        got = self.lab.folder / "got"
        got.unlink(missing_ok=True)
        done = self.lab.at("client", "curl", "--silent", "--show-error", "--max-time", "20", "--socks5",
                           f"127.0.0.1:{SOCKS}", "-o", got, f"http://{SERVER4}:{PLAIN}/{path}", check=False)
        return done.returncode, got.read_bytes() if got.exists() else b""

    def carries(self):
        check_equal(self.fetch("page"), (0, PAGE.encode()), "the page")
        status, got = self.fetch("file")
        check_equal(status, 0, "curl's exit status, 10 MiB")
        check(got == (self.lab.folder / "file").read_bytes(), f"of 10 MiB came {len(got)} bytes, or others")


@contextlib.contextmanager
def behind(world, user, **options):
    bench = Bench(world.build)
    try:
        lab = Behind(bench, world.xray_program, user, **options)
        with ending_clean(lab.lab):
            yield lab
    finally:
        bench.close()


def is_reached(world, user, public):
    """A page and 10 MiB by each hello that a rule admits; strangers see the target meanwhile."""
    passing = {"any": ("chrome", "firefox", "hellochrome_120"), "hybrid-first": ("chrome", "firefox")}
    with behind(world, user) as x:
        for rule, browsers in passing.items():
            x.lab.apply(x.configuration(rule))
            for browser in browsers:
                with x.client(public, fingerprint=browser):
                    x.carries()
            done = curl(x.lab, x.certificates)
            check_equal((done.returncode, done.stdout), (0, PAGE), f"a stranger: {done.stderr}")
        refused = counted(x.lab, "key_share")
        with x.client(public, fingerprint="hellochrome_120") as log:
            shows_the_target(x, log)
        check(counted(x.lab, "key_share") > refused, "a hello that begins with X25519 was taken by the newer rule")


def shows_the_target(x, log):
    """Xray's client says that it has met the target's own certificate, and nothing gets through."""
    status, got = x.fetch("page")
    check(status != 0 and not got, f"{got!r} came through")
    wait_for("Xray to meet the target's certificate", lambda: "received real certificate" in log.read_text())


def shows_the_target_to_others(world, user, public, other):
    with behind(world, user) as x:
        for result, keys in {"key_share": {"public": other}, "short_id": {"public": public, "shortId": "ffffffffffffffff"},
                             "sni": {"public": public, "serverName": "other.example"}}.items():
            before = counted(x.lab, result)
            with x.client(**keys) as log:
                if result == "sni":  # nginx has no certificate of that name
                    check(x.fetch("page")[0] != 0, "another name was let in")
                else:
                    shows_the_target(x, log)
            check(counted(x.lab, result) > before, f"{keys}: not counted as {result}")


def leaves_replays_to_the_target(world, user, public):
    """Who has seen the hello of Xray's client on the wire, and says it again, meets the target."""
    with behind(world, user, prepare=link_straight) as x:
        with contextlib.closing(Prober(x.lab, GATEWAY_C4, [WEB], [LISTEN])) as prober:
            with x.client(public):
                check_equal(x.fetch("page"), (0, PAGE.encode()), "the page")
            time.sleep(0.3)
            hello = prober.hello_on_the_wire("through", LISTEN)
            for name in ("garbage", "33 of change_cipher_spec", "nothing"):
                prober.compare(name, lambda: hello, ABUSES[name])
        check(counted(x.lab, "replay") > 0, "no replay was counted")
        check_equal(counted(x.lab, "authenticated"), 1, "clients")
