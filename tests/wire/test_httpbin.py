#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the REST client's cases against httpbin, a server of its own on loopback: usage test_httpbin.py PROGRAM"""

import importlib.util
import socket
import subprocess
import sys

import servers


def main():
    if not all(importlib.util.find_spec(name) for name in ("httpbin", "gunicorn")):
        print("skipped: httpbin and gunicorn are needed: scripts/install-packages test")
        return 77
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    port = servers.port_of(listener)
    server = servers.start([sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--bind",
                            f"fd://{listener.fileno()}", "httpbin:app"], [listener])
    try:
        return subprocess.run([sys.argv[1], "httpbin", f"http://127.0.0.1:{port}"], check=False).returncode
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
