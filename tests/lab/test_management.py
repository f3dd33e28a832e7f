#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""nexpathd under its management socket: starts the real daemon on ring ports without hugepages.

Each test has a daemon, a state directory and a socket of its own in a temporary folder. Needs no
network namespace. Runs alone: tests/lab/test_management.py --nexpathd PATH [NAME...]
"""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import management_credentials
import management_live
import management_plan
import management_rights
from management_harness import Daemon, Failure, RpcError, expect, kinds, state_of, wait_for

# --- tests: each takes a fresh daemon; its first line of documentation is its name -----------------

def test_every_read_method_answers(daemon):
    """every method of the read right answers with its fields"""
    client = daemon.start(daemon.config())
    hello = client.call("hello")
    expect(hello["interface"] == 1 and hello["revision"] == 1, hello)
    for method, field in (("status", "health"), ("listener.list", "listeners"),
                          ("upstream.list", "upstreams"), ("session.list", "sessions"),
                          ("stats", "counters"), ("drops", "drops"), ("stages", "stages"),
                          ("port.list", "ports"), ("worker.list", "workers"),
                          ("route.list", "routes"), ("neighbour.list", "neighbours"),
                          ("pool.list", "pools"), ("events.list", "events"),
                          ("config.history", "revisions"), ("config.show", "text")):
        expect(field in client.call(method), f"{method} has no {field}")
    expect(len(client.call("drops", all=True)["drops"]) > 40, "drops")
    expect(client.call("stats", glob="reality.s*")["counters"] == {"reality.sni": 0, "reality.short_id": 0}, "stats")
    expect(client.call("stats", glob="slowpath.done")["counters"] == {"slowpath.done": 0}, "stats")
    client.refused(-32004, "session.show", id="0000000000000001")
    client.refused(-32602, "session.list", limit=10001)
    client.refused(-32602, "session.kill")
    client.refused(-32004, "session.list", filter={"listener": "nobody"})


def test_apply_plan_history_rollback(daemon):
    """plan, apply, history, rollback and show agree"""
    client = daemon.start(daemon.config())
    plan = client.call("config.plan", text=daemon.config(9001))
    expect(plan["base"] == 1 and plan["changes"], plan)
    applied = client.call("config.apply", text=daemon.config(9001), base=1, comment="other port")
    expect(applied["revision"] == 2 and applied["confirm_by"] is None, applied)
    expect([c["path"] for c in applied["changes"]] == [c["path"] for c in plan["changes"]], applied)
    expect(client.call("listener.list")["listeners"][0]["port_first"] == 9001, "listener")
    expect(client.call("config.apply", text=daemon.config(9001))["revision"] == 2,
           "an equal text made a revision")
    back = client.call("config.rollback")
    expect(back["revision"] == 3, back)
    expect(client.call("config.show")["text"] == daemon.config(), "text after rollback")
    history = client.call("config.history")
    expect(history["current"] == 3 and history["revisions"][0]["state"] == "current", history)
    expect(history["revisions"][1]["comment"] == "other port", history)
    client.refused(-32004, "config.rollback", revision=99)


def test_listener_verbs(daemon):
    """listener add and remove, and a drained target, are revisions"""
    client = daemon.start(daemon.config())
    values = {"name": "dns", "protocol": "udp", "listen": "*:53", "upstream": "web"}
    expect(client.call("listener.add", values=values)["revision"] == 2, "add")
    names = [l["name"] for l in client.call("listener.list")["listeners"]]
    expect(sorted(names) == ["dns", "web-in"], names)
    client.refused(-32001, "listener.add", values=values)
    client.refused(-32001, "listener.add", values={**values, "name": "x", "nonsense": "1"})
    client.refused(-32602, "listener.add", values={**values, "name": ["x"]})
    client.call("listener.remove", name="dns", drain_s=0)
    wait_for("the slot to be given back", lambda: len(
        client.call("listener.list")["listeners"]) == 1)
    client.refused(-32004, "listener.remove", name="dns")
    client.call("upstream.drain", upstream="web", target="10.2.0.1:80")
    expect(client.call("upstream.list")["upstreams"][0]["targets"][0]["state"] == "drained",
           "not drained")


def test_listener_shows_what_ends_its_sessions(daemon):
    """listener list and show tell the times of mode terminate; in mode direct they are refused"""
    client = daemon.start(daemon.config())
    times = {"close_timeout_s": 7, "keepalive_s": 60, "user_timeout_s": 120, "memory_bytes": 1 << 20}
    expect(not times.keys() & client.call("listener.list")["listeners"][0].keys(), "times of mode direct")
    values = {"name": "ends", "protocol": "tcp", "listen": "*:99", "upstream": "web"}
    for key in ("close_timeout_s", "user_timeout_s"):
        error = client.refused(-32001, "listener.add", values={**values, key: "7"})
        expect("mode direct" in error.data["faults"][0]["what"], error.data)
    client.call("listener.add", values={**values, "mode": "terminate", "transparent": "true",
                                        "ecn": "true",
                                        **{key: str(value) for key, value in times.items()}})
    row = client.call("listener.show", name="ends")["listener"]
    expect({key: row[key] for key in times} == times and row["transparent"] and row["ecn"] and
           (row["congestion"], row["tcp_profile"]) == ("cubic", "default"), row)
    listed = {l["name"]: l for l in client.call("listener.list")["listeners"]}
    expect(listed["ends"].keys() == row.keys(), listed)
    client.refused(-32004, "listener.show", name="nobody")


def test_http_listener_shows_its_routes(daemon):
    """listener list and show: protocol http, how many routes, no upstream where there is none"""
    client = daemon.start(daemon.config().replace("listeners = (", 'listeners = ( { name = "site"; protocol = "http"; '
                          'listen = "*:8080"; http = { routes = ( { path = "/a"; upstream = "web"; }, { redirect = "https"; } ); }; '
                          '}, { name = "rest"; protocol = "http"; listen = "*:8081"; upstream = "web"; }, '))
    row = client.call("listener.show", name="site")["listener"]
    expect((row["protocol"], row["mode"], row["upstream"], row["routes"]) == ("http", "terminate", None, 2), row)
    listed = {l["name"]: l for l in client.call("listener.list")["listeners"]}
    expect(listed["site"].keys() == row.keys(), listed)
    expect((listed["rest"]["upstream"], listed["rest"]["routes"]) == ("web", 0), listed)


def test_bad_configuration_is_refused(daemon):
    """a faulty text is refused with line, path and hint; the running revision stays"""
    client = daemon.start(daemon.config())
    bad = daemon.config() + "surprise = 1;\n"
    check = client.call("config.check", text=bad)
    expect(check["faults"][0]["path"] == "surprise" and check["faults"][0]["line"] > 0, check)
    error = client.refused(-32001, "config.apply", text=bad)
    expect(error.data["faults"] == check["faults"], error.data)
    client.refused(-32001, "config.plan", text="listeners = (")
    client.refused(-32001, "config.apply", text=daemon.config(memory=128))
    client.refused(-32001, "config.apply", text='@include "/etc/passwd"\n')
    expect(client.call("hello")["revision"] == 1, "revision")
    expect("config_refused" in kinds(client, severity="error"), "event")


def test_refused_request_is_no_event(daemon):
    """a request that names what is not there is refused without an event of severity error"""
    client = daemon.start(daemon.config())
    client.refused(-32004, "listener.remove", name="nope")
    client.refused(-32004, "config.rollback", revision=999)
    client.refused(-32001, "config.confirm")
    client.refused(-32002, "config.apply", text=daemon.config(9001), base=7)
    expect("config_refused" not in kinds(client), kinds(client))
    expect("no listener" in daemon.log(), "the log says nothing")
    values = {"name": "bad", "protocol": "udp", "listen": "10.9.9.9:53", "upstream": "web"}
    client.refused(-32001, "listener.add", values=values)
    expect("config_refused" in kinds(client, severity="error"), "a refused configuration")


def test_refusals_have_events(daemon):
    """a listener without an own address and two on one port are events of their own kinds"""
    client = daemon.start(daemon.config())
    values = {"name": "u", "protocol": "udp", "listen": "10.9.9.9:53", "upstream": "web"}
    client.refused(-32001, "listener.add", values=values)
    client.refused(-32001, "listener.add", values={**values, "protocol": "tcp"})
    client.refused(-32001, "listener.add", values={**values, "listen": "10.1.0.2:9000", "protocol": "tcp"})
    found = {e["kind"]: e["message"] for e in client.call("events.list", severity="error")["events"]}
    for kind in ("udp_listener_bind_failed", "tcp_listener_bind_failed", "port_conflict"):
        expect('listener "u"' in found.get(kind, ""), f"{kind}: {found}")


def test_start_without_a_port(daemon):
    """a start from a revision whose port does not open goes on, and names the listeners without one"""
    name = f"nxm{os.getpid() % 100000}x"
    tap = daemon.config().replace("ring:lan", f"tap:{name}")
    client = daemon.start(tap)
    expect("started" in kinds(client), "start")
    daemon.stop()
    subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", name + "p"], check=True)
    try:
        client = daemon.start()
        expect(client.call("hello")["revision"] == 1, "revision")
        expect({"port_gone", "tcp_listener_bind_failed"} <= set(kinds(client)), kinds(client))
    finally:
        subprocess.run(["ip", "link", "del", name], check=True)
    wait_for("the port", lambda: "port_up" in kinds(client))


def test_confirm_keeps(daemon):
    """a confirmed revision stays; nothing else changes while one waits"""
    client = daemon.start(daemon.config())
    applied = client.call("config.apply", text=daemon.config(9001), confirm_within_s=2)
    expect(applied["confirm_by"] > time.time(), applied)
    expect(client.call("status")["state"] == "pending", "state")
    client.refused(-32003, "config.apply", text=daemon.config(9002))
    client.refused(-32003, "listener.remove", name="web-in")
    client.refused(-32002, "config.confirm", revision=7)
    client.call("config.confirm", revision=2)
    time.sleep(2.5)
    expect(client.call("hello")["revision"] == 2, "it was reverted")
    client.refused(-32001, "config.confirm")


def test_confirm_timer_fires(daemon):
    """without confirmation, its client gone, the revision before comes back as a new one"""
    client = daemon.start(daemon.config())
    client.call("config.apply", text=daemon.config(9001), confirm_within_s=1)
    client.close()
    time.sleep(1.3)
    client = daemon.client()
    wait_for("the automatic return", lambda: client.call("hello")["revision"] == 3)
    expect(client.call("listener.list")["listeners"][0]["port_first"] == 9000, "listener")
    expect(state_of(client, 2) == "reverted", "state of 2")
    expect("config_reverted" in kinds(client), "event")


def test_rollback_while_waiting(daemon):
    """rollback while a revision waits takes that one back"""
    client = daemon.start(daemon.config())
    client.call("config.apply", text=daemon.config(9001), confirm_within_s=60)
    expect(client.call("config.rollback")["revision"] == 3, "rollback")
    expect(client.call("status")["state"] == "confirmed", "state")
    expect(client.call("config.show")["text"] == daemon.config(), "text")


def test_kill_before_confirm(daemon):
    """kill -9 before the timer fires: the next start runs the revision before"""
    client = daemon.start(daemon.config())
    client.call("config.apply", text=daemon.config(9001), confirm_within_s=60)
    daemon.kill()
    client = daemon.start()
    expect(client.call("listener.list")["listeners"][0]["port_first"] == 9000, "listener")
    expect(state_of(client, 2) == "reverted", "state of 2")
    expect("config_revision_skipped" in kinds(client), "event")


def test_two_operators(daemon):
    """of two who planned on the same base, one is told of the conflict"""
    one, two = daemon.start(daemon.config()), daemon.client()
    results = []

    def apply(client, port):
        try:
            results.append(client.call("config.apply", text=daemon.config(port), base=1))
        except RpcError as error:
            results.append(error.code)

    threads = [threading.Thread(target=apply, args=pair) for pair in ((one, 9001), (two, 9002))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(-32002 in results and len([r for r in results if r != -32002]) == 1, results)
    expect(one.call("hello")["revision"] == 2, "revision")


def test_restart_keeps_the_revision(daemon):
    """a restart runs the last accepted revision, not an unchanged FILE"""
    client = daemon.start(daemon.config())
    client.call("config.apply", text=daemon.config(9001))
    expect(daemon.stop() == 0, f"exit status {daemon.process.returncode}: {daemon.log()[-300:]}")
    client = daemon.start()
    expect(client.call("hello")["revision"] == 2, "revision")
    daemon.stop()
    client = daemon.start(daemon.config(9005))
    expect(client.call("hello")["revision"] == 3, "a changed FILE did not become a revision")
    expect(client.call("listener.list")["listeners"][0]["port_first"] == 9005, "listener")
    expect(daemon.file.read_text() == daemon.config(9005), "FILE was written")


def test_faulty_file_falls_back(daemon):
    """a faulty FILE: the last confirmed revision and an event; without one exit 1"""
    daemon.file.write_text("nonsense\n")
    expect("nexpath.conf" in daemon.fails(), "no line names the file")
    daemon.start(daemon.config())
    daemon.stop()
    client = daemon.start(daemon.config() + "surprise = 1;\n")
    expect(client.call("hello")["revision"] == 1, "revision")
    expect("config_refused" in kinds(client, severity="error"), "event")


def test_crash_loop(daemon):
    """a revision under which the process died 3 times in 60 s is not started again"""
    client = daemon.start(daemon.config())
    client.call("config.apply", text=daemon.config(9001))
    for _ in range(3):
        daemon.kill()
        client = daemon.start()
    expect(client.call("listener.list")["listeners"][0]["port_first"] == 9000,
           client.call("config.history"))
    expect(state_of(client, 2) == "failed", client.call("config.history"))


def test_revision_that_does_not_start(daemon):
    """a confirmed revision that does not start gives way to the one before, with its reason"""
    client = daemon.start(daemon.config())
    client.call("config.apply", text=daemon.config(9001))
    taken = daemon.folder / "taken"
    answer = client.call("config.apply", restart=True, text=daemon.config(9002).replace(
        f'"{daemon.socket}"', f'"{taken}"'))
    expect(answer["revision"] == 3 and daemon.process.wait(15) == 75, answer)
    taken.mkdir()
    client = daemon.start()
    expect(client.call("hello")["revision"] == 2, "revision")
    expect(client.call("listener.list")["listeners"][0]["port_first"] == 9001, "listener")
    told = [e["message"] for e in client.call("events.list")["events"]
            if e["kind"] == "config_revision_skipped"]
    expect(len(told) == 1 and "revision 3" in told[0] and str(taken) in told[0], told)
    daemon.stop()
    taken.rmdir()
    daemon.socket = taken
    client = daemon.start()
    expect(client.call("hello")["revision"] == 3, "the newest is not tried again")


def test_damaged_revision(daemon):
    """a revision whose file is damaged is refused for good, and the one before it runs"""
    client = daemon.start(daemon.config())
    client.call("config.apply", text=daemon.config(9001))
    daemon.stop()
    files = [f for f in (daemon.folder / "state").iterdir() if b":9001" in f.read_bytes()]
    expect(len(files) == 1 and files[0].stat().st_mode & 0o777 == 0o600, files)
    files[0].write_bytes(files[0].read_bytes().replace(b":9001", b":9002"))
    for _ in range(2):
        client = daemon.start()
        expect(client.call("hello")["revision"] == 1 and state_of(client, 2) == "refused",
               client.call("config.history"))
        daemon.stop()


def test_metrics_address_in_use(daemon):
    """a metrics address that is taken is an event, forwards all the same, and is served once free"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.listen()
        port = probe.getsockname()[1]
        client = daemon.start(daemon.config(management=f'metrics = "127.0.0.1:{port}";'))
        told = [e for e in client.call("events.list")["events"] if e["kind"] == "port_conflict"]
        expect(len(told) == 1 and str(port) in told[0]["message"], told)
        time.sleep(2.5)
        expect(kinds(client).count("port_conflict") == 1, "told again")

    def served():
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).status == 200
        except OSError:
            return False
    wait_for("the metrics", served)


