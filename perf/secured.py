# SPDX-License-Identifier: BSD-3-Clause
"""TLS that ends at nexpathd, beside HAProxy and nginx stream: the same certificate and suite, plain TCP behind.

Namespaces, turns and ratios are those of comparison.py. Handshakes are made by `openssl s_time`, several at once,
each with a request and its answer behind it, so that tickets arrive; bulk is one download by curl. The CPU that
is counted is that of everything in the lab: the kernel does much of a socket's work in its peer's name.
"""

import os
import re
import resource
import sys
import time

from common import bench, fail, save, spread
from comparison import (LISTEN, ORIGIN, Budget, cpu_seconds, first_connection, links, raise_limits, ratios, start_peer,
                        take_turns, versions, write)
from lab import GATEWAY_C4, SERVER4, LabError, listener, run, upstream, wait_for

NAME = "www.example.org"
PAGE_BYTES = 256 << 20
CLIENTS = 16  # enough to keep all CPUs busy: a rate is wanted
FEW = 4        # where CPUs are idle at times, the rate is that of a handshake's way
SYSTEMS = ("tls", "haproxy", "nginx")
SUITES = {"1.3": "TLS_AES_128_GCM_SHA256", "1.2": "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"}
KEYS = {"ecdsa": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "rsa": ("rsa:2048",)}
ORIGIN_NGINX = """worker_processes 1;
daemon off;
user root;
pid {folder}/origin.pid;
error_log {folder}/origin.log error;
events {{ worker_connections 8000; }}
http {{
    access_log off;
    sendfile on;
    server {{
        listen {server}:{origin} backlog=65535;
        root {scratch};
        location = /small {{ return 200 "here is a small answer\\n"; }}
    }}
}}
"""
HAPROXY = """global
    nbthread 1
    maxconn 5000
    ssl-default-bind-ciphersuites {suite13}
    ssl-default-bind-ciphers {suite12}
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen secured
    bind {own}:{listen} backlog 65535 ssl crt {folder}/both.pem
    server s {server}:{origin}
"""
NGINX = """load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes 1;
daemon off;
pid {folder}/peer.pid;
error_log {folder}/peer.log error;
events {{ worker_connections 8000; }}
stream {{
    ssl_certificate {folder}/keys/www.pem;
    ssl_certificate_key {folder}/keys/www.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers {suite12};
    ssl_conf_command Ciphersuites {suite13};
    ssl_prefer_server_ciphers on;
    server {{ listen {own}:{listen} ssl backlog=65535; proxy_pass {server}:{origin}; }}
}}
"""


def make_certificate(lab, key):
    folder = lab.folder / "keys"
    folder.mkdir(mode=0o700)
    run("openssl", "req", "-x509", "-newkey", *KEYS[key], "-nodes", "-days", "2", "-subj", f"/CN={NAME}", "-addext",
        f"subjectAltName=DNS:{NAME}", "-keyout", folder / "www.key", "-out", folder / "www.pem")
    (lab.folder / "both.pem").write_bytes((folder / "www.pem").read_bytes() + (folder / "www.key").read_bytes())


def start_origin(lab):
    raise_limits(lab)
    # Written whole, so that whoever comes first does not wait for the kernel to make it.
    with open(lab.scratch / "page", "wb") as page:
        for _ in range(PAGE_BYTES >> 20):
            page.write(bytes(1 << 20))
    lab.spawn("server", "nginx", "-e", lab.folder / "origin.log", "-c", write(lab, "origin.conf", ORIGIN_NGINX))
    wait_for("the origin", lambda: lab.listening("server", ORIGIN))


def start_own(lab):
    folder = lab.folder / "keys"
    text = lab.configuration(
        listener("secured", "tcp", f"{GATEWAY_C4}:{LISTEN}", "origin",
                 'mode = "terminate"; transport = { security = "tls"; credentials = ["www"]; };'),
        upstream("origin", f"{SERVER4}:{ORIGIN}"), workers='cpus = "1"; idle = "adaptive";',
        extra='slowpath = { source_rate = 1000000; source_handshakes = 2048; }; '
              f'credentials = ( {{ name = "www"; kind = "tls"; certificate = "file:{folder}/www.pem"; '
              f'key = "file:{folder}/www.key"; }} );')
    lab.start(text.replace("management = {", f'management = {{ key_dir = "{folder}";'))


