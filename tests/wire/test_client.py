#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the clients' cases against real servers: usage test_client.py ECHO-SERVER PROGRAM"""

import subprocess
import sys

import servers


def main():
    with servers.running(sys.argv[1]) as at:
        return subprocess.run(
            [sys.argv[2], f"http://localhost:{at['http']}", f"https://localhost:{at['https']}",
             f"http://localhost:{at['odd']}", f"https://localhost:{at['old']}", f"http://localhost:{at['closed']}",
             at["root"]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
