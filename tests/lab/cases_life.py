# SPDX-License-Identifier: BSD-3-Clause
"""How nexpathd starts, ends and comes back, and what it says when it cannot run."""

import os
import signal
import time

from harness import (ECHO, ECHO_LISTENERS, ECHO_UPSTREAMS, GATEWAY_C4, GATEWAY_S4, case, check, check_equal, connect,
                     echo, exchange, expect_error, labs, payload, run, wait_for)


@case
def killed_and_restarted(t):
    """kill -9 under traffic: new connections pass within 2 s of the restart, old ones get a reset"""
    lab = t.echo_lab()
    old = connect(lab)
    exchange(old, payload(100000))
    lab.stop(lab.daemon, sig=signal.SIGKILL)
    began = time.monotonic()
    lab.start(wait=False)

    def passes():
        try:
            with connect(lab, timeout=0.2) as s:
                exchange(s)
                return True
        except OSError:
            return False
    wait_for("a new connection after the restart", passes, 5, 0.02)
    took = time.monotonic() - began
    check(took < 2, f"the first new connection passed only after {took:.1f} s")

    def late():
        old.sendall(b"late")
        old.recv(10)
    expect_error(ConnectionResetError, late, "an unknown session's data")
    lab.wait_ready()


@case
def starts_from_last_revision(t):
    """what the CLI changed is there again after a restart; FILE is not written"""
    lab = t.echo_lab()
    text = lab.config.read_text()
    lab.nexpath("listener", "add", "name=extra", "protocol=tcp", f"listen={GATEWAY_C4}:9100", "upstream=echo4")
    check_equal(lab.stop(lab.daemon), 0, "exit status after SIGTERM")
    lab.start()
    check("extra" in [x["name"] for x in lab.query("listener", "list")["listeners"]], "the listener is gone")
    check_equal(lab.config.read_text(), text, "FILE")
    with connect(lab, port=9100) as s:
        exchange(s)


@case
def ends_cleanly(t):
    """SIGTERM lets sessions end, refuses new ones, and the process ends with 0 and full pools"""
    lab = t.echo_lab()
    with connect(lab) as s:
        exchange(s)
        lab.daemon.send_signal(signal.SIGTERM)
        wait_for("new connections to be refused", lambda: refused(lab), 3)
        exchange(s)
    check_equal(lab.daemon.wait(15), 0, f"exit status; log {lab.daemon.log.read_text()[-300:]!r}")


def refused(lab):
    try:
        connect(lab, timeout=0.5).close()
        return False
    except ConnectionRefusedError:
        return True
    except OSError:
        return False


@case
def without_hugepages(t):
    """--no-huge runs the same traffic"""
    lab = t.lab()
    t.tcp_server(lab, ECHO, echo)
    lab.start(lab.configuration(ECHO_LISTENERS, ECHO_UPSTREAMS), "--no-huge")
    with connect(lab) as s:
        exchange(s, payload(1 << 20))
    check_equal(lab.query("status")["hugepages"], False, "status says of hugepages")


def refused_start(lab, text, *expected):
    """nexpathd must end by itself, not 0, with one line that holds every expected piece."""
    daemon = lab.start(text, wait=False)
    check(daemon.wait(20) != 0, "nexpathd started all the same")
    log = daemon.log.read_text()
    check(any(all(e in line for e in expected) for line in log.splitlines()),
          f"no line with {expected} in {log[-500:]!r}")


@case
def no_such_interface(t):
    """a device that does not exist is named, with what to do"""
    lab = t.lab()
    ports = '{ name = "lan"; device = "af_packet:nosuch0"; address = ["10.1.0.2/24"]; }'
    refused_start(lab, lab.configuration(ports=ports), "nosuch0", "no such")


@case(alone=True)
def out_of_hugepages(t):
    """hugepages asked for and not to be had: one line that names the remedy"""
    lab = t.lab()
    text = lab.configuration(huge="on").replace("memory_mb = 256", "memory_mb = 8192")
    refused_start(lab, text, "hugepages")


@case
def no_privileges(t):
    """without root the refusal says what is missing"""
    lab = t.lab()
    lab.config.write_text(lab.configuration())
    os.chmod(lab.config, 0o644)
    done = lab.at("gateway", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                  lab.program("nexpathd"), "-c", lab.config, "--no-huge", "--state-dir", "/tmp/" + lab.prefix,
                  check=False, timeout=20)
    check(done.returncode != 0, "nexpathd started without privileges")
    check("root" in done.stderr or "CAP_NET" in done.stderr or "permission" in done.stderr.lower(),
          f"it says {done.stderr!r}")


@case
def check_needs_nothing(t):
    """--check judges a file without privileges, and names every fault with its line"""
    lab = t.lab()
    lab.config.write_text(lab.configuration(ECHO_LISTENERS, ECHO_UPSTREAMS))
    os.chmod(lab.config, 0o644)
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    good = run(*nobody, lab.program("nexpathd"), "-c", lab.config, "--check", check=False)
    check_equal(good.returncode, 0, f"a good file: {good.stderr!r}")
    lab.config.write_text(lab.config.read_text().replace(f'"{GATEWAY_S4}/24"', '"10.2.0.300/24"')
                          .replace('protocol = "udp"', 'protocol = "icmp"', 1))
    bad = run(*nobody, lab.program("nexpathd"), "-c", lab.config, "--check=text", check=False)
    check_equal(bad.returncode, 1, "a bad file")
    lines = (bad.stderr + bad.stdout).splitlines()
    check(any("10.2.0.300" in x and "nexpath.conf:" in x for x in lines), f"the address: {lines}")
    check(any("icmp" in x for x in lines), f"the protocol: {lines}")


@case(alone=True)
def killed_lab_is_cleared(t):
    """what a killed run of the lab left is gone after the next one began"""
    pid = os.fork()
    if pid == 0:
        left = labs.Lab(t.build)
        left.__enter__()
        left.spawn("server", "sleep", "1000")
        os._exit(9)
    os.waitpid(pid, 0)
    check(f"nxp-{pid}-" in run("ip", "netns", "list").stdout, "the fork made no lab")
    t.lab()
    check(f"nxp-{pid}-" not in run("ip", "netns", "list").stdout, "namespaces of the killed run are left")
    check(not list(labs.RECORDS.glob(f"nxp-{pid}-*")), "its record is left")
