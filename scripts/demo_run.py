#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/demo shows once everything is built: real programs through a live nexpathd, then through two."""

import argparse
import hashlib
import json
import sys
import time

import lab as labs
from chain import (FAR4, FAR6, FAR_X4, FAR_X6, NAME, PAGE, SERVER_F4, SERVER_F6, STRANGER4, Chain, Way)
from lab import (CLIENT4, GATEWAY_C4, GATEWAY_C6, SERVER4, SERVER6, Lab, LabError, listener, upstream,
                 wait_for)

DOWNLOAD_BYTES = 200_000_000
HUGEPAGES = 2 * 192  # two nodes
HANDSHAKES = 400
AT_ONCE = 8

LISTENERS = ",\n  ".join([
    listener("web4", "tcp", f"{GATEWAY_C4}:9000", "web4"),
    listener("web6", "tcp", f"[{GATEWAY_C6}]:9000", "web6"),
    listener("dns", "udp", "*:53", "dns"),
    listener("iperf4", "tcp", f"{GATEWAY_C4}:5201", "iperf4"),
    listener("iperf6", "tcp", f"[{GATEWAY_C6}]:5201", "iperf6"),
])
UPSTREAMS = ",\n  ".join([
    upstream("web4", f"{SERVER4}:8080"),
    upstream("web6", f"[{SERVER6}]:8080"),
    upstream("dns", f"{SERVER4}:53", f"[{SERVER6}]:53"),
    upstream("iperf4", f"{SERVER4}:5201"),
    upstream("iperf6", f"[{SERVER6}]:5201"),
])

WORKERS = 'cpus = "1";'

WEB, IPERF, BROWSER = 9001, 5202, 9443
WAYS = [
    Way("chain-web4", (GATEWAY_C4, WEB), (FAR4, BROWSER), (SERVER_F4, 8080)),
    Way("chain-web6", (GATEWAY_C6, WEB), (FAR6, 9444), (SERVER_F6, 8080)),
    Way("chain-iperf4", (GATEWAY_C4, IPERF), (FAR4, 9445), (SERVER_F4, 5201)),
    Way("chain-iperf6", (GATEWAY_C6, IPERF), (FAR6, 9446), (SERVER_F6, 5201)),
]

OWN_STAGES = ("parse", "steer", "lookup", "forward", "local")

table = []


def say(text):
    print(f"demo: {text}", flush=True)


def require(condition, what):
    if not condition:
        raise LabError(what)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def gigabits(bits_per_second):
    return f"{bits_per_second / 1e9:.2f} Gbit/s"


