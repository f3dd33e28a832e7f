# SPDX-License-Identifier: BSD-3-Clause
"""What tests of the management socket share: a nexpathd of their own, and a client of its socket."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

CONFIG = """
workers = {{ cpus = "0"; memory_mb = {memory}; hugepages = "off"; drain_s = 1; }};
management = {{ socket = "{folder}/socket"; group = "root"; {management} }};
ports = ( {{ name = "lan"; device = "ring:lan"; address = ["10.1.0.2/24"]; }},
          {{ name = "wan"; device = "ring:wan"; address = ["10.2.0.2/24"]; }}{ports} );
upstreams = ( {{ name = "web"; targets = ["10.2.0.1:80"]; }} );
listeners = ( {{ name = "web-in"; protocol = "tcp"; listen = "10.1.0.2:{port}"; upstream = "web"; }} );
"""


class Failure(Exception):
    """An expectation that did not hold."""


def expect(condition, what):
    if not condition:
        raise Failure(what)


def wait_for(what, condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        expect(time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.02)


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]
        self.data = error["data"]


class Client:
    """One connection to the socket."""

    def __init__(self, path, seconds=10.0):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rb")
        self.events = []

    def close(self):
        self.lines.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        line = self.lines.readline()
        return json.loads(line) if line else None

    def call(self, method, /, **params):
        self.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                              "params": params}).encode() + b"\n")
        while True:
            answer = self.line()
            expect(answer is not None, f"{method}: the daemon closed the connection")
            if "method" in answer:
                self.events.append(answer)
                continue
            if "error" in answer:
                raise RpcError(answer["error"])
            return answer["result"]

    def refused(self, code, method, /, **params):
        """The error that a call gets; its code must be this one."""
        try:
            self.call(method, **params)
        except RpcError as error:
            expect(error.code == code, f"{method}: {error}, not {code}")
            expect({"path", "hint"} <= set(error.data), f"{method}: data is {error.data}")
            return error
        raise Failure(f"{method} was not refused with {code}")


class Daemon:
    """A nexpathd with folder, configuration file and state of its own."""

    count = 0

    def __init__(self, program):
        Daemon.count += 1
        self.program = program
        self.folder = Path(tempfile.mkdtemp(prefix="nxmgmt-"))
        self.file = self.folder / "nexpath.conf"
        self.socket = self.folder / "socket"
        self.prefix = f"nxmgmt{os.getpid()}-{Daemon.count}"
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def config(self, port=9000, memory=64, management="", ports=""):
        return CONFIG.format(folder=self.folder, port=port, memory=memory, management=management,
                             ports=ports)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def launch(self, *options):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "-c", self.file, "--no-huge", "--file-prefix", self.prefix,
                 "--state-dir", self.folder / "state", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self, text=None):
        if text is not None:
            self.file.write_text(text)
        self.launch()
        return self.client()

    def client(self):
        def connect():
            expect(self.process.poll() is None,
                   f"nexpathd ended with {self.process.returncode}: {self.log()[-400:]}")
            try:
                client = Client(self.socket)
                client.call("hello")
                return client
            except (OSError, Failure):
                return None
        return wait_for("an answer on the socket", connect)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def fails(self):
        """Starts it, expects exit status 1 and returns what it said."""
        self.launch()
        expect(self.process.wait(20) == 1, f"exit status {self.process.returncode}, not 1")
        return self.log()


def kinds(client, **params):
    return [event["kind"] for event in client.call("events.list", **params)["events"]]


def state_of(client, revision):
    for entry in client.call("config.history")["revisions"]:
        if entry["revision"] == revision:
            return entry["state"]
    return None
