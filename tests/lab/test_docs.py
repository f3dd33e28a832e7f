#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds the documents to what they say.

Code blocks of README.md and docs/*.md by their info string: "libconfig check" must pass
`nexpathd --check=text`; "sh run" blocks of one document are run as one script, in an empty folder, with
the built programs on the path, in namespaces of their own. Links into the tree must lead somewhere.
docs/testing.md keeps the line that the last `scripts/test --all` printed.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCK = re.compile(r"^```([^\n`]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WHOLE_RUN = re.compile(r"^Last whole run: (?:none yet|\d{4}-\d\d-\d\d, commit [0-9a-f]{12}, \d+ min on \d+ CPUs: "
                       r"\d+ passed, \d+ failed, \d+ skipped)$")
LINK = re.compile(r"\]\(([^)#:\s]+)(#[^)]*)?\)")

counts = {"ok": 0, "not ok": 0, "skip": 0}


def verdict(fault, name):
    word = "not ok" if fault else "ok"
    counts[word] += 1
    print(f"{word} {name}{': ' + fault if fault else ''}", flush=True)


def documents():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "*.md"], check=True,
                            text=True, stdout=subprocess.PIPE).stdout.split()
    return [Path(p) for p in sorted(listed) if (ROOT / p).exists()]


def check_links(path, text):
    broken = [link for link, _ in LINK.findall(text) if not (ROOT / path.parent / link).exists()]
    verdict("no such file: " + ", ".join(broken) if broken else "", f"links of {path}")


def check_whole_run():
    lines = [line for line in (ROOT / "docs/testing.md").read_text().splitlines() if line.startswith("Last whole run")]
    fault = "" if len(lines) == 1 and WHOLE_RUN.match(lines[0]) else (
        f"one line as scripts/test --all prints it is wanted, there is {lines or 'none'}")
    verdict(fault, "the last whole run in docs/testing.md")


def check_configuration(build, name, text):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([build / "mgmt/daemon/nexpathd", "-c", file.name, "--check=text"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    verdict(done.stdout.strip() if done.returncode else "", name)


def run_script(build, name, script):
    """Its own network, mounts and processes: what the document starts ends here, and touches nothing."""
    if os.geteuid() != 0:
        counts["skip"] += 1
        print(f"skip {name}: needs root for namespaces of its own")
        return
    path = f"{build / 'mgmt/daemon'}:{build / 'mgmt/cli'}:{os.environ['PATH']}"
    prepare = ("mount --make-rprivate /; for d in /run /var/lib; do mount -t tmpfs tmpfs $d; done; "
               "ip link set lo up; ")
    with tempfile.TemporaryDirectory() as folder:
        fault = script_fault(prepare + script, folder, path)
    verdict(fault, name)


def script_fault(script, folder, path):
    try:
        done = subprocess.run(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-euo",
             "pipefail", "-c", script], cwd=folder, text=True, timeout=120, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, PATH=path))
        return f"ended with {done.returncode}: {done.stdout[-800:]}" if done.returncode else ""
    except subprocess.TimeoutExpired:
        return "not over after 120 s"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/gcc", type=Path)
    build = parser.parse_args().build.resolve()
    check_whole_run()
    for path in documents():
        text = (ROOT / path).read_text()
        check_links(path, text)
        script = ""
        for match in BLOCK.finditer(text):
            line = text[:match.start()].count("\n") + 2
            kind = match.group(1).split()
            if kind == ["libconfig", "check"]:
                check_configuration(build, f"configuration at {path}:{line}", match.group(2))
            elif kind == ["sh", "run"]:
                script += match.group(2)
        if script:
            run_script(build, f"commands of {path}", script)
    print(f"{counts['ok']} passed, {counts['not ok']} failed, {counts['skip']} skipped")
    return 1 if counts["not ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
