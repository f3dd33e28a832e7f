# SPDX-License-Identifier: BSD-3-Clause
"""REALITY between two nodes: one speaks it to its upstream, the other at its listener."""

import base64
import json
import threading

from cases_reality import NAME, PUBLIC, SHORT_ID, credential, nginx_target
from harness import (ECHO, GATEWAY_C4, GATEWAY_S4, LISTEN, SERVER4, case, check, check_equal, connect, echo,
                     exchange, expect_error, listener, payload, run, upstream, wait_for)
from securing import Certificates
from terminating import MODE, at, ending_clean

NEAR, FAR = "10.3.0.1", "10.3.0.2"
GATE = 9443
PLAIN = 8080


class Chain:
    """Node A before the client, node B before the server, a link between them in the gateway's namespace."""

    def __init__(self, t, more=""):
        lab = self.lab = t.lab()
        self.certificates = Certificates(lab)
        nginx_target(lab, self.certificates)
        t.tcp_server(lab, ECHO, echo)
        run("ip", "-n", lab.namespace("gateway"), "link", "add", "mid-a", "type", "veth", "peer", "name", "mid-b")
        for end in ("mid-a", "mid-b"):
            run("ip", "-n", lab.namespace("gateway"), "link", "set", end, "up")
        self.start_far(more)
        lab.start(self.near())

    def keyed(self, text):
        return text.replace("management = {", f'management = {{ key_dir = "{self.lab.folder}/keys";')

    def near(self, browser="chrome", public=PUBLIC, short_id=SHORT_ID, to=ECHO):
        """Node A: raw in, REALITY out."""
        key = base64.urlsafe_b64encode(bytes.fromhex(public)).rstrip(b"=").decode()
        out = (f'{{ name = "out"; kind = "reality-client"; public_key = "{key}"; server_name = "{NAME}"; '
               f'short_id = "{short_id}"; fingerprint = "{browser}"; roots = "file:{self.certificates.authority}"; }}')
        return self.keyed(self.lab.configuration(
            listener("in", "tcp", at(GATEWAY_C4, LISTEN), "far", MODE),
            upstream("far", at(FAR, GATE + (to != ECHO)),
                     more='transport = { security = "reality"; credentials = ["out"]; };'),
            ports=f"""{{ name = "lan"; device = "af_packet:gw-c"; address = ["{GATEWAY_C4}/24"]; }},
                      {{ name = "mid"; device = "af_packet:mid-a"; address = ["{NEAR}/24"]; }}""",
            extra=f"credentials = ( {out} );"))

    def start_far(self, more):
        """Node B: REALITY in, raw out, the target's page for strangers."""
        lab = self.lab
        security = 'transport = { security = "reality"; credentials = ["front"]; };'
        text = self.keyed(lab.configuration(
            ", ".join(listener(f"gate{i}", "tcp", at(FAR, GATE + i), name, f"{MODE} {security}")
                      for i, name in enumerate(("echo", "web"))),
            ", ".join([upstream("echo", at(SERVER4, ECHO)), upstream("web", at(SERVER4, PLAIN))]),
            ports=f"""{{ name = "mid"; device = "af_packet:mid-b"; address = ["{FAR}/24"]; }},
                      {{ name = "wan"; device = "af_packet:gw-s"; address = ["{GATEWAY_S4}/24"]; }}""",
            extra=f"credentials = ( {credential(lab, more=more)} );")).replace(str(lab.socket), self.far_socket)
        path = lab.folder / "far.conf"
        path.write_text(text)
        self.far = lab.spawn("gateway", lab.program("nexpathd"), "-c", path, "--file-prefix", f"{lab.prefix}far",
                             "--state-dir", lab.folder / "far-state", log=lab.folder / "far.log")
        wait_for("node B to answer on its socket", lambda: self.ask("status", check=False).returncode == 0, 20)

    @property
    def far_socket(self):
        return f"{self.lab.folder}/far.sock"

    def ask(self, *argv, check=True):
        return run(self.lab.program("nexpath"), "--socket", self.far_socket, "--json", *argv, check=check)

    def answer(self, *argv):
        """What node B answers, as an object."""
        return json.loads(self.ask(*argv).stdout)

    def end_far(self):
        wait_for("node B's last session to end",
                 lambda: self.answer("session", "list")["total"] == 0)
        check_equal(self.lab.stop(self.far), 0, f"node B's exit status; log {self.far.log.read_text()[-300:]!r}")


def events(lab, kind):
    return [e["message"] for e in lab.query("events")["events"] if e["kind"] == kind]


@case
def reality_chain(t):
    """client -> node A -> REALITY -> node B -> server: 4 MiB there and back, 20 sessions at once, both hellos"""
    chain = Chain(t)
    with ending_clean(chain.lab):
        for browser in ("chrome", "firefox"):
            chain.lab.apply(chain.near(browser))
            with connect(chain.lab, timeout=20) as s:
                exchange(s, payload(4 << 20))
            many = [connect(chain.lab, timeout=20) for _ in range(20)]
            threads = [threading.Thread(target=exchange, args=(s, payload(100000))) for s in many]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for s in many:
                s.close()
    chain.end_far()


@case
def reality_chain_curl(t):
    """curl fetches a page of the server through the chain"""
    chain = Chain(t)
    lab = chain.lab
    (lab.folder / "far-page").write_bytes(payload(2 << 20))
    lab.spawn("server", "python3", "-m", "http.server", str(PLAIN), "--directory", lab.folder)
    wait_for("the server", lambda: lab.listening("server", PLAIN))
    lab.apply(chain.near(to=PLAIN))
    with ending_clean(lab):
        for i in range(3):
            got = lab.folder / f"got-{i}"
            done = lab.at("client", "curl", "--silent", "--show-error", "--max-time", "20", "-o", got,
                          f"http://{GATEWAY_C4}:{LISTEN}/far-page", check=False)
            check_equal(done.returncode, 0, f"curl: {done.stderr}")
            check(got.read_bytes() == (lab.folder / "far-page").read_bytes(), "the page differs")
    chain.end_far()


@case
def reality_chain_wrong_keys(t):
    """with another short id or public key the target's certificate comes: the session is refused, an event says so"""
    chain = Chain(t)
    lab = chain.lab
    with ending_clean(lab):
        for keys in ({"short_id": "ffffffffffffffff"}, {"public": PUBLIC[2:] + "01"}):
            lab.apply(chain.near(**keys))
            seen = len(events(lab, "reality_real_certificate"))
            with connect(lab) as s:
                expect_error(ConnectionResetError, lambda s=s: s.recv(1), f"{keys}")
            wait_for(f"the event for {keys}", lambda n=seen: len(events(lab, "reality_real_certificate")) > n)
        lab.apply(chain.near())
        with connect(lab) as s:
            exchange(s)
    check(not [e for e in json.loads(chain.ask("session", "list").stdout)["sessions"] if e["upstream"] == "echo"],
          "a session of node B's upstream")
    chain.end_far()
