#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Public cases for HTTP/1.1, smuggling among them, before our codec and before a second parser.

llhttp's and gunicorn's cases say what must come out of them: what they accept we accept with the same method, target,
status, fields and body, and what they refuse we refuse. So that nothing can hide between two parsers, Go's net/http
reads these and the messages in the tests of aiohttp, gunicorn, h11, waitress and Go: whatever we take for a message, it
must take for the same one. Requests then go through a live HTTP listener, whose target is net/http again: it must read
the requests that our codec judged, and none besides; and responses, which a client must get as judged. disguises.py
adds requests of our own, with every byte at every place around framing.
differences.txt has what may differ, and why; a line of it that nothing needs is a fault, too.
The listener's lab needs root. Ends with `N passed, N failed, N skipped`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import corpora  # noqa: E402
import disguises  # noqa: E402
from corpora import Message  # noqa: E402
from outside import Unavailable, go_program  # noqa: E402

JUDGE = "tests/interop/http1/http1-judge"
OPINIONS = "tests/interop/http1/http1-second-opinions"  # llhttp's
HOST_MISSING = "an HTTP/1.1 request has no Host"
# What Go takes out of the fields, or adds to them.
NOT_GOS = (b"host", b"transfer-encoding", b"content-length", b"connection", b"trailer", b"cache-control")
HOSTS_ADDED = 16
# Cases there are: fewer would be a fault in taking them out. Go's are those of its version.
CASES = {"llhttp": 249, "gunicorn": 138, "aiohttp texts": 161, "gunicorn texts": 244, "h11 texts": 43,
         "waitress texts": 83, "net/http texts": 100}


class Verdict:
    """What a parser made of a case."""

    def __init__(self, line):
        said = json.loads(line)
        self.said = said
        self.messages = [Message(bytes.fromhex(one.get("method", "")), bytes.fromhex(one.get("target", "")),
                                 one["status"], [(bytes.fromhex(name).lower(), bytes.fromhex(value).strip())
                                  for name, value in one["fields"] + one.get("trailer", [])],
                                 bytes.fromhex(one["body"]), one["whole"]) for one in said["messages"]]
        self.fault = said["fault"] or said.get("end_fault", "")
        self.leaves = said.get("state") == "switched"


