#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds docs/rfc9293.md to its word: every number of RFC 9293's appendix B is there once, with a status; what is met
names tests, and every test it names exists and is run. So is every dialogue that lies here. Likewise every row of
docs/tcp-behaviour.md."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent.parent
HERE = Path(__file__).resolve().parent
NUMBERS = {"MUST": 69, "SHLD": 31, "MAY": 18, "REC": 1}
ROW = re.compile(r"^\| ((?:MUST|SHLD|MAY|REC)-\d+) \|(.*)\|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)
STATUS = re.compile(r"(met|part|n/a|not met)\b(.*)")
DIALOGUE = re.compile(r"`([a-z0-9_]+\.dialogue)`")
C_TEST = re.compile(r"`(tests/[a-z0-9_/]+\.c):([a-z0-9_]+)`")


def faults_of_tests(number, text):
    run = (HERE / "meson.build").read_text()
    for name in DIALOGUE.findall(text):
        if not (HERE / "dialogues" / name).exists():
            yield f"{number}: there is no dialogue {name}"
        elif f"'dialogues/{name}'" not in run:
            yield f"{number}: {name} is not run: add it to tests/packet/tcp/meson.build"
    for file, test in C_TEST.findall(text):
        source = ROOT / file
        if not source.exists() or f"void {test}(void **" not in source.read_text():
            yield f"{number}: {file} has no test {test}"


def faults_of_row(number, status, where, tests):
    found = STATUS.fullmatch(status.strip())
    if not found:
        yield f"{number}: neither met nor part, n/a or not met: {status.strip()}"
        return
    word, reason = found.groups()
    if word != "met" and not reason.startswith(": "):
        yield f"{number}: {word} without a reason"
    if word in ("met", "part") and not (DIALOGUE.search(tests) or C_TEST.search(tests)):
        yield f"{number}: {word}, and no test shows it"
    yield from faults_of_tests(number, tests)


def faults(text):
    rows = ROW.findall(text)
    numbers = [row[0] for row in rows]
    for kind, last in NUMBERS.items():
        for i in range(1, last + 1):
            times = numbers.count(f"{kind}-{i}")
            if times != 1:
                yield f"{kind}-{i} stands there {times} times"
    known = {f"{kind}-{i}" for kind, last in NUMBERS.items() for i in range(1, last + 1)}
    yield from (f"{n}: RFC 9293 has no such number" for n in numbers if n not in known)
    for number, _, status, where, tests in rows:
        yield from faults_of_row(number, status, where, tests)


def faults_of_behaviours(text):
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
        if not line.startswith("| ") or cells[-1] == "test":
            continue
        if len(cells) != 3:
            yield f"{cells[0]}: not three cells"
        elif not DIALOGUE.search(cells[-1]) and not C_TEST.search(cells[-1]):
            yield f"{cells[0]}: no test shows it"
        else:
            yield from faults_of_tests(cells[0], cells[-1])


def faults_of_dialogues():
    run = (HERE / "meson.build").read_text()
    for file in sorted((HERE / "dialogues").iterdir()):
        if f"'dialogues/{file.name}'" not in run:
            yield f"{file.name} is not run: add it to tests/packet/tcp/meson.build"


def main():
    found = [f"docs/rfc9293.md: {fault}" for fault in faults((ROOT / "docs/rfc9293.md").read_text())]
    behaviours = (ROOT / "docs/tcp-behaviour.md").read_text()
    found += [f"docs/tcp-behaviour.md: {fault}" for fault in faults_of_behaviours(behaviours)]
    found += faults_of_dialogues()
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
