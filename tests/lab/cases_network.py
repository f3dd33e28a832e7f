# SPDX-License-Identifier: BSD-3-Clause
"""The network layer as peers see it: ping, VLAN, one-armed, path MTU, links that go and return."""

import errno
import ipaddress
import socket
import struct

from frames import ipv4, udp
from harness import (CLIENT4, CLIENT6, ECHO, ECHO_LISTENERS, ECHO_UPSTREAMS, GATEWAY_C4, GATEWAY_C6, GATEWAY_S4,
                     GATEWAY_S6, LISTEN, SERVER4, Skip, case, check, check_equal, connect, datagram_socket, echo,
                     exchange, listener, payload, run, upstream, wait_for)

IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2


def pings(lab, role, address, *options):
    done = lab.at(role, "ping", "-n", "-c", "3", "-i", "0.05", "-W", "1", *options, address, check=False)
    return " 3 received" in done.stdout


@case
def ping_own_addresses(t):
    """every own address answers echo requests, small and fragmented"""
    lab = t.lab()
    lab.start(lab.configuration())
    for role, address in (("client", GATEWAY_C4), ("client", GATEWAY_C6), ("server", GATEWAY_S4),
                          ("server", GATEWAY_S6)):
        check(pings(lab, role, address), f"no echo from {address}")
        check(pings(lab, role, address, "-s", "4000"), f"no echo of 4,000 bytes from {address}")


@case
def snooping_switch(t):
    """a switch that sends multicast only to members lets solicitations for our IPv6 address through"""
    lab = t.lab()
    client = ("-n", lab.namespace("client"))
    # The client's side as a switch that asks for members, and the client behind it.
    if run("ip", *client, "link", "add", "switch", "type", "bridge", "mcast_snooping", "1", "mcast_querier", "1",
           "mcast_startup_query_interval", "100", "mcast_query_response_interval", "100", check=False).returncode:
        raise Skip("the kernel has no bridges")
    run("ip", *client, "addr", "flush", "dev", "eth0", "scope", "global")
    run("ip", *client, "link", "set", "eth0", "master", "switch")
    run("ip", *client, "addr", "add", f"{CLIENT4}/24", "dev", "switch")
    run("ip", *client, "addr", "add", f"{CLIENT6}/64", "dev", "switch", "nodad")
    run("ip", *client, "link", "set", "switch", "up")
    lab.start(lab.configuration())
    group = str(ipaddress.ip_address(int(ipaddress.ip_address("ff02::1:ff00:0")) |
                                     int(ipaddress.ip_address(GATEWAY_C6)) & 0xffffff))
    wait_for("a report of the solicited-node group", lambda: f"port eth0 grp {group} " in
             lab.at("client", "bridge", "mdb", "show", "dev", "switch").stdout, 30)
    lab.at("client", "ip", "-6", "neigh", "flush", "dev", "switch")
    check(pings(lab, "client", GATEWAY_C6), f"no echo from {GATEWAY_C6} behind a snooping switch")


VLAN = 100
VLAN_CLIENT, VLAN_OWN = "10.100.0.1", "10.100.0.2"
STATION = b"\x02\0\0\0\0\x64"


class TaggedStation:
    """A station in a VLAN, by hand on a packet socket: not every kernel has VLAN interfaces."""

    def __init__(self, lab, gateway_mac):
        self.gateway = bytes.fromhex(gateway_mac.replace(":", ""))
        with lab.sockets("client"):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind(("eth0", 3))
        self.socket.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA: the tag is not in the bytes
        self.socket.settimeout(0.2)

    def send(self, kind, body):
        self.socket.send(self.gateway + STATION + struct.pack("!HHH", 0x8100, VLAN, kind) + body)

    def arp(self, operation, target_mac, target):
        self.send(0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + STATION +
                  socket.inet_aton(VLAN_CLIENT) + target_mac + socket.inet_aton(target))

    def receive(self):
        """The next frame of the VLAN as (EtherType, body), None when nothing came."""
        try:
            frame, control, _, _ = self.socket.recvmsg(65536, 256)
        except TimeoutError:
            return None
        tag = next((struct.unpack("=IIIHHHH", data[:20])[5:] for _, _, data in control), (0, 0))
        if frame[12:14] == b"\x81\0":
            return (struct.unpack("!H", frame[16:18])[0], frame[18:]) if frame[14:16] == b"\0\x64" else ()
        return (struct.unpack("!H", frame[12:14])[0], frame[14:]) if tag[0] & 0xfff == VLAN else ()

    def exchange(self, what, send, matches):
        """Repeats send until a frame matches, answering ARP requests for the station meanwhile."""
        def answered():
            send()
            while (got := self.receive()) is not None:
                if not got:
                    continue
                kind, body = got
                if kind == 0x0806 and body[6:8] == b"\0\1" and body[24:28] == socket.inet_aton(VLAN_CLIENT):
                    self.arp(2, self.gateway, VLAN_OWN)
                elif matches(kind, body):
                    return True
            return False
        wait_for(what, answered)


