# SPDX-License-Identifier: BSD-3-Clause
"""Every kind of port under the shipped nexpathd: af_xdp, tap, memif, pcap, null and DPDK's own drivers."""

import hashlib
import signal
import socket
import statistics
import struct
import time
from pathlib import Path

from frames import ethernet, ipv4, pseudo, syn, udp
from harness import (CLIENT4, ECHO, ECHO_LISTENERS, ECHO_UPSTREAMS, GATEWAY_C4, GATEWAY_C6, GATEWAY_S4, GATEWAY_S6,
                     LISTEN, SERVER4, SERVER6, Skip, case, check, check_equal, connect, datagram_socket, echo, exchange,
                     listener, payload, run, upstream, wait_for)

WEB = 8080
DOWNLOAD_BYTES = 32 << 20
CLIENT_ADDRESSES = f'"{GATEWAY_C4}/24", "{GATEWAY_C6}/64"'
SERVER_ADDRESSES = f'"{GATEWAY_S4}/24", "{GATEWAY_S6}/64"'
LISTENERS = ECHO_LISTENERS + ",\n" + ",\n".join([
    listener("web4", "tcp", f"{GATEWAY_C4}:{WEB}", "web4"),
    listener("web6", "tcp", f"[{GATEWAY_C6}]:{WEB}", "web6")])
UPSTREAMS = ECHO_UPSTREAMS + ",\n" + ",\n".join([
    upstream("web4", f"{SERVER4}:{WEB}"), upstream("web6", f"[{SERVER6}]:{WEB}")])


def port(name, device, addresses):
    return f'{{ name = "{name}"; device = "{device}"; address = [{addresses}]; }}'


def two_ports(lan, wan):
    return port("lan", lan, CLIENT_ADDRESSES) + ",\n" + port("wan", wan, SERVER_ADDRESSES)


def serve(t, lab):
    """Echo servers, and a web server with one file; returns the file's digest."""
    t.tcp_server(lab, ECHO, echo)
    t.udp_server(lab, ECHO)
    content = payload(DOWNLOAD_BYTES)
    (lab.scratch / "file").write_bytes(content)
    lab.spawn("server", "python3", "-m", "http.server", "--bind", "::", "--directory", lab.scratch, str(WEB))
    wait_for("the web server", lambda: lab.listening("server", WEB))
    return hashlib.sha256(content).hexdigest()


def settle(lab):
    """Waits until the addresses of both families answer."""
    for address in (GATEWAY_C4, GATEWAY_C6):
        wait_for(f"an echo from {address}", lambda a=address: lab.at(
            "client", "ping", "-n", "-c", "1", "-W", "1", a, check=False).returncode == 0)


def check_traffic(lab, digest, protocols=(GATEWAY_C4, GATEWAY_C6)):
    """A download, an upload, datagrams and pings of each family; returns the rates of the downloads in bit/s."""
    rates = []
    for address in protocols:
        host = f"[{address}]" if ":" in address else address
        copy = lab.scratch / "copy"
        rates.append(8 * float(lab.at("client", "curl", "-sS", "--max-time", "20", "-o", copy, "-w", "%{speed_download}",
                                      f"http://{host}:{WEB}/file").stdout))
        check_equal(hashlib.sha256(copy.read_bytes()).hexdigest(), digest, f"the download from {address}")
        with connect(lab, address) as s:
            exchange(s, payload(4 << 20))
        with datagram_socket(lab, address) as s:
            for size in (1, 64, 1400, 4000, 1, 333):
                data = payload(size)
                s.send(data)
                check(s.recv(65536) == data, f"a datagram of {size} bytes to {address} came back otherwise")
    pings = lab.at("client", "ping", "-n", "-c", "3", "-i", "0.05", GATEWAY_C4, check=False).stdout
    check(" 3 received" in pings, f"ping: {pings}")
    print("    downloads at " + ", ".join(f"{r / 1e9:.2f} Gbit/s" for r in rates))
    return rates


def port_counts(lab, name="lan"):
    return next(p for p in lab.query("port", "list")["ports"] if p["name"] == name)


# --- af_xdp ---------------------------------------------------------------------------------------

