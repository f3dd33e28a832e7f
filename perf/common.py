# SPDX-License-Identifier: BSD-3-Clause
"""What the measuring commands share: running nexpath-bench, medians, result files."""

import json
import statistics
import subprocess
import sys
import time


def fail(line):
    sys.exit(f"perf: {line}")


def bench_program(build):
    program = build.resolve() / "perf" / "nexpath-bench"
    if not program.exists():
        fail(f"{program} is missing; build it: meson setup {build} && ninja -C {build}")
    return program


def bench(build, *arguments, may_fail=False, progress=False):
    """The JSON object that nexpath-bench prints. With progress its messages are shown as they come."""
    done = subprocess.run([str(bench_program(build)), *[str(a) for a in arguments]], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=None if progress else subprocess.PIPE)
    if done.returncode and not (may_fail and done.stdout):
        fail(f"nexpath-bench {' '.join(str(a) for a in arguments)}: {(done.stderr or done.stdout).strip()[-300:]}")
    return json.loads(done.stdout)


def spread(values):
    """Median, least and most."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "runs": len(values)}


def save(arguments, name, result):
    arguments.results.mkdir(exist_ok=True)
    result.setdefault("date", time.strftime("%Y-%m-%d"))
    path = arguments.results / f"{name}.json"
    path.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    print(f"perf: {path}")
