# SPDX-License-Identifier: BSD-3-Clause
"""nexpathd beside HAProxy and nginx stream: same namespaces, same origin, same client, offloads on.

Every measurement has fresh namespaces, and the systems take turns, so that a slow spell of the machine
falls on all of them. What is judged are the ratios of neighbours in time: in each round nexpathd's figure
to HAProxy's. A connect error fails the whole comparison.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

from common import bench, bench_program, fail, save, spread
from lab import (GATEWAY_C4, GATEWAY_S4, SERVER4, Lab, LabError, listener, run, upstream, wait_for)

LISTEN, BULK, ORIGIN, IPERF = 9000, 9001, 80, 5201
CONNECTIONS = 64
ROLES = ("client", "gateway", "server")
ASKING_SHARE = 0.75  # of the time: bulk, requests and connections, before latency
SYSTEMS = ("direct-adaptive", "direct-poll", "terminate-adaptive", "haproxy", "nginx")
JUDGED = ("direct-adaptive", "terminate-adaptive")  # each by its ratio to HAProxy
HAPROXY = """global
    nbthread 1
    maxconn 5000
defaults
    mode tcp
    option splice-auto
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen requests
    bind {own}:{listen} backlog 65535
    server s {server}:{origin}
listen bulk
    bind {own}:{bulk}
    server s {server}:{iperf}
"""
NGINX_STREAM = """load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes 1;
daemon off;
pid {folder}/peer.pid;
error_log {folder}/peer.log error;
events {{ worker_connections 8000; }}
stream {{
    server {{ listen {own}:{listen} backlog=65535; proxy_pass {server}:{origin}; }}
    server {{ listen {own}:{bulk}; proxy_pass {server}:{iperf}; }}
}}
"""
NGINX_ORIGIN = """worker_processes 1;
daemon off;
pid {folder}/origin.pid;
error_log {folder}/origin.log error;
events {{ worker_connections 8000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    server {{ listen {server}:{origin} backlog=65535; location / {{ return 200 "here is a small answer\\n"; }} }}
}}
"""


def write(lab, name, text, **more):
    path = lab.folder / name
    path.write_text(text.format(folder=lab.folder, scratch=lab.scratch, own=GATEWAY_C4, server=SERVER4, listen=LISTEN,
                                bulk=BULK, origin=ORIGIN, iperf=IPERF, **more))
    return path


def raise_limits(lab):
    for role in ROLES:
        lab.at(role, "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1",
               "net.core.somaxconn=65535", "net.ipv4.tcp_max_syn_backlog=65535")


def start_origin(lab):
    raise_limits(lab)
    lab.spawn("server", "nginx", "-e", lab.folder / "origin.log", "-c", write(lab, "origin.conf", NGINX_ORIGIN))
    lab.spawn("server", "iperf3", "-s", "-p", IPERF)
    wait_for("the origin", lambda: lab.listening("server", ORIGIN) and lab.listening("server", IPERF))


def start_own(lab, mode, idle):
    mode = f'mode = "{mode}";'
    lab.start(lab.configuration(
        listener("requests", "tcp", f"{GATEWAY_C4}:{LISTEN}", "origin", mode) + ", "
        + listener("bulk", "tcp", f"{GATEWAY_C4}:{BULK}", "iperf", mode),
        upstream("origin", f"{SERVER4}:{ORIGIN}") + ", " + upstream("iperf", f"{SERVER4}:{IPERF}"),
        workers=f'cpus = "1"; idle = "{idle}";'))


def start_peer(lab, system, configuration, ports, **more):
    """HAProxy or nginx in the gateway on this configuration, whose rest `more` fills in."""
    for interface, address in (("gw-c", GATEWAY_C4), ("gw-s", GATEWAY_S4)):
        run("ip", "-n", lab.namespace("gateway"), "addr", "add", f"{address}/24", "dev", interface)
    path = write(lab, f"{system}.conf", configuration, **more)
    if system == "haproxy":
        lab.spawn("gateway", "haproxy", "-db", "-f", path)
    else:
        lab.spawn("gateway", "nginx", "-e", lab.folder / "peer.log", "-c", path)
    wait_for(system, lambda: all(lab.listening("gateway", port) for port in ports))


def first_connection(lab):
    """Comes through once addresses are known to be unique and next hops are known."""
    with lab.sockets("client"):
        s = socket.socket()
    with s:
        s.settimeout(5)
        s.connect((GATEWAY_C4, LISTEN))


def start(lab, system):
    start_origin(lab)
    mode, _, idle = system.partition("-")
    if idle:
        start_own(lab, mode, idle)
    else:
        start_peer(lab, system, HAPROXY if system == "haproxy" else NGINX_STREAM, (LISTEN, BULK))
    first_connection(lab)


def cpu_seconds(lab):
    """User and system time of all that runs in the lab so far, interrupts served in its name included."""
    ticks = 0
    for role in ROLES:
        for pid in lab.at("gateway", "ip", "netns", "pids", lab.namespace(role)).stdout.split():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except FileNotFoundError:
                continue
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def ask(lab, arguments, *options):
    done = lab.at("client", bench_program(arguments.build), "client", "--target", f"{GATEWAY_C4}:{LISTEN}",
                  "--connections", CONNECTIONS, "--seconds", arguments.seconds, *options, check=False)
    if done.returncode:
        raise LabError(f"the client failed: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def bulk(lab, arguments):
    """Download by one stream; CPU of everything in the lab, by gigabyte of payload."""
    before = cpu_seconds(lab)
    done = lab.at("client", "iperf3", "-J", "-R", "-c", GATEWAY_C4, "-p", BULK, "-t", arguments.seconds)
    result = json.loads(done.stdout)["end"]
    own = result["cpu_utilization_percent"]["host_total"] / 100 * arguments.seconds
    received = result["sum_received"]
    return {"gbit_per_second": received["bits_per_second"] / 1e9,
            "cpu_seconds_per_gb": (cpu_seconds(lab) - before + own) / (received["bytes"] / 1e9)}


def requests(lab, arguments):
    result = ask(lab, arguments)
    return {"requests_per_second": result["per_second"], "p99_saturated_us": result["p99_us"]}


def connections(lab, arguments):
    return {"connections_per_second": ask(lab, arguments, "--close")["per_second"]}


def latency(rate):
    def measure(lab, arguments):
        result = ask(lab, arguments, "--rate", rate)
        if result["per_second"] < rate * 0.98:
            raise LabError(f"only {result['per_second']:.0f} of {rate} requests a second were answered")
        return {"p50_us": result["p50_us"], "p99_us": result["p99_us"]}
    return measure


class Budget:
    """Time for the whole comparison: a round that would end too late is not begun."""

    def __init__(self, minutes):
        self.began = time.monotonic()
        self.seconds = minutes * 60

    def spent(self):
        return time.monotonic() - self.began

    def has_room(self, round_seconds, share):
        return self.spent() + round_seconds <= self.seconds * share


def measure(arguments, system, begin, measurement):
    """One system in namespaces of its own."""
    with Lab(arguments.build) as lab:
        try:
            begin(lab, system)
            return measurement(lab, arguments)
        except (LabError, OSError) as error:
            logs = "".join(child.log.read_text()[-300:] for child in lab.children)
            fail(f"{system}: {error}\n{logs}")


def take_turns(arguments, measurements, rows, budget, share, systems=SYSTEMS, begin=start):
    """Returns how many rounds there were: at least one."""
    longest = 0
    for number in range(arguments.rounds):
        if number and not budget.has_room(longest, share):
            print(f"perf: only {number} of {arguments.rounds} rounds fit", flush=True)
            return number
        began = budget.spent()
        for measurement in measurements:
            for system in systems[number % len(systems):] + systems[:number % len(systems)]:
                for name, value in measure(arguments, system, begin, measurement).items():
                    rows.setdefault(system, {}).setdefault(name, []).append(value)
                    print(f"perf: round {number + 1}: {system}: {name} {value:.5g}", flush=True)
        longest = max(longest, budget.spent() - began)
        print(f"perf: round {number + 1} of {arguments.rounds} took {budget.spent() - began:.0f} s; "
              f"{budget.spent() / 60:.1f} of at most {arguments.minutes} min", flush=True)
    return arguments.rounds


def ratios(ours, theirs):
    """Of each figure, round by round."""
    return {name: spread([a / b for a, b in zip(ours[name], theirs[name])]) for name in ours}


def links(arguments):
    """MTU and offloads, as they are at all ends of the lab's links."""
    with Lab(arguments.build) as lab:
        features = lab.at("client", "ethtool", "-k", "eth0").stdout
        mtu = json.loads(lab.at("client", "ip", "-j", "link", "show", "eth0").stdout)[0]["mtu"]
    return {"mtu": mtu, "offloads": [name for name in (
        "tx-checksumming", "scatter-gather", "tcp-segmentation-offload", "generic-segmentation-offload",
        "generic-receive-offload") if re.search(rf"^{name}: on", features, re.MULTILINE)]}


