#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whoever links a static libnexwire gets no name that is not ours: usage test_symbols.py ARCHIVE..."""

import subprocess
import sys


def main():
    listed = subprocess.run(["nm", "--defined-only", "--extern-only", *sys.argv[1:]], check=True,
                            capture_output=True, text=True).stdout
    names = {line.split()[2] for line in listed.splitlines() if len(line.split()) == 3}
    assert any(name == "nx_rest_send" for name in names), "nm lists no symbols"
    foreign = sorted(name for name in names if not name.startswith(("nx_", "__gnu_lto", "__odr_asan.")))
    if foreign:
        print("begin with nx_, or be static:", *foreign)
    return bool(foreign)


if __name__ == "__main__":
    sys.exit(main())
