#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The lab: client, gateway and server in network namespaces of their own, joined by veth pairs.

nexpathd runs in the gateway namespace on two kernel ports and holds addresses that the gateway's
kernel does not have. Everything that is made is written to a record before it is made, so that the
next run can clear what a killed one left. The demo and the tests under tests/lab/ import this file.
"""

import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORDS = Path("/run/nexpath-lab")
LIBC = ctypes.CDLL(None, use_errno=True)
HUGEPAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")

CLIENT4, GATEWAY_C4, GATEWAY_S4, SERVER4 = "10.1.0.1", "10.1.0.2", "10.2.0.2", "10.2.0.1"
CLIENT6, GATEWAY_C6, GATEWAY_S6, SERVER6 = "fd00:1::1", "fd00:1::2", "fd00:2::2", "fd00:2::1"


class LabError(Exception):
    """Something the lab needs is missing or did not happen in time; the text says what."""


def run(*argv, check=True, **options):
    """Runs a command to its end with its output captured."""
    done = subprocess.run([str(a) for a in argv], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if check and done.returncode:
        raise LabError(f"`{' '.join(str(a) for a in argv)}` ended with {done.returncode}: "
                       f"{(done.stderr or done.stdout).strip()[-400:]}")
    return done


def wait_for(what, condition, seconds=10.0, interval=0.02):
    """Calls condition until it returns something true, which is returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(interval)


def start_time(pid):
    """When a process started, in the kernel's ticks: with the pid it names one process for ever."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


@contextlib.contextmanager
def in_namespace(name):
    """Moves the calling thread into a network namespace and back."""
    clone_newnet = 0x40000000
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{name}") as there:
        if LIBC.setns(there.fileno(), clone_newnet):
            raise LabError(f"cannot enter namespace {name}: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            LIBC.setns(home.fileno(), clone_newnet)


class Record:
    """What one run has made, on disk, one line each: `kind value...`."""

    def __init__(self, prefix):
        self.path = RECORDS / prefix
        # Under another name until it says whose it is: another run clears what has no living owner.
        unnamed = self.path.with_name(f".{prefix}")
        with hugepage_lock():  # whoever removes the folder holds it
            self.file = open(unnamed, "a", buffering=1)
        self.add("owner", os.getpid(), start_time(os.getpid()))
        unnamed.rename(self.path)

    def add(self, *words):
        print(*words, file=self.file)

    def close(self):
        self.file.close()
        self.path.unlink(missing_ok=True)


def end_process(pid, started, seconds=5.0):
    """Ends one process and waits for it; nothing if the pid is someone else's by now."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        if start_time(pid) != started:
            return
        try:
            os.kill(pid, sig)
            wait_for(f"process {pid} to end", lambda: start_time(pid) != started
                     or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z",
                     seconds)
            return
        except (ProcessLookupError, FileNotFoundError):
            return
        except LabError:
            continue


def clear_record(path):
    """Undoes what a record names: processes first, then namespaces and folders."""
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    for words in lines:
        if words[0] == "process":
            end_process(int(words[1]), words[2])
    for words in lines:
        if words[0] == "namespace":
            # What was started there without a record of its own (a shell of --keep, a worker process).
            for pid in run("ip", "netns", "pids", words[1], check=False).stdout.split():
                end_process(int(pid), start_time(int(pid)))
            run("ip", "netns", "del", words[1], check=False)
        elif words[0] == "folder" and Path(words[1]).name.startswith("nxp-"):
            shutil.rmtree(words[1], ignore_errors=True)
    path.unlink(missing_ok=True)


def owner_lives(path):
    for line in path.read_text().splitlines():
        words = line.split()
        if words[:1] == ["owner"] and len(words) == 3:
            return start_time(int(words[1])) == words[2]
    return False


def kept(path):
    return any(line.startswith("kept") for line in path.read_text().splitlines())


def clean(kept_too=False):
    """Clears what runs left that are no longer alive (and, if asked, what --keep left)."""
    if not RECORDS.is_dir():
        return
    for path in sorted(RECORDS.glob("nxp-*")):
        with contextlib.suppress(FileNotFoundError):  # another run has cleared it meanwhile
            if not owner_lives(path) and (kept_too or not kept(path)):
                clear_record(path)
    with hugepage_lock() as state:
        restore_hugepages(state)


