# SPDX-License-Identifier: BSD-3-Clause
"""docs/performance.md from perf/results/*.json and perf/instructions.json. Nothing is left out for being bad."""

import difflib
import json
import sys
from pathlib import Path

from common import spread
from wire.limits import verdict as wire_verdict

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
HEAD = """<!-- SPDX-License-Identifier: BSD-3-Clause -->
<!-- Made by `scripts/perf report`; edit perf/report.py, not this page. -->
# Performance

How these figures are made, and how to make them again: `scripts/perf inprocess`, `scripts/perf compare`, `scripts/perf gateway`, `scripts/perf tls`, `scripts/perf reality`, `scripts/perf wire`, `perf/tcp-emulated` and `perf/instructions --record` measure, `scripts/perf report` writes this page. Figures are medians with (least to most); cycles are those of the time stamp counter, whose rate need not be the core's. Where a target is missed, the row says so.
"""


def load(folder, name):
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def cell(s):
    return f"{number(s['median'])} ({number(s['least'])} to {number(s['most'])})"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]) + "\n"


def verdict(is_met):
    return "met" if is_met else "**missed**"


def machine(result):
    m = result["machine"]
    pages = f"{m['hugepages']} hugepages of {m['hugepage_kb']} KiB, " if "hugepages" in m else ""
    return (f"Measured on {result['date']}: {m['cpu']}, {m['cpus']} CPUs, isolated: {m['isolated'] or 'none'}, "
            f"governor: {m['governor'] or 'none'}, {pages}Linux {m['kernel']}, {m['dpdk']}, compiler {m['compiler']}. "
            f"nexpath {m['nexpath']}.\n")


def part_machine(inprocess, name):
    """The line of a part that was not measured with the rest."""
    where = inprocess.get("parts", {}).get(name)
    return [machine(where)] if where and (where["date"], where["machine"]["cpu"]) != (
        inprocess["date"], inprocess["machine"]["cpu"]) else []


def find(matrix, protocol, size, flows, burst):
    return next(c["cycles_per_packet"] for c in matrix["cells"]
                if (c["protocol"], c["frame_bytes"], c["flows"], c["burst"]) == (protocol, size, flows, burst))


def budget(what, measured, limit, unit=""):
    return (what, cell(measured) + unit, f"at most {number(limit)}{unit}", verdict(measured["median"] <= limit))


def ratio(what, measured, yardstick, limit):
    value = measured["median"] / yardstick["median"]
    return (what + ", to macswap", f"{value:.1f}", f"at most {limit:g}", verdict(value <= limit))


def null_ports(result):
    measured = result["null"]
    return (f"Over null ports a frame of {measured['frame_bytes']} bytes is received, parsed and dropped in "
            f"{cell(measured['cycles_per_packet'])} cycles.")


def budgets(result):
    matrix = result["matrix"]
    macswap = matrix["macswap_cycles_per_packet"]
    rows = []
    for what, key, cycles, times in (
            ("UDP direct, 64 bytes, 1,000 flows", ("udp", 64, 1000, 64), 250, 3),
            ("UDP direct, 64 bytes, 1,000,000 flows", ("udp", 64, 1000000, 64), 400, 5),
            ("TCP direct, established, 1,000 flows", ("tcp", 64, 1000, 64), 300, 3.6)):
        rows += [budget(what, find(matrix, *key), cycles, " cycles"), ratio(what, find(matrix, *key), macswap, times)]
    for family in ("4", "6"):
        c = result["connections"][family]
        rows.append(budget(f"TCP direct, set-up to close, IPv{family}", c["cycles_per_connection"], 8000, " cycles"))
        rate = c["connections_per_second_per_core"]
        rows.append((f"new sessions a second a core, IPv{family}", cell(rate), "at least 250,000",
                     verdict(rate["median"] >= 250_000)))
    for m in result["memory"]:
        rows.append((f"bytes a session, {m['protocol'].upper()} over IPv{m['family']}, {m['sessions']:,} held",
                     f"{m['bytes_per_session']:.0f}", "at most 256", verdict(m["bytes_per_session"] <= 256)))
    return (f"testpmd macswap over null ports, in the same rounds: {cell(macswap)} cycles a packet. Receive, transmit "
            "and the checking of checksums in software are part of every figure of ours. "
            f"{null_ports(result)}\n\n"
            + table(("path", "measured", "budget", ""), rows))


def matrix_table(result):
    rows = [(c["protocol"].upper(), c["frame_bytes"], f"{c['flows']:,}", c["burst"], cell(c["cycles_per_packet"]))
            for c in result["matrix"]["cells"]]
    return table(("", "frame bytes", "flows", "burst", "cycles a packet"), rows)