def beginning(key):
    def begin(lab, system):
        make_certificate(lab, key)
        start_origin(lab)
        if system == "tls":
            start_own(lab)
        else:
            start_peer(lab, system, HAPROXY if system == "haproxy" else NGINX, (LISTEN,), suite13=SUITES["1.3"],
                       suite12=SUITES["1.2"])
        first_connection(lab)
    return begin


def spent(lab):
    """CPU seconds so far of all that runs in the lab, and of all that ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return cpu_seconds(lab) + ended.ru_utime + ended.ru_stime


def handshakes(name, version, kind, clients=CLIENTS):
    """Connections by several s_time at once: each a handshake, a request, its answer."""
    def measure(lab, arguments):
        suite = ("-ciphersuites", SUITES["1.3"]) if version == "1.3" else ("-cipher", SUITES["1.2"])
        before, begun = spent(lab), time.monotonic()
        asking = [lab.spawn("client", "openssl", "s_time", "-connect", f"{GATEWAY_C4}:{LISTEN}", f"-{kind}", "-www",
                            "/small", "-time", arguments.seconds, f"-tls1_{version[-1]}", *suite,
                            log=lab.folder / f"{name}-{i}")
                  for i in range(clients)]
        made = 0
        for one in asking:
            one.wait(arguments.seconds + 30)
            done = re.findall(r"(\d+) connections in (\d+) real seconds", one.log.read_text())
            if len(done) != 1 or one.returncode:
                raise LabError(f"s_time failed: {one.log.read_text()[-300:]}")
            made += int(done[0][0])
        # s_time goes on until its clock of whole seconds is past the time.
        took = time.monotonic() - begun
        return {f"{name}_per_second": made / took, f"{name}_cpu_us": (spent(lab) - before) / made * 1e6}
    return measure


def bulk(lab, arguments):
    """One download over TLS 1.3."""
    before = spent(lab)
    done = lab.at("client", "curl", "--silent", "--show-error", "--insecure", "--tlsv1.3", "--tls13-ciphers",
                  SUITES["1.3"], "--resolve", f"{NAME}:{LISTEN}:{GATEWAY_C4}", "-o", "/dev/null", "-w",
                  "%{size_download} %{time_total}", f"https://{NAME}:{LISTEN}/page")
    size, seconds = done.stdout.split()
    if int(size) != PAGE_BYTES:
        raise LabError(f"curl got {size} bytes")
    return {"bulk_gbit_per_second": int(size) * 8 / float(seconds) / 1e9,
            "bulk_cpu_s_per_gb": (spent(lab) - before) / (int(size) / 1e9)}


def compare(arguments):
    if os.geteuid() != 0:
        fail("namespaces need root; run it as root")
    budget = Budget(arguments.minutes)
    rows, rounds = {}, 0
    for share, (key, measurements) in zip((0.7, 1), (
            ("ecdsa", (handshakes("ecdsa_new", "1.3", "new"), handshakes("resumed", "1.3", "reuse"),
                       handshakes("ecdsa_new_1_2", "1.2", "new"), handshakes("few", "1.3", "new", FEW), bulk)),
            ("rsa", (handshakes("rsa_new", "1.3", "new"),)))):
        done = take_turns(arguments, measurements, rows, budget, share, SYSTEMS, beginning(key))
        rounds = min(rounds, done) if rounds else done
    save(arguments, "tls", {
        "machine": bench(arguments.build, "machine")["machine"], "command": " ".join(sys.argv), **links(arguments),
        "versions": versions(), "openssl": run("openssl", "version").stdout.split()[1], "clients": CLIENTS, "few": FEW,
        "seconds": arguments.seconds, "rounds": rounds, "page_mb": PAGE_BYTES >> 20,
        "ratios": {peer: ratios(rows["tls"], rows[peer]) for peer in SYSTEMS[1:]},
        "systems": {system: {name: spread(values) for name, values in row.items()} for system, row in rows.items()}})
    return 0
