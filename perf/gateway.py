# SPDX-License-Identifier: BSD-3-Clause
"""nexpathd as an HTTP gateway, beside HAProxy and nginx: requests of HTTP/1.1 and HTTP/2 to one nginx behind.

Namespaces, turns and ratios are those of comparison.py. All three route every request, tell the target who asked
in X-Forwarded-For, -Proto and -Host, and keep their connections to it. A request that is not answered with 200, or
a connection that fails, ends the comparison.
"""

import os
import re
import sys

from common import bench, fail, save, spread
from comparison import (CONNECTIONS, LISTEN, ORIGIN, Budget, connections, first_connection, latency, links, raise_limits,
                        ratios, start_peer, take_turns, versions, write)
from lab import GATEWAY_C4, SERVER4, LabError, run, upstream, wait_for
from secured import NAME, make_certificate

SECURE = LISTEN + 1
PAGE_BYTES = 1 << 20
PAGE_CONNECTIONS = 8
H2_CONNECTIONS, H2_STREAMS = 16, 16
ASKING_SHARE = 0.75  # of the time, before latency
SYSTEMS = ("gateway", "haproxy", "nginx")
NGINX_ORIGIN = """worker_processes 1;
daemon off;
user root;
pid {folder}/origin.pid;
error_log {folder}/origin.log error;
events {{ worker_connections 8000; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000000;
    server {{
        listen {server}:{origin} backlog=65535;
        root {scratch};
        location / {{ return 200 "here is a small answer\\n"; }}
        location = /page {{ }}
    }}
}}
"""
HAPROXY = """global
    nbthread 1
    maxconn 5000
defaults
    mode http
    option splice-auto
    http-reuse always
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend requests
    bind {own}:{listen} backlog 65535
    bind {own}:{secure} backlog 65535 ssl crt {folder}/both.pem alpn h2,http/1.1
    option forwardfor
    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    default_backend web
backend web
    server s {server}:{origin}
"""
NGINX = """worker_processes 1;
daemon off;
pid {folder}/peer.pid;
error_log {folder}/peer.log error;
events {{ worker_connections 8000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    ssl_certificate {folder}/keys/www.pem;
    ssl_certificate_key {folder}/keys/www.key;
    upstream web {{ server {server}:{origin}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen {own}:{listen} backlog=65535;
        listen {own}:{secure} ssl http2 backlog=65535;
        location / {{
            proxy_pass http://web;
            proxy_http_version 1.1;
            proxy_max_temp_file_size 0;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
        }}
    }}
}}
"""


def start_origin(lab):
    raise_limits(lab)
    with open(lab.scratch / "page", "wb") as page:
        page.truncate(PAGE_BYTES)
    lab.spawn("server", "nginx", "-e", lab.folder / "origin.log", "-c", write(lab, "origin.conf", NGINX_ORIGIN))
    wait_for("the origin", lambda: lab.listening("server", ORIGIN))


def start_own(lab):
    folder = lab.folder / "keys"
    http = 'http = { routes = ( { upstream = "web"; } ); };'
    text = lab.configuration(
        f'{{ name = "plain"; protocol = "http"; listen = "{GATEWAY_C4}:{LISTEN}"; {http} }}, '
        f'{{ name = "secure"; protocol = "http"; listen = "{GATEWAY_C4}:{SECURE}"; {http} '
        'transport = { security = "tls"; credentials = ["www"]; }; }',
        upstream("web", f"{SERVER4}:{ORIGIN}"), workers='cpus = "1"; idle = "adaptive";',
        extra=f'credentials = ( {{ name = "www"; kind = "tls"; certificate = "file:{folder}/www.pem"; '
              f'key = "file:{folder}/www.key"; alpn = ["h2", "http/1.1"]; }} );')
    lab.start(text.replace("management = {", f'management = {{ key_dir = "{folder}";'))


def start(lab, system):
    make_certificate(lab, "ecdsa")
    start_origin(lab)
    if system == "gateway":
        start_own(lab)
    else:
        start_peer(lab, system, HAPROXY if system == "haproxy" else NGINX, (LISTEN, SECURE), secure=SECURE)
    first_connection(lab)