FAMILIES = (("udp", 4), ("tcp", 4), ("udp", 6), ("tcp", 6))


def full_tables(full):
    """One table a protocol and family: flows and bursts down, frame sizes across."""
    cells = {(c["protocol"], c["family"], c["flows"], c["burst"], c["frame_bytes"]): c["cycles_per_packet"]
             for c in full["cells"]}
    sizes = sorted({key[4] for key in cells})
    macswap = full["macswap_cycles_per_packet"]
    parts = [f"Every size with every number of flows and every burst, {full['cell_ms']} ms a cell in five slices, of which "
             f"the median is shown; macswap meanwhile: {cell(macswap) if macswap else 'could not run'}. Cycles a packet; "
             "a frame is at least as long as its headers (TCP over IPv6: 74 bytes).\n"]
    for protocol, family in FAMILIES:
        rows = [(f"{flows:,}", burst, *(number(cells[protocol, family, flows, burst, size]["median"]) for size in sizes))
                for flows, burst in sorted({key[2:4] for key in cells})]
        parts.append(table((f"{protocol.upper()} over IPv{family}: flows", "burst", *(f"{size} bytes" for size in sizes)), rows))
    return "\n".join(parts)


def flood_table(result):
    rows = []
    for f in result["floods"]:
        drops = ", ".join(f"{name} {count:,}" for name, count in sorted(f["drops"].items()))
        rows.append((f"{f['packets']}, {f['sources']}", f"{f['spoofed_per_second']:,}", f["old_sessions_lost"],
                     f"{f['connects_done']} of {f['connects']}", f"{f['slowest_connect_ms']:.1f}",
                     f"{f['resident_growth_bytes'] / 2**20:.0f} of {f['resident_growth_allowed_bytes'] / 2**20:.0f}",
                     drops, verdict(f["passed"])))
    return (f"Real time, {result['floods'][0]['seconds']} s each; 128 sessions opened before must lose nothing, a new "
            "client every 100 ms must be served within 1 s, resident memory may grow by the sessions' own and 16 MiB. "
            "Sources lie beyond a gateway, or on the clients' own link, where they strain the neighbour table.\n\n"
            + table(("flood", "a second", "old packets lost", "connects", "slowest, ms", "growth, MiB", "drops", ""),
                    rows))


OFFLOAD_NAMES = {"none": "none", "transmit": "sums and segmentation on transmit", "all": "those, and sums on receive"}


def terminate_budgets(result):
    rows = []
    for s in result["terminate"]["streams"] if "terminate" in result else []:
        rows.append(budget(f"a segment of {s['payload_bytes']:,} bytes, IPv{s['family']}, {s['flows']:,} "
                           f"session{'s' if s['flows'] > 1 else ''}, {'transparent, ' if s.get('transparent') else ''}"
                           f"offloads of ports: {OFFLOAD_NAMES[s['offload']]}",
                           s["cycles_per_segment"], 1000, " cycles"))
    for r in result["terminate"]["requests"] if "terminate" in result else []:
        rows.append(budget(f"connection set-up, one request, close, IPv{r['family']}", r["cycles_per_connection"], 20000,
                           " cycles"))
    for c in result.get("terminate-churn", []):
        rows.append((f"{c['connections']:,} of these beside {c['resident']:,} idle sessions, IPv{c['family']}",
                     f"{number(c['cycles_per_connection_of_batches']['median'])} cycles (median of 64 at a time)",
                     "at most 20,000 cycles", verdict(c["cycles_per_connection_of_batches"]["median"] <= 20000)))
    for m in result.get("terminate-memory", []):
        rows.append((f"bytes an idle session, IPv{m['family']}, {m['sessions']:,} held", f"{m['bytes_per_session']:.0f}",
                     "at most 1,536", verdict(m["bytes_per_session"] <= 1536)))
    for s in result["terminate"]["small"] if "terminate" in result else []:
        for key, what in (("in_order", "in order"), ("with_holes", "every other one missing")):
            rows.append((f"KiB held by {s[key]['segments']:,} one-byte segments, IPv{s['family']}, {what}",
                         number(s[key]["bytes"] / 1024), f"at most {s['allowed_bytes'] / 1024:,.0f}",
                         verdict(s[key]["bytes"] <= s["allowed_bytes"])))
    return rows