def xdp_lab(t):
    lab = t.lab()
    done = lab.at("gateway", "ip", "-d", "link", "show", "gw-c")
    check("xdp" not in done.stdout, "there is an XDP program before the start")
    if not list(Path("/usr/lib").glob("*/dpdk/pmds-*/librte_net_af_xdp.so*")):
        raise Skip("DPDK's af_xdp driver is not installed")
    if not Path("/proc/sys/net/core/bpf_jit_enable").exists():
        raise Skip("this kernel has no BPF")
    return lab


def xdp_programs(lab):
    return [i for i in ("gw-c", "gw-s") if "xdp" in lab.at("gateway", "ip", "link", "show", i).stdout]


@case
def af_xdp_ports(t):
    """af_xdp on both veths, peers' offloads on: TCP, UDP and ping, both families; nothing is left on the interfaces"""
    lab = xdp_lab(t)
    digest = serve(t, lab)
    text = lab.configuration(LISTENERS, UPSTREAMS, ports=two_ports("af_xdp:gw-c", "af_xdp:gw-s"))
    lab.start(text)
    features = lab.at("client", "ethtool", "-k", "eth0").stdout
    check("tx-checksumming: on" in features, "the client sends full checksums: this case would show nothing")
    settle(lab)
    check_traffic(lab, digest)
    check_equal(port_counts(lab)["oversized"], 0, "oversized frames")
    check_equal(xdp_programs(lab), ["gw-c", "gw-s"], "interfaces with an XDP program")
    check_equal(lab.stop(lab.daemon), 0, "exit status")
    check_equal(xdp_programs(lab), [], "interfaces that keep an XDP program")
    lab.start()
    with connect(lab) as s:
        exchange(s)
    lab.stop(lab.daemon, sig=signal.SIGKILL)
    wait_for("the programs to leave with the killed process", lambda: not xdp_programs(lab), 5)
    lab.start()
    settle(lab)
    run("ip", "-n", lab.namespace("gateway"), "link", "del", "gw-c")
    wait_for("the port to be down", lambda: not port_counts(lab)["up"], 5)
    lab.link("client")
    settle(lab)
    with connect(lab) as s:
        exchange(s)
    check_equal(port_counts(lab)["oversized"], 0, "oversized frames after the interface returned")


@case
def af_xdp_partial_checksum(t):
    """a checksum field that holds the pseudo-header sum alone arrives completed at the server"""
    lab = xdp_lab(t)
    t.udp_server(lab, ECHO)
    lab.start(lab.configuration(ECHO_LISTENERS, ECHO_UPSTREAMS, ports=two_ports("af_xdp:gw-c", "af_xdp:gw-s")))
    settle(lab)
    with datagram_socket(lab) as s:  # makes the neighbours known
        s.send(b"first")
        s.recv(10)
    data = b"partial checksum"
    whole = udp(CLIENT4, GATEWAY_C4, 5353, LISTEN, data)
    sums = struct.unpack("!6H", pseudo(CLIENT4, GATEWAY_C4, 17, len(whole)))
    total = sum(sums)
    partial = struct.pack("!H", (total & 0xffff) + (total >> 16))
    wrong = struct.pack("!H", struct.unpack("!H", partial)[0] ^ 0x5555)
    with lab.sockets("client"):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        answers = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answers.settimeout(3)
    answers.bind((CLIENT4, 5353))
    raw.bind(("eth0", 0))
    with raw, answers:
        for field in (wrong, partial):
            body = whole[:6] + field + whole[8:]
            raw.send(ethernet(lab.gateway_mac(), 0x0800, ipv4(CLIENT4, GATEWAY_C4, 17, body)))
        check_equal(answers.recv(100), data, "the echo")
    drops = {d["reason"]: d["packets"] for d in lab.query("drops")["drops"]}
    check_equal(drops.get("l4_bad_checksum"), 1, "datagrams dropped for their checksum")


@case
def af_xdp_oversized_frames(t):
    """frames larger than the port takes are counted, and told as one event with the command that mends it"""
    lab = xdp_lab(t)
    lab.start(lab.configuration(ports=two_ports("af_xdp:gw-c", "af_xdp:gw-s")))
    settle(lab)
    for role, interface in (("gateway", "gw-c"), ("client", "eth0")):
        lab.at(role, "ip", "link", "set", interface, "mtu", "3400")
    for _ in range(2):
        lab.at("client", "ping", "-n", "-c", "2", "-i", "0.05", "-s", "3000", "-W", "0.1", GATEWAY_C4, check=False)
    wait_for("4 oversized frames", lambda: port_counts(lab)["oversized"] == 4, 5)
    told = [e for e in lab.query("events")["events"] if e["kind"] == "port_frame_oversized"]
    check_equal(len(told), 1, "events")
    check("ethtool -K gw-c" in told[0]["message"], f"the event says {told[0]['message']!r}")
    settle(lab)


