# SPDX-License-Identifier: BSD-3-Clause
"""REALITY between two nodes, nexpathd's beside Xray's: client -> node A (plain in, REALITY out) -> node B -> server.

Namespaces and turns are those of comparison.py, the chain is the one of scripts/chain.py, with Xray in the place of
both nodes or of none. Xray carries VLESS without flow, the plainest that its REALITY is used with, and has a user's
configuration otherwise. What counts is the CPU time of each node's process; beside it stands that of all else in the
lab but the target, for the kernel does some of a socket's work in its peer's name.
"""

import json
import os
import resource
import socket
import subprocess
import sys
import time

from chain import FAR4, FAR_S4, NAME, NEAR4, SERVER_F4, TARGET, Chain, Way, at
from common import bench, fail, save, spread
from comparison import LISTEN, Budget, links, ratios, take_turns
from lab import GATEWAY_C4, ROOT, LabError, run, wait_for

sys.path += [str(ROOT / "tests" / "interop" / "xray"), str(ROOT / "tests" / "interop")]
import run as suite  # noqa: E402
from outside import Unavailable  # noqa: E402

SYSTEMS = ("nexpath", "xray")
BULK, ORIGIN, IPERF, GATE = LISTEN + 1, 80, 5201, 9443
AT_ONCE = 16
SETTLE_SECONDS = 5  # memory is looked at so long after the last connection
SLOWPATH = "slowpath = { source_rate = 1000000; source_handshakes = 2048; };"
ORIGIN_NGINX = """worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
user root;
pid {folder}/origin.pid;
error_log {folder}/origin.log error;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    keepalive_timeout 600;
    server {{ listen {server}:{origin} backlog=65535; location / {{ return 200 "here is a small answer\\n"; }} }}
}}
"""
REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"


def clock(pid):
    """CPU seconds of all threads of a process so far, interrupts served in its name included."""
    return time.clock_gettime((~pid << 3) | 2)


def family(pid):
    """CPU seconds of a process and its children that live."""
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return clock(pid) + sum(clock(int(child)) for child in children.read().split())