def terminate_section(result):
    parts = ["## Connections that end here\n",
             "Mode terminate, in process over ring ports: streams from clients to targets whose packets, of up to 1,500 bytes "
             "with timestamps, come in random order of sessions; clients and targets are scripted and acknowledge every second "
             "full segment. A segment's cycles are all that the worker spends for it on both connections, acknowledgements and "
             "timers included; a connection's are those from the SYN to the last acknowledgement. Memory is the growth of "
             "resident memory, both connections and all table entries included.\n",
             table(("path", "measured", "budget", ""), terminate_budgets(result))]
    if "terminate-floods" in result:
        parts.append(terminate_flood_table(result["terminate-floods"]))
    return parts


def terminate_flood_table(floods):
    rows = [(f["sources"], f"{f['spoofed_per_second']:,}", f"{f['cookies_sent']:,}", f["old_sessions_lost"],
             f"{f['connects_done']} of {f['connects']}", f"{f['slowest_connect_ms']:.1f}",
             f"{f['resident_growth_bytes'] / 2**20:.0f} of {f['resident_growth_allowed_bytes'] / 2**20:.0f}",
             verdict(f["passed"])) for f in floods]
    return (f"Spoofed SYN segments in real time, {floods[0]['seconds']} s each: 128 streams that were open must lose nothing, a "
            "new client every 100 ms must have the answer to its request within 1 s, resident memory may grow by half open "
            "connections.\n\n"
            + table(("sources", "a second", "cookies sent", "old bytes lost", "requests answered", "slowest, ms",
                     "growth, MiB", ""), rows))


SYSTEMS = (("direct-adaptive", "nexpathd direct, adaptive"), ("direct-poll", "nexpathd direct, poll"),
           ("terminate-adaptive", "nexpathd terminate, adaptive"),
           ("haproxy", "HAProxy {haproxy}, tcp, 1 thread"), ("nginx", "nginx {nginx} stream, 1 worker"))
COLUMNS = (("gbit_per_second", "bulk, Gbit/s"), ("requests_per_second", "requests a second"),
           ("connections_per_second", "new connections a second"), ("p50_us", "p50, us"), ("p99_us", "p99, us"),
           ("p99_saturated_us", "p99 at the highest rate, us"), ("cpu_seconds_per_gb", "CPU s a GB"))


def ratio_cell(s):
    return cell(s) if s["runs"] > 1 else f"{s['median']:.2f}"


def judged(name, ratios, least):
    """One mode's ratios to HAProxy; `least` of requests and connections is wanted."""
    rows = [(what, ratio_cell(ratios[column]), wanted, verdict(is_met(ratios[column]["median"])))
            for what, column, wanted, is_met in (
                ("requests a second", "requests_per_second", f"at least {least}", lambda x: x >= least),
                ("new connections a second", "connections_per_second", f"at least {least}", lambda x: x >= least),
                ("bulk rate", "gbit_per_second", "at least 1", lambda x: x >= 1),
                ("p99 at half the slowest one's rate", "p99_us", "at most 1", lambda x: x <= 1))]
    return table((f"nexpathd ({name}) to HAProxy", "ratio", "target", ""), rows)


def comparison(result):
    systems = result["systems"]
    columns = [(key, title) for key, title in COLUMNS if key in systems["haproxy"]]
    rows = [(name.format(**result["versions"]), *(cell(systems[key][column]) for column, _ in columns))
            for key, name in SYSTEMS if key in systems]
    tables = "\n".join(judged(name, result["ratios"][key], least) for key, name, least in (
        ("direct-adaptive", "direct, adaptive", 1.3), ("terminate-adaptive", "terminate, adaptive", 1)))
    links = f"MTU {result['mtu']}, on: {', '.join(result['offloads'])}; " if "mtu" in result else ""
    return (machine(result) + f"""
Ratios are those of each round, their median and spread. Client, gateway and server are namespaces joined by veth pairs with all offloads on, {links}fresh for each of {result['rounds']} interleaved rounds of {result['seconds']} s; `ip_local_port_range = 1024 65535` and `tcp_tw_reuse = 1` everywhere; any connect error ends the comparison. The origin is nginx with a 23-byte answer, the client `nexpath-bench client` with {result['connections']} connections, bulk is one iperf3 {result['versions']['iperf3']} stream from the server. Latency is that of an open loop at {result['rate']:,} requests a second, half of the slowest of nexpathd (adaptive, both modes) and HAProxy. CPU is user and system time of every process in the lab, with the interrupts served in its name; time in ksoftirqd is not seen. All of it shares {result['machine']['cpus']} CPUs, so that a rate says what the whole chain costs, not what the gateway alone could do.

""" + table(("", *(title for _, title in columns)), rows) + "\n"
            + tables)