def test_slowpath_cpus(daemon):
    """the resolver's thread runs on slowpath.cpus"""
    last = max(os.sched_getaffinity(0))
    text = daemon.config().replace("10.2.0.1:80", "name.test:80")
    daemon.start(text + f'slowpath = {{ cpus = "{last}"; }};\nresolvers = ["127.0.0.1:9"];\n'
                 if last > 0 else text)
    found = [t for t in Path(f"/proc/{daemon.process.pid}/task").iterdir()
             if "resolve" in (t / "comm").read_text()]
    expect(len(found) == 1, f"{len(found)} resolver threads")
    expect(last == 0 or os.sched_getaffinity(int(found[0].name)) == {last}, "affinity")


def test_empty_start(daemon):
    """an empty FILE serves the socket; the first apply starts the data plane"""
    client = daemon.start(f'management = {{ socket = "{daemon.socket}"; group = "root"; }};\n'
                          'workers = { cpus = "0"; memory_mb = 64; hugepages = "off"; };\n')
    expect(client.call("listener.list")["listeners"] == [], "listeners")
    client.call("config.apply", text=daemon.config())
    expect(client.call("listener.list")["listeners"][0]["name"] == "web-in", "listener")


def test_socket_and_metrics_take_a_restart(daemon):
    """plan says restart for the keys of the socket and the metrics, and they change with it"""
    client = daemon.start(daemon.config())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    other = daemon.folder / "other"
    text = daemon.config(management=f'metrics = "127.0.0.1:{port}"; read_group = "nogroup";')
    text = text.replace(f'"{daemon.socket}"', f'"{other}"').replace('group = "root"', 'group = "daemon"')
    effects = {c["path"]: c["effect"] for c in client.call("config.plan", text=text)["changes"]}
    expect(effects == {f"management.{key}": "restart"
                       for key in ("socket", "group", "read_group", "metrics")}, effects)
    client.refused(-32001, "config.apply", text=text)
    expect(client.call("config.apply", text=text, restart=True)["restart"], "no restart")
    expect(daemon.process.wait(15) == 75, f"status {daemon.process.returncode}")
    daemon.socket = other
    client = daemon.start()
    expect(client.call("hello")["revision"] == 2, "revision")
    url = f"http://127.0.0.1:{port}/healthz"
    wait_for("the metrics", lambda: urllib.request.urlopen(url, timeout=5).status == 200)