# --- tap and DPDK's own drivers -------------------------------------------------------------------

def bridge(lab, name, *interfaces):
    """Joins interfaces of the gateway: the far ends of taps are kernel interfaces there."""
    lab.at("gateway", "ip", "link", "add", name, "type", "bridge", "mcast_snooping", "0")
    for interface in (*interfaces, name):
        if interface != name:
            lab.at("gateway", "ip", "link", "set", interface, "master", name)
        lab.at("gateway", "ip", "link", "set", interface, "up")


def tap_lab(t, lan, wan):
    lab = t.lab()
    digest = serve(t, lab)
    lab.start(lab.configuration(LISTENERS, UPSTREAMS, ports=two_ports(lan, wan)))
    if "net_tap" in lan:
        # DPDK's driver gives both ends one address: a bridge would keep the frames to it for itself.
        for i, interface in enumerate(("tap-c", "tap-s")):
            lab.at("gateway", "ip", "link", "set", interface, "address", f"02:00:00:00:01:0{i}")
    bridge(lab, "br-c", "gw-c", "tap-c")
    bridge(lab, "br-s", "gw-s", "tap-s")
    settle(lab)
    return lab, digest


@case
def tap_ports(t):
    """tap ports behind bridges: TCP and UDP, both families, and frames beyond the MTU pass uncut both ways"""
    lab, digest = tap_lab(t, "tap:tap-c", "tap:tap-s")
    check_traffic(lab, digest)
    for name in ("lan", "wan"):
        p = port_counts(lab, name)
        for way in ("receive", "transmit"):
            size = p[f"{way}_bytes"] / max(p[f"{way}_packets"], 1)
            print(f"    {name} {way}: {size:.0f} bytes a frame")
        check(p["receive_bytes" if name == "wan" else "transmit_bytes"]
              > 1600 * p["receive_packets" if name == "wan" else "transmit_packets"],
              f"{name}: the download came in frames no larger than the MTU")
    check_equal(lab.stop(lab.daemon), 0, "exit status")
    left = lab.at("gateway", "ip", "-br", "link").stdout
    check("tap-" not in left, f"taps are left: {left}")


@case
def dpdk_tap_ports(t):
    """DPDK's own tap driver by vdev:ARGS: TCP and UDP, both families"""
    lab, digest = tap_lab(t, "vdev:net_tap0,iface=tap-c", "vdev:net_tap1,iface=tap-s")
    # This driver offers the kernel no offloads and takes none: frames are at most as large as the MTU.
    check_traffic(lab, digest)


# --- memif ----------------------------------------------------------------------------------------

MIDDLE_A, MIDDLE_B = ("10.3.0.1", "fd00:3::1"), ("10.3.0.2", "fd00:3::2")


def second_daemon(lab, text, *options):
    """Another nexpathd in the gateway, with socket, state and file prefix of its own."""
    config = lab.folder / "second.conf"
    config.write_text(text.replace(str(lab.socket), str(lab.folder / "second.sock")))
    daemon = lab.spawn("gateway", lab.program("nexpathd"), "-c", config, "--file-prefix", lab.prefix + "-b",
                       "--state-dir", lab.folder / "second", *options, log=lab.folder / "second.log")

    def ready():
        check(daemon.poll() is None, f"the second nexpathd ended: {daemon.log.read_text()[-600:]}")
        return run(lab.program("nexpath"), "--socket", lab.folder / "second.sock", "status",
                   check=False).returncode == 0
    wait_for("the second nexpathd", ready, 20)
    return daemon