GATEWAY_COLUMNS = (("requests_per_second", "requests a second"), ("connections_per_second", "new connections a second"),
                   ("pages_per_second", "pages a second"), ("h2_requests_per_second", "HTTP/2 requests a second"),
                   ("p50_us", "p50, us"), ("p99_us", "p99, us"), ("h2_p50_us", "HTTP/2 p50, us"),
                   ("h2_p99_us", "HTTP/2 p99, us"), ("p99_saturated_us", "p99 at the highest rate, us"))


def gateway(result):
    """The HTTP gateway, beside HAProxy and nginx: each ratio to both."""
    names = {"gateway": "nexpathd", "haproxy": "HAProxy {haproxy}, 1 thread", "nginx": "nginx {nginx}, 1 worker"}
    judged_rows = []
    for peer, name in (("haproxy", "HAProxy"), ("nginx", "nginx")):
        for column, title in GATEWAY_COLUMNS:
            found = result["ratios"][peer][column]
            if column.endswith("per_second"):
                judged_rows.append((f"{title}, to {name}", ratio_cell(found), "at least 1", verdict(found["median"] >= 1)))
            elif column.endswith("p99_us"):
                judged_rows.append((f"{title.removesuffix(', us')} at half the slowest one's rate, to {name}",
                                    ratio_cell(found), "at most 1", verdict(found["median"] <= 1)))
    rows = [(names[key].format(**result["versions"]), *(cell(row[column]) for column, _ in GATEWAY_COLUMNS))
            for key, row in result["systems"].items()]
    return (machine(result) + f"""
One nginx behind, fresh namespaces for each of {result['rounds']} interleaved rounds of {result['seconds']} s; ratios are those of each round. All three read every request's head, send X-Forwarded-For, -Proto and -Host with it, and keep their connections to the target; access logs are off. Requests are those of wrk {result['versions']['wrk']} over {result['connections']} kept connections, each with 23 bytes of answer; new connections have one such request each (`nexpath-bench client`); pages have {result['page_kib']:,} KiB, over {result['page_connections']} connections. HTTP/2 is over TLS 1.3, by h2load {result['versions']['h2load']}, {result['h2_connections']} connections with {result['h2_streams']} streams at once. Latencies are at half of the slowest one's rate: an open loop at {result['rate']:,} requests a second, each timed from the moment it was due, and {result['h2_rate']:,} of HTTP/2, each from the moment it was sent. All of it shares {result['machine']['cpus']} CPUs, so that a rate says what the whole chain costs, not what the gateway alone could do.

""" + table(("", *(title for _, title in GATEWAY_COLUMNS)), rows) + "\n"
            + table(("nexpathd", "ratio", "target", ""), judged_rows))


TLS_COLUMNS = (("ecdsa_new", "TLS 1.3, ECDSA"), ("rsa_new", "TLS 1.3, RSA-2048"), ("ecdsa_new_1_2", "TLS 1.2, ECDSA"),
               ("resumed", "TLS 1.3, resumed"))


def secured(result):
    """TLS at a listener, beside HAProxy and nginx."""
    names = {"tls": "nexpathd", "haproxy": "HAProxy {haproxy}", "nginx": "nginx stream {nginx}"}
    judged_rows = []
    for peer, name in (("haproxy", "HAProxy"), ("nginx", "nginx")):
        r = result["ratios"][peer]
        judged_rows += [(f"handshakes a second to {name}, {title}", ratio_cell(r[f"{key}_per_second"]), "at least 1",
                         verdict(r[f"{key}_per_second"]["median"] >= 1)) for key, title in TLS_COLUMNS]
        judged_rows.append((f"handshakes a second to {name}, ECDSA, {result['few']} at once",
                            ratio_cell(r["few_per_second"]), "", ""))
        judged_rows.append((f"bulk's CPU a GB to {name}", ratio_cell(r["bulk_cpu_s_per_gb"]), "at most 1",
                            verdict(r["bulk_cpu_s_per_gb"]["median"] <= 1)))
    rows = [(names[key].format(**result["versions"]),
             *(cell(row[f"{column}_{what}"]) for column, _ in TLS_COLUMNS for what in ("per_second", "cpu_us")),
             cell(row["few_per_second"]), cell(row["bulk_gbit_per_second"]), cell(row["bulk_cpu_s_per_gb"]))
            for key, row in result["systems"].items()]
    return (machine(result) + f"""
The same certificate and suite (AES-128-GCM), OpenSSL {result['openssl']} everywhere, plain TCP to the server behind; fresh namespaces for each of {result['rounds']} interleaved rounds of {result['seconds']} s. A handshake is a connection of `openssl s_time` with a request of 23 bytes of answer behind it, {result['clients']} of them at once, so that no CPU is idle; {result['few']} at once leave CPUs idle at times, and tell how long a handshake is on its way. Resumed ones come with a ticket. Bulk is one curl over TLS 1.3 of {result['page_mb']} MiB. CPU is user and system time of every process in the lab, interrupts served in its name included: clients and server cost all three the same. All of it shares {result['machine']['cpus']} CPUs.

""" + table(("", *(f"{title}, {unit}" for _, title in TLS_COLUMNS for unit in ("a second", "CPU us")),
             f"{result['few']} at once, a second", "bulk, Gbit/s", "CPU s a GB"), rows) + "\n" + table(("nexpathd", "ratio", "target", ""), judged_rows))


