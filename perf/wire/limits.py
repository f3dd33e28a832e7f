# SPDX-License-Identifier: BSD-3-Clause
"""What libnexwire may take of other libraries' time, row by row."""

import re

NEAR_COPY = 1.5


def copies(row, rows):
    """Our time in plain copies of the same bytes; None where that copy was not measured."""
    copied = rows.get(f"copy-{re.search(r'[0-9]+$', row)[0]}", {}).get("nexpath")
    return rows[row]["nexpath"]["p50"] / copied["p50"] if copied else None


def limit(row, peer, rows):
    """The most of a peer's p50 that ours may take, and why where the row's name does not say it; None where nothing is
    wanted. Masking and encoding are a copy at least: where they are near to one they may take as long as nexus-web's."""
    if peer in ("tungstenite", "reqwest"):
        return None if row.startswith("loopback") else (0.5, "")
    if peer != "nexus-web":
        return None
    if row == "ring-post":
        return 0.3, ""
    if row.startswith(("mask", "encode")):
        found = copies(row, rows)
        return 1 if found and found <= NEAR_COPY else 0.7, f" (ours is {found:.2f} copies)" if found else ""
    return (1 if row.startswith(("json", "tls-json", "loopback")) else 0.7), ""


def verdict(row, peer, rows):
    """Ours to the peer's, and the limit that applied: whether it is met; an empty text where there is none."""
    value, most = rows[row]["nexpath"]["p50"] / rows[row][peer]["p50"], limit(row, peer, rows)
    return value, "" if most is None else f"at most {most[0]:g}{most[1]}: {'met' if value <= most[0] else '**missed**'}"
