# SPDX-License-Identifier: BSD-3-Clause
"""What the cases of `mode = "terminate"` share: a lab with both families at each end, and its end."""

import contextlib

from harness import (ECHO, GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, SERVER6, LabError, check_equal, connect, echo,
                     exchange, listener, upstream, wait_for)

MODE = 'mode = "terminate";'
LAN = 'name = "lan"; device = "af_packet:gw-c"; address = ["10.1.0.2/24", "fd00:1::2/64"];'
WAN = 'name = "wan"; device = "af_packet:gw-s"; address = ["10.2.0.2/24", "fd00:2::2/64"];'

# (client's family, target's family) -> where a client connects to get there, for two listening ports.
WAYS = {(4, 4): (GATEWAY_C4, LISTEN), (6, 6): (GATEWAY_C6, LISTEN),
        (4, 6): (GATEWAY_C4, LISTEN + 1), (6, 4): (GATEWAY_C6, LISTEN + 1)}


NGINX = """daemon off;
user root;
worker_processes 1;
pid {folder}/nginx-{role}.pid;
error_log {folder}/nginx-{role}-error.log;
events {{ worker_connections 2000; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    client_body_temp_path {scratch}; proxy_temp_path {scratch}; fastcgi_temp_path {scratch};
    uwsgi_temp_path {scratch}; scgi_temp_path {scratch};
    {servers}
}}
"""


def nginx_of(lab, servers, *ports, role="server"):
    """nginx in a namespace with these server blocks, once it listens on the ports."""
    path = lab.folder / f"nginx-{role}.conf"
    path.write_text(NGINX.format(folder=lab.folder, role=role, scratch=lab.scratch, servers=servers))
    lab.spawn(role, "nginx", "-c", path, "-e", "stderr")
    wait_for("nginx", lambda: all(lab.listening(role, port) for port in ports))


def at(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def service(port=ECHO, name="way", more="", upstream_more=""):
    """Listeners and upstreams that lead each of WAYS to this port of the server."""
    listeners = [listener(f"{name}{c}{s}", "tcp", at(*WAYS[c, s]), f"{name}{s}", f"{MODE} {more}") for c, s in WAYS]
    upstreams = [upstream(f"{name}4", at(SERVER4, port), more=upstream_more),
                 upstream(f"{name}6", at(SERVER6, port), more=upstream_more)]
    return ", ".join(listeners), ", ".join(upstreams)


def one(port, name="in", more="", upstream_more="", listen=at(GATEWAY_C4, LISTEN)):
    """One listener before one port of the server, IPv4."""
    return (listener(name, "tcp", listen, name, f"{MODE} {more}"),
            upstream(name, at(SERVER4, port), more=upstream_more))


def emulating(lab, listeners, upstreams, emulate):
    """A configuration whose ports both emulate such a link."""
    ports = ", ".join(f"{{ {keys} emulate = {{ {emulate} }}; }}" for keys in (LAN, WAN))
    return lab.configuration(listeners, upstreams, ports=ports)


@contextlib.contextmanager
def ending_clean(lab):
    """At the end nexpathd must end by itself with every pool full again: its exit status says so."""
    yield lab
    try:
        wait_for("the last session to end", lambda: lab.query("session", "list")["total"] == 0)
    except LabError as late:
        raise LabError(f"{late}; left: {sessions(lab)[:3]}") from late
    check_equal(lab.stop(lab.daemon), 0, f"exit status; log {lab.daemon.log.read_text()[-300:]!r}")


def echo_lab(t, handler=echo, **options):
    """A lab before a server on the echo port, every way open."""
    lab = t.lab()
    t.tcp_server(lab, ECHO, handler)
    lab.start(lab.configuration(*service(**options)))
    return lab


def through(lab, way, data):
    """Data there and back one way; the connection is closed by both."""
    with connect(lab, *WAYS[way], timeout=30) as s:
        exchange(s, data)


def sessions(lab, *filters):
    return lab.query("session", "list", *filters)["sessions"]
