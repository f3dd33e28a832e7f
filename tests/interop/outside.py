# SPDX-License-Identifier: BSD-3-Clause
"""What the suites share that use programs from outside the tree."""

import subprocess


class Unavailable(Exception):
    """A judge cannot be had here; the message says why."""


def command(*words):
    """Runs a program to its end; Unavailable with its last line when it fails."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise Unavailable(f"{' '.join(map(str, words[:3]))}: {last}")
