#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the clients that people copy against real servers: usage test_examples.py ECHO-SERVER NAME=PROGRAM..."""

import subprocess
import sys

import servers


def output_of(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, timeout=30).stdout


def main():
    programs = dict(pair.split("=") for pair in sys.argv[2:])
    with servers.running(sys.argv[1]) as at:
        http, https = f"http://localhost:{at['http']}", f"https://localhost:{at['https']}"
        for base in (http, https):
            feed = output_of(programs["exchange-feed"], f"ws{base[4:]}/ws", '{"subscribe":"x"}', 1, at["root"])
            assert feed == '{"subscribe":"x"}\n', feed
            orders = output_of(programs["order-entry"], base, "key", 5, at["root"])
            assert orders == '200 {"orderId":7,"status":"NEW"}\n' * 5, orders
        answers = output_of(programs["rest-epoll"], http, "/small", 10, 50)
        assert answers == "500 answers\n", answers
        if "rest-uring" in programs:
            answers = output_of(programs["rest-uring"], "127.0.0.1", at["http"], "/small", 50)
            assert answers == "50 answers\n", answers


if __name__ == "__main__":
    main()
