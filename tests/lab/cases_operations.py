# SPDX-License-Identifier: BSD-3-Clause
"""What operators do while traffic runs: listeners, applies, kills, captures, metrics, names."""

import fcntl
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

from harness import (ECHO, ECHO_LISTENERS, ECHO_UPSTREAMS, GATEWAY_C4, LISTEN, SERVER4, case, check,
                     check_equal, connect, datagram_socket, exchange, expect_error, listener, payload,
                     receive_exactly, run, upstream, wait_for, LabError)
from terminating import WAYS, echo_lab, ending_clean, service, sessions


class Pulse:
    """One connection that exchanges without a pause until it is stopped; counts, and keeps any fault."""

    def __init__(self, lab, *where):
        self.socket = connect(lab, *where)
        self.rounds = 0
        self.slowest = 0.0
        self.fault = None
        self.ending = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.ending:
                began = time.monotonic()
                exchange(self.socket, b"pulse" * 100)
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.rounds += 1
        except (OSError, LabError) as fault:
            self.fault = fault

    def stop(self):
        self.ending = True
        self.thread.join()
        self.socket.close()
        check(self.fault is None, f"the untouched session broke: {self.fault!r}")
        check(self.rounds > 0, "the untouched session moved nothing")


@case
def listener_added_and_removed(t):
    """a listener added by the CLI serves, and once removed with --drain 0 its sessions are reset"""
    lab = t.echo_lab()
    pulse = Pulse(lab)
    lab.nexpath("listener", "add", "name=extra", "protocol=tcp", f"listen={GATEWAY_C4}:9100", "upstream=echo4")
    live = connect(lab, port=9100)
    exchange(live, payload(100000))
    lab.nexpath("listener", "remove", "extra", "--drain", "0")
    expect_error(ConnectionRefusedError, lambda: connect(lab, port=9100), "the removed listener")
    expect_error(ConnectionResetError, lambda: live.recv(1), "its session")
    pulse.stop()


@case
def listener_removed_with_drain(t):
    """with --drain 2 new connections are refused at once, live ones go on until then"""
    lab = t.echo_lab()
    with connect(lab) as live:
        exchange(live)
        began = time.monotonic()
        lab.nexpath("listener", "remove", "tcp4", "--drain", "2")
        expect_error(ConnectionRefusedError, lambda: connect(lab), "the removed listener")
        exchange(live, payload(10000))
        expect_error(ConnectionResetError, lambda: live.recv(1), "the session after its drain time")
        check(time.monotonic() - began > 1.5, "the session was reset before its time")


