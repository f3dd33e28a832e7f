# SPDX-License-Identifier: BSD-3-Clause
"""Real servers on loopback for the clients' tests and examples: nginx, openssl s_server, our echo server."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import odd_server

NGINX = """daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 1000000; default_type text/plain; root {dir}/www;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{
    listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl http2;
    ssl_certificate {dir}/leaf.pem; ssl_certificate_key {dir}/leaf.key; ssl_protocols TLSv1.2 TLSv1.3;
    location /ws {{
      proxy_pass http://127.0.0.1:{echo}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
    }}
    location /order {{ return 200 '{{"orderId":7,"status":"NEW"}}'; }}
  }}
}}
"""


def free_ports(n):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def certificates(folder):
    """A root, and a leaf for "localhost" that it signed."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=test root", "-keyout", f"{folder}/root.key", "-out", f"{folder}/root.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
            "-keyout", f"{folder}/leaf.key", "-out", f"{folder}/leaf.csr")
    (folder / "ext").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", f"{folder}/leaf.csr", "-CA", f"{folder}/root.pem", "-CAkey", f"{folder}/root.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{folder}/ext", "-out", f"{folder}/leaf.pem")


def wait_for(port, process):
    for _ in range(500):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10).close()
        except ConnectionRefusedError:
            assert process.poll() is None, f"{process.args[0]} has ended"
            time.sleep(0.02)
    raise AssertionError(f"{process.args[0]} does not listen")


@contextlib.contextmanager
def running(echo_server):
    """Yields where everything is: http, https, odd, old, closed, echo (ports) and root (a PEM file)."""
    if not (shutil.which("openssl") and Path("/usr/sbin/nginx").exists()):
        print("skipped: nginx and openssl are needed: scripts/install-packages lab")
        sys.exit(77)
    folder = Path(tempfile.mkdtemp(prefix="nexpath-wire-"))
    processes = []
    odd = odd_server.start()
    try:
        certificates(folder)
        http, https, old, closed, echo = free_ports(5)
        (folder / "www").mkdir()
        (folder / "www" / "small").write_text("small\n")
        (folder / "www" / "large").write_bytes(bytes(ord("a") + n % 26 for n in range(300000)))
        folder.chmod(0o755)
        (folder / "nginx.conf").write_text(NGINX.format(dir=folder, http=http, https=https, echo=echo))
        for command, port in (
                ([echo_server, str(echo)], echo),
                (["/usr/sbin/nginx", "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"], http),
                (["openssl", "s_server", "-accept", str(old), "-tls1_2", "-www", "-quiet", "-key",
                  f"{folder}/leaf.key", "-cert", f"{folder}/leaf.pem"], old)):
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            wait_for(port, processes[-1])
        yield {"http": http, "https": https, "odd": odd, "old": old, "closed": closed, "echo": echo,
               "root": folder / "root.pem"}
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
        shutil.rmtree(folder)
