# SPDX-License-Identifier: BSD-3-Clause
"""What a core file of a process would hold, and which secrets are in it: its memory without what is marked as not to be
dumped (madvise's MADV_DONTDUMP, device memory), searched for byte strings in every likely spelling.
"""

import base64
import re
from pathlib import Path

MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)$")
PIECE = 1 << 24
LEFT_OUT = {"dd", "io", "pf"}  # VmFlags: not to be dumped, device memory, page frames


def base64_of(secret):
    """A secret's bytes in base64, wherever in a group of three they begin; both alphabets."""
    for skip in range(3):
        # Characters that other bytes than the secret's have a part in say nothing.
        text = base64.b64encode(bytes(skip) + secret)[(0, 2, 3)[skip]:(skip + len(secret)) * 8 // 6]
        # PEM breaks lines, a long secret's once: one half is whole.
        for half in (text[:len(text) // 2], text[len(text) // 2:]):
            yield half
            yield half.translate(bytes.maketrans(b"+/", b"-_"))


def spellings(secret):
    """Its bytes, also the other way round (as big numbers are kept), in hexadecimal and in base64."""
    found = {secret, secret[::-1], secret.hex().encode(), secret.hex().upper().encode()}
    return found | set(base64_of(secret))


def mappings(pid, marked=False):
    """(begin, end, name) of each mapping that a core file could hold; with those that are marked as not to be dumped."""
    left_out = {"io", "pf"} if marked else LEFT_OUT
    begin, end, name, readable = 0, 0, "", False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if match := MAPPING.match(line):
            begin, end, name = int(match[1], 16), int(match[2], 16), match[4]
            readable = match[3][0] == "r" and name not in ("[vvar]", "[vsyscall]", "[vvar_vclock]")
        elif line.startswith("VmFlags:") and readable and not left_out & set(line.split()[1:]):
            yield begin, end, name


def pages_of(pid, begin, end):
    """The spans of a mapping that have memory: what was never touched holds nothing."""
    with open(f"/proc/{pid}/pagemap", "rb") as pagemap:
        pagemap.seek(begin // 4096 * 8)
        entries = memoryview(pagemap.read((end - begin) // 4096 * 8)).cast("Q")
    first = None
    for number, entry in enumerate(entries):
        if entry >> 62 and first is None:
            first = number
        elif not entry >> 62 and first is not None:
            yield begin + first * 4096, begin + number * 4096
            first = None
    if first is not None:
        yield begin + first * 4096, begin + len(entries) * 4096


def image(pid, marked=False):
    """(address, name, bytes) of that memory, in pieces that overlap by a little."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end, name in mappings(pid, marked):
            for first, last in pages_of(pid, begin, end):
                for at in range(first, last, PIECE):
                    memory.seek(at)
                    try:
                        yield at, name, memory.read(min(last, at + PIECE + 256) - at)
                    except OSError:
                        break  # a device's, or unmapped since


def told(data, secrets):
    """The names of those of the secrets ({name: bytes}) that some bytes or a text have, in any spelling."""
    data = data.encode(errors="replace") if isinstance(data, str) else data
    return [name for name, secret in secrets.items() if any(s in data for s in spellings(secret))]


def found(pid, secrets, marked=False):
    """{name: places} of those of the secrets that the image has, as bytes or in hexadecimal: it is large."""
    places = {}
    for at, mapping, data in image(pid, marked):
        for name, secret in secrets.items():
            for needle in (secret, secret.hex().encode()):
                place = data.find(needle)
                if place >= 0:
                    places.setdefault(name, []).append(f"{at + place:#x} {mapping}")
    return places
