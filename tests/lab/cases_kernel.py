# SPDX-License-Identifier: BSD-3-Clause
"""What the gateway's kernel sees of an af_packet port: nothing that is the port's, all that is its own."""

import re
import signal
from pathlib import Path

from harness import (ECHO, ECHO_LISTENERS, ECHO_UPSTREAMS, GATEWAY_C4, GATEWAY_C6, GATEWAY_S4, LISTEN, SERVER4, Skip,
                     case, check, check_equal, connect, datagram_socket, echo, exchange, listener, payload, run,
                     upstream, wait_for)

KERNEL4, KERNEL6, HOST_PORT = "10.1.0.9", "fd00:1::9", 2222


def spared(lab):
    return {p["name"]: p["kernel_spared"] for p in lab.query("port", "list")["ports"]}


def has_tcx():
    major, minor = re.match(r"(\d+)\.(\d+)", Path("/proc/sys/kernel/osrelease").read_text()).groups()
    return (int(major), int(minor)) >= (6, 6)


def spared_lab(t, **options):
    if not has_tcx():
        raise Skip("the kernel has no TCX; 6.6 is the first that does")
    lab = t.echo_lab(**options)
    check(all(spared(lab).values()), f"ports with their kernel spared: {spared(lab)}")
    return lab


def received(lab):
    """Datagrams that the network layer of the gateway's kernel has received, IPv4 and IPv6."""
    rows = [line.split() for line in lab.at("gateway", "cat", "/proc/net/snmp").stdout.splitlines()
            if line.startswith("Ip:")]
    six = lab.at("gateway", "cat", "/proc/net/snmp6").stdout.split()
    return int(rows[1][rows[0].index("InReceives")]), int(six[six.index("Ip6InReceives") + 1])


def traffic(lab):
    """All that comes to own addresses: streams, datagrams in fragments, pings, packets that nobody listens for."""
    for address in (GATEWAY_C4, GATEWAY_C6):
        with connect(lab, address) as s:
            exchange(s, payload(4 << 20))
        with datagram_socket(lab, address) as s:
            for size in (1, 1400, 8000):
                data = payload(size)
                s.send(data)
                check(s.recv(65536) == data, f"a datagram of {size} bytes to {address} came back otherwise")
        lab.at("client", "ping", "-n", "-c", "3", "-i", "0.05", address)
        try:
            connect(lab, address, 4444).close()
        except ConnectionRefusedError:
            pass


def check_unseen(lab):
    before = received(lab)
    traffic(lab)
    four, six = (now - then for now, then in zip(received(lab), before))
    check_equal(four, 0, "IPv4 datagrams that the kernel walked")
    # Multicast of the neighbours goes on to the kernel.
    check(six <= 20, f"the kernel walked {six} IPv6 datagrams")


def check_kernel_answers(lab, *hosts, role="client"):
    for host in hosts:
        with connect(lab, host, HOST_PORT, role=role) as s:
            exchange(s, payload(1 << 20))


@case
def af_packet_spares_the_kernel(t):
    """frames to own addresses stay out of the kernel's network layer, until the port closes or the process is killed"""
    lab = spared_lab(t)
    check_unseen(lab)
    run("ip", "-n", lab.namespace("gateway"), "link", "del", "gw-c")
    wait_for("the port to be down", lambda: not next(
        p["up"] for p in lab.query("port", "list")["ports"] if p["name"] == "lan"), 5)
    check_equal(spared(lab), {"lan": False, "wan": True}, "ports with their kernel spared")
    lab.link("client")
    wait_for("an echo from the returned port", lambda: lab.at(
        "client", "ping", "-n", "-c", "1", "-W", "1", GATEWAY_C6, check=False).returncode == 0)
    lab.at("client", "ping", "-n", "-c", "1", GATEWAY_C4)
    check_unseen(lab)
    for sig in (signal.SIGTERM, signal.SIGKILL):
        lab.stop(lab.daemon, sig=sig)
        before = received(lab)[0]
        # Its Ethernet address is still known: the frames do arrive.
        lab.at("client", "ip", "neigh", "replace", GATEWAY_C4, "lladdr", lab.gateway_mac(), "dev", "eth0")
        lab.at("client", "ping", "-n", "-c", "3", "-i", "0.05", "-W", "0.1", GATEWAY_C4, check=False)
        check_equal(received(lab)[0] - before, 3, "frames that the kernel sees once the process has gone")
        if sig == signal.SIGTERM:
            lab.start()
            check_unseen(lab)