def apply_thousand(lab, listeners, upstreams, to):
    """1,000 configurations, of which each moves a listener that nobody uses."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(lab.socket))
        wire = s.makefile("rw")
        for i in range(1000):
            text = lab.configuration(
                listeners + ",\n" + listener("turn", "udp", f"{GATEWAY_C4}:{10000 + i}", to), upstreams)
            answer = call(wire, "config.apply", {"text": text, "drain_s": 0}, i)
            check("result" in answer, f"apply {i}: {answer}")


@case(alone=True)
def thousand_applies(t):
    """1,000 configurations applied during traffic: no retransmission on a session they do not touch"""
    lab = t.echo_lab()
    pulse = Pulse(lab)
    apply_thousand(lab, ECHO_LISTENERS, ECHO_UPSTREAMS, "echo4")
    held = sessions(lab, "listener=tcp4", "state=established")
    check_equal(len(held), 1, "sessions of the untouched listener")
    check_equal((held[0]["retransmissions_from_client"], held[0]["retransmissions_from_target"]),
                (0, 0), "retransmissions")
    pulse.stop()


@case(alone=True)
def thousand_applies_while_terminated(t):
    """the same under connections that end here, of either family to either: each goes on, byte for byte"""
    lab = echo_lab(t)
    with ending_clean(lab):
        pulses = [Pulse(lab, *way) for way in WAYS.values()]
        apply_thousand(lab, *service(), "way4")
        check_equal(len(sessions(lab)), len(WAYS), "sessions")
        rounds = [p.rounds for p in pulses]
        wait_for("all to go on", lambda: all(p.rounds > before for p, before in zip(pulses, rounds)))
        for pulse in pulses:
            pulse.stop()


def call(wire, method, parameters, number=1):
    wire.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}) + "\n")
    wire.flush()
    return json.loads(wire.readline())


@case
def bad_configuration_is_refused(t):
    """a faulty text is refused with line, path and hint, and the running revision is untouched"""
    lab = t.echo_lab()
    pulse = Pulse(lab)
    before = lab.query("status")["revision"]
    bad = lab.folder / "bad.conf"
    bad.write_text(lab.configuration(ECHO_LISTENERS, ECHO_UPSTREAMS).replace('upstream = "echo4"',
                                                                             'upstream = "ehco4"', 1))
    answer = lab.nexpath("config", "apply", bad, check=False)
    check_equal(answer.returncode, 1, "exit status")
    said = answer.stderr + answer.stdout
    check("ehco4" in said and "bad.conf:" in said, f"the refusal says {said!r}")
    check_equal(lab.query("status")["revision"], before, "the revision")
    pulse.stop()


@case
def session_killed(t):
    """session kill resets both sides of one session and no other"""
    lab = t.echo_lab()
    pulse = Pulse(lab)
    with connect(lab) as victim:
        exchange(victim)
        port = victim.getsockname()[1]
        listed = lab.query("session", "list", "listener=tcp4")["sessions"]
        mine = next(s for s in listed if s["client"].endswith(f":{port}"))
        shown = lab.query("session", "show", mine["id"])["session"]
        check_equal(shown["client"], mine["client"], "session show")
        lab.nexpath("session", "kill", mine["id"])
        expect_error(ConnectionResetError, lambda: victim.recv(1), "the killed session")
    pulse.stop()


@case
def capture_read_by_tshark(t):
    """a capture on a port with a filter is a pcapng that tshark reads"""
    lab = t.echo_lab()
    out = lab.folder / "cut.pcapng"
    capture = subprocess.Popen([str(lab.program("nexpath")), "--socket", str(lab.socket), "capture", "lan", str(out),
                                "--filter", "udp port 9000", "--count", "20"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with datagram_socket(lab) as s, connect(lab) as other:
        wait_for("the capture to begin", lambda: any(
            e["kind"] == "capture_started" for e in lab.query("events")["events"]))
        for i in range(20):
            exchange(other)
            s.send(b"datagram %d" % i)
            s.recv(100)
    said, _ = capture.communicate(timeout=10)
    check_equal(capture.returncode, 0, f"capture said {said!r} and ended with")
    fields = run("tshark", "-r", out, "-T", "fields", "-e", "udp.port", "-e", "ip.proto").stdout.split("\n")
    rows = [f for f in fields if f]
    check_equal(len(rows), 20, "packets in the file")
    check(all(r.endswith("17") and "9000" in r for r in rows), f"the filter let through {rows}")


@case
def metrics_scraped(t):
    """/metrics parses and counts what happened, /healthz and /readyz answer 200"""
    lab = t.lab()
    text = lab.configuration(ECHO_LISTENERS, ECHO_UPSTREAMS)
    t.udp_server(lab, ECHO)
    lab.start(text.replace("management = {", 'management = { metrics = "127.0.0.1:9641";'))
    with datagram_socket(lab) as s:
        s.send(b"x")
        s.recv(10)
    for page in ("healthz", "readyz"):
        code = lab.at("gateway", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                      f"http://127.0.0.1:9641/{page}").stdout
        check_equal(code, "200", page)

    def scrape():
        text = lab.at("gateway", "curl", "-sf", "http://127.0.0.1:9641/metrics").stdout
        values = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return text, values
    wait_for("the session to be counted", lambda: scrape()[1].get(
        'nexpath_listener_sessions_total{listener="udp4"}') == 1)
    text, values = scrape()
    families = {n.split("{")[0] for n in values}
    for family in ("nexpath_build_info", "nexpath_config_revision", "nexpath_port_receive_packets_total",
                   "nexpath_port_up", "nexpath_listener_sessions", "nexpath_listener_bytes_total",
                   "nexpath_upstream_target_up", "nexpath_worker_busy_ratio", "nexpath_pool_used",
                   "nexpath_pool_capacity", "nexpath_stage_cycles_total"):
        check(family in families, f"family {family} is missing")
        check(f"# HELP {family} " in text, f"no help for {family}")


@case
def top_on_a_terminal(t):
    """`nexpath top` draws on a terminal, and ends with q and a clean screen"""
    lab = t.echo_lab()
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    child = subprocess.Popen([str(lab.program("nexpath")), "--socket", str(lab.socket), "top"], stdin=slave,
                             stdout=slave, stderr=slave, start_new_session=True,
                             env=dict(os.environ, TERM="xterm"))
    os.close(slave)
    os.set_blocking(master, False)
    screen = bytearray()

    def drawn():
        try:
            screen.extend(os.read(master, 65536))
        except BlockingIOError:
            pass
        return b"tcp4" in screen
    try:
        wait_for("the listeners on the screen", drawn)
        os.write(master, b"q")
        check_equal(child.wait(5), 0, "exit status")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        os.close(master)


@case
def name_resolved_again(t):
    """an upstream's name is asked at a DNS server, and asked again at its time to live"""
    lab = t.lab()
    hosts = lab.folder / "hosts"
    hosts.write_text(f"{SERVER4} app.test\n")
    # The gateway's kernel reaches the DNS server on its own loopback.
    dns = lab.spawn("gateway", "dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--user=root",
                    "--conf-file=/dev/null", f"--addn-hosts={hosts}", "--local-ttl=1", "--listen-address=127.0.0.1",
                    "--bind-interfaces")
    wait_for("dnsmasq", lambda: lab.listening("gateway", 53, "u"))
    run("ip", "-n", lab.namespace("server"), "addr", "add", "10.2.0.88/24", "dev", "eth0")
    t.tcp_server(lab, ECHO, lambda c: c.sendall(c.getsockname()[0].encode()[7:].ljust(20)))
    lab.start(lab.configuration(listener("in", "tcp", f"{GATEWAY_C4}:{LISTEN}", "app"),
                                upstream("app", f"app.test:{ECHO}"),
                                extra='resolvers = ["127.0.0.1"];'))

    def target():
        try:
            with connect(lab, timeout=1) as s:
                return receive_exactly(s, 20).decode().strip()
        except OSError:
            return None
    wait_for("the first address", lambda: target() == SERVER4, 10, 0.1)
    hosts.write_text("10.2.0.88 app.test\n")
    dns.send_signal(signal.SIGHUP)
    wait_for("the second address", lambda: target() == "10.2.0.88", 15, 0.2)


