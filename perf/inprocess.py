# SPDX-License-Identifier: BSD-3-Clause
"""Everything that is measured inside one process: the matrix, connections, memory, floods, and connections that end here."""

import json
import time

from common import bench, save, spread

MEMORY_SESSIONS = 1_000_000
# A quarter of the node's memory may hold terminated sessions: this is enough for a million.
TERMINATE_MEMORY_MB = 6400
TERMINATE_SESSIONS = (1, 64, 1000)
# Of those that have secured legs each does its handshakes.
TLS_MEMORY_SESSIONS = 50_000
RESIDENT = (1_000, 100_000, 500_000)
OFFLOADS = ("none", "transmit", "all")


def connections(arguments, family):
    """Set-up to close, in runs of their own."""
    runs = [bench(arguments.build, "connections", "--packets", 200_000, "--family", family)
            for _ in range(arguments.repeats)]
    return {key: spread([run[key] for run in runs])
            for key in ("cycles_per_connection", "connections_per_second_per_core")}


def memory(arguments):
    results = []
    for protocol in ("udp", "tcp"):
        for family in (4, 6):
            results.append(bench(arguments.build, "memory", "--protocol", protocol, "--family", family,
                                 "--flows", MEMORY_SESSIONS))
            results[-1].pop("machine")
            print(f"perf: {protocol} over IPv{family}: {results[-1]['bytes_per_session']:.0f} bytes a session",
                  flush=True)
    return results


def floods(arguments):
    results = []
    for protocol in ("tcp", "udp"):
        for where in ([], ["--on-link"]):
            result = bench(arguments.build, "flood", "--protocol", protocol, "--seconds", arguments.flood_seconds,
                           *where, may_fail=True)
            result.pop("machine")
            results.append(result)
            print(f"perf: flood {protocol} {result['sources']}: slowest connect {result['slowest_connect_ms']:.1f} ms, "
                  f"{'passed' if result['passed'] else 'FAILED'}", flush=True)
    return results


def streams(arguments, family, flows, offload, transparent=False):
    runs = [bench(arguments.build, "terminate", "--family", family, "--flows", flows, "--offload", offload,
                  "--packets", 100_000, *(["--transparent"] if transparent else [])) for _ in range(arguments.repeats)]
    return {"family": family, "flows": flows, "offload": offload, "transparent": transparent, "payload_bytes": runs[0]["payload_bytes"],
            **{key: spread([run[key] for run in runs])
               for key in ("cycles_per_segment", "gbit_per_second", "packets_in_per_segment", "packets_out_per_segment",
                           "retransmitted")}}


def requests(arguments, family):
    runs = [bench(arguments.build, "requests", "--family", family, "--packets", 50_000)
            for _ in range(arguments.repeats)]
    return {"family": family, **{key: spread([run[key] for run in runs])
                                 for key in ("cycles_per_connection", "connections_per_second_per_core")}}


def terminate(arguments):
    """Streams over so many sessions; what the ports' offloads are worth is shown at 64 sessions."""
    cells = [(family, flows, "transmit") for family in (4, 6) for flows in TERMINATE_SESSIONS]
    cells += [(4, 64, offload) for offload in OFFLOADS if offload != "transmit"]
    cells += [(family, 64, "transmit", True) for family in (4, 6)]
    small = [bench(arguments.build, "small", "--family", family, may_fail=True) for family in (4, 6)]
    for result in small:
        result.pop("machine")
    return {"streams": [streams(arguments, *cell) for cell in cells],
            "requests": [requests(arguments, family) for family in (4, 6)],
            "small": small}


def terminate_churn(arguments):
    """A million short connections in all, a third of them beside each number of idle ones."""
    results = []
    for resident in RESIDENT:
        result = bench(arguments.build, "requests", "--no-huge", "--memory", TERMINATE_MEMORY_MB, "--resident", resident,
                       "--packets", 340_000)
        result.pop("machine")
        results.append(result)
        print(f"perf: beside {resident:,} idle sessions: {result['cycles_per_connection_of_batches']['median']:,.0f} cycles a connection, "
              f"{result['time_wait_held']:,} in TIME-WAIT", flush=True)
    return results


def terminate_memory(arguments):
    results = []
    for family in (4, 6):
        results.append(bench(arguments.build, "memory", "--terminate", "--no-huge", "--memory", TERMINATE_MEMORY_MB,
                             "--family", family, "--flows", MEMORY_SESSIONS))
        results[-1].pop("machine")
        print(f"perf: terminated over IPv{family}: {results[-1]['bytes_per_session']:.0f} bytes a session", flush=True)
    return results