CHAIN_ENDS = (("client", "client (node A)"), ("server", "server (node B)"))
CHAIN_COSTS = (("handshake_us", "CPU us a handshake", "CPU a handshake", 1 / 2, "at most 1/2"),
               ("cpu_s_per_gbit", "CPU s a Gbit", "CPU a Gbit", 1 / 3, "at most 1/3"),
               ("bytes_per_connection", "bytes a connection", "memory a connection", 1 / 10, "at most 1/10"))


def engine_rows(engine):
    for name, wanted in (("X25519", 1.3), ("X25519MLKEM768", None)):
        e = engine[name]
        yield (name, number(e["handshake_us"]), number(e["primitives_us"]),
               f"{e['ratio']:.2f} ({e['ratio_least']:.2f} to {e['ratio_most']:.2f})",
               f"at most {wanted}" if wanted else "none", verdict(e["ratio"] <= wanted) if wanted else "")


def chained(result):
    """REALITY between two nodes, beside Xray."""
    names = {"nexpath": "nexpathd", "xray": f"Xray {result['versions']['xray']}"}
    columns = [("handshakes_per_second", "handshakes a second"), ("gbit_per_second", "bulk, Gbit/s"),
               *((f"{end}_{key}", f"{title}, {where}") for key, title, *_ in CHAIN_COSTS
                 for end, where in (*CHAIN_ENDS, ("all", "all but the target"))
                 if f"{end}_{key}" in result["systems"]["nexpath"])]
    rows = [(title, *(cell(result["systems"][system][column]) for system in names)) for column, title in columns]
    judged_rows = [(f"{what}, {where}", ratio_cell(result["ratios"][f"{end}_{key}"]), wanted,
                    verdict(result["ratios"][f"{end}_{key}"]["median"] <= most))
                   for key, _, what, most, wanted in CHAIN_COSTS for end, where in CHAIN_ENDS]
    v = result["versions"]
    return (machine(result) + f"""
Client, node A (plain in, REALITY out), node B (REALITY in, plain out) and server in namespaces joined by veth pairs, the same for both, fresh for each of {result['rounds']} interleaved rounds; both nodes are nexpathd in adaptive mode with one worker each, or both are Xray, as VLESS without flow carries the bytes there; the hello is Chrome's. The target is nginx {v['nginx']} (OpenSSL {v['openssl']}) with an ECDSA certificate, whose CPU is left out. A handshake is a new connection of curl through the chain with a request and its answer, {result['handshakes']:,} a round, {result['at_once']} at once; bulk is one iperf3 {v['iperf3']} stream from the server, {result['seconds']} s. CPU is what the process of the node used, polling and slow path included; all but the target are both nodes, client and server too, for the kernel does some of a socket's work in its peer's name. Memory is the growth of a node's resident memory over {result['idle']:,} connections that idle after one answer, seen {result['settle_seconds']} s after the last; for it nexpathd goes without hugepages, so that its growth shows. All of it shares {result['machine']['cpus']} CPUs, with other work where the load at the start, {result['load']:.1f}, is not near 0.

""" + table(("", *names.values()), rows) + "\n" + table(("nexpathd to Xray", "ratio", "target", ""), judged_rows) + f"""
The server's handshake alone, in process, from hello to keys with the target's flight from memory, beside the sum of its primitives in the same run ({result['engine']['libcrypto']}):

""" + table(("key exchange", "us", "primitives, us", "ratio", "budget", ""), engine_rows(result["engine"])))


def instructions(record):
    rows = [(tools, name, f"{value:,.1f}") for tools, counts in sorted(record.items())
            for name, value in sorted(counts.items())]
    return ("Exact, and gated in CI within 2 %: the worker's turn under callgrind, 64-byte frames, 64 flows, virtual "
            "time, fixed seeds. Of a connection all seven packets count. Terminated: a segment of a stream with "
            "packets of 1,500 bytes, acknowledgements of both legs included, and a whole connection with one request. Gateway: "
            "a request of HTTP/1.1 over kept connections, both heads read and written anew.\n\n" + table(("compiler, DPDK", "", "instructions"), rows))