def test_restart_apply(daemon):
    """apply with restart stores the revision and ends with status 75; the next start runs it"""
    client = daemon.start(daemon.config())
    client.refused(-32001, "config.apply", text=daemon.config(memory=80))
    answer = client.call("config.apply", text=daemon.config(memory=80), restart=True)
    expect(answer["restart"] and answer["revision"] == 2, answer)
    expect(daemon.process.wait(15) == 75, f"status {daemon.process.returncode}")
    client = daemon.start()
    expect(client.call("hello")["revision"] == 2, "revision")


def test_port_added_live(daemon):
    """a port is added without a restart; a new one that cannot open leaves what ran"""
    client = daemon.start(daemon.config())
    more = ', { name = "dmz"; device = "ring:dmz"; address = ["10.3.0.2/24"]; }'
    client.call("config.apply", text=daemon.config(ports=more))
    expect([p["name"] for p in client.call("port.list")["ports"]] == ["lan", "wan", "dmz"], "ports")
    bad = ', { name = "no"; device = "af_packet:nxmgmt-none"; address = ["10.4.0.2/24"]; }'
    error = client.refused(-32001, "config.apply", text=daemon.config(ports=more + bad))
    expect("nxmgmt-none" in str(error), error)
    expect(client.call("hello")["revision"] == 2, "revision")
    client.refused(-32001, "config.apply", text=daemon.config())


