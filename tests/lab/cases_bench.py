# SPDX-License-Identifier: BSD-3-Clause
"""nexpath-bench drive at both ends of a nexpathd."""

import json

from harness import (ECHO, GATEWAY_C4, LISTEN, SERVER4, case, check, check_equal, listener, run, upstream)


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
    target = f"{SERVER4}:{ECHO}"
    lab.start(lab.configuration(
        listener("udp", "udp", f"{GATEWAY_C4}:{LISTEN}", "u") + ", "
        + listener("tcp", "tcp", f"{GATEWAY_C4}:{LISTEN}", "u"), upstream("u", target), workers='cpus = "1";'))
    return lab


def drive(lab, *options):
    bench = lab.build / "perf" / "nexpath-bench"
    done = lab.at("client", bench, "drive", "--tx", "af_packet:near", "--rx", "af_packet:far", "--cpu", "0",
                  "--no-huge", "--memory", "128", "--client", "10.1.0.100", "--server", SERVER4,
                  "--target", f"{GATEWAY_C4}:{LISTEN}", *options)
    return json.loads(done.stdout)


@case
def drive_datagrams(t):
    """5,000 datagrams a second over 1,000 flows: none lost, none damaged, each timed"""
    trial = drive(drive_lab(t), "--flows", 1000, "--rate", 5000, "--seconds", 2, "--size", 512)["trial"]
    check(trial["offered"] > 8000, f"only {trial['offered']} datagrams were sent")
    check_equal((trial["lost"], trial["damaged"]), (0, 0), "lost and damaged")
    check(0 < trial["latency_us"]["p50"] <= trial["latency_us"]["max"], f"latency {trial['latency_us']}")


@case
def drive_connections(t):
    """1,000 connections a second from SYN to the last acknowledgement: all complete"""
    lab = drive_lab(t)
    trial = drive(lab, "--protocol", "tcp", "--flows", 500, "--rate", 1000, "--seconds", 2)["trial"]
    check(trial["offered"] > 1600, f"only {trial['offered']} connections were begun")
    check_equal((trial["lost"], trial["damaged"]), (0, 0), "lost and damaged")


@case
def drive_search(t):
    """the throughput search ends at a rate that passed"""
    result = drive(drive_lab(t), "--flows", 64, "--rate", 20000, "--seconds", 1, "--search", "--loss", 0.1)
    check(result["throughput_per_second"] > 0, f"nothing passed: {result['trials']}")
    check(result["at_throughput"]["loss_percent"] <= 0.1, "the best trial lost more than allowed")