@case
def vlan_interface(t):
    """a VLAN of a port carries addresses and listeners of its own"""
    lab = t.lab()
    t.udp_server(lab, ECHO)
    ports = (f'{{ name = "lan"; device = "af_packet:gw-c"; address = ["{GATEWAY_C4}/24"]; '
             f'vlans = ( {{ id = {VLAN}; address = ["{VLAN_OWN}/24"]; }} ); }}, '
             f'{{ name = "wan"; device = "af_packet:gw-s"; address = ["{GATEWAY_S4}/24"]; }}')
    lab.start(lab.configuration(listener("tagged", "udp", f"{VLAN_OWN}:{LISTEN}", "echo"),
                                upstream("echo", f"{SERVER4}:{ECHO}"), ports=ports))
    station = TaggedStation(lab, lab.gateway_mac())
    station.exchange("an ARP reply with the tag", lambda: station.arp(1, b"\0" * 6, VLAN_OWN),
                     lambda kind, body: kind == 0x0806 and body[6:8] == b"\0\2")
    data = payload(100)
    packet = ipv4(VLAN_CLIENT, VLAN_OWN, 17, udp(VLAN_CLIENT, VLAN_OWN, 5000, LISTEN, data))
    station.exchange("the echo through the VLAN's listener", lambda: station.send(0x0800, packet),
                     lambda kind, body: kind == 0x0800 and body[20:22] == struct.pack("!H", LISTEN) and
                     body[28:] == data)


@case
def one_armed(t):
    """client and target on one port"""
    lab = t.lab()
    run("ip", "-n", lab.namespace("client"), "addr", "add", "10.1.0.77/24", "dev", "eth0")
    t.tcp_server(lab, ECHO, echo, role="client")
    lab.start(lab.configuration(listener("arm", "tcp", f"{GATEWAY_C4}:{LISTEN}", "echo"),
                                upstream("echo", f"10.1.0.77:{ECHO}")))
    with connect(lab) as s:
        exchange(s, payload(1 << 20))


def path_mtu_lab(t, mtu):
    """The server's side carries less than the client's, and nexpathd is told so."""
    lab = t.lab()
    t.tcp_server(lab, ECHO, echo)
    t.udp_server(lab, ECHO)
    run("ip", "-n", lab.namespace("server"), "link", "set", "eth0", "mtu", mtu)
    run("ip", "-n", lab.namespace("gateway"), "link", "set", "gw-s", "mtu", mtu)
    ports = (f'{{ name = "lan"; device = "af_packet:gw-c"; address = ["{GATEWAY_C4}/24", "{GATEWAY_C6}/64"]; }}, '
             f'{{ name = "wan"; device = "af_packet:gw-s"; mtu = {mtu}; '
             f'address = ["{GATEWAY_S4}/24", "{GATEWAY_S6}/64"]; }}')
    lab.start(lab.configuration(ECHO_LISTENERS, ECHO_UPSTREAMS, ports=ports))
    return lab


@case
def path_mtu_tcp(t):
    """a narrower server side: large transfers work, for the maximum segment size is clamped"""
    lab = path_mtu_lab(t, 1300)
    for address in (GATEWAY_C4, GATEWAY_C6):
        with connect(lab, address) as s:
            exchange(s, payload(2 << 20))


@case
def path_mtu_udp(t):
    """a datagram that may not be fragmented gets packet too big, and the client learns the MTU"""
    lab = path_mtu_lab(t, 1300)
    with datagram_socket(lab) as s:
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)

        def told():
            try:
                s.send(payload(1400))
            except OSError as error:
                return error.errno == errno.EMSGSIZE
            return False
        wait_for("packet too big to reach the client", told, 5, 0.1)

        def small_passes():
            try:
                s.send(b"small")
                return s.recv(100) == b"small"
            except OSError as error:  # what the errors before left pending
                check(error.errno == errno.EMSGSIZE, f"a datagram that fits: {error!r}")
                return False
        wait_for("a datagram that fits", small_passes, 2, 0.01)
    route = lab.at("client", "ip", "route", "get", GATEWAY_C4).stdout
    check("mtu 1300" in route, f"the client's route says {route!r}")