def versions():
    def first_line(*argv):
        done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.stdout.splitlines()[0]
    return {"haproxy": re.search(r"version (\S+)", first_line("haproxy", "-v")).group(1),
            "nginx": first_line("nginx", "-v").rpartition("/")[2],
            "iperf3": first_line("iperf3", "--version").split()[1]}


def compare(arguments):
    if os.geteuid() != 0:
        fail("namespaces need root; run it as root")
    budget = Budget(arguments.minutes)
    conditions = links(arguments)
    rows = {}
    rounds = take_turns(arguments, (bulk, requests, connections), rows, budget, ASKING_SHARE)
    slower = min(spread(rows[system]["requests_per_second"])["median"] for system in (*JUDGED, "haproxy"))
    rate = int(slower / 2)
    print(f"perf: latency at {rate} requests a second", flush=True)
    take_turns(arguments, (latency(rate),), rows, budget, 1)
    save(arguments, "compare", {
        "machine": bench(arguments.build, "machine")["machine"], "command": " ".join(sys.argv), **conditions,
        "versions": versions(), "rate": rate, "connections": CONNECTIONS, "seconds": arguments.seconds,
        "rounds": rounds, "ratios": {system: ratios(rows[system], rows["haproxy"]) for system in JUDGED},
        "systems": {system: {name: spread(values) for name, values in row.items()} for system, row in rows.items()}})
    return 0