SHARES = ("p50", "p90", "p99", "p99.9")


def wire_rows(result):
    for row, by_peer in result["rows"].items():
        for peer in sorted(by_peer, key=lambda name: (name != "nexpath", name)):
            calls = result["system_calls"].get(row, {}).get(peer)
            value, judged_so = wire_verdict(row, peer, result["rows"])
            yield (row if peer == "nexpath" else "", peer, *(number(by_peer[peer][share]) for share in SHARES),
                   "" if calls is None else number(calls), "" if peer == "nexpath" else f"{value:.2f}",
                   judged_so)


def wire(result):
    m = result["machine"]
    return (f"Measured on {result['date']}: {m['cpu']}, {m['cpus']} CPUs, Linux {m['kernel']}, compiler {m['compiler']}, "
            f"{m['rust']}.\n\n"
            f"Cycles an operation, each side pinned to the same core in turn, medians of {result['rounds']} rounds; the "
            "server of the loopback rows has the other core. Parsing starts with bytes in the reader's buffer; "
            "tungstenite and fastwebsockets receive by themselves, from memory, so that their rows hold that copy, as "
            "the batch does for all. tungstenite encodes by its WebSocket, tungstenite-frame is its formatting of "
            "a frame alone; its masking cannot be called, fastwebsockets' was written after it. "
            "Masking and encoding may take as long as nexus-web's where ours takes at most 1.5 plain copies of as many bytes "
            "(copy-128), and 0.7 of it elsewhere. TLS rows are one record a message, TLS 1.3 with AES-256-GCM. "
            "reqwest's POST in memory builds the request only. Heads: one of 703 bytes, judged whole by us and by llhttp, split only by picohttpparser. "
            "JSON is decoded into a struct, by a decoder of the benchmark's own and by sonic-rs. ring-post is the exchange "
            "of loopback-post over our own TCP, client and server on a ring port and a core each, beside nexus-web's "
            "through the kernel.\n\n"
            + table(("row", "library", *SHARES, "system calls a message", "ours to theirs, p50", ""), wire_rows(result)))


EMULATED = (("one BDP of queue", "one bdp"), ("a tenth of a BDP", "a tenth of a bdp"), ("0.001 % loss",) * 2,
            ("0.1 % loss",) * 2, ("1 % loss",) * 2)
CONTROLS = (("cubic", "cubic", "CUBIC"), ("bbr", "rate", "rate controller"))


def emulated_goal(path, control, row, theirs, default):
    """What is wanted of a path and whether it is so: 95 and 80 % of the link, or what Linux has on it: where frames
    are lost with CUBIC, which is its default."""
    payload = row["payload_mbit"]
    if path == "one BDP of queue":
        return "95 % of the link from 3 to 4 s", verdict(row["fourth_second"]["median"] >= 0.95 * payload)
    if control == "rate" and path == "1 % loss":
        return "80 % of the link", verdict(row["whole"]["median"] >= 0.8 * payload)
    lossy = path.endswith("loss")
    other = default if lossy else theirs
    return ("at least Linux's CUBIC" if lossy else "at least Linux's",
            verdict(row["whole"]["median"] >= other["whole"]["median"]) if other else "not known")


def emulated_cell(s):
    """A path without random loss is the same run whatever the seed."""
    return cell(s) if s["runs"] > 1 else number(s["median"])


def emulated_rows(result):
    for path, name in EMULATED:
        for control_there, control, title in CONTROLS:
            there = result["linux"].get(path, {})
            theirs = there.get(control_there)
            row = result["engine"].get(f"{control}, {name}")
            if not row:
                yield (f"{path}, {title}", cell(theirs["whole"]) if theirs else "not there", *("not measured",) * 4)
                continue
            goal, met = emulated_goal(path, control, row | {"payload_mbit": result["payload_mbit"]}, theirs,
                                     there.get("cubic"))
            yield (f"{path}, {title}", cell(theirs["whole"]) if theirs else "not there", emulated_cell(row["whole"]),
                   emulated_cell(row["fourth_second"]), goal, met)


def emulated_memory(result):
    for path, name in EMULATED:
        for _, control, title in CONTROLS:
            row = result["engine"].get(f"{control}, {name}")
            if not row:
                continue
            need = row.get("need")
            yield (f"{path}, {title}", *((f"{number(need['mbit'])} Mbit/s, {need['from_ms'] / 1000:g} to "
                                          f"{need['to_ms'] / 1000:g} s", need["bound_mib"]) if need else
                                         ("its goal", "**more than these**")),
                   row["bound_mib"],
                   emulated_cell(row["sent_held_mib"]), emulated_cell(row["received_held_mib"]))


