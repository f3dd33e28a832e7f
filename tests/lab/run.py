#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the lab's cases: `ok`, `not ok` or `skip` for each, and the counts at the end. Needs root."""

import argparse
import fnmatch
import importlib
import os
import sys
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
        return "ok", ""
    except harness.Skip as reason:
        return "skip", str(reason)
    except (harness.LabError, OSError) as error:
        place = traceback.extract_tb(error.__traceback__)
        own = [f for f in place if "cases_" in f.filename]
        return "not ok", f"{error} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else str(error)
    except Exception:  # a fault of the case itself must not end the run
        return "not ok", traceback.format_exc(limit=-3)
    finally:
        bench.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/gcc", help="build folder (default build/gcc)")
    parser.add_argument("--long", action="store_true", help="the long cases instead of the others")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("pattern", nargs="*", help="names of cases, with * and ?")
    arguments = parser.parse_args()
    for path in sorted(HERE.glob("cases_*.py")):
        importlib.import_module(path.stem)
    chosen = [f for f, long in harness.cases
              if (any(fnmatch.fnmatch(f.__name__, p) for p in arguments.pattern)
                  if arguments.pattern else long == arguments.long)]
    if arguments.list:
        for f in chosen:
            print(f"{f.__name__:<34} {f.__doc__.splitlines()[0]}")
        return 0
    if os.geteuid() != 0:
        sys.exit("lab tests: need root for namespaces; run them as root")
    counts = {"ok": 0, "not ok": 0, "skip": 0}
    for f in chosen:
        began = time.monotonic()
        verdict, why = run_case(f, arguments.build)
        counts[verdict] += 1
        print(f"{verdict} {f.__name__}{': ' + why if why else ''} ({time.monotonic() - began:.1f} s)",
              flush=True)
    print(f"{counts['ok']} passed, {counts['not ok']} failed, {counts['skip']} skipped")
    return 1 if counts["not ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