def memif_chain(t, *options):
    lab = t.lab()
    digest = serve(t, lab)
    path = lab.folder / "memif.sock"
    first_upstreams = ",\n".join([
        upstream("echo4", f"{MIDDLE_B[0]}:{LISTEN}"), upstream("echo6", f"[{MIDDLE_B[1]}]:{LISTEN}"),
        upstream("web4", f"{MIDDLE_B[0]}:{WEB}"), upstream("web6", f"[{MIDDLE_B[1]}]:{WEB}")])
    lab.start(lab.configuration(LISTENERS, first_upstreams, workers='cpus = "0";', ports=",\n".join([
        port("lan", "af_packet:gw-c", CLIENT_ADDRESSES),
        port("middle", f"memif:{path}", f'"{MIDDLE_A[0]}/24", "{MIDDLE_A[1]}/64"')])), *options)
    text = lab.configuration(
        LISTENERS.replace(GATEWAY_C4, MIDDLE_B[0]).replace(GATEWAY_C6, MIDDLE_B[1]), UPSTREAMS, workers='cpus = "1";',
        ports=",\n".join([
            port("middle", f"memif:{path},role=client", f'"{MIDDLE_B[0]}/24", "{MIDDLE_B[1]}/64"'),
            port("wan", "af_packet:gw-s", SERVER_ADDRESSES)]))
    daemon = second_daemon(lab, text, *options)
    settle(lab)
    wait_for("the link of the memif", lambda: port_counts(lab, "middle")["up"], 10)
    return lab, digest, text, daemon


def passes(lab, address=GATEWAY_C4):
    try:
        with connect(lab, address, timeout=0.5) as s:
            exchange(s)
            return True
    except OSError:
        return False


@case
def memif_chain_of_two(t):
    """client, nexpathd, memif, nexpathd, server: TCP and UDP, both families; either end may go and return"""
    lab, digest, text, second = memif_chain(t)
    for address in (GATEWAY_C4, GATEWAY_C6):
        wait_for(f"the chain of {address} to pass", lambda a=address: passes(lab, a), 10)
    check_traffic(lab, digest)
    check_equal(lab.stop(second), 0, "exit status of the second")
    second_daemon(lab, text)
    wait_for("the chain to pass again", lambda: passes(lab), 10)
    lab.stop(lab.daemon, sig=signal.SIGKILL)
    lab.start(None)
    wait_for("the chain to pass after the listening end was killed", lambda: passes(lab), 10)


@case
def memif_without_hugepages(t):
    """the same chain with --no-huge in both"""
    lab, digest, _, _ = memif_chain(t, "--no-huge")
    wait_for("the chain to pass", lambda: passes(lab), 10)
    check_traffic(lab, digest, (GATEWAY_C4,))


# --- pcap and null --------------------------------------------------------------------------------