def emulated(result):
    """Linux's TCP and the engine's over the same emulated links, and what memory that takes."""
    when = f", on {result['linux_date']}" if "linux_date" in result else ""
    return (machine(result) + f"""
1 Gbit/s, 25 ms each way, drop-tail, payload in Mbit/s from the first SYN on, {result['seconds']} s of Linux and 10 s of the engine; frames of 1,514 bytes carry {result['payload_mbit']:.0f} at most. Linux {result['kernel']} sends with iperf3 between two namespaces through a nexpathd in `mode = "direct"` whose ports emulate the link, buffers up to 64 MiB, segments as on a wire{when}; its BBR stands beside the rate controller. The engine runs in virtual time over links of the same code (`tests/sim/test_long_paths.c`). Linux's figures include what the machine, with other work on its CPUs, could not carry in time; made by `perf/tcp-emulated`.

""" + table(("path, control", "Linux", "here", "here, 3 to 4 s", "wanted", ""), emulated_rows(result)) + """
The memory that a session needs for this, as `memory_bytes` of its listener and of its upstream: the least bound of what each of its connections holds either way, of 1, 2, 4, then every 4 up to 32, 40 and 48 MiB, that reaches the rate which the test holds the path to: with every seed, or in the mean of them where Linux is the measure; buffers count whole, 2 KiB for 1,448 bytes. Behind it the bound of the rates above and the most that either end was seen to hold of it: who sends has as much to send as it is let, and small parts into which SACK blocks divide that come on top.

""" + table(("path, control", "rate", "bound it needs, MiB", "bound above, MiB", "held by the sender, MiB", "by the receiver, MiB"),
            emulated_memory(result)))


def tls_flood_section(floods):
    names = {"tls": "TLS", "reality": "REALITY"}
    rows = [(names[f["listener"]], f"IPv{f['family']}", f"{f['strangers_per_second']:,}", f"{f['mbit_per_second_before']:,.0f}",
             f"{f['mbit_per_second']:,.0f}", f"{100 * f['kept']:.1f} %", f"{f['connects_done']} of {f['connects']}",
             f"{f['slowest_connect_ms']:.1f}", f"{100 * f['worker_load_before']:.0f} %", f"{100 * f['worker_load']:.0f} %",
             f"{f['worker_cycles_per_stranger']:,.0f}", verdict(f["passed"])) for f in floods]
    return ["## A flood of handshakes\n",
            f"In process over ring ports, in real time, {floods[0]['seconds']} s each: strangers connect to a listener that serves "
            "TLS or REALITY and say a hello and nothing behind its answer, half a hello, another protocol, noise or nothing, 4,000 of "
            "them open at once; the slow path's one thread has the other CPU, and none to spare. Of REALITY one in six says a hello "
            "that lets in, each another, and one in six a hello whose seal is broken; its target answers from memory. "
            f"Meanwhile {floods[0]['old_sessions']} streams that were open go on to targets by TLS 1.3 at a fixed "
            "rate, of which they must keep 98 %, and a client every 100 ms does a handshake, asks and must have its answer within "
            "1 s. The worker's load is the time of its turns that had something to do; a worker without any time left would lose "
            "to strangers what they cost.\n",
            table(("listener", "family", "strangers a second", "Mbit/s before", "Mbit/s", "kept", "clients served", "slowest, ms",
                   "load before", "load", "cycles a stranger", ""), rows)]


def records_section(records):
    rows = []
    for c in records["cells"]:
        for way in ("seal", "open"):
            s = c[way]
            rows.append((f"{way} records of {c['record_bytes']:,} bytes, {c['suite']}", f"{s['cycles_per_byte']:.3f}",
                         f"{s['alone_cycles_per_byte']:.3f}", f"{s['gbit_per_second']:.0f}", f"{s['ratio']:.2f}", "at most 1.25",
                         verdict(s["ratio"] <= 1.25)))
    return ["## TLS records\n",
            f"Payload in packet buffers of {records['segment_bytes']:,} bytes to records and back, in place, beside ipsec-mb "
            f"({records['isa']}) alone over as many contiguous bytes in records of the same size; in turn, the least of all "
            "rounds. Each buffer of a long record is a call of ipsec-mb of its own, but for ChaCha20-Poly1305, where they are "
            "copied together; long records end with a segment, 16,060 bytes.\n",
            table(("what", "cycles a byte", "ipsec-mb alone", "Gbit/s a core", "ratio", "budget", ""), rows)]