def resident(pid):
    """Bytes of a process in memory."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


class Spent:
    """CPU seconds since it was made: of each node, and of all in the lab but the target."""

    def __init__(self, lab):
        self.lab = lab
        self.before = self.now()

    def now(self):
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {**{name: clock(child.pid) for name, child in self.lab.nodes.items()},
                "all": ended.ru_utime + ended.ru_stime + sum(
                    family(child.pid) for child in self.lab.children if child is not self.lab.target)}

    def since(self):
        return {name: now - self.before[name] for name, now in self.now().items()}


# --- the chain, of either kind -----------------------------------------------------------------------

def start_servers(lab, chain):
    for role in ("client", "gateway", "far", "server"):
        lab.at(role, "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1",
               "net.core.somaxconn=65535", "net.ipv4.tcp_max_syn_backlog=65535")
    lab.target = chain.start_target()
    conf = lab.folder / "origin.conf"
    conf.write_text(ORIGIN_NGINX.format(folder=lab.folder, server=SERVER_F4, origin=ORIGIN))
    lab.spawn("server", "nginx", "-e", lab.folder / "origin.log", "-c", conf)
    lab.spawn("server", "iperf3", "-s", "-p", IPERF)
    wait_for("the origin", lambda: lab.listening("server", ORIGIN) and lab.listening("server", IPERF))


def start_own(lab, chain, huge):
    ways = [Way("origin", (GATEWAY_C4, LISTEN), (FAR4, GATE), (SERVER_F4, ORIGIN)),
            Way("iperf", (GATEWAY_C4, BULK), (FAR4, GATE + 1), (SERVER_F4, IPERF))]
    chain.start_far(chain.far_text(ways, workers='cpus = "0"; idle = "adaptive";', extra=SLOWPATH, huge=huge))
    lab.start(lab.configuration(
        *chain.near(ways), workers='cpus = "1"; idle = "adaptive";', huge=huge,
        ports=f'{{ name = "lan"; device = "af_packet:gw-c"; address = ["{GATEWAY_C4}/24"]; }}, {chain.near_port()}',
        extra=f'{SLOWPATH} credentials = ( {chain.near_credential()} );'))
    lab.nodes = {"client": lab.daemon, "server": chain.node}


def xray_stream(more):
    return {"network": "raw", "security": "reality", "realitySettings": more}


def start_xray(lab, role, name, inbounds, outbound):
    path = lab.folder / f"{name}.json"
    path.write_text(json.dumps({"log": {"loglevel": "error", "access": "none"}, "inbounds": inbounds,
                                "outbounds": [outbound]}))
    path.chmod(0o600)
    child = lab.spawn(role, suite.xray(), "run", "-c", path)
    wait_for(name, lambda: all(lab.listening(role, i["port"]) for i in inbounds))
    return child


def start_xrays(lab, chain):
    for role, interface, address in (("gateway", "gw-c", GATEWAY_C4), ("gateway", "mid-a", NEAR4),
                                     ("far", "mid-b", FAR4), ("far", "far-s", FAR_S4)):
        run("ip", "-n", lab.namespace(role), "addr", "add", f"{address}/24", "dev", interface)
    server = start_xray(lab, "far", "xray-server", [{
        "listen": FAR4, "port": GATE, "protocol": "vless",
        "settings": {"clients": [{"id": suite.USER}], "decryption": "none"},
        "streamSettings": xray_stream({"target": at(SERVER_F4, TARGET), "serverNames": [NAME],
                                       "privateKey": chain.private, "shortIds": [chain.short_id]})}],
        {"protocol": "freedom"})
    client = start_xray(lab, "gateway", "xray-client", [
        {"listen": GATEWAY_C4, "port": port, "protocol": "dokodemo-door",
         "settings": {"address": SERVER_F4, "port": to, "network": "tcp"}}
        for port, to in ((LISTEN, ORIGIN), (BULK, IPERF))],
        {"protocol": "vless",
         "settings": {"vnext": [{"address": FAR4, "port": GATE, "users": [{"id": suite.USER, "encryption": "none"}]}]},
         "streamSettings": xray_stream({"serverName": NAME, "fingerprint": "chrome", "publicKey": chain.public,
                                        "shortId": chain.short_id})})
    lab.nodes = {"client": client, "server": server}


def beginning(huge):
    def begin(lab, system):
        chain = Chain(lab)
        start_servers(lab, chain)
        if system == "nexpath":
            start_own(lab, chain, huge)
        else:
            start_xrays(lab, chain)
        wait_for("the chain", lambda: lab.at("client", "curl", "-sf", "--max-time", "2", "-o", "/dev/null",
                                             f"http://{GATEWAY_C4}:{LISTEN}/", check=False).returncode == 0)
    return begin


# --- what is measured --------------------------------------------------------------------------------

def handshakes(lab, arguments):
    """Connections by curl, some at once: each a handshake, a request, its answer."""
    spent, began = Spent(lab), time.monotonic()
    done = lab.at("client", "curl", "-sS", "--fail", "--parallel", "--parallel-max", AT_ONCE, "-H", "Connection: close",
                  "-o", "/dev/null", "-w", "%{http_code}\n",
                  f"http://{GATEWAY_C4}:{LISTEN}/?[1-{arguments.handshakes}]")
    seconds, cpu = time.monotonic() - began, spent.since()
    if done.stdout.split() != ["200"] * arguments.handshakes:
        raise LabError(f"{done.stdout.count('200')} of {arguments.handshakes} requests were answered")
    return {"handshakes_per_second": arguments.handshakes / seconds,
            **{f"{name}_handshake_us": value / arguments.handshakes * 1e6 for name, value in cpu.items()}}


def bulk(lab, arguments):
    """Download by one stream."""
    spent = Spent(lab)
    done = lab.at("client", "iperf3", "-J", "-R", "-c", GATEWAY_C4, "-p", BULK, "-t", arguments.seconds)
    cpu, received = spent.since(), json.loads(done.stdout)["end"]["sum_received"]
    return {"gbit_per_second": received["bits_per_second"] / 1e9,
            **{f"{name}_cpu_s_per_gbit": value / (received["bytes"] * 8 / 1e9) for name, value in cpu.items()}}


def answered(one):
    one.sendall(REQUEST)
    return one.recv(4096).startswith(b"HTTP/1.1 200")


def memory(lab, arguments):
    """Growth of resident memory while connections open, each of which has one request answered and then idles."""
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, max(limit, arguments.idle + 1000)), most))
    before = {name: resident(child.pid) for name, child in lab.nodes.items()}
    with lab.sockets("client"):
        held = [socket.socket() for _ in range(arguments.idle)]
    try:
        for one in held:
            one.settimeout(5)
            one.connect((GATEWAY_C4, LISTEN))
            if not answered(one):
                raise LabError("a connection that is to idle got no answer")
        time.sleep(SETTLE_SECONDS)
        growth = {name: resident(child.pid) - before[name] for name, child in lab.nodes.items()}
        if not all(answered(one) for one in held):
            raise LabError("an idle connection was lost")
    finally:
        for one in held:
            one.close()
    return {f"{name}_bytes_per_connection": value / arguments.idle for name, value in growth.items()}


def versions():
    nginx = subprocess.run(["nginx", "-v"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    return {"xray": run(suite.xray(), "version").stdout.split()[1],
            "openssl": run("openssl", "version").stdout.split()[1],
            "nginx": nginx.stdout.strip().rpartition("/")[2], "iperf3": run("iperf3", "--version").stdout.split()[1]}


def engine(build):
    """The server's handshake alone, beside the sum of its primitives."""
    return json.loads(run(build.resolve() / "perf" / "reality" / "reality-bench").stdout)


def compare(arguments):
    if os.geteuid() != 0:
        fail("namespaces need root; run it as root")
    try:
        found = versions()
    except Unavailable as why:
        print(f"perf: skipped: Xray cannot be had: {why}")
        return 0
    budget, load = Budget(arguments.minutes), os.getloadavg()[0]
    rows = {}
    rounds = min(take_turns(arguments, (handshakes, bulk), rows, budget, 0.6, SYSTEMS, beginning("auto")),
                 take_turns(arguments, (memory,), rows, budget, 1, SYSTEMS, beginning("off")))
    save(arguments, "reality", {
        "machine": bench(arguments.build, "machine")["machine"], "command": " ".join(sys.argv), **links(arguments),
        "load": load, "versions": found, "handshakes": arguments.handshakes, "at_once": AT_ONCE, "idle": arguments.idle,
        "seconds": arguments.seconds, "settle_seconds": SETTLE_SECONDS, "rounds": rounds,
        "engine": engine(arguments.build), "ratios": ratios(rows["nexpath"], rows["xray"]),
        "systems": {system: {name: spread(values) for name, values in row.items()} for system, row in rows.items()}})
    return 0
