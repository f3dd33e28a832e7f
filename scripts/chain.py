# SPDX-License-Identifier: BSD-3-Clause
"""A chain in the lab: client -> node A -> REALITY -> node B -> server.

Node A is the lab's own nexpathd, in the gateway namespace. Node B has the namespace `far`, with a link to node A,
one to the server and one to a stranger, who has no keys. The site that strangers are shown, the target, is an nginx
beside the server. The demo, scripts/perf and the tests under tests/lab/ import this file.
"""

import json
import ssl
from collections import namedtuple

from lab import LabError, listener, run, upstream, wait_for

NAME = "target.example"
PAGE = "the page of the target\n"
TARGET = 8443
# Each link: this end's interface and addresses, the other end's.
NEAR4, FAR4, NEAR6, FAR6 = "10.3.0.1", "10.3.0.2", "fd00:3::1", "fd00:3::2"
FAR_S4, SERVER_F4, FAR_S6, SERVER_F6 = "10.4.0.2", "10.4.0.1", "fd00:4::2", "fd00:4::1"
FAR_X4, STRANGER4, FAR_X6, STRANGER6 = "10.5.0.2", "10.5.0.1", "fd00:5::2", "fd00:5::1"

TARGET_NGINX = """daemon off; user root; worker_processes 1;
pid {folder}/target.pid; error_log {folder}/target.log error;
events {{ worker_connections 8000; }}
http {{
    access_log off; default_type text/plain;
    client_body_temp_path {scratch}; proxy_temp_path {scratch};
    fastcgi_temp_path {scratch}; uwsgi_temp_path {scratch}; scgi_temp_path {scratch};
    server {{
        listen {port} ssl backlog=65535; listen [::]:{port} ssl backlog=65535;
        server_name {name};
        ssl_certificate {folder}/target.pem; ssl_certificate_key {folder}/target.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ return 200 "{page}"; }}
    }}
}}
"""


# One way through the chain: (address, port) where node A listens, of node B's gate, and of the server.
Way = namedtuple("Way", "name own gate server")


