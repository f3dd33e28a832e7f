# SPDX-License-Identifier: BSD-3-Clause
"""Requests routed behind REALITY: client -> node A -> REALITY -> node B's HTTP listener -> nginx, and strangers."""

from cases_http import WEB, curl, nginx_web
from cases_reality_chain import end_far
from chain import FAR4, FAR6, FAR_X4, FAR_X6, NEAR4, NEAR6, PAGE, SERVER_F4, SERVER_F6, Chain, Way
from harness import GATEWAY_C4, GATEWAY_C6, LISTEN, case, check, check_equal, wait_for
from terminating import at, ending_clean

GATE = 9443
WAYS = [Way("web4", (GATEWAY_C4, LISTEN), (FAR4, GATE), (SERVER_F4, WEB)),
        Way("web6", (GATEWAY_C6, LISTEN), (FAR6, GATE + 1), (SERVER_F6, WEB))]


def http_chain(t):
    """A chain before nginx, both families, whose node B routes requests."""
    lab = t.lab()
    chain = Chain(lab)
    chain.add_stranger()
    chain.start_target()
    nginx_web(lab)
    text = chain.far_text(WAYS, workers='cpus = "0";', protocol="http")
    chain.start_far(text.replace("management = {", 'management = { metrics = "127.0.0.1:9641";'))
    listeners, upstreams = chain.near(WAYS)
    lan = f'{{ name = "lan"; device = "af_packet:gw-c"; address = ["{GATEWAY_C4}/24", "{GATEWAY_C6}/64"]; }}'
    lab.start(lab.configuration(listeners, upstreams, ports=f"{lan}, {chain.near_port()}",
                                extra=f"credentials = ( {chain.near_credential()} );"))
    for address in (GATEWAY_C4, GATEWAY_C6):
        wait_for(f"the chain behind {address}", lambda a=address: lab.at(
            "client", "curl", "--silent", "--fail", "--max-time", "5", f"http://{at(a, LISTEN)}/none",
            check=False).returncode == 0)
    return lab, chain


def requests(lab):
    """How many requests node B's listeners have read."""
    lines = lab.at("far", "curl", "-sf", "http://127.0.0.1:9641/metrics").stdout.splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith("nexpath_http_requests_total"))


@case
def reality_http_requests(t):
    """pages, uploads and HTTP/2 over IPv4 and IPv6; targets are told, and each client's handshake is its own"""
    lab, chain = http_chain(t)
    page, got = lab.folder / "page", lab.folder / "got"
    with ending_clean(lab):
        before = chain.counters("reality.*")["reality.authenticated"]
        for address, near, name in ((GATEWAY_C4, NEAR4, "four"), (GATEWAY_C6, NEAR6, "six")):
            here = at(address, LISTEN)
            for how, version in (((), "1.1"), (("--http2-prior-knowledge",), "2")):
                said = curl(lab, "/say?x=1", *how, "-H", "X-Forwarded-For: 6.6.6.6", host=address)
                check_equal(said, f"GET /say?x=1 HTTP/1.1|{here}|{near}|https|{here}||||", f"what nginx saw, {version}")
                said = curl(lab, "/page", *how, "-o", got, "-w", "%{http_version}", host=address)
                check_equal(said, version, "the version")
                check(got.read_bytes() == page.read_bytes(), f"the page differs at {here}, {version}")
                curl(lab, f"/upload/{name}{version}", *how, "-T", page, "-o", "/dev/null", host=address)
                check((lab.folder / f"upload/{name}{version}").read_bytes() == page.read_bytes(), "the upload differs")
            # On one connection, and one handshake.
            said = curl(lab, "/none", "-w", "%{num_connects}", "--next", "--silent", "-w", "%{num_connects}",
                        f"http://{here}/none", host=address)
            check_equal(said, "10", "connections")
        check_equal(chain.counters("reality.*")["reality.authenticated"], before + 14, "handshakes")
    end_far(lab, chain)


@case
def reality_http_stranger(t):
    """browsers at node B see the target's page and certificate, whatever they ask for; nothing is routed"""
    lab, chain = http_chain(t)
    with ending_clean(lab):
        routed = requests(lab)
        check(routed > 0, "none was read of a client")
        for host in (FAR_X4, f"[{FAR_X6}]"):
            wait_for(f"node B on {host}", lambda h=host: chain.browse(h, GATE)[0] == 0)
            check_equal(chain.browse(host, GATE), (0, PAGE), f"the page at {host}")
            check_equal(chain.shown_certificate(host, GATE), chain.target_certificate(), f"the certificate at {host}")
        done = lab.at("stranger", "curl", "-sS", "--max-time", "5", f"http://{FAR_X4}:{GATE}/none", check=False)
        check("plain HTTP request" in done.stdout, f"a request in the clear: {done.stdout!r} {done.stderr!r}")
        check_equal(requests(lab), routed, "node B's requests")
    end_far(lab, chain)
