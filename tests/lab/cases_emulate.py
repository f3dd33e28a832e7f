# SPDX-License-Identifier: BSD-3-Clause
"""`emulate` of a port, judged by the kernel's own ping, UDP and iperf3."""

import json
import re
import time

from harness import (ECHO, ECHO_LISTENERS, ECHO_UPSTREAMS, GATEWAY_C4, GATEWAY_S4, LISTEN, SERVER4, case, check,
                     check_equal, connect, datagram_socket, exchange, listener, payload, upstream, wait_for)

LAN = 'name = "lan"; device = "af_packet:gw-c"; address = ["10.1.0.2/24", "fd00:1::2/64"];'
WAN = 'name = "wan"; device = "af_packet:gw-s"; address = ["10.2.0.2/24", "fd00:2::2/64"];'


def emulating(lab, lan="", wan="", listeners="", upstreams=""):
    ports = ", ".join(f"{{ {keys} emulate = {{ {emulate} }}; }}" for keys, emulate in ((LAN, lan), (WAN, wan)))
    return lab.configuration(listeners, upstreams, ports=ports)


def fastest_ping(lab, role, address, count=10):
    done = lab.at(role, "ping", "-n", "-c", str(count), "-i", "0.05", "-W", "2", address)
    return [float(ms) for ms in re.findall(r"time=([0-9.]+)", done.stdout)]


def emulated(lab, port):
    return next(p for p in lab.query("port", "list")["ports"] if p["name"] == port)["emulate"]


@case(alone=True)
def emulated_delay_and_its_end(t):
    """20 ms on a port make ping 20 ms longer, 20 ms on both make a relayed answer 40 ms longer, none again none"""
    lab = t.echo_lab()
    lab.apply(emulating(lab, lan="delay_us = 20000;", listeners=ECHO_LISTENERS, upstreams=ECHO_UPSTREAMS))
    times = fastest_ping(lab, "client", GATEWAY_C4)
    check(len(times) == 10 and min(times) >= 20 and min(times) < 25, f"ping took {times} ms, not 20")
    lab.apply(emulating(lab, lan="delay_us = 20000;", wan='delay_us = "20ms";', listeners=ECHO_LISTENERS,
                        upstreams=ECHO_UPSTREAMS))
    with datagram_socket(lab) as s:
        s.send(b"first")
        s.recv(100)
        began = time.monotonic()
        s.send(b"second")
        s.recv(100)
        took = (time.monotonic() - began) * 1000
    check(40 <= took < 50, f"a datagram there and back took {took:.1f} ms, not 40")
    lab.apply(lab.configuration(ECHO_LISTENERS, ECHO_UPSTREAMS))
    times = fastest_ping(lab, "client", GATEWAY_C4)
    check(min(times) < 5, f"ping still takes {min(times)} ms")


@case(alone=True)
def emulated_rate(t):
    """500 datagrams at once leave a port of 10 Mbit/s at that rate, within 2 %"""
    lab = t.lab()
    arrivals = []
    t.udp_server(lab, ECHO, lambda data: arrivals.append((time.monotonic(), len(data))))
    lab.start(emulating(lab, wan='rate_bps = "10Mbit/s"; queue_bytes = 0;',
                        listeners=listener("udp", "udp", f"{GATEWAY_C4}:{LISTEN}", "echo"),
                        upstreams=upstream("echo", f"{SERVER4}:{ECHO}")))
    with datagram_socket(lab) as s:
        s.send(b"first")  # the rest does not wait for a MAC address
        wait_for("the first", lambda: len(arrivals) == 1)
        for _ in range(500):
            s.send(bytes(1400))
        wait_for("all of them", lambda: len(arrivals) == 501)
    (first, _), *_, (last, _) = arrivals[1:]
    rate = 499 * (1400 + 42) * 8 / (last - first) / 1e6
    check(9.8 <= rate <= 10.2, f"{rate:.2f} Mbit/s")


@case(alone=True)
def emulated_rate_holds_tcp(t):
    """iperf3 through a port of 50 Mbit/s with a short queue stays below, and finds the queue full"""
    lab = t.lab()
    iperf = lab.spawn("server", "iperf3", "-s", "-p", "5201")
    wait_for("iperf3", lambda: lab.listening("server", 5201))
    lab.start(emulating(lab, wan='rate_bps = "50Mbit/s"; queue_bytes = 20000;',
                        listeners=listener("iperf", "tcp", f"{GATEWAY_C4}:{LISTEN}", "iperf"),
                        upstreams=upstream("iperf", f"{SERVER4}:5201")))
    done = lab.at("client", "iperf3", "-c", GATEWAY_C4, "-p", str(LISTEN), "-t", "3", "-J")
    rate = json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e6
    lab.stop(iperf)
    check(30 <= rate <= 50, f"{rate:.1f} Mbit/s")
    check(emulated(lab, "wan")["queue_full"] > 0, "no segment found the queue full")


@case(alone=True)
def emulated_loss_is_counted(t):
    """10 % loss: what pings miss is what the port says it lost, and drops name the reason"""
    lab = t.lab()
    lab.start(emulating(lab))
    check(fastest_ping(lab, "server", GATEWAY_S4, 1), "no echo before the loss")
    lab.apply(emulating(lab, wan='loss = "10%"; seed = 3;'))
    done = lab.at("server", "ping", "-n", "-c", "1000", "-i", "0.002", "-W", "1", GATEWAY_S4, check=False)
    received = int(re.search(r"(\d+) received", done.stdout)[1])
    lost = emulated(lab, "wan")["lost"]
    check(70 <= lost <= 130, f"{lost} of 1,000 lost")
    check(lost - 3 <= 1000 - received <= lost, f"{1000 - received} echoes missing, {lost} frames lost")
    drops = {d["reason"]: d["packets"] for d in lab.query("drops")["drops"]}
    check_equal(drops.get("emulated_loss"), lost, "drops by reason")


@case
def emulated_damage_never_reaches_the_stream(t):
    """a transfer over ports that lose, repeat, reorder and damage arrives whole"""
    lab = t.echo_lab()
    worse = 'delay_us = 2000; loss = "1%"; duplicate = "2%"; reorder = "2%"; corrupt = "1%";'
    lab.apply(emulating(lab, lan=worse, wan=worse, listeners=ECHO_LISTENERS, upstreams=ECHO_UPSTREAMS))
    with connect(lab, timeout=30) as s:
        exchange(s, payload(2_000_000))
    for port in ("lan", "wan"):
        counts = emulated(lab, port)
        for what in ("lost", "duplicated", "reordered", "corrupted"):
            check(counts[what] > 0, f"{port}: nothing was {what}")