def tls_memory(arguments):
    results = []
    for legs in (1, 2):
        for family in (4, 6):
            results.append(bench(arguments.build, "memory", "--tls", "--tls-legs", legs, "--no-huge", "--memory", TERMINATE_MEMORY_MB,
                                 "--family", family, "--flows", TLS_MEMORY_SESSIONS, may_fail=True))
            results[-1].pop("machine")
            print(f"perf: {legs} of a session's legs secured, over IPv{family}: {results[-1]['bytes_per_session']:.0f} bytes a session", flush=True)
    return results


def terminate_floods(arguments):
    results = []
    for where in ([], ["--on-link"]):
        result = bench(arguments.build, "flood", "--terminate", "--protocol", "tcp", "--seconds",
                       arguments.flood_seconds, *where, may_fail=True)
        result.pop("machine")
        results.append(result)
        print(f"perf: flood of a terminating listener, {result['sources']}: slowest connect "
              f"{result['slowest_connect_ms']:.1f} ms, {'passed' if result['passed'] else 'FAILED'}", flush=True)
    return results


def tls_floods(arguments):
    results = []
    for listener, family in (("tls", 4), ("tls", 6), ("reality", 4), ("reality", 6)):
        result = bench(arguments.build, "flood", "--tls", *(["--reality"] if listener == "reality" else []), "--family", family,
                       "--seconds", arguments.flood_seconds, may_fail=True)
        result.pop("machine")
        results.append(result)
        print(f"perf: flood of handshakes, {listener} over IPv{family}: {100 * result['kept']:.1f} % of the throughput kept, slowest connect "
              f"{result['slowest_connect_ms']:.1f} ms, {'passed' if result['passed'] else 'FAILED'}", flush=True)
    return results


def records(arguments):
    result = bench(arguments.build, "records", "--rounds", 20 * arguments.repeats)
    result.pop("machine")
    return result


def relays(arguments):
    """Raw streams of clients to targets by TLS."""
    results = []
    for flows in TERMINATE_SESSIONS:
        runs = [bench(arguments.build, "terminate", "--tls", "--flows", flows, "--packets", 100_000)
                for _ in range(arguments.repeats)]
        results.append({"flows": flows, "payload_bytes": runs[0]["payload_bytes"], "offload": runs[0]["offload"],
                        **{key: spread([run[key] for run in runs])
                           for key in ("cycles_per_segment", "gbit_per_second", "packets_out_per_segment", "retransmitted")}})
    return results


def matrix(arguments):
    result = bench(arguments.build, "matrix", "--rounds", arguments.repeats, "--packets", 200_000)
    result.pop("machine")
    return result


def null_ports(arguments):
    """What loop, port and parser cost without a flow; the frames are dropped."""
    runs = [bench(arguments.build, "null", "--packets", 5_000_000) for _ in range(arguments.repeats)]
    return {"frame_bytes": runs[0]["frame_bytes"], "burst": runs[0]["burst"],
            "cycles_per_packet": spread([run["cycles_per_packet"] for run in runs])}


def full(arguments):
    result = bench(arguments.build, "matrix", "--full", "--cell-ms", arguments.cell_ms, progress=True)
    result.pop("machine")
    return result


PARTS = {
    "matrix": matrix,
    "null": null_ports,
    "full": full,
    "connections": lambda arguments: {family: connections(arguments, family) for family in ("4", "6")},
    "memory": memory,
    "floods": floods,
    "terminate": terminate,
    "terminate-churn": terminate_churn,
    "terminate-memory": terminate_memory,
    "terminate-floods": terminate_floods,
    "tls-memory": tls_memory,
    "tls-floods": tls_floods,
    "tls": records,
    "tls-relay": relays,
}


def measure(arguments):
    path = arguments.results / "inprocess.json"
    results = json.loads(path.read_text()) if arguments.part and path.exists() else {}
    machine = bench(arguments.build, "machine")["machine"]
    results.setdefault("machine", machine)
    results.setdefault("date", time.strftime("%Y-%m-%d"))
    # Where each part was measured, for those that were measured alone.
    parts = results.setdefault("parts", {})
    for name, part in PARTS.items():
        if arguments.part in (None, name):
            results[name] = part(arguments)
            parts[name] = {"machine": machine, "date": time.strftime("%Y-%m-%d")}
            print(f"perf: {name} done", flush=True)
    save(arguments, "inprocess", results)
    return 0