def test_reload(daemon):
    """SIGHUP makes a changed FILE a revision; a faulty one changes nothing"""
    client = daemon.start(daemon.config())
    daemon.file.write_text(daemon.config(9007))
    daemon.process.send_signal(signal.SIGHUP)
    wait_for("the reload", lambda: client.call("hello")["revision"] == 2)
    daemon.file.write_text(daemon.config() + "surprise = 1;\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for("the event", lambda: "config_refused" in kinds(client))
    expect(client.call("hello")["revision"] == 2, "revision")


def test_service_manager(daemon):
    """the service manager is told: ready, watchdog, reloading and ready again, stopping"""
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(daemon.folder / "notify"))
    told.settimeout(10)
    os.environ.update(NOTIFY_SOCKET=str(daemon.folder / "notify"), WATCHDOG_USEC="400000")
    try:
        client = daemon.start(daemon.config())
    finally:
        del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
    expect(told.recv(100) == b"READY=1", "not ready")
    expect([told.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3, "no watchdog")
    daemon.file.write_text(daemon.config(9007))
    daemon.process.send_signal(signal.SIGHUP)
    words = []
    while b"READY=1" not in words:
        words += told.recv(200).splitlines()
    expect(b"RELOADING=1" in words and any(w.startswith(b"MONOTONIC_USEC=") for w in words), words)
    expect(client.call("hello")["revision"] == 2, "ready before the reload was done")
    daemon.file.write_text("nonsense\n")
    daemon.process.send_signal(signal.SIGHUP)
    words = []
    while b"READY=1" not in words:
        words += told.recv(200).splitlines()
    expect(b"RELOADING=1" in words, words)
    daemon.process.send_signal(signal.SIGTERM)
    while told.recv(100) != b"STOPPING=1":
        pass
    expect(daemon.process.wait(10) == 0, f"status {daemon.process.returncode}")
    told.close()


def test_one_daemon_a_state_and_a_socket(daemon):
    """a second daemon on the same socket or state directory ends with one line"""
    daemon.start(daemon.config())
    other = subprocess.run([daemon.program, "-c", daemon.file, "--no-huge", "--file-prefix",
                            daemon.prefix + "x", "--state-dir", daemon.folder / "other"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    expect(other.returncode == 1 and "another nexpathd" in other.stderr, other.stderr)
    other = subprocess.run([daemon.program, "-c", daemon.file, "--no-huge", "--file-prefix",
                            daemon.prefix + "x", "--state-dir", daemon.folder / "state"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    expect(other.returncode == 1, other.stderr)
    daemon.client().call("hello")


def test_stale_socket(daemon):
    """what a killed daemon left behind does not keep the next one from starting"""
    daemon.start(daemon.config())
    daemon.kill()
    expect(daemon.socket.exists(), "the socket file is gone")
    mode = daemon.start().call("hello") and daemon.socket.stat().st_mode & 0o777
    expect(mode == 0o660, oct(mode))


def test_events_subscription(daemon):
    """a subscriber gets kept events and new ones, with lost counted"""
    client = daemon.start(daemon.config())
    client.call("events.subscribe", since=0)
    daemon.client().call("config.apply", text=daemon.config(9001))
    seen = []
    while "config_applied" not in seen:
        event = client.line()
        expect(event["method"] == "event" and event["params"]["lost"] == 0, event)
        seen.append(event["params"]["kind"])
    expect(seen[0] == "started", seen)


def test_hostile_clients(daemon):
    """garbage, floods, half lines, huge lines and slow readers delay nobody else"""
    client = daemon.start(daemon.config())
    for data in (b"garbage\n", b"[]\n", b"{}\n", b"\x00\xff\n", b'{"jsonrpc":"2.0","id":1}\n',
                 b"[" * 100000 + b"\n"):
        bad = daemon.client()
        bad.send(data)
        expect(bad.line()["error"]["code"] in (-32700, -32600), data[:20])
        bad.close()
    half = [daemon.client() for _ in range(20)]
    for bad in half:
        bad.send(b'{"jsonrpc"')
    flood = daemon.client()
    flood.socket.settimeout(0.2)
    request = b'{"jsonrpc":"2.0","id":1,"method":"stats"}\n'
    try:
        for _ in range(2000):
            flood.send(request * 64)
    except OSError:
        pass
    huge = daemon.client()
    try:
        huge.send(b"x" * (6 << 20))
    except OSError:
        pass
    worst = 0.0
    for _ in range(100):
        begun = time.monotonic()
        client.call("hello")
        worst = max(worst, time.monotonic() - begun)
    expect(worst < 0.5, f"an answer took {worst:.3f} s")
    many = []
    for _ in range(80):
        bad = socket.socket(socket.AF_UNIX)
        bad.settimeout(2)
        wait_for("room to connect", lambda bad=bad: bad.connect_ex(str(daemon.socket)) == 0)
        many.append(bad)
    expect(b"too many clients" in many[-1].recv(4096), "no limit of clients")
    client.call("config.apply", text=daemon.config(9001))
    half[0].socket.settimeout(20)
    expect(half[0].lines.read(1) == b"", "a half line was answered")


def test_metrics(daemon):
    """metrics, health and readiness over HTTP"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = daemon.start(daemon.config(management=f'metrics = "127.0.0.1:{port}";'))
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    sample = re.compile(r'[a-z0-9_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [-+0-9.e]+')
    families = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    for line in text.splitlines():
        expect(line.startswith("#") or sample.fullmatch(line), line)
        expect(line.startswith("#") or line.split("{")[0].split()[0] in families, line)
    for name in ("nexpath_build_info", "nexpath_config_revision", "nexpath_port_up",
                 "nexpath_drops_total", "nexpath_listener_sessions", "nexpath_pool_used",
                 "nexpath_port_starved_total", "nexpath_port_malformed_total",
                 "nexpath_port_refused_total"):
        expect(name in families, name)
    expect(urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).status == 200, "health")
    ready = client.call("status")["health"]
    try:
        status = urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status
    except urllib.error.HTTPError as error:
        status = error.code
    expect(status == (200 if ready["ready"] else 503), f"{status} {ready}")


def test_check(daemon):
    """--check prints every fault and opens nothing"""
    daemon.file.write_text(daemon.config() + "one = 1;\ntwo = 2;\n")
    for option in ("--check", "--check=text"):
        run = subprocess.run([daemon.program, "-c", daemon.file, option], text=True,
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        expect(run.returncode == 1 and run.stderr.count(str(daemon.file)) == 2, run.stderr)
    daemon.file.write_text(daemon.config())
    run = subprocess.run([daemon.program, "-c", daemon.file, "--check=text"], text=True,
                         stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    expect(run.returncode == 0 and run.stderr == "", run.stderr)
    expect(not (daemon.folder / "state").exists(), "it opened the state directory")
    run = subprocess.run([daemon.program, "--nonsense"], stdin=subprocess.DEVNULL,
                         capture_output=True, timeout=20)
    expect(run.returncode == 2, run.returncode)


def test_privileges(daemon):
    """capabilities, new privileges and core dumps are gone once it runs"""
    daemon.start(daemon.config())
    for task in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines()
                      if ":" in line)
        held = int(status["CapEff"], 16)
        # NET_ADMIN, NET_RAW, IPC_LOCK, SYS_NICE.
        expect(held & ~(1 << 12 | 1 << 13 | 1 << 14 | 1 << 23) == 0, f"{task.name} {held:#x}")
        expect(status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", status)


def test_thousand_applies(daemon):
    """many applies in a row, slots and memory given back"""
    client = daemon.start(daemon.config())

    def memory():
        return int(Path(f"/proc/{daemon.process.pid}/statm").read_text().split()[1])

    for i in range(20):
        client.call("config.apply", text=daemon.config(9000 + i % 2 + 1))
    before = memory()
    for i in range(200):
        client.call("config.apply", text=daemon.config(9000 + i % 2 + 1))
    expect(memory() - before < 2048, f"{memory() - before} pages more")


def tests():
    """Name and function of each, by the module that has it."""
    for module in (globals(), vars(management_credentials), vars(management_live), vars(management_plan),
                   vars(management_rights)):
        for name, function in module.items():
            if name.startswith("test_"):
                yield name, function


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nexpathd", type=Path, help="the program to test")
    parser.add_argument("--build", type=Path, default=Path("build"),
                        help="build folder that has it, where --nexpathd is not given")
    parser.add_argument("--sanitized", action="store_true",
                        help="nexpathd is a sanitizer build: leave out what that changes")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    program = (arguments.nexpathd or arguments.build / "mgmt/daemon/nexpathd").resolve()
    if not program.exists():
        parser.error(f"there is no {program}; build it, or name it with --nexpathd")
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, function in list(tests()):
        if arguments.names and name not in arguments.names:
            continue
        begun = time.monotonic()
        without = ""
        if os.geteuid() != 0 and (name == "test_privileges" or function.__module__ != __name__):
            without = "needs root"
        if arguments.sanitized and name in ("test_privileges", "test_thousand_applies"):
            without = "a sanitizer build differs here"
        if without:
            counts["skipped"] += 1
            print(f"skip {name}: {without}")
            continue
        with Daemon(program) as daemon:
            try:
                function(daemon)
                outcome, why = "passed", ""
            except (Failure, RpcError, OSError, ValueError, KeyError, IndexError, TypeError,
                    subprocess.SubprocessError) as error:
                outcome, why = "failed", f": {error}"
        counts[outcome] += 1
        print(f"{'ok  ' if outcome == 'passed' else 'FAIL'} {name} "
              f"({time.monotonic() - begun:.1f} s) {function.__doc__.splitlines()[0]}{why}", flush=True)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