@case
def af_packet_leaves_the_kernel_its_own(t):
    """the host's own addresses on the port's interface go on working beside nexpath's"""
    lab = spared_lab(t)
    lab.at("gateway", "sysctl", "-qw", "net.ipv6.conf.gw-c.disable_ipv6=0")
    lab.at("gateway", "ip", "addr", "add", f"{KERNEL4}/24", "dev", "gw-c")
    lab.at("gateway", "ip", "addr", "add", f"{KERNEL6}/64", "dev", "gw-c", "nodad")
    t.tcp_server(lab, HOST_PORT, echo, role="gateway")
    check_kernel_answers(lab, KERNEL4, KERNEL6)
    check_unseen(lab)
    check_kernel_answers(lab, KERNEL4, KERNEL6)
    # Neighbour discovery of the host itself.
    for address in (KERNEL4, KERNEL6):
        lab.at("client", "ip", "neigh", "flush", "dev", "eth0")
        lab.at("client", "ping", "-n", "-c", "1", address)


@case
def af_packet_addresses_follow_an_apply(t):
    """a port added by an apply is covered, one that a rollback takes away leaves its addresses to the kernel"""
    lan = f'{{ name = "lan"; device = "af_packet:gw-c"; address = ["{GATEWAY_C4}/24", "{GATEWAY_C6}/64"]; }}'
    lab = spared_lab(t, ports=lan)
    both = lab.folder / "both.conf"
    both.write_text(lab.configuration(ECHO_LISTENERS, ECHO_UPSTREAMS))
    lab.nexpath("config", "apply", both, "--confirm-within", "60")
    check_equal(spared(lab), {"lan": True, "wan": True}, "ports with their kernel spared")
    lab.wait_addresses()
    check_unseen(lab)
    lab.nexpath("config", "rollback")
    t.tcp_server(lab, HOST_PORT, echo, role="gateway")
    run("ip", "-n", lab.namespace("gateway"), "addr", "add", f"{GATEWAY_S4}/24", "dev", "gw-s")
    lab.at("server", "ip", "neigh", "flush", "dev", "eth0")
    check_kernel_answers(lab, GATEWAY_S4, role="server")
    run("ip", "-n", lab.namespace("gateway"), "addr", "del", f"{GATEWAY_S4}/24", "dev", "gw-s")
    lab.nexpath("config", "apply", both)
    lab.wait_addresses()
    check_unseen(lab)


@case
def af_packet_needs_one_capability(t):
    """CAP_BPF alone spares the kernel; without it the port serves as well, and its log and list say so"""
    lab = t.lab()
    t.tcp_server(lab, ECHO, echo)
    lab.config.write_text(lab.configuration(listener("echo", "tcp", f"{GATEWAY_C4}:{LISTEN}", "echo"),
                                            upstream("echo", f"{SERVER4}:{ECHO}")))
    for dropped, can in (("-sys_admin,-perfmon", has_tcx()), ("-sys_admin,-bpf", False)):
        log = lab.folder / f"nexpathd{dropped}.log"
        lab.daemon = lab.spawn("gateway", "setpriv", f"--bounding-set={dropped}", lab.program("nexpathd"), "--no-huge",
                               "-c", lab.config, "--file-prefix", lab.prefix, "--state-dir", lab.state, log=log)
        lab.wait_ready()
        check_equal(spared(lab), {"lan": can, "wan": can}, f"ports with their kernel spared, {dropped}")
        check_equal("port lan: the kernel walks" in log.read_text(), not can, "whether the log says so")
        with connect(lab) as s:  # makes the neighbours known
            exchange(s)
        before = received(lab)[0]
        with connect(lab) as s:
            exchange(s, payload(100000))
        check_equal(received(lab)[0] == before, can, "whether the kernel walked nothing")
        lab.stop(lab.daemon)