def at(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def addresses(*listed):
    return ", ".join(f'"{a}/{64 if ":" in a else 24}"' for a in listed)


class Chain:
    """Namespaces, links, keys and target of a lab's chain; node B once it is started."""

    def __init__(self, lab):
        self.lab = lab
        self.socket = lab.folder / "far.sock"
        self.keys = lab.folder / "keys"
        self.certificate = lab.folder / "target.pem"
        self.node = None
        self.open = False  # whether strangers have a link
        self.add_namespace("far")
        # Its kernel stays out of the way, as the gateway's.
        lab.at("far", "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.conf.all.forwarding=0",
               "net.ipv4.conf.default.rp_filter=0", "net.ipv4.ip_local_port_range=1024 65535",
               "net.ipv4.tcp_tw_reuse=1")
        self.join("gateway", "mid-a", "far", "mid-b")
        self.join("far", "far-s", "server", "eth1", SERVER_F4, SERVER_F6)
        self.make_keys()

    def add_namespace(self, role):
        name = self.lab.namespace(role)
        self.lab.record.add("namespace", name)
        run("ip", "netns", "add", name)
        self.lab.at(role, "ip", "link", "set", "lo", "up")

    def join(self, role, interface, other, its, *addresses_there):
        """A link between two namespaces; the far end's kernel gets the addresses."""
        there = self.lab.namespace(other)
        run("ip", "-n", self.lab.namespace(role), "link", "add", interface, "type", "veth", "peer", "name", its,
            "netns", there)
        for address in addresses_there:
            six = ":" in address
            run("ip", "-n", there, "addr", "add", f"{address}/{64 if six else 24}", "dev", its,
                *(["nodad"] if six else []))
        run("ip", "-n", there, "link", "set", its, "up")
        run("ip", "-n", self.lab.namespace(role), "link", "set", interface, "up")

    def add_stranger(self):
        self.add_namespace("stranger")
        self.join("far", "far-x", "stranger", "eth0", STRANGER4, STRANGER6)
        self.open = True

    def make_keys(self):
        """A key pair and a short id, as the command line makes them."""
        made = json.loads(run(self.lab.program("nexpath"), "--json", "credential", "generate", "reality", "--name",
                              NAME).stdout)
        self.public, self.short_id = made["public_key"], made["short_ids"][0]
        self.keys.mkdir(mode=0o700)
        self.private = made["private_key"]
        key = self.keys / "reality.key"
        key.touch(mode=0o600)
        key.write_text(self.private + "\n")

    def start_target(self):
        """The target, with a certificate for NAME that signs itself; returns its process."""
        lab = self.lab
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", lab.folder / "target.key",
            "-out", self.certificate)
        conf = lab.folder / "target.conf"
        conf.write_text(TARGET_NGINX.format(folder=lab.folder, scratch=lab.scratch, port=TARGET, name=NAME,
                                            page=PAGE.replace("\n", "\\n")))
        target = lab.spawn("server", "nginx", "-c", conf, "-e", "stderr")
        wait_for("the target", lambda: lab.listening("server", TARGET))
        return target

    # --- what the configurations say ------------------------------------------------------------

    def near_port(self):
        return f'{{ name = "mid"; device = "af_packet:mid-a"; address = [{addresses(NEAR4, NEAR6)}]; }}'

    def near_credential(self, more=""):
        return (f'{{ name = "out"; kind = "reality-client"; public_key = "{self.public}"; server_name = "{NAME}"; '
                f'short_id = "{self.short_id}"; roots = "file:{self.certificate}"; {more} }}')

    @staticmethod
    def near(ways):
        """Node A's listeners and upstreams: plain in, REALITY out."""
        return (", ".join(listener(w.name, "tcp", at(*w.own), w.name, 'mode = "terminate";') for w in ways),
                ", ".join(upstream(w.name, at(*w.gate),
                                   more='transport = { security = "reality"; credentials = ["out"]; };') for w in ways))

    def far_text(self, ways, workers, extra="", huge="auto", protocol="tcp"):
        """Node B: REALITY in on the gates' ports of all its addresses, plain out."""
        transport = 'mode = "terminate"; transport = { security = "reality"; credentials = ["front"]; };'
        credential = (f'{{ name = "front"; kind = "reality"; private_key = "file:{self.keys}/reality.key"; '
                      f'target = "{SERVER_F4}:{TARGET}"; server_names = ["{NAME}"]; short_ids = ["{self.short_id}"]; }}')
        ports = [("mid", "mid-b", FAR4, FAR6), ("wan", "far-s", FAR_S4, FAR_S6)]
        if self.open:
            ports.append(("open", "far-x", FAR_X4, FAR_X6))
        text = self.lab.configuration(
            ", ".join(listener(w.name, protocol, f"*:{w.gate[1]}", w.name, transport) for w in ways),
            ", ".join(upstream(w.name, at(*w.server)) for w in ways), workers=workers,
            ports=", ".join(f'{{ name = "{name}"; device = "af_packet:{device}"; address = [{addresses(*own)}]; }}'
                            for name, device, *own in ports),
            extra=f"credentials = ( {credential} ); {extra}", huge=huge)
        return text.replace(str(self.lab.socket), str(self.socket)).replace(
            "management = {", f'management = {{ key_dir = "{self.keys}";')

    # --- node B -----------------------------------------------------------------------------------

    def start_far(self, text):
        lab = self.lab
        path = lab.folder / "far.conf"
        path.write_text(text)
        self.node = lab.spawn("far", lab.program("nexpathd"), "-c", path, "--file-prefix", f"{lab.prefix}far",
                              "--state-dir", lab.folder / "far-state", log=lab.folder / "far.log")
        wait_for("node B to answer on its socket",
                 lambda: self.socket.exists() and self.nexpath("status", check=False).returncode == 0, 20)

    def nexpath(self, *argv, check=True):
        """Runs the CLI against node B."""
        return run(self.lab.program("nexpath"), "--socket", self.socket, *argv, check=check)

    def counters(self, glob):
        """Node B's counters of that name."""
        return json.loads(self.nexpath("--json", "stats", glob).stdout)["counters"]

    # --- the stranger -----------------------------------------------------------------------------

    def browse(self, host, port):
        """What a browser without keys gets from node B: curl's exit status and the page."""
        done = self.lab.at("stranger", "curl", "-gsS", "--max-time", "5", "--cacert", self.certificate, "--resolve",
                           f"{NAME}:{port}:{host}", f"https://{NAME}:{port}/", check=False)
        return done.returncode, done.stdout

    def shown_certificate(self, host, port):
        """The certificate that node B shows a stranger, DER; openssl has verified the handshake with it."""
        shown = self.lab.at("stranger", "openssl", "s_client", "-connect", f"{host}:{port}", "-servername", NAME,
                            "-CAfile", self.certificate, "-verify_return_error").stdout
        start, end = shown.find(ssl.PEM_HEADER), shown.find(ssl.PEM_FOOTER)
        if not 0 <= start < end:
            raise LabError(f"{host} showed no certificate: {shown[-300:]}")
        return ssl.PEM_cert_to_DER_cert(shown[start:end] + ssl.PEM_FOOTER)

    def target_certificate(self):
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())