def pcap_write(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            f.write(struct.pack("<IIII", 1, i, len(frame), len(frame)) + frame)


def arp_request(mac, sender, target):
    body = (struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + b"\x02\0\0\0\0\x01" + socket.inet_aton(sender)
            + bytes(6) + socket.inet_aton(target))
    return ethernet(mac, 0x0806, body)


def pcap_fields(path, *fields, conditions):
    done = run("tshark", "-r", path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o",
               "udp.check_checksum:TRUE", "-Y", conditions, "-c", "100000", "-T", "fields",
               *[x for field in fields for x in ("-e", field)])
    return [line.split("\t") for line in done.stdout.splitlines()]


@case
def pcap_port(t):
    """frames of a capture file go in; the server's answers are in the other file, with good checksums"""
    lab = t.lab()
    t.tcp_server(lab, ECHO, echo)
    t.udp_server(lab, ECHO)
    mac = "02:70:63:61:70:00"  # DPDK's driver gives this one to its first port
    source, out = lab.scratch / "in.pcap", lab.scratch / "out.pcap"
    segment, datagram = syn(CLIENT4, GATEWAY_C4, 4000, LISTEN, 1000), udp(CLIENT4, GATEWAY_C4, 4001, LISTEN, b"a file")
    pcap_write(source, [arp_request(mac, CLIENT4, GATEWAY_C4),
                        ethernet(mac, 0x0800, ipv4(CLIENT4, GATEWAY_C4, 6, segment)),
                        ethernet(mac, 0x0800, ipv4(CLIENT4, GATEWAY_C4, 17, datagram))])
    # Played once, the file is over before the port has its addresses.
    device = f"pcap:{source},{out},infinite_rx=1"
    lab.start(lab.configuration(ECHO_LISTENERS, ECHO_UPSTREAMS, ports=two_ports(device, "af_packet:gw-s")))
    check_equal(port_counts(lab)["mac"], mac, "the port's address")

    def answered():
        sessions = lab.query("session", "list")["sessions"]
        return len(sessions) == 2 and all(s["packets_from_target"] > 0 for s in sessions)
    wait_for("both sessions to be answered", answered, 10)
    check_equal(lab.stop(lab.daemon), 0, "exit status")
    answers = pcap_fields(out, "tcp.ack", "tcp.checksum.status", "ip.checksum.status", conditions="tcp.flags == 0x012 && "
                          f"ip.src == {GATEWAY_C4} && ip.dst == {CLIENT4} && tcp.srcport == {LISTEN} && tcp.dstport == 4000")
    check(answers, "no SYN-ACK in the file")
    check_equal(answers[0][1:], ["1", "1"], "the SYN-ACK's checksums (1 is good)")
    echoes = pcap_fields(out, "udp.payload", "udp.checksum.status", conditions=f"ip.src == {GATEWAY_C4} && "
                         f"ip.dst == {CLIENT4} && udp.srcport == {LISTEN} && udp.dstport == 4001")
    check(echoes, "no datagram in the file")
    check_equal(echoes[0], [b"a file".hex(), "1"], "the datagram and its checksum (1 is good)")


@case(alone=True)
def null_port(t):
    """a null port starts, receives as fast as it is asked, counts, and disturbs no other port"""
    lab = t.lab()
    lab.start(lab.configuration(ports=port("void", "null", '"10.9.0.1/24"') + ",\n"
                                + port("lan", "af_packet:gw-c", CLIENT_ADDRESSES)))
    wait_for("frames", lambda: port_counts(lab, "void")["receive_packets"] > 1000)
    check(sum(d["packets"] for d in lab.query("drops")["drops"]) > 1000, "frames of zeros are no drops")
    settle(lab)
    check_equal(lab.stop(lab.daemon), 0, "exit status")


# --- idling ---------------------------------------------------------------------------------------

IDLE_SECONDS = 5


def worker_ticks(pid):
    """CPU time of each worker thread in the kernel's ticks (10 ms)."""
    ticks = {}
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        if name.startswith("nx-worker"):
            ticks[name] = sum(int(x) for x in rest.split()[11:13])
    return ticks


def idle_share(lab):
    """Pings once a second and returns the busiest worker's share of a core, in percent, and the median answer in ms."""
    address = GATEWAY_C4
    before, began = worker_ticks(lab.daemon.pid), time.monotonic()
    answers = lab.at("client", "ping", "-n", "-c", str(IDLE_SECONDS + 1), "-i", "1", address).stdout
    seconds = time.monotonic() - began
    after = worker_ticks(lab.daemon.pid)
    check(after, "no worker threads")
    times = [float(line.split("time=")[1].split()[0]) for line in answers.splitlines() if "time=" in line]
    check_equal(len(times), IDLE_SECONDS + 1, "answers to ping")
    share = max(after[name] - before[name] for name in after) / seconds
    # The first one may have to find its neighbour.
    print(f"    {share:.1f} % of a core; ping after a pause: median {statistics.median(times[1:]):.3f} ms, "
          f"slowest {max(times[1:]):.3f} ms")
    return share


@case(alone=True)
def idle_with_descriptors(t):
    """idle on af_packet and on af_xdp: under 1 % of a core, and the first packet after a pause is answered at once"""
    for kind in ("af_packet", "af_xdp"):
        lab = xdp_lab(t) if kind == "af_xdp" else t.lab()
        lab.start(lab.configuration(ports=two_ports(f"{kind}:gw-c", f"{kind}:gw-s")))
        settle(lab)
        check(idle_share(lab) <= 1.5, f"{kind}: an idle worker burns too much")
        lab.stop(lab.daemon)


@case(alone=True)
def idle_without_descriptor(t):
    """idle on a port that cannot wake (DPDK's tap): at most 6 % of a core"""
    lab = t.lab()
    lab.start(lab.configuration(ports=two_ports("vdev:net_tap0,iface=tap-c", "vdev:net_tap1,iface=tap-s")))
    lab.at("gateway", "ip", "link", "set", "tap-c", "address", "02:00:00:00:01:00")
    bridge(lab, "br-c", "gw-c", "tap-c")
    settle(lab)
    check(idle_share(lab) <= 9, "an idle worker burns too much")