@case
def hop_limit_expires(t):
    """a packet whose hop limit ends here gets time exceeded"""
    lab = t.echo_lab()
    with datagram_socket(lab) as s:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        s.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
        s.send(b"x")

        def exceeded():
            try:
                s.send(b"x")
                return False
            except OSError as error:
                return error.errno == errno.EHOSTUNREACH
        wait_for("time exceeded", exceeded, 3, 0.05)


@case
def link_down_and_up(t):
    """a link that goes down is told as an event, and serves within 5 s of its return"""
    lab = t.echo_lab()
    with connect(lab) as s:
        exchange(s)
    run("ip", "-n", lab.namespace("server"), "link", "set", "eth0", "down")
    wait_for("the port to be down", lambda: not port_up(lab, "wan"), 5)
    run("ip", "-n", lab.namespace("server"), "link", "set", "eth0", "up")
    wait_for("service after the link's return", lambda: serves(lab), 5, 0.1)
    kinds = [e["kind"] for e in lab.query("events")["events"]]
    check("port_down" in kinds and "port_up" in kinds, f"events tell only {kinds}")


@case
def port_deleted_and_recreated(t):
    """an interface that is deleted and made again serves within 5 s; the rest goes on meanwhile"""
    lab = t.echo_lab()
    run("ip", "-n", lab.namespace("gateway"), "link", "del", "gw-s")
    wait_for("the port to be down", lambda: not port_up(lab, "wan"), 5)
    check(pings(lab, "client", GATEWAY_C4), "the other port went silent")
    lab.link("server")
    wait_for("service after the interface's return", lambda: serves(lab), 5, 0.1)
    check("port_gone" in [e["kind"] for e in lab.query("events")["events"]], "no event port_gone")


def port_up(lab, name):
    return next(p["up"] for p in lab.query("port", "list")["ports"] if p["name"] == name)


def serves(lab):
    try:
        with connect(lab, timeout=1.0) as s:
            exchange(s)
            return True
    except OSError:
        return False


@case
def address_held_by_kernel(t):
    """an address that the kernel holds too is refused with the command that mends it"""
    lab = t.lab()
    run("ip", "-n", lab.namespace("gateway"), "addr", "add", f"{GATEWAY_C4}/24", "dev", "gw-c")
    daemon = lab.start(lab.configuration(), wait=False)
    check(daemon.wait(20) != 0, "nexpathd started on an address that the kernel holds")
    check(f"ip addr del {GATEWAY_C4}/24 dev gw-c" in daemon.log.read_text(),
          f"the message names no remedy: {daemon.log.read_text()!r}")


@case
def duplicate_address_is_told(t):
    """another station with our address is an event address_conflict"""
    lab = t.lab()
    run("ip", "-n", lab.namespace("client"), "addr", "add", f"{GATEWAY_C4}/24", "dev", "eth0")
    lab.start(lab.configuration())
    wait_for("address_conflict", lambda: "address_conflict" in [
        e["kind"] for e in lab.query("events")["events"]])


@case
def kernel_forwarding_is_told(t):
    """kernel forwarding that is on in the gateway is an event with the command that ends it"""
    lab = t.lab()
    lab.at("gateway", "sysctl", "-qw", "net.ipv4.conf.all.forwarding=1")
    lab.start(lab.configuration())
    event = wait_for("kernel_forwarding_on", lambda: next(
        (e for e in lab.query("events")["events"] if e["kind"] == "kernel_forwarding_on"), None))
    check("sysctl" in event["hint"], f"the hint is {event['hint']!r}")


@case
def neighbours_and_routes_are_listed(t):
    """neighbour list and route list show what traffic made"""
    lab = t.echo_lab()
    with connect(lab) as s:
        exchange(s)
    found = {n["address"]: n for n in lab.query("neighbour", "list")["neighbours"]}
    check(CLIENT4 in found and SERVER4 in found, f"neighbours: {sorted(found)}")
    check_equal(found[SERVER4]["state"], "reachable", "the server's entry")
    check("10.2.0.0/24" in [r["to"] for r in lab.query("route", "list")["routes"]], "no connected route")