def said_of(program, cases):
    """A program's line on each case."""
    text = b"".join((f"response {case.response_to} " if case.response_to else "request ").encode()
                    + f"{len(case.bytes)}\n".encode() + case.bytes for case in cases)
    done = subprocess.run([program], input=text, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    if len(lines) != len(cases):
        raise RuntimeError(f"{program}: {len(lines)} lines on {len(cases)} cases")
    return lines


def judged(program, cases):
    """Verdicts of our codec, or of net/http."""
    return [Verdict(line) for line in said_of(program, cases)]


def with_host(data, at):
    """The case with a Host in the request that begins there; many write none, which HTTP/1.1 forbids."""
    at += len(data[at:]) - len(data[at:].lstrip(b"\r\n"))
    line, end, rest = data[at:].partition(b"\n")
    named = re.match(rb"CONNECT (\S+)|\S+ \w+://([^/?# ]*)", line)
    host = (named[1] or named[2]) if named else b"added.example"
    return data[:at] + line + end + b"Host: " + host + b"\r\n" + rest


def judged_with_hosts(program, cases):
    """The verdicts of our codec, once each request has its Host."""
    verdicts = judged(program, cases)
    for _ in range(HOSTS_ADDED):
        lacking = [i for i, verdict in enumerate(verdicts) if verdict.said["fault"] == HOST_MISSING]
        if not lacking:
            break
        for i in lacking:
            cases[i].bytes = with_host(cases[i].bytes, verdicts[i].said["at"])
        for i, verdict in zip(lacking, judged(program, [cases[i] for i in lacking])):
            verdicts[i] = verdict
    return verdicts


def without(fields, names):
    return [(name, value) for name, value in fields if name not in names]


def same(ours, theirs, pick, leaves):
    """Is this the same message? One that is not whole has what came of its body."""
    if (ours.method, ours.target, ours.status) != (theirs.method, theirs.target, theirs.status):
        return False
    mine, other = pick(ours.fields), pick(theirs.fields)
    if mine != other and (ours.whole or mine != other[:len(mine)]):
        return False
    if ours.whole:
        return theirs.whole and ours.body == theirs.body
    return leaves or ours.body.startswith(theirs.body) or theirs.body.startswith(ours.body)


def against_expected(case, ours):
    """How a verdict differs from what the case's own suite expects: nothing, "stricter", or the fault itself."""
    expected = case.expected
    if expected.lenient and ours.fault:
        return ""

    def pick(fields):
        # The Host may be one that was added.
        fields = without(fields, (b"host",))
        return [(n, v) for n, v in fields if b"_" not in n] if expected.drops_underscores else fields

    for i, theirs in enumerate(expected.messages):
        last = i + 1 == len(expected.messages)
        if i >= len(ours.messages):
            if ours.said["fault"] and (not expected.refused or not last):
                return "stricter"
            return "" if ours.fault or not theirs.whole else f"message {i} of theirs is not ours"
        mine = ours.messages[i]
        leaves = ours.leaves and i + 1 == len(ours.messages)
        if not same(mine, theirs, pick, leaves):
            if expected.refused and last and ours.fault and not mine.whole:
                return ""
            return "stricter" if ours.fault and not mine.whole else f"message {i} is another"
        if theirs.whole and not mine.whole and not leaves:
            return "stricter" if ours.fault else f"message {i} has no end"
    if any(message.whole for message in ours.messages[len(expected.messages):]):
        return f"message {len(expected.messages)} is only ours"
    if expected.refused and not ours.fault and ours.said["state"] != "closed":
        return "laxer: it is not refused"
    return "stricter" if ours.said["fault"] and not expected.refused else ""


def against_second(ours, second):
    """How what we take for messages differs from what the second parser does."""
    def pick(fields):
        return sorted(without(fields, NOT_GOS), key=lambda one: one[0])

    for i, mine in enumerate(ours.messages):
        leaves = ours.leaves and i + 1 == len(ours.messages)
        if i >= len(second.messages):
            if second.fault and not ours.messages[i].whole and ours.fault:
                return ""
            return f"laxer: message {i} is only ours; {second.fault}"
        if not same(mine, second.messages[i], pick, leaves):
            return f"laxer: message {i} is another; {second.fault}"
    return ""


class Differences:
    """What may differ: lines `stricter | corpus | cases | our reason | why`, `laxer | corpus | case | why`."""

    def __init__(self, path):
        self.stricter, self.laxer, self.faults = {}, {}, 0
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                kind, corpus, *rest = (part.strip() for part in line.split("|"))
                if kind == "stricter":
                    self.stricter[corpus, rest[1]] = int(rest[0])
                else:
                    self.laxer[corpus, rest[0]] = 0
        self.counted = Counter()

    def allow(self, case, ours, difference):
        if difference == "stricter":
            self.counted[case.corpus, ours.fault] += 1
            return (case.corpus, ours.fault) in self.stricter
        if (case.corpus, case.name) not in self.laxer:
            return False
        self.laxer[case.corpus, case.name] += 1
        return True

    def stale(self, corpora_run):
        """Lines that say something else than what happened."""
        for (corpus, reason), cases in sorted(self.stricter.items()):
            if corpus in corpora_run and self.counted[corpus, reason] != cases:
                yield f"{self.counted[corpus, reason]} cases of {corpus}, where differences.txt has {cases}: {reason}"
        for (corpus, name), hits in sorted(self.laxer.items()):
            if corpus in corpora_run and not hits:
                yield f"{corpus} {name} does not differ, as differences.txt has it"


class Tally:
    """Cases that pass and fail, those of a kind as one, and the first of the latter in print."""

    def __init__(self):
        self.all, self.failed = set(), set()

    def take(self, case, fault, mark="not ok"):
        name = case.corpus, case.kind or case.bytes
        self.all.add(name)
        if fault and mark == "not ok" and name not in self.failed:
            self.failed.add(name)
        elif not fault or mark == "not ok":
            return
        print(f"{mark} {case.corpus} {case.name}: {fault}\n  {case.bytes[:300]!r}", flush=True)

    def counts(self):
        return len(self.all) - len(self.failed), len(self.failed)


def run(cases, build, second, differences, verbose):
    """Counts of one corpus."""
    ours = judged_with_hosts(build / JUDGE, cases)
    others = judged(second, cases)
    opinions = said_of(build / OPINIONS, cases) if (build / OPINIONS).exists() else [""] * len(cases)
    same_count = taken = 0
    tally = Tally()
    for case, verdict, other, opinion in zip(cases, ours, others, opinions):
        found = [against_expected(case, verdict)] if case.expected else []
        found.append(against_second(verdict, other))
        if opinion:
            found.append(f"laxer: llhttp differs in {opinion}")
        if not verdict.said["same_in_pieces"]:
            found.append("byte by byte it is another")
        taken += sum(message.whole for message in verdict.messages)
        found = [one for one in found if one]
        bad = [one for one in found if not differences.allow(case, verdict, one)]
        same_count += not found
        fault = "; ".join(found) + (f": {verdict.fault}" if verdict.fault else "")
        tally.take(case, fault if bad or (verbose and found) else "", "not ok" if bad else "allowed")
    print(f"{'not ok' if tally.failed else 'ok'} {cases[0].corpus}: {len(cases)} cases, {same_count} of them judged "
          f"alike; {taken} messages taken", flush=True)
    return tally.counts()


def through_gateway(cases, build, second):
    """Counts of the cases, each once, through a live listener."""
    from gateway import Gateway, response_differs  # what it imports wants a lab

    cases = list({(case.bytes, case.response_to): case for case in cases}.values())
    # Of our own only those whose first head is taken: there are many.
    chosen = [(case, verdict) for case, verdict in zip(cases, judged(build / JUDGE, cases))
              if verdict.messages or not case.kind]
    tally, got = Tally(), []
    gateway = Gateway(build, second)
    try:
        for case, verdict in chosen:
            if case.response_to:
                got.append((case, verdict, gateway.answered(case)))
            else:
                fault = gateway.differs(case, verdict)
                tally.take(case, fault and f"through the listener: {fault}")
    finally:
        gateway.close()
    read = judged(second, [corpora.Case("", "", data, case.response_to) for case, _, data in got])
    for (case, verdict, data), out in zip(got, read):
        fault = response_differs(verdict.said, out.said)
        tally.take(case, fault and f"through the listener: {fault}: {data[:300]!r}")
    print(f"{'not ok' if tally.failed else 'ok'} gateway: {len(chosen) - len(got)} requests' cases, {len(got)} "
          "responses'", flush=True)
    return tally.counts()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build/gcc"))
    parser.add_argument("--verbose", action="store_true", help="known differences, too")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    try:
        second = go_program("http1-second", HERE / "second")
    except Unavailable as why:
        print(f"skipped: http1: {why}\n0 passed, 0 failed, 1 skipped")
        return 0
    skipped = 0
    cases = [*corpora.go_literals(second), *disguises.cases()]
    try:
        cases[:0] = [*corpora.llhttp(), *corpora.gunicorn(), *corpora.python_literals()]
    except Unavailable as why:
        print(f"skipped: http1: the cases of packages: {why}")
        skipped += 1
    differences = Differences(HERE / "differences.txt")
    passed = failed = 0
    names = list(dict.fromkeys(case.corpus for case in cases))
    for name in names:
        good, bad = run([case for case in cases if case.corpus == name], build, second, differences, arguments.verbose)
        passed, failed = passed + good, failed + bad
    for name, least in CASES.items():
        found = sum(case.corpus == name for case in cases)
        if found < least and (name in names or not skipped):
            print(f"not ok {name}: {found} cases, where there are {least}")
            failed += 1
    for line in differences.stale(names):
        print(f"not ok {line}")
        failed += 1
    if not (build / OPINIONS).exists():
        print("skipped: http1: llhttp is not here (Debian package node-llhttp)")
        skipped += 1
    if os.geteuid() == 0:
        good, bad = through_gateway([case for case in cases if case.special], build, second)
        passed, failed = passed + good, failed + bad
    else:
        print("skipped: http1: the listener's lab needs root")
        skipped += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