@case(alone=True)
def idle_costs_nothing(t):
    """adaptive: without traffic nexpathd takes under 1 % of a core"""
    lab = t.echo_lab(workers='cpus = "1";')
    with connect(lab) as s:
        exchange(s)

    def ticks():
        with open(f"/proc/{lab.daemon.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    before, began = ticks(), time.monotonic()
    time.sleep(4)  # the measurement itself
    share = (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began)
    check(share < 0.01, f"idle takes {share * 100:.2f} % of a core")


@case
def stats_show_traffic(t):
    """stats, drops, stages, pools and upstream list tell what passed"""
    lab = t.echo_lab()
    with connect(lab) as s:
        exchange(s, payload(100000))
    counters = lab.query("stats", "listener.tcp4.*")["counters"]
    check_equal(counters["listener.tcp4.sessions_total"], 1, "sessions of tcp4")
    stages = lab.query("stages")["stages"]
    check(any(x["stage"] == "forward" and x["packets"] > 0 for x in stages), "the forward stage saw nothing")
    with datagram_socket(lab, port=9999) as s:
        s.send(b"x")
        wait_for("a counted drop or answer", lambda: any(
            w["unreachables_sent"] > 0 for w in lab.query("worker", "list")["workers"]))
    targets = [x for u in lab.query("upstream", "list")["upstreams"] for x in u["targets"]]
    check(any(x["answered"] == 1 for x in targets), f"no target answered: {targets}")
