# SPDX-License-Identifier: BSD-3-Clause
"""Long cases: scripts/test --all, or tests/lab/run.py --long."""

import threading
import time

from cases_operations import Pulse
from harness import (ECHO_LISTENERS, ECHO_UPSTREAMS, GATEWAY_C4, LabError, case, check, check_equal, connect,
                     datagram_socket, exchange, listener)

SOAK_SECONDS = 600
WARM_SECONDS = SOAK_SECONDS // 10
REPORT_SECONDS = 30


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@case(long=True)
def soak(t):
    """ten minutes of bulk, churn, datagrams and applies: nothing breaks, memory stays, pools are full at the end"""
    lab = t.echo_lab()
    pulse = Pulse(lab)
    ending = threading.Event()
    faults = []

    def churn():
        try:
            while not ending.is_set():
                with connect(lab) as s, datagram_socket(lab) as d:
                    exchange(s, b"c" * 5000)
                    d.send(b"d")
                    d.recv(10)
        except (OSError, LabError) as fault:
            faults.append(fault)

    threads = [threading.Thread(target=churn, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    began, first, turn, reported = time.monotonic(), None, 0, 0
    while time.monotonic() - began < SOAK_SECONDS and not faults:
        turn += 1
        lab.apply(lab.configuration(
            ECHO_LISTENERS + ",\n" + listener("turn", "udp", f"{GATEWAY_C4}:{10000 + turn % 1000}", "echo4"),
            ECHO_UPSTREAMS))
        if first is None and time.monotonic() - began > WARM_SECONDS:
            first = resident_kib(lab.daemon.pid)
        if time.monotonic() - began > reported + REPORT_SECONDS:
            reported += REPORT_SECONDS
            print(f"    {reported} of {SOAK_SECONDS} s: {turn} applies, {resident_kib(lab.daemon.pid)} KiB resident",
                  flush=True)
    ending.set()
    for thread in threads:
        thread.join()
    pulse.stop()
    check(not faults, f"churn broke: {faults}")
    grown = resident_kib(lab.daemon.pid) - first
    check(grown < 32768, f"resident memory grew by {grown} KiB after {WARM_SECONDS} s")
    check_equal(sum(w["wrong_worker"] for w in lab.query("worker", "list")["workers"]), 0, "wrong worker")
    check_equal(lab.stop(lab.daemon), 0, "exit status (a pool that is not full again is a fault)")
