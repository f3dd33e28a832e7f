#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the lab's cases, some at a time: `ok`, `not ok` or `skip` for each, and the counts at the end. Needs root."""

import argparse
import fnmatch
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import harness  # noqa: E402


def run_case(function, build):
    bench = harness.Bench(build)
    try:
        function(bench)
        return "ok", "", []
    except harness.Skip as reason:
        return "skip", str(reason), []
    except (harness.LabError, OSError) as error:
        place = traceback.extract_tb(error.__traceback__)
        own = [f for f in place if "cases_" in f.filename]
        where = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
        return "not ok", f"{error}{where}", bench.told()
    except Exception:  # a fault of the case itself must not end the run
        return "not ok", traceback.format_exc(limit=-3), bench.told()
    finally:
        bench.close()


VERDICTS = ["ok", "not ok", "skip"]
PR_SET_PDEATHSIG = 1


class Running:
    """A case in a process of its own; what it prints is kept until it ends, and its line comes last."""

    def __init__(self, function, build):
        self.name = function.__name__
        self.output = tempfile.TemporaryFile("w+")
        sys.stdout.flush()
        runner = os.getpid()
        self.pid = os.fork()
        if self.pid:
            return
        status = len(VERDICTS)
        try:
            harness.labs.LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() == runner:
                os.dup2(self.output.fileno(), 1)
                os.dup2(self.output.fileno(), 2)
                began = time.monotonic()
                verdict, why, told = run_case(function, build)
                for line in told:
                    print(line)
                print(f"{verdict} {self.name}{': ' + why if why else ''} ({time.monotonic() - began:.1f} s)", flush=True)
                status = VERDICTS.index(verdict)
        finally:
            os._exit(status)

    def ended(self, status):
        """Prints what it said; returns its verdict."""
        self.output.seek(0)
        shutil.copyfileobj(self.output, sys.stdout)
        self.output.close()
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) < len(VERDICTS):
            sys.stdout.flush()
            return VERDICTS[os.WEXITSTATUS(status)]
        print(f"not ok {self.name}: its process ended with wait status {status}", flush=True)
        return "not ok"


def run_all(functions, build, jobs, counts):
    waiting, running = list(functions), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            case = Running(waiting.pop(0), build)
            running[case.pid] = case
        pid, status = os.wait()
        counts[running.pop(pid).ended(status)] += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/gcc", help="build folder (default build/gcc)")
    parser.add_argument("--long", action="store_true", help="the long cases instead of the others")
    parser.add_argument("--jobs", type=int, default=2, metavar="N",
                        help="cases at a time (default 2); those that want the machine come last, one by one")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("pattern", nargs="*", help="names of cases, with * and ?")
    arguments = parser.parse_args()
    for path in sorted(HERE.glob("cases_*.py")):
        importlib.import_module(path.stem)
    chosen = [c for c in harness.cases
              if (any(fnmatch.fnmatch(c.function.__name__, p) for p in arguments.pattern)
                  if arguments.pattern else c.long == arguments.long)]
    if arguments.list:
        for f in (c.function for c in chosen):
            print(f"{f.__name__:<34} {f.__doc__.splitlines()[0]}")
        return 0
    if os.geteuid() != 0:
        sys.exit("lab tests: need root for namespaces; run them as root")
    counts = dict.fromkeys(VERDICTS, 0)
    run_all([c.function for c in chosen if not c.alone], arguments.build, max(arguments.jobs, 1), counts)
    run_all([c.function for c in chosen if c.alone], arguments.build, 1, counts)
    print(f"{counts['ok']} passed, {counts['not ok']} failed, {counts['skip']} skipped")
    return 1 if counts["not ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
