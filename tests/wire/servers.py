# SPDX-License-Identifier: BSD-3-Clause
"""Real servers on loopback for the clients' tests and examples: nginx, and our echo server.

Servers are given sockets that listen already: no port is free for others in between, and whoever connects early waits.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import odd_server

NGINX = """daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 1000000; default_type text/plain; root {dir}/www;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{
    listen 127.0.0.1:{old} ssl; ssl_protocols TLSv1.2;
    ssl_certificate {dir}/leaf.pem; ssl_certificate_key {dir}/leaf.key;
  }}
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


def port_of(listener):
    return listener.getsockname()[1]


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


def start(command, listeners, **environment):
    """Whose sockets of those numbers it takes over: when it ends, they are closed."""
    process = subprocess.Popen(command, pass_fds=[listener.fileno() for listener in listeners],
                               env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for listener in listeners:
        listener.close()
    return process


def nginx(folder, echo):
    """Yields the process, and its ports for http, https and TLS 1.2."""
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in range(3)]
    http, https, old = (port_of(listener) for listener in listeners)
    (folder / "www").mkdir()
    (folder / "www" / "small").write_text("small\n")
    (folder / "www" / "large").write_bytes(bytes(ord("a") + n % 26 for n in range(300000)))
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(NGINX.format(dir=folder, http=http, https=https, old=old, echo=echo))
    # How a new nginx takes over from an old one (NGINX_VAR of its sources).
    inherited = "".join(f"{listener.fileno()};" for listener in listeners)
    return start(["/usr/sbin/nginx", "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"], listeners,
                 NGINX=inherited), http, https, old


@contextlib.contextmanager
def running(echo_server):
    """Yields where everything is: http, https, odd, old, closed (ports) and root (a PEM file)."""
    if not (shutil.which("openssl") and Path("/usr/sbin/nginx").exists()):
        print("skipped: nginx and openssl are needed: scripts/install-packages lab")
        sys.exit(77)
    folder = Path(tempfile.mkdtemp(prefix="nexpath-wire-"))
    processes = []
    odd = odd_server.start()
    try:
        certificates(folder)
        processes.append(start([echo_server, "0"], []))
        echo = int(processes[0].stdout.readline())
        process, http, https, old = nginx(folder, echo)
        processes.append(process)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # and does not listen: connections are refused
            yield {"http": http, "https": https, "odd": odd, "old": old, "closed": port_of(closed),
                   "root": folder / "root.pem"}
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
        shutil.rmtree(folder)