class hugepage_lock:
    """Holds the one file that remembers how many hugepages the machine had before any lab ran."""

    def __enter__(self):
        while True:
            RECORDS.mkdir(mode=0o700, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # another run removed it: once more
                self.file = open(RECORDS / "hugepages", "a+")
                fcntl.flock(self.file, fcntl.LOCK_EX)
                self.file.seek(0)
                if os.fstat(self.file.fileno()).st_ino == os.stat(self.file.name).st_ino:
                    return self

    def read(self):
        text = self.file.read().split()
        return int(text[0]) if text else None

    def write(self, value):
        self.file.truncate(0)
        self.file.write(f"{value}\n")
        self.file.flush()

    def __exit__(self, *_):
        self.file.close()


def reserve_hugepages(pages):
    """Makes at least `pages` 2 MiB pages free; returns how many are. Zero: this machine has none."""
    if not HUGEPAGES.exists():
        return 0
    free = HUGEPAGES.with_name("free_hugepages")
    with hugepage_lock() as state:
        have, idle = int(HUGEPAGES.read_text()), int(free.read_text())
        if idle < pages:
            if state.read() is None:
                state.write(have)
            HUGEPAGES.write_text(str(have + pages - idle))
    return int(free.read_text())


def restore_hugepages(state):
    """Gives the pages back, and removes the records' folder, once no lab is left."""
    if any(RECORDS.glob("nxp-*")):
        return
    before = state.read()
    if before is not None:
        HUGEPAGES.write_text(str(before))
    Path(state.file.name).unlink()
    try:
        RECORDS.rmdir()
    except OSError:
        pass  # another run has just begun


class Lab:
    """Three namespaces, the processes in them, and one nexpathd. Use as a context manager."""

    counter = 0

    def __init__(self, build, one_armed=False, keep=False):
        Lab.counter += 1
        self.build = Path(build).resolve()
        self.prefix = f"nxp-{os.getpid()}-{Lab.counter}"
        self.one_armed = one_armed
        self.keep = keep
        self.children = []
        self.daemon = None

    # --- making and clearing -------------------------------------------------------------------

    def __enter__(self):
        if os.geteuid() != 0:
            raise LabError("network namespaces need root; run it as root")
        for program in ("nexpathd", "nexpath"):
            if not self.program(program).exists():
                raise LabError(f"{self.program(program)} is missing; build it first "
                               f"(meson setup {self.build} && ninja -C {self.build})")
        clean()
        self.record = Record(self.prefix)
        try:
            self.make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, *_):
        if self.keep and kind is None:
            self.record.add("kept")
            self.record.file.close()
        else:
            self.close()

    def make(self):
        self.folder = Path("/run") / self.prefix
        self.record.add("folder", self.folder)
        self.folder.mkdir(mode=0o755)
        self.scratch = Path("/var/tmp") / self.prefix  # for what is too large for /run
        self.record.add("folder", self.scratch)
        self.scratch.mkdir(mode=0o755)
        self.socket = self.folder / "nexpath.sock"
        self.config = self.folder / "nexpath.conf"
        self.state = self.folder / "state"
        for role in ("client", "gateway", "server"):
            self.record.add("namespace", self.namespace(role))
            run("ip", "netns", "add", self.namespace(role))
            self.at(role, "ip", "link", "set", "lo", "up")
        # The gateway's kernel stays out of the way: no addresses of its own making, no forwarding.
        self.at("gateway", "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1",
                "net.ipv4.conf.all.forwarding=0", "net.ipv4.conf.default.rp_filter=0")
        for role in ("client", "server"):
            self.at(role, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0",
                    "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_ra=0",
                    "net.ipv4.conf.default.rp_filter=0", "net.ipv4.conf.all.rp_filter=0",
                    "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1")
        self.link("client")
        self.link("server")

    def link(self, role):
        """Makes (again) the veth pair between the gateway and a role; both ends come up."""
        near = f"gw-{role[0]}"
        addresses = {"client": (f"{CLIENT4}/24", f"{CLIENT6}/64"),
                     "server": (f"{SERVER4}/24", f"{SERVER6}/64")}[role]
        run("ip", "-n", self.namespace("gateway"), "link", "add", near, "type", "veth",
            "peer", "name", "eth0", "netns", self.namespace(role))
        for address in addresses:
            run("ip", "-n", self.namespace(role), "addr", "add", address, "dev", "eth0",
                *(["nodad"] if ":" in address else []))
        run("ip", "-n", self.namespace(role), "link", "set", "eth0", "up")
        run("ip", "-n", self.namespace("gateway"), "link", "set", near, "up")
        wait_for(f"the link of {near}", lambda: "state UP" in run(
            "ip", "-n", self.namespace("gateway"), "link", "show", near).stdout)

    def close(self):
        for child in reversed(self.children):
            self.stop(child)
        self.record.file.close()
        clear_record(self.record.path)
        with hugepage_lock() as state:
            restore_hugepages(state)

    # --- running things ------------------------------------------------------------------------

    def namespace(self, role):
        return f"{self.prefix}-{role}"

    def program(self, name):
        folder = {"nexpathd": "mgmt/daemon", "nexpath": "mgmt/cli"}[name]
        return self.build / folder / name

    def at(self, role, *argv, check=True, **options):
        """Runs a command to its end in a namespace."""
        return run("ip", "netns", "exec", self.namespace(role), *argv, check=check, **options)

    def sockets(self, role):
        """A context in which this thread's new sockets belong to a namespace; they keep it."""
        return in_namespace(self.namespace(role))

    def spawn(self, role, *argv, log=None, **options):
        """Starts a process in a namespace; it ends with the lab at the latest. Its output: log."""
        name = Path(str(argv[0])).name
        log = log or self.folder / f"{role}-{name}-{len(self.children)}.log"
        with open(log, "ab") as out:
            child = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace(role), *[str(a) for a in argv]],
                stdin=subprocess.DEVNULL, **{"stdout": out, "stderr": subprocess.STDOUT, **options})
        child.log = Path(log)
        self.record.add("process", child.pid, start_time(child.pid))
        self.children.append(child)
        return child

    def stop(self, child, seconds=15.0, sig=signal.SIGTERM):
        """Ends a process of this lab and returns its exit status."""
        if child in self.children:
            self.children.remove(child)
        if child.poll() is None:
            child.send_signal(sig)
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        return child.returncode

    def listening(self, role, port, protocol="t"):
        """Whether something in the namespace listens on the port (protocol t or u)."""
        return bool(self.at(role, "ss", f"-Hln{protocol}", "sport", "=", f":{port}").stdout.strip())

    # --- nexpathd ------------------------------------------------------------------------------

    def configuration(self, listeners="", upstreams="", workers='cpus = "0-1";', extra="",
                      ports=None, huge="auto"):
        """The usual two ports with the given listeners and upstreams, as text."""
        if ports is None:
            ports = (f'{{ name = "lan"; device = "af_packet:gw-c"; '
                     f'address = ["{GATEWAY_C4}/24", "{GATEWAY_C6}/64"]; }},\n'
                     f'          {{ name = "wan"; device = "af_packet:gw-s"; '
                     f'address = ["{GATEWAY_S4}/24", "{GATEWAY_S6}/64"]; }}')
        return (f'workers = {{ {workers} memory_mb = 256; drain_s = 1; hugepages = "{huge}"; }};\n'
                f'management = {{ socket = "{self.socket}"; }};\n'
                f'ports = ( {ports} );\n'
                f'upstreams = ( {upstreams} );\n'
                f'listeners = ( {listeners} );\n{extra}\n')

    def start(self, text=None, *options, wait=True):
        """Starts nexpathd in the gateway on a configuration; returns once it answers."""
        if text is not None:
            self.config.write_text(text)
        self.daemon = self.spawn(
            "gateway", self.program("nexpathd"), "-c", self.config, "--file-prefix",
            self.prefix, "--state-dir", self.state, *options, log=self.folder / "nexpathd.log")
        if wait:
            self.wait_ready()
        return self.daemon

    def wait_ready(self, seconds=20.0):
        def ready():
            if self.daemon.poll() is not None:
                raise LabError(f"nexpathd ended with {self.daemon.returncode}: "
                               f"{self.daemon.log.read_text()[-600:].strip()}")
            return self.socket.exists() and self.nexpath("status", check=False).returncode == 0
        wait_for("nexpathd to answer on its socket", ready, seconds)
        self.wait_addresses()

    def wait_addresses(self, seconds=4.0):
        """Own addresses are looked for duplicates before they answer: returns once the lab's own do,
        or after some seconds where a case has its reasons that one does not."""
        held = {address.split("/")[0]
                for port in self.query("port", "list")["ports"] for address in port["addresses"]}
        asks = [(role, address) for role, address in (
            ("client", GATEWAY_C4), ("client", GATEWAY_C6),
            ("server", GATEWAY_S4), ("server", GATEWAY_S6)) if address in held]
        deadline = time.monotonic() + seconds
        while asks and time.monotonic() < deadline:
            asks = [(role, address) for role, address in asks
                    if run("ip", "netns", "exec", self.namespace(role), "ping", "-n", "-c", "1",
                           "-W", "1", address, check=False).returncode]

    def nexpath(self, *argv, check=True, **options):
        """Runs the CLI against this lab's daemon."""
        return run(self.program("nexpath"), "--socket", self.socket, *argv, check=check, **options)

    def query(self, *argv):
        """The result of a CLI verb as an object."""
        return json.loads(self.nexpath("--json", *argv).stdout)

    def gateway_mac(self):
        """The address of nexpathd's port toward the client."""
        return run("ip", "-n", self.namespace("gateway"), "-br", "link", "show", "gw-c").stdout.split()[2]

    def apply(self, text, *options):
        """Applies a configuration text through the CLI."""
        candidate = self.folder / "candidate.conf"
        candidate.write_text(text)
        return self.nexpath("config", "apply", candidate, *options)


def listener(name, protocol, listen, upstream, more=""):
    return (f'{{ name = "{name}"; protocol = "{protocol}"; listen = "{listen}"; '
            f'upstream = "{upstream}"; {more} }}')


def upstream(name, *targets, more=""):
    return f'{{ name = "{name}"; targets = [{", ".join(json.dumps(t) for t in targets)}]; {more} }}'


def main():
    parser = argparse.ArgumentParser(
        description="Clears what an ended or killed lab left: processes, namespaces, hugepages.")
    parser.add_argument("verb", choices=["clean"])
    parser.add_argument("--dead", action="store_true", help="leave what `demo --keep` kept")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("lab: clearing needs root; run it as root")
    clean(kept_too=not arguments.dead)


if __name__ == "__main__":
    main()