def wrk(lab, arguments, path, count):
    """Requests a second of so many connections, each of which asks again once it is answered; and p99 in us."""
    done = lab.at("client", "wrk", "-t1", f"-c{count}", f"-d{arguments.seconds}s", "--latency",
                  f"http://{GATEWAY_C4}:{LISTEN}{path}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    p99 = re.search(r"\s99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if not rate or not p99 or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise LabError(f"wrk said {done.stdout}")
    return float(rate[1]), float(p99[1]) * {"us": 1, "ms": 1e3, "s": 1e6}[p99[2]]


def requests(lab, arguments):
    rate, p99 = wrk(lab, arguments, "/", CONNECTIONS)
    return {"requests_per_second": rate, "p99_saturated_us": p99}


def pages(lab, arguments):
    return {"pages_per_second": wrk(lab, arguments, "/page", PAGE_CONNECTIONS)[0]}


def h2load(lab, arguments, *options):
    """Requests a second over HTTP/2, all of them answered with 200."""
    done = lab.at("client", "h2load", "-D", arguments.seconds, "--warm-up-time", 1, "-c", H2_CONNECTIONS, "-m", H2_STREAMS,
                  f"--connect-to={GATEWAY_C4}:{SECURE}", *options, f"https://{NAME}:{SECURE}/")
    rate = re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", done.stdout)
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
    codes = re.search(r"status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout)
    if (not rate or not failed or not codes or any(int(n) for n in (*failed.groups(), *codes.groups()))
            or "Application protocol: h2" not in done.stdout):
        raise LabError(f"h2load said {done.stdout}")
    return float(rate[1])


def h2_requests(lab, arguments):
    return {"h2_requests_per_second": h2load(lab, arguments)}


def h2_latency(rate):
    each = rate // H2_CONNECTIONS

    def measure(lab, arguments):
        log = lab.scratch / "requests.log"
        reached = h2load(lab, arguments, f"--rps={each}", f"--log-file={log}")
        if reached < each * H2_CONNECTIONS * 0.95:
            raise LabError(f"only {reached:.0f} of {each * H2_CONNECTIONS} requests a second were answered")
        took = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
        return {"h2_p50_us": took[len(took) // 2], "h2_p99_us": took[len(took) * 99 // 100]}
    return measure


def half_of_slowest(rows, name):
    return int(min(spread(rows[system][name])["median"] for system in SYSTEMS) / 2)


def compare(arguments):
    if os.geteuid() != 0:
        fail("namespaces need root; run it as root")
    budget = Budget(arguments.minutes)
    rows = {}
    rounds = take_turns(arguments, (requests, connections, pages, h2_requests), rows, budget, ASKING_SHARE, SYSTEMS, start)
    rate, h2_rate = half_of_slowest(rows, "requests_per_second"), half_of_slowest(rows, "h2_requests_per_second")
    print(f"perf: latency at {rate} requests a second, of HTTP/2 at {h2_rate}", flush=True)
    take_turns(arguments, (latency(rate), h2_latency(h2_rate)), rows, budget, 1, SYSTEMS, start)
    found = {peer: ratios(rows["gateway"], rows[peer]) for peer in SYSTEMS[1:]}
    for peer, figures in found.items():
        print(f"perf: to {peer}: " + ", ".join(f"{name} {figure['median']:.2f}" for name, figure in figures.items()))
    save(arguments, "gateway", {
        "machine": bench(arguments.build, "machine")["machine"], "command": " ".join(sys.argv), **links(arguments),
        "versions": {**versions(), "wrk": run("wrk", "-v", check=False).stdout.split()[1],
                     "h2load": run("h2load", "--version").stdout.split("/")[-1].strip()},
        "rate": rate, "h2_rate": h2_rate, "connections": CONNECTIONS, "page_connections": PAGE_CONNECTIONS,
        "page_kib": PAGE_BYTES >> 10, "h2_connections": H2_CONNECTIONS, "h2_streams": H2_STREAMS,
        "seconds": arguments.seconds, "rounds": rounds, "ratios": found,
        "systems": {system: {name: spread(values) for name, values in row.items()} for system, row in rows.items()}})
    return 0
