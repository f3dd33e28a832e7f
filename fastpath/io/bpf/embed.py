#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""embed.py IN OUT: writes the bytes of a file as the inside of a C initializer."""

import sys
from pathlib import Path

data = Path(sys.argv[1]).read_bytes()
rows = (data[i:i + 16] for i in range(0, len(data), 16))
Path(sys.argv[2]).write_text("".join(" ".join(f"{byte:#04x}," for byte in row) + "\n" for row in rows))