def start_servers(lab):
    """nginx, dnsmasq and iperf3 in the server namespace, each waited for."""
    say(f"writing {DOWNLOAD_BYTES // 1_000_000} MB to download")
    with open("/dev/urandom", "rb") as source, open(lab.scratch / "data", "wb") as out:
        for _ in range(DOWNLOAD_BYTES // 1_000_000):
            out.write(source.read(1_000_000))
    conf = lab.folder / "nginx.conf"
    conf.write_text(
        f"daemon off; user root; pid {lab.folder}/nginx.pid; error_log stderr;\n"
        "events { worker_connections 512; }\n"
        "http { access_log off; sendfile on; default_type application/octet-stream;\n"
        f"  client_body_temp_path {lab.scratch}; proxy_temp_path {lab.scratch};\n"
        f"  fastcgi_temp_path {lab.scratch}; uwsgi_temp_path {lab.scratch}; scgi_temp_path {lab.scratch};\n"
        f"  server {{ listen 8080; listen [::]:8080; root {lab.scratch}; }} }}\n")
    lab.spawn("server", "nginx", "-c", conf, "-e", "stderr")
    lab.spawn("server", "dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--user=root",
              "--conf-file=/dev/null", "--address=/demo.test/192.0.2.7", "--address=/demo.test/2001:db8::7")
    lab.spawn("server", "iperf3", "-s")
    for port, protocol in ((8080, "t"), (53, "u"), (5201, "t")):
        wait_for(f"the server on port {port}", lambda: lab.listening("server", port, protocol))


def wait_for_service(lab):
    """A new address is silent for a second, until nobody else has claimed it."""
    for host in (GATEWAY_C4, f"[{GATEWAY_C6}]"):
        wait_for(f"service on {host}", lambda: lab.at(
            "client", "curl", "-gsI", "--max-time", "1", f"http://{host}:9000/data", check=False).returncode == 0)


def download(lab, url, name, limit=None):
    """Starts curl; the result is (process, file)."""
    out = lab.scratch / name
    rate = ["--limit-rate", limit] if limit else []
    return lab.spawn("client", "curl", "-gsS", "--fail", "-o", out, "-w", "%{json}", *rate, url), out


def finish(child, out, digest, what):
    """Waits for a download and compares its checksum; returns bit/s."""
    require(child.wait(60) == 0, f"{what}: curl ended with {child.returncode}: {child.log.read_text()}")
    require(sha256(out) == digest, f"{what}: the checksum differs from the origin's")
    out.unlink()
    return json.loads(child.log.read_text())["speed_download"] * 8


def show_downloads(lab, digest, port=9000, how="TCP direct", prefix=""):
    for family, host in (("IPv4", GATEWAY_C4), ("IPv6", f"[{GATEWAY_C6}]")):
        child, out = download(lab, f"http://{host}:{port}/data", f"copy{family}")
        rate = finish(child, out, digest, f"download over {family}, {how}")
        say(f"200 MB over {family}, {how}: {gigabits(rate)}, SHA-256 the same")
        table.append((f"{prefix}download 200 MB, {family}", "checksum same", gigabits(rate)))


def show_names(lab, count=50):
    began = time.monotonic()
    for server, kind, answer in ((GATEWAY_C4, "A", "192.0.2.7"), (GATEWAY_C6, "AAAA", "2001:db8::7")):
        batch = lab.folder / f"queries-{kind}"
        batch.write_text(f"demo.test {kind}\n" * count)
        got = lab.at("client", "dig", f"@{server}", "+short", "+tries=1", "+time=2", "-f", batch).stdout
        require(got.split() == [answer] * count, f"dig @{server}: expected {count} x {answer}, got {got!r}")
    rate = 2 * count / (time.monotonic() - began)
    say(f"{2 * count} DNS queries through the UDP listener over IPv4 and IPv6, all answered")
    table.append((f"dig, {2 * count} queries", "all answered", f"{rate:.0f} queries/s"))


def show_live_changes(lab, digest):
    """Listeners come and go, and a bad configuration is refused, while one download runs."""
    child, out = download(lab, f"http://{GATEWAY_C4}:9000/data", "slow", limit="40M")

    def running(what):
        require(child.poll() is None, f"the download was over before {what}; nothing was shown")

    wait_for("the slow download to begin", lambda: out.exists() and out.stat().st_size > 0)
    lab.nexpath("listener", "add", "name=extra", "protocol=tcp", f"listen={GATEWAY_C4}:9100",
                "upstream=web4")
    running("the listener was added")
    got = lab.at("client", "curl", "-sS", "--fail", "-r", "0-999", "-o", lab.scratch / "part", "-w",
                 "%{size_download}", f"http://{GATEWAY_C4}:9100/data").stdout
    require(got == "1000", f"the new listener delivered {got} bytes of 1000")
    say("listener `extra` added while a download runs: it serves")
    lab.nexpath("listener", "remove", "extra", "--drain", "0")
    refused = lab.at("client", "curl", "-sS", "--max-time", "2", f"http://{GATEWAY_C4}:9100/data",
                     check=False)
    require(refused.returncode == 7, f"the removed listener: curl ended with {refused.returncode}, not 7")
    say("listener `extra` removed: connections are refused at once")

    bad = lab.folder / "bad.conf"
    bad.write_text(lab.config.read_text().replace(f'"{GATEWAY_C4}:9000"', '"10.1.0.2:90000"'))
    answer = lab.nexpath("config", "apply", bad, check=False)
    require(answer.returncode == 1, f"the bad configuration: exit status {answer.returncode}, not 1")
    say("a bad configuration is refused:")
    for line in (answer.stderr + answer.stdout).strip().splitlines()[:3]:
        say(f"    {line.replace(str(lab.folder) + '/', '')}")
    running("the bad configuration was refused")
    show_names(lab)
    running("the DNS queries were over")
    rate = finish(child, out, digest, "the download under changes")
    say("the download ran on through all of it, SHA-256 the same")
    table.append(("download under changes", "checksum same", f"{gigabits(rate)} (limited)"))


def show_iperf(lab, port=5201, seconds=3, prefix=""):
    for family, host in (("IPv4", GATEWAY_C4), ("IPv6", GATEWAY_C6)):
        for direction, option in (("to server", []), ("to client", ["-R"])):
            what = f"{prefix}iperf3 {family} {direction}"
            done = lab.at("client", "iperf3", "-c", host, "-p", port, "-t", seconds, "-J", *option, check=False)
            result = json.loads(done.stdout)
            require("error" not in result, f"{what}: {result.get('error')}")
            rate = result["end"]["sum_received"]["bits_per_second"]
            say(f"{what}: {gigabits(rate)}")
            table.append((what, f"{seconds} s", gigabits(rate)))


def start_chain(lab):
    """Node B and its target; node A, which runs, is told to reach node B by REALITY."""
    chain = Chain(lab)
    chain.add_stranger()
    chain.start_target()
    chain.start_far(chain.far_text(WAYS, workers='cpus = "0";'))
    listeners, upstreams = chain.near(WAYS)
    text = lab.configuration(f"{LISTENERS}, {listeners}", f"{UPSTREAMS}, {upstreams}", workers=WORKERS,
                             extra=f"credentials = ( {chain.near_credential()} );")
    lab.apply(text.replace("ports = (", f"ports = ( {chain.near_port()},"))
    for host in (GATEWAY_C4, f"[{GATEWAY_C6}]"):
        wait_for(f"the chain behind {host}", lambda: lab.at(
            "client", "curl", "-gsI", "--max-time", "1", f"http://{host}:{WEB}/data", check=False).returncode == 0)
    say("node B runs in a namespace of its own; node A, while it runs, was given a port, listeners and keys to reach it")
    return chain


def show_handshakes(lab, chain):
    """Many short connections, each a handshake between the nodes; node B has counted them."""
    (lab.scratch / "small").write_text("here is a small answer\n")
    before = chain.counters("reality.*")
    began = time.monotonic()
    done = lab.at("client", "curl", "-sS", "--fail", "--parallel", "--parallel-max", AT_ONCE, "-H", "Connection: close",
                  "-o", "/dev/null", "-w", "%{http_code}\n", f"http://{GATEWAY_C4}:{WEB}/small?[1-{HANDSHAKES}]")
    rate = HANDSHAKES / (time.monotonic() - began)
    require(done.stdout.split() == ["200"] * HANDSHAKES, f"only {done.stdout.count('200')} of {HANDSHAKES} answers")
    after = chain.counters("reality.*")
    grown = {name.partition(".")[2]: after[name] - before[name] for name in after if after[name] != before[name]}
    require(grown == {"authenticated": HANDSHAKES}, f"node B counted {grown} for {HANDSHAKES} connections")
    say(f"{HANDSHAKES} connections, {AT_ONCE} at once: node B counted as many REALITY handshakes, all authenticated")
    table.append((f"REALITY handshakes, {AT_ONCE} at once", f"{HANDSHAKES} of {HANDSHAKES} authenticated",
                  f"{rate:.0f} /s"))


def show_stranger(lab, chain):
    """A browser without keys, before node B: it gets the target's page, its certificate, and nothing of ours."""
    before = chain.counters("reality.*")
    for family, host in (("IPv4", FAR_X4), ("IPv6", f"[{FAR_X6}]")):
        wait_for(f"node B on {host}", lambda: chain.browse(host, BROWSER)[0] == 0)
        got = chain.browse(host, BROWSER)
        require(got == (0, PAGE), f"the stranger's browser over {family}: {got}")
        require(chain.shown_certificate(host, BROWSER) == chain.target_certificate(),
                f"over {family} the stranger saw another certificate than the target's")
        say(f"a browser without keys at node B over {family}: the target's page, and its certificate to the byte")
    after = chain.counters("reality.*")
    require(after["reality.authenticated"] == before["reality.authenticated"], "a stranger was taken for a client")
    strangers = sum(after.values()) - sum(before.values())
    table.append(("browser at node B, no keys", "page and certificate of the target", f"{strangers} shown to it"))


def show_chain(lab, digest):
    chain = start_chain(lab)
    how = "TCP to node A, REALITY to node B, TCP to the server"
    show_downloads(lab, digest, WEB, how, "chain: ")
    show_iperf(lab, IPERF, 2, "chain: ")
    show_handshakes(lab, chain)
    show_stranger(lab, chain)
    return chain


def show_counters(lab):
    drops = {d["reason"]: d["packets"] for d in lab.query("drops")["drops"] if d["packets"]}
    table.append(("packets dropped", ", ".join(f"{k} {v}" for k, v in drops.items()) or "none",
                  str(sum(drops.values()))))
    stages = lab.query("stages")["stages"]
    frames = sum(s["packets"] for s in stages if s["stage"] == "parse")

    def cycles_a_frame(*names):
        return f"{sum(s['cycles'] for s in stages if s['stage'] in names) / max(frames, 1):.0f}"
    table.append(("cycles a frame, nexpath", "parse to local", cycles_a_frame(*OWN_STAGES)))
    table.append(("cycles a frame, kernel", "socket calls, frames up to 64 KiB",
                  cycles_a_frame("receive", "transmit")))


def print_table():
    widths = [max(len(row[i]) for row in table) for i in range(3)]
    print()
    for what, result, rate in table:
        print(f"  {what:<{widths[0]}}  {result:<{widths[1]}}  {rate:>{widths[2]}}")
    print()


def print_exploration(lab, chain):
    cli = f"{lab.program('nexpath')} --socket {lab.socket}"
    inside = f"ip netns exec {lab.namespace('client')}"
    outside = f"ip netns exec {lab.namespace('stranger')}"
    print(f"""The lab stays up. To explore it:
  {cli} status
  {cli} top
  {cli} session list
  {inside} curl -o /dev/null http://{GATEWAY_C4}:9000/data
  {inside} dig @{GATEWAY_C4} demo.test
  {inside} ping -c 3 {GATEWAY_C4}      # the client is {CLIENT4}
  {inside} curl -o /dev/null http://{GATEWAY_C4}:{WEB}/data      # by REALITY to node B
  {lab.program('nexpath')} --socket {chain.socket} stats 'reality.*'      # node B
  {outside} openssl s_client -connect {FAR_X4}:{BROWSER} -servername {NAME}      # a stranger, {STRANGER4}
To clear it:
  {labs.ROOT}/scripts/lab.py clean
""")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    try:
        labs.clean()
        with Lab(arguments.build, keep=arguments.keep) as lab:
            pages = labs.reserve_hugepages(HUGEPAGES)
            say(f"{pages} hugepages of 2 MiB free" if pages >= HUGEPAGES
                else f"no hugepages to be had ({pages} of {HUGEPAGES} free): going on without")
            start_servers(lab)
            digest = sha256(lab.scratch / "data")
            lab.start(lab.configuration(LISTENERS, UPSTREAMS, workers=WORKERS))
            wait_for_service(lab)
            say("nexpathd runs in the gateway namespace between client and server")
            show_downloads(lab, digest)
            show_live_changes(lab, digest)
            show_iperf(lab)
            show_counters(lab)
            chain = show_chain(lab, digest)
            print_table()
            if arguments.keep:
                print_exploration(lab, chain)
            else:
                for name, node in (("A", lab.daemon), ("B", chain.node)):
                    require(lab.stop(node) == 0, f"node {name} did not end cleanly: {node.log.read_text()[-600:]}")
    except LabError as error:
        sys.exit(f"demo: failed: {error}")
    print("demo: ok")


if __name__ == "__main__":
    main()
