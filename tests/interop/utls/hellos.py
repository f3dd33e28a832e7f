# SPDX-License-Identifier: BSD-3-Clause
"""Our hellos beside uTLS's of the same browser, byte by byte but for what each hello draws anew.

Ours are Chrome 156's and Firefox 159's, the newest of uTLS Chrome 133's and Firefox 148's: what the browsers changed
between them, and what uTLS leaves out, is NEWER, and nothing else may differ.
"""

import struct

from harness import LabError, check, check_equal

GREASE = 0x0a0a
KEY_SHARE, ECH = 51, 0xfe0d
# Lists of numbers in which GREASE may stand: bytes of the length in front.
LISTS = {10: 2, 13: 2, 43: 1}
SHUFFLED = {"chrome"}

ANCHORS = bytes.fromhex(
    "0582df130201" "0582df130206" "0582df13020d" "0582df13020e" "0582df13020f" "0582df130212" "0582df130213"
    "0582df130214" "08839a648c9b2d0107" "08839a648c9b2d0108" "08839a648c9b2d0109" "08839a648c9b2d010a"
    "08839a648c9b2d010b" "08839a648c9b2d010c" "08839a648c9b2d010d" "08839a648c9b2d0112" "08839a648c9b2d0113"
    "04d6790901" "04d6790904" "04d6790905" "04d6790906" "04d6790907" "04d6790908" "04d679090a" "04d679090b"
    "04d679090c" "04d679090d" "04d679090f")
# Parts of the hello, as ours has them and as uTLS has, None where it has none.
NEWER = {
    "chrome": [
        # GREASE and ML-DSA stand first among the signature schemes.
        ("000d00180a0a090409050906" "04030804040105030805050108060601", "000d0010" "04030804040105030805050108060601"),
        # It names the roots that it trusts (trust_anchors).
        ("ca3400ba00b8" + ANCHORS.hex(), None),
    ],
    "firefox": [
        # Without ECDSA's suites in CBC mode and without groups of finite fields.
        ("130113031302c02bc02fcca9cca8c02cc030" "c013c014009c009d002f0035",
         "130113031302c02bc02fcca9cca8c02cc030" "c00ac009" "c013c014009c009d002f0035"),
        ("000a000a11ec001d001700180019", "000a000e11ec001d00170018001901000101"),
        # uTLS's keeps no sessions: the usual one offers to take tickets, and says how it would use them.
        ("00230000", None),
        ("002d00020101", None),
    ],
}
# Roles of GREASE that are new, and the length of what stands for Firefox's encrypted client hello, ours and uTLS's.
NEW_ROLES = {"chrome": ["list 13"]}
PAYLOADS = {"firefox": (240, 239)}


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


def made_older(ours, theirs, browser):
    """Ours with what is newer in it taken out; LabError where it does not stand there."""
    for part, other in ((bytes.fromhex(one), other and bytes.fromhex(other)) for one, other in NEWER[browser]):
        check(part in ours["fixed"], f"no {part.hex()} in our hello")
        check(other is None or other in theirs["fixed"], f"no {other and other.hex()} in uTLS's hello")
        at = ours["fixed"].index(part)
        ours["fixed"][at:at + 1] = [other] if other else []
    for role in NEW_ROLES.get(browser, ()):
        ours["grease"].remove(role)
    if browser in PAYLOADS:
        one, other = PAYLOADS[browser]
        check_equal(ours["lengths"]["ech payload"], {one}, "lengths of our payload")
        ours["lengths"]["ech payload"] = {other}
    if browser in SHUFFLED:  # its types, of which ours has more
        for side in (ours, theirs):
            del side["lengths"]["order"]


def compare(ours, theirs, browser):
    """LabError where our records and theirs differ in more than what each draws, and what is newer in ours."""
    ours, theirs = (forms([Hello(record, browser) for record in records]) for records in (ours, theirs))
    made_older(ours, theirs, browser)
    check_equal(len(ours["fixed"]), len(theirs["fixed"]), "parts of the hello")
    for i, (one, other) in enumerate(zip(ours["fixed"], theirs["fixed"])):
        check_equal(one.hex(), other.hex(), f"part {i} of the hello")
    check_equal(ours, theirs, "hellos")
