# SPDX-License-Identifier: BSD-3-Clause
"""The chain of the demo: client -> node A -> REALITY -> node B -> server, and a stranger who looks at node B."""

import json
import socket
import threading

from chain import FAR4, FAR6, FAR_X4, FAR_X6, PAGE, SERVER_F4, SERVER_F6, Chain, Way
from harness import (ECHO, GATEWAY_C4, GATEWAY_C6, LISTEN, case, check, check_equal, connect, echo, exchange, payload,
                     wait_for)
from terminating import ending_clean

GATE = 9443
IPERF = 5201
WAYS = [
    Way("echo4", (GATEWAY_C4, LISTEN), (FAR4, GATE), (SERVER_F4, ECHO)),
    Way("echo6", (GATEWAY_C6, LISTEN), (FAR6, GATE + 1), (SERVER_F6, ECHO)),
    Way("iperf4", (GATEWAY_C4, IPERF), (FAR4, GATE + 2), (SERVER_F4, IPERF)),
    Way("iperf6", (GATEWAY_C6, IPERF), (FAR6, GATE + 3), (SERVER_F6, IPERF)),
]
ALL_PACKETS = 3


def chain_lab(t):
    """A chain before an echo and iperf3, both families, once it carries bytes."""
    lab = t.lab()
    chain = Chain(lab)
    chain.add_stranger()
    chain.start_target()
    t.tcp_server(lab, ECHO, echo)
    lab.spawn("server", "iperf3", "-s")
    chain.start_far(chain.far_text(WAYS, workers='cpus = "0";'))
    listeners, upstreams = chain.near(WAYS)
    lan = f'{{ name = "lan"; device = "af_packet:gw-c"; address = ["{GATEWAY_C4}/24", "{GATEWAY_C6}/64"]; }}'
    lab.start(lab.configuration(listeners, upstreams, ports=f"{lan}, {chain.near_port()}",
                                extra=f"credentials = ( {chain.near_credential()} );"))
    wait_for("iperf3", lambda: lab.listening("server", IPERF))
    for address in (GATEWAY_C4, GATEWAY_C6):
        wait_for(f"the chain behind {address}", lambda a=address: carries(lab, a))
    return lab, chain


def carries(lab, address):
    try:
        with connect(lab, address) as s:
            exchange(s)
        return True
    except OSError:
        return False


def end_far(lab, chain):
    wait_for("node B's last session to end",
             lambda: json.loads(chain.nexpath("--json", "session", "list").stdout)["total"] == 0)
    check_equal(lab.stop(chain.node), 0, f"node B's exit status; log {chain.node.log.read_text()[-300:]!r}")


@case
def reality_chain_families(t):
    """echo and iperf3 over IPv4 and IPv6 through both nodes; node B counts every handshake"""
    lab, chain = chain_lab(t)
    with ending_clean(lab):
        before = chain.counters("reality.*")
        for address in (GATEWAY_C4, GATEWAY_C6):
            with connect(lab, address, timeout=20) as s:
                exchange(s, payload(4 << 20))
            for direction in ([], ["-R"]):
                done = lab.at("client", "iperf3", "-J", "-c", address, "-n", "20M", *direction, check=False)
                result = json.loads(done.stdout)
                check("error" not in result, f"iperf3 to {address} {direction}: {result.get('error')}")
        # Of each iperf3 two connections: what is said of the test, and the test.
        check_equal(chain.counters("reality.*"),
                    {**before, "reality.authenticated": before["reality.authenticated"] + 10}, "handshakes")
    end_far(lab, chain)


@case
def reality_chain_stranger(t):
    """browsers at node B see the target's page and certificate, while clients' bytes cross the link unseen"""
    lab, chain = chain_lab(t)
    with lab.sockets("far"):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PACKETS))
    tap.bind(("mid-b", 0))
    tap.settimeout(0.2)
    said = payload(4000)
    with ending_clean(lab):
        with connect(lab) as s:
            crossed = listening(tap, lambda: exchange(s, said))
            check(len(crossed) >= 2 * len(said), f"only {len(crossed)} bytes crossed the link")
            check(not any(said[i:i + 16] in crossed for i in range(0, len(said), 16)), "they crossed in the clear")
            for host in (FAR_X4, f"[{FAR_X6}]"):
                wait_for(f"node B on {host}", lambda h=host: chain.browse(h, GATE)[0] == 0)
                check_equal(chain.browse(host, GATE), (0, PAGE), f"the page at {host}")
                check_equal(chain.shown_certificate(host, GATE), chain.target_certificate(), f"the certificate at {host}")
            exchange(s, said)
        strangers = sum(v for name, v in chain.counters("reality.*").items() if name != "reality.authenticated")
        check(strangers >= 6, f"node B counted {strangers} strangers of at least 6")
    end_far(lab, chain)


def listening(tap, action):
    """The bytes of all frames that pass while action runs, and shortly after."""
    got, over = [], threading.Event()

    def listen():
        while True:
            try:
                got.append(tap.recv(1 << 17))
            except TimeoutError:
                if over.is_set():
                    return

    thread = threading.Thread(target=listen)
    thread.start()
    action()
    over.set()
    thread.join()
    return b"".join(got)
