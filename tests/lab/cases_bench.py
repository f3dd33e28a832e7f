# SPDX-License-Identifier: BSD-3-Clause
"""nexpath-bench drive at both ends of a nexpathd, and comparisons in short."""

import json
from pathlib import Path

from harness import (ECHO, GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, SERVER6, case, check, check_equal, listener, run,
                     upstream)

PERF = Path(__file__).resolve().parents[2] / "scripts" / "perf"

ENDS = {4: ("10.1.0.100", SERVER4, f"{GATEWAY_C4}:{LISTEN}", f"{SERVER4}:{ECHO}"),
        6: ("fd00:1::100", SERVER6, f"[{GATEWAY_C6}]:{LISTEN}", f"[{SERVER6}]:{ECHO}")}


def drive_lab(t):
    """Both far ends in the client's namespace, without addresses: drive answers for its own."""
    lab = t.lab()
    client, server = lab.namespace("client"), lab.namespace("server")
    run("ip", "-n", client, "link", "set", "eth0", "down")
    run("ip", "-n", client, "link", "set", "eth0", "name", "near")
    run("ip", "-n", server, "link", "set", "eth0", "down")
    run("ip", "-n", server, "link", "set", "eth0", "name", "far", "netns", client)
    for interface in ("near", "far"):
        run("ip", "-n", client, "addr", "flush", "dev", interface)
        lab.at("client", "sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")
        run("ip", "-n", client, "link", "set", interface, "up")
    lab.start(lab.configuration(
        ", ".join(listener(f"{protocol}{family}", protocol, listen, f"u{family}")
                  for family, (_, _, listen, _) in ENDS.items() for protocol in ("udp", "tcp")),
        ", ".join(upstream(f"u{family}", target) for family, (_, _, _, target) in ENDS.items()),
        workers='cpus = "1";'))
    return lab


def drive(lab, family, *options):
    bench = lab.build / "perf" / "nexpath-bench"
    client, server, listen, _ = ENDS[family]
    done = lab.at("client", bench, "drive", "--tx", "af_packet:near", "--rx", "af_packet:far", "--cpu", "0",
                  "--no-huge", "--memory", "128", "--client", client, "--server", server, "--target", listen, *options)
    result = json.loads(done.stdout)
    check_equal(result["family"], family, "family")
    return result


@case(alone=True)
def drive_datagrams(t):
    """5,000 datagrams a second over 1,000 flows, IPv4 and IPv6: none lost, none damaged, each timed"""
    lab = drive_lab(t)
    for family in ENDS:
        trial = drive(lab, family, "--flows", 1000, "--rate", 5000, "--seconds", 2, "--size", 512)["trial"]
        check(trial["offered"] > 8000, f"only {trial['offered']} datagrams were sent")
        check_equal((trial["lost"], trial["damaged"]), (0, 0), "lost and damaged")
        check(0 < trial["latency_us"]["p50"] <= trial["latency_us"]["max"], f"latency {trial['latency_us']}")


@case(alone=True)
def drive_connections(t):
    """1,000 connections a second from SYN to the last acknowledgement, IPv4 and IPv6: all complete"""
    lab = drive_lab(t)
    for family in ENDS:
        trial = drive(lab, family, "--protocol", "tcp", "--flows", 500, "--rate", 1000, "--seconds", 2)["trial"]
        check(trial["offered"] > 1600, f"only {trial['offered']} connections were begun")
        check_equal((trial["lost"], trial["damaged"]), (0, 0), "lost and damaged")


@case(alone=True)
def drive_search(t):
    """the throughput search ends at a rate that passed, for datagrams over IPv4 and connections over IPv6"""
    lab = drive_lab(t)
    for family, protocol, rate in ((4, "udp", 20000), (6, "tcp", 4000)):
        result = drive(lab, family, "--protocol", protocol, "--flows", 64 if protocol == "udp" else 10000, "--rate", rate,
                       "--seconds", 1, "--search", "--loss", 0.1)
        check(result["throughput_per_second"] > 0, f"nothing passed: {result['trials']}")
        check(result["at_throughput"]["loss_percent"] <= 0.1, "the best trial lost more than allowed")


@case(alone=True)
def compare_gateway(t):
    """one short round of the HTTP gateway beside HAProxy and nginx: every request is answered, every figure is there"""
    lab = t.lab()
    run(PERF, "--build", lab.build, "--results", lab.folder, "gateway", "--rounds", "1", "--seconds", "1")
    result = json.loads((lab.folder / "gateway.json").read_text())
    figures = {"requests_per_second", "connections_per_second", "pages_per_second", "h2_requests_per_second", "p50_us",
               "p99_us", "h2_p50_us", "h2_p99_us", "p99_saturated_us"}
    check_equal({system: set(row) for system, row in result["systems"].items()},
                {system: figures for system in ("gateway", "haproxy", "nginx")}, "figures")
    check(all(ratio["median"] > 0 for peer in result["ratios"].values() for ratio in peer.values()), f"{result['ratios']}")