def tls_memory_section(memory):
    rows = [(f"the client's leg secured{' and the target' + chr(39) + 's' if m['tls_legs'] == 2 else ''}, IPv{m['family']}",
             f"{m['sessions']:,}", f"{m['bytes_per_session']:,.0f}", f"{m['locked_bytes'] / m['sessions']:,.0f}",
             f"at most {m['bytes_allowed']:,}", verdict(m["bytes_per_session"] <= m["bytes_allowed"])) for m in memory]
    return ["## Memory of secured sessions\n",
            "Terminated sessions that have done their TLS 1.3 handshakes with OpenSSL on the far side, carried a request and its "
            "answer, and idle; in process over ring ports. Bytes are the growth of resident memory, both connections, all table "
            "entries and what the slow path still keeps included, and the locked memory that they use, which is resident from the "
            "beginning. Packet buffers and the cache of expanded keys are bounded a worker and do not grow.\n",
            table(("session", "held", "bytes a session", "of them locked", "budget", ""), rows)]


def relay_section(relays):
    rows = [(f"{r['flows']:,} session{'s' if r['flows'] > 1 else ''}", cell(r["cycles_per_segment"]), cell(r["gbit_per_second"]),
             "at least 12.5", verdict(r["gbit_per_second"]["median"] >= 12.5)) for r in relays]
    return ["## Raw to TLS\n",
            f"Streams of clients, in segments of {relays[0]['payload_bytes']:,} bytes, to targets that are spoken to by TLS 1.3 with "
            "AES-128-GCM, in process over ring ports whose offloads are "
            f"{OFFLOAD_NAMES[relays[0]['offload']]}. What the worker spends for both connections, the records and all "
            "acknowledgements; segments come in random order of sessions, so that of many sessions each segment is a record "
            "of its own.\n",
            table(("streams", "cycles a segment", "Gbit/s a core", "target", ""), rows)]


def beneath(section, lines):
    """A section with lines beneath its heading."""
    return [section[0], *lines, *section[1:]]


def page(folder):
    inprocess, compare = load(folder, "inprocess"), load(folder, "compare")
    of_wire = load(folder, "wire")
    record = load(ROOT / "perf", "instructions")
    parts = [HEAD]
    if inprocess:
        parts += ["## Budgets, in process over ring ports\n", machine(inprocess), budgets(inprocess),
                  "## Sizes, flows and bursts\n", "Established sessions, both directions, flows in random order, every "
                  "output packet checked.\n", matrix_table(inprocess),
                  *([full_tables(inprocess["full"])] if "full" in inprocess else []),
                  "## Under a flood of spoofed packets\n", flood_table(inprocess)]
        if "terminate" in inprocess or "terminate-memory" in inprocess:
            parts += terminate_section(inprocess)
        if "tls" in inprocess:
            parts += beneath(records_section(inprocess["tls"]), part_machine(inprocess, "tls"))
        if "tls-relay" in inprocess:
            parts += beneath(relay_section(inprocess["tls-relay"]), part_machine(inprocess, "tls-relay"))
        if "tls-memory" in inprocess:
            parts += beneath(tls_memory_section(inprocess["tls-memory"]), part_machine(inprocess, "tls-memory"))
        if "tls-floods" in inprocess:
            parts += beneath(tls_flood_section(inprocess["tls-floods"]), part_machine(inprocess, "tls-floods"))
    if record:
        parts += ["## Instructions\n", instructions(record)]
    if compare:
        parts += ["## Beside HAProxy and nginx\n", comparison(compare)]
    of_gateway = load(folder, "gateway")
    if of_gateway:
        parts += ["## The HTTP gateway beside HAProxy and nginx\n", gateway(of_gateway)]
    tls = load(folder, "tls")
    if tls:
        parts += ["## TLS beside HAProxy and nginx\n", secured(tls)]
    reality = load(folder, "reality")
    if reality:
        parts += ["## REALITY beside Xray\n", chained(reality)]
    tcp = load(folder, "tcp-emulated")
    if tcp:
        parts += ["## TCP over a long path\n", emulated(tcp)]
    if of_wire:
        parts += ["## libnexwire beside other libraries\n", wire(of_wire)]
    return "\n".join(parts)


def report(arguments):
    text = page(arguments.results)
    if not arguments.check:
        PAGE.write_text(text)
        print(f"perf: {PAGE}")
        return 0
    committed = PAGE.read_text() if PAGE.exists() else ""
    if committed == text:
        print("perf: docs/performance.md is what its results make")
        return 0
    sys.stdout.writelines(difflib.unified_diff(committed.splitlines(True), text.splitlines(True), "committed", "made"))
    print("perf: docs/performance.md is not what its results make; run scripts/perf report")
    return 1
