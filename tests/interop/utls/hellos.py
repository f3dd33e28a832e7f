# SPDX-License-Identifier: BSD-3-Clause
"""Two makers' hellos of a browser, byte by byte but for what each hello draws anew."""

import struct

from harness import LabError, check, check_equal

GREASE = 0x0a0a
KEY_SHARE, ECH = 51, 0xfe0d
# Lists of numbers in which GREASE may stand: bytes of the length in front.
LISTS = {10: 2, 43: 1}
SHUFFLED = {"chrome"}
# What uTLS leaves out, whose Firefox 148 keeps no sessions: the usual one offers to take tickets, behind the point
# formats, and says how it would use them, behind the signature schemes.
MISSING = {"firefox": [struct.pack("!HH", 35, 0), struct.pack("!HHBB", 45, 2, 1, 1)]}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        check(self.at <= len(self.data), "a field runs past its end")
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def vector(self, n):
        return self.take(self.number(n))

    def left(self):
        return len(self.data) - self.at


def is_grease(value):
    return value & 0x0f0f == GREASE and value >> 8 == value & 0xff


class Hello:
    """A record with a hello: what is fixed as bytes, and what was drawn."""

    def __init__(self, record, browser):
        self.drawn, self.grease = {}, {}
        record = Reader(record)
        self.fixed = [record.take(3)]
        message = Reader(record.vector(2))
        self.fixed.append(message.take(1))
        body = Reader(message.vector(3))
        check_equal((record.left(), message.left()), (0, 0), "bytes behind the hello")
        self.fixed.append(body.take(2))
        self.drawn["random"] = body.take(32)
        self.drawn["session id"] = body.vector(1)
        self.fixed += [self.numbers("suites", body.vector(2)), body.vector(1)]
        extensions, block = [], Reader(body.vector(2))
        while block.left():
            extensions.append(self.extension(block.number(2), block.vector(2)))
        check_equal(body.left(), 0, "bytes behind the extensions")
        if browser in SHUFFLED:
            self.drawn["order"] = b"".join(e[:2] for e in extensions)
            extensions[1:-1] = sorted(extensions[1:-1])
        self.fixed += extensions
        self.check_grease()

    def numbers(self, role, data):
        """A list of numbers with GREASE put right, its value kept for the role."""
        values = []
        for (value,) in struct.iter_unpack("!H", data):
            if is_grease(value):
                check(role not in self.grease, f"GREASE twice in {role}")
                self.grease[role] = value
                value = GREASE
            values.append(value)
        return struct.pack(f"!{len(values)}H", *values)

    def shares(self, data):
        out, shares = b"", Reader(Reader(data).vector(2))
        check_equal(len(data), 2 + len(shares.data), "bytes of key_share")
        while shares.left():
            group, share = self.numbers("shares", shares.take(2)), shares.vector(2)
            if int.from_bytes(group, "big") != GREASE:
                self.drawn[f"share {group.hex()}"], share = share, bytes(len(share))
            out += group + struct.pack("!H", len(share)) + share
        return out

    def ech(self, data):
        """A GREASE encrypted client hello; its cipher and the payload's length are drawn by some."""
        ech = Reader(data)
        fixed = ech.take(3)
        self.cipher = ech.number(2)
        self.drawn["ech config"] = ech.take(1)
        self.drawn["ech key"] = ech.vector(2)
        self.drawn["ech payload"] = ech.vector(2)
        check_equal(ech.left(), 0, "bytes behind the payload")
        return fixed + struct.pack("!H", len(self.drawn["ech key"]))

    def extension(self, kind, data):
        if is_grease(kind):
            role = f"extension {len([r for r in self.grease if r.startswith('extension')])}"
            self.grease[role], kind = kind, GREASE
        elif kind in LISTS:
            of = Reader(data)
            data = self.numbers(f"list {kind}", of.vector(LISTS[kind]))
            check_equal(of.left(), 0, "bytes behind a list")
        elif kind == KEY_SHARE:
            data = self.shares(data)
        elif kind == ECH:
            data = self.ech(data)
        return struct.pack("!HH", kind, len(data)) + data

    def check_grease(self):
        """A group's is its share's; no extension comes twice."""
        check_equal(self.grease.get("list 10"), self.grease.get("shares"), "GREASE of the group and of its share")
        extensions = [value for role, value in self.grease.items() if role.startswith("extension")]
        check_equal(len(set(extensions)), len(extensions), f"different greased extensions {extensions}")


def forms(hellos):
    """What hellos of one browser have in common, and the values of what is drawn from few."""
    first, last = hellos[0], hellos[-1]
    for one in hellos:
        check_equal(one.fixed, first.fixed, "the fixed part of hellos of one maker")
        check_equal(sorted(one.grease), sorted(first.grease), "roles of GREASE")
    check(all(first.drawn[what] != last.drawn[what] for what in first.drawn if what != "ech config"),
          "random bytes that two hellos share")
    return {"fixed": first.fixed, "grease": sorted(first.grease), "ciphers": {one.cipher for one in hellos},
            "lengths": {what: {len(one.drawn[what]) for one in hellos} for what in first.drawn},
            "same x25519": {one.drawn["share 001d"] == one.drawn["share 11ec"][-32:] for one in hellos}}


def compare(ours, theirs, browser):
    """LabError where our records and theirs differ in more than what each draws."""
    ours, theirs = (forms([Hello(record, browser) for record in records]) for records in (ours, theirs))
    for extension in MISSING.get(browser, ()):
        if extension not in ours["fixed"] or extension in theirs["fixed"]:
            raise LabError(f"extension {extension.hex()} is not ours alone")
        ours["fixed"].remove(extension)
    for i, (one, other) in enumerate(zip(ours["fixed"], theirs["fixed"])):
        check_equal(one.hex(), other.hex(), f"part {i} of the hello")
    check_equal(ours, theirs, "hellos")
