# SPDX-License-Identifier: BSD-3-Clause
"""Tests of who may: other users at the management socket, and nexpathd as another user. Needs root."""

import json
import os
import subprocess

from management_harness import expect

NOBODY = 65534
# One request a line of standard input; prints the answers, or the error of connect.
CLIENT = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
except OSError as error:
    sys.exit(error.strerror)
lines = s.makefile("rb")
for request in sys.stdin:
    try:
        s.sendall(request.encode())
    except OSError:
        pass  # closed after a denial, which is there to be read
    try:
        print(lines.readline().decode(), end="")
    except OSError:
        pass
"""


def as_user(gid, *command, **options):
    return subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={gid}", "--clear-groups",
                           *command], capture_output=True, text=True, timeout=20, **options)


def ask(daemon, gid, *requests):
    """The answers that nobody with this group gets; a string: what connect said."""
    lines = "".join(json.dumps({"jsonrpc": "2.0", "id": 1, "method": m, "params": p}) + "\n"
                    for m, p in requests)
    run = as_user(gid, "/usr/bin/python3", "-c", CLIENT, str(daemon.socket), input=lines)
    if run.returncode != 0:
        return run.stderr.strip()
    return [json.loads(line) for line in run.stdout.splitlines()]


def group_id(name):
    with open("/etc/group") as groups:
        return next(int(line.split(":")[2]) for line in groups if line.startswith(name + ":"))


def test_rights_of_other_users(daemon):
    """group may change, read_group may look, nobody else may anything, root may all"""
    text = daemon.config(management='read_group = "games";').replace('group = "root"',
                                                                    'group = "daemon"', 1)
    client = daemon.start(text)
    os.chmod(daemon.folder, 0o755)
    change = ("config.apply", {"text": text.replace("9000", "9001")})
    expect("ermission denied" in ask(daemon, NOBODY, ("hello", {})), "the mode lets anybody in")
    answers = ask(daemon, group_id("games"), ("hello", {}), ("status", {}), change,
                  ("session.kill", {"filter": {"protocol": "udp"}}),
                  ("listener.remove", {"name": "web-in"}))
    expect(isinstance(answers, list) and answers[0]["result"]["right"] == "read", answers)
    expect("health" in answers[1]["result"], answers[1])
    for answer in answers[2:]:
        expect(answer["error"]["code"] == -32005 and answer["error"]["data"]["hint"], answer)
    expect(client.call("hello")["revision"] == 1, "a reader changed something")
    # Even where the file's mode lets everybody connect.
    os.chmod(daemon.socket, 0o666)
    answers = ask(daemon, NOBODY, ("hello", {}), change)
    expect(answers[0]["error"]["code"] == -32005 and len(answers) == 1, answers)
    answers = ask(daemon, group_id("daemon"), ("hello", {}), change)
    expect(answers[0]["result"]["right"] == "change" and answers[1]["result"]["revision"] == 2, answers)
    expect(client.call("hello")["right"] == "change", "root")
    expect(client.call("config.rollback")["revision"] == 3, "root may not change")


def test_state_without_permission(daemon):
    """a state directory that cannot be made is refused with the reason and what to do"""
    os.chmod(daemon.folder, 0o755)
    daemon.file.write_text(daemon.config())
    run = as_user(NOBODY, str(daemon.program), "-c", str(daemon.file), "--no-huge", "--file-prefix",
                  daemon.prefix, "--state-dir", str(daemon.folder / "state"))
    expect(run.returncode == 1, f"{run.returncode} {run.stderr}")
    expect("Permission denied" in run.stderr and "--state-dir" in run.stderr, run.stderr)
