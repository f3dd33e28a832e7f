# SPDX-License-Identifier: BSD-3-Clause
"""What a prober sees of a server, and whether two ways to it can be told apart by that.

A probe is held several times each way. What chance may do to a server's segments it does on the way that leads straight
to it, too: whatever is seen through us must have been seen there, and what is usual there must be seen through us.
"""

import collections
import concurrent.futures
import contextlib
import os
import queue
import socket
import struct
import subprocess
import threading
import time

from cases_terminate_transparent import Wire, answer, shape_of
from harness import LabError, connect, reset, run

QUIET = 0.3     # silence behind something said means that nothing more comes
ANSWER = 1.0    # by when an answer begins
FULL = 1448     # bytes of a segment, IPv4 with timestamps
PATIENCE = 2    # of targets with a handshake, where they can be told
TALKS = 5       # each way
ROUNDS = 4      # of as many more, before two ways are said to differ
USUAL = 0.75    # a share of talks that makes what is seen in them usual
STRAIGHT_CLIENT, STRAIGHT_SERVER = "10.9.0.1", "10.9.0.2"


def record(kind, body, version=b"\3\3"):
    return bytes([kind]) + version + struct.pack("!H", len(body)) + body


CCS = record(20, b"\1")
SEALED = record(23, bytes(53))
# What somebody says who holds a hello and not its keys, behind the server's flight.
ABUSES = {
    "garbage": b"\xff" * 40,
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "a sealed record that opens under no key": SEALED,
    "change_cipher_spec and such a record": CCS + SEALED,
    "change_cipher_spec and garbage": CCS + b"\xff" * 40,
    "16 of change_cipher_spec": CCS * 16,
    "17 of change_cipher_spec and garbage": CCS * 17 + b"\xff" * 40,
    "32 of change_cipher_spec": CCS * 32,
    "33 of change_cipher_spec": CCS * 33,
    "34 of change_cipher_spec": CCS * 34,
    "an alert in the clear": record(21, b"\2\x28"),
    "close_notify in the clear": record(21, b"\1\0"),
    "a handshake record in the clear": record(22, bytes(36)),
    "an empty record": record(23, b""),
    "a record of 16 bytes": record(23, bytes(16)),
    "the begin of a record that is too long": record(23, bytes(16641))[:1000],  # a close meets chance parts of the rest
    "a record of another version": record(23, bytes(53), b"\3\1"),
    "a record of another kind": record(99, bytes(53)),
    "a malformed change_cipher_spec": record(20, b"\2"),
    "half a record": SEALED[:30],
    "nothing": b"",
}

Seen = collections.namedtuple("Seen", "stages segments records")


class Tap(Wire):
    """All of TCP at an interface of the client's, by connection: what came in, and what left."""

    def __init__(self, lab, device):
        self.flows, self.lock = {}, threading.Lock()
        super().__init__(lab, "client", 0, 0, device)

    def take(self, segment, leaves):
        source, destination = struct.unpack("!HH", segment[1][:4])
        key = (source, destination) if leaves else (destination, source)
        with self.lock:
            self.flows.setdefault(key, ([], []))[leaves].append(segment)

    def taken(self, near, far):
        """Those of a connection, by its ports; they are forgotten."""
        with self.lock:
            return self.flows.pop((near, far), ([], []))

    def newest(self, far):
        """The ports of the newest connection to that port."""
        with self.lock:
            return [key for key in self.flows if key[1] == far][-1]


def stream_of(segments):
    """The bytes that segments carry, in order, from behind the SYN to the first gap."""
    pieces, at = {}, None
    for _, tcp in segments:
        sequence, payload = struct.unpack("!I", tcp[4:8])[0], tcp[(tcp[12] >> 4) * 4:]
        if tcp[13] & 2:
            at = sequence + 1 & 0xffffffff
        elif len(payload) > len(pieces.get(sequence, b"")):
            pieces[sequence] = payload
    out = b""
    while at in pieces:
        out += pieces[at]
        at = at + len(pieces[at]) & 0xffffffff
    return out


def uncrossed(came, left):
    """What came, but for bare resets behind a reset: each answers an acknowledgement that crossed it.

    A target's kernel says so too to whatever comes for a connection that it has reset. Straight, over a link without any
    delay, the acknowledgement is there before the reset leaves; over every way that takes time it is not."""
    acknowledged = {tcp[8:12] for _, tcp in left}
    kept, over = [], False
    for ip, tcp in came:
        flags = tcp[13] & 0x3f
        if not (over and flags == 0x04 and tcp[4:8] in acknowledged):
            kept.append((ip, tcp))
        over = over or bool(flags & 0x04)
    return kept


def segments_of(came):
    """Their flags and lengths. On a full one a kernel sets PSH by what it has in hand when it sends it."""
    return tuple((flags.replace("P", "") if length >= FULL else flags, length) for flags, length in shape_of(came))


def server_hello(message, opening):
    """What does not differ from handshake to handshake: all but the random and the keys."""
    identity = message[39:39 + message[38]]
    at = 39 + message[38]
    shown = [len(identity), identity in opening, message[4:6].hex(), message[at:at + 3].hex()]
    at += 5
    while at + 4 <= len(message):
        kind, length = struct.unpack("!HH", message[at:at + 4])
        data = message[at + 4:at + 4 + length]
        shown.append((kind, length, (data[:4] if kind == 51 else data).hex()))
        at += 4 + length
    return tuple(shown)


def records_of(stream, opening):
    """Kinds and lengths of records that answer to an opening, and what a ServerHello says; of what is none, how long it is."""
    shown = []
    while stream:
        if stream[0] not in range(20, 24) or len(stream) < 5:
            return (*shown, ("no record", len(stream)))
        kind, length = stream[0], struct.unpack("!H", stream[3:5])[0]
        body, stream = stream[5:5 + length], stream[5 + length:]
        shown.append((kind, length, len(body) - length))
        if kind == 22 and body[:1] == b"\2" and len(body) > 74:
            shown.append(server_hello(body, opening))
    return tuple(shown)


def heard(s, first=ANSWER, quiet=QUIET):
    """What comes until there is silence, in bytes, and which end that is."""
    count, wait = 0, first
    while True:
        s.settimeout(wait)
        try:
            data = s.recv(65536)
        except TimeoutError:
            return count, "silence"
        except OSError:
            return count, "reset"
        if not data:
            return count, "end"
        count, wait = count + len(data), quiet


def say(s, data):
    with contextlib.suppress(OSError):
        s.settimeout(5)
        s.sendall(data)


def shut(s):
    with contextlib.suppress(OSError):
        s.shutdown(socket.SHUT_WR)


def leave_at_once(s, then):
    """Ends behind the last byte."""
    say(s, then)
    shut(s)
    return heard(s),


def leave_later(s, then):
    """Ends when there is nothing more to hear."""
    say(s, then)
    last = heard(s, QUIET)
    time.sleep(0.1)  # an end right behind what a closed target resets is another probe
    shut(s)
    return last, heard(s)


def leave_late(s, then):
    """Goes on to speak, whatever has come."""
    say(s, then)
    last = heard(s, QUIET)
    for _ in range(2):
        say(s, b"\xff")
        time.sleep(0.1)
    return last, heard(s, QUIET)


def leave_by_reset(s, then):
    say(s, then)
    last = heard(s, QUIET)
    reset(s)
    return last,


def leave_never(s, then):
    """Waits for the other to lose patience."""
    say(s, then)
    return heard(s, PATIENCE + 1, PATIENCE + 1),


class Hellos:
    """Hellos with a tag that a server knows, as our client makes them."""

    def __init__(self, build, name, public, short_id):
        self.words = build / "tests/interop/xray/reality-peer", "client", name, public, short_id

    def fresh(self, browser="chrome", **other):
        """One that nobody has seen yet; other: another name, public or short_id than usual."""
        program, verb, *usual = self.words
        words = [other.get(key, value) for key, value in zip(("name", "public", "short_id"), usual)]
        with socket.create_server(("127.0.0.1", 0)) as door:
            door.settimeout(5)
            child = subprocess.Popen([program, verb, str(door.getsockname()[1]), *words, browser],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                connection, _ = door.accept()
                with connection:
                    connection.settimeout(5)
                    hello = b""
                    while len(hello) < 5 or len(hello) < 5 + struct.unpack("!H", hello[3:5])[0]:
                        data = connection.recv(65536)
                        if not data:
                            raise LabError("our client sent no hello")
                        hello += data
            finally:
                child.kill()
                child.wait()
        return hello

    def leaving(self, s):
        """A client that gives up behind the answer, given its socket: the alert that it seals, which is yet to be said."""
        program, _, *usual = self.words
        with subprocess.Popen([program, "leaver", *usual, "chrome"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            s.sendall(os.read(child.stdout.fileno(), 65536))
            flight = b""
            with contextlib.suppress(TimeoutError):
                while data := s.recv(65536):
                    flight += data
                    s.settimeout(QUIET)
            child.stdin.write(flight)
            child.stdin.close()
            return child.stdout.read()

    def tampered(self):
        """One whose tag does not open."""
        hello = self.fresh()
        return hello[:75] + bytes([hello[75] ^ 1]) + hello[76:]


Way = collections.namedtuple("Way", "address ports tap")


class Prober:
    """Holds talks with a lab's server, some at once: straight and through nexpathd.

    A lane has a port each way, that of the server and that of the listener before it."""

    def __init__(self, lab, address, straight, through, device="eth0"):
        self.lab = lab
        self.lanes = queue.Queue()
        for lane in range(len(straight)):
            self.lanes.put(lane)
        self.pool = concurrent.futures.ThreadPoolExecutor(len(straight))
        self.ways = {"straight": Way(STRAIGHT_SERVER, straight, Tap(lab, "straight")),
                     "through": Way(address, through, Tap(lab, device))}

    def close(self):
        self.pool.shutdown()
        for way in self.ways.values():
            way.tap.close()

    def talk(self, name, opening, then, leave):
        """Opens, hears the answer, says `then` and leaves.

        opening makes the first bytes; where `then` is None it talks itself, given the socket, and makes what follows."""
        way, lane = self.ways[name], self.lanes.get()
        try:
            first = opening() if then is not None else None
            with self.lab.sockets("client"):
                s = socket.socket()
            with s:
                s.settimeout(5)
                s.connect((way.address, way.ports[lane]))
                began, ports = time.monotonic(), (s.getsockname()[1], way.ports[lane])
                if then is None:
                    then = opening(s)
                    answer = heard(s)[1]
                else:
                    say(s, first)
                    answer = heard(s)
                stages = answer, *leave(s, then)
                if leave is leave_never:
                    stages = *stages, f"{round(2 * (time.monotonic() - began)) / 2} s"
            time.sleep(0.15)
        finally:
            self.lanes.put(lane)
        came, left = way.tap.taken(*ports)
        return Seen(stages, segments_of(uncrossed(came, left)), records_of(stream_of(came), stream_of(left)))

    def answer(self, name):
        """What the SYN-ACK says, but for what differs from connection to connection."""
        way = self.ways[name]
        with connect(self.lab, way.address, way.ports[0]) as s:
            time.sleep(0.1)
            return answer(way.tap.taken(s.getsockname()[1], way.ports[0])[0])

    def hello_on_the_wire(self, name, port):
        """The first record of the newest connection of anybody to that port."""
        tap = self.ways[name].tap
        said = stream_of(tap.taken(*tap.newest(port))[1])
        return said[:5 + struct.unpack("!H", said[3:5])[0]]

    def begin(self, *words):
        return [self.pool.submit(self.talk, *words) for _ in range(TALKS)]

    def compare(self, what, opening, then=b"", leave=leave_later, straight=None):
        """Both ways must be alike; straight: what opens on the way that leads straight to it, if it is something else."""
        ways = {"straight": ("straight", straight or opening, then, leave), "through": ("through", opening, then, leave)}
        begun = {way: self.begin(*words) for way, words in ways.items()}
        seen = {way: [one.result() for one in talks] for way, talks in begun.items()}
        return agree(what, seen, lambda way: [one.result() for one in self.begin(*ways[way])])


def agree(what, seen, again):
    """What was seen, by way, must be alike; again(way) is some talks more."""
    for _ in range(ROUNDS):
        missing = difference(**seen)
        if missing is None:
            return seen
        # Straight in any case: what a moment's load does to all of its talks at once is not what is usual there.
        for way in {"straight", missing}:
            seen[way] += again(way)
    if difference(**seen) is not None:
        strange = set(seen["through"]) - set(seen["straight"])
        through = [one for one in seen["through"] if one in strange] or seen["through"]
        raise LabError(f"{what}: through us {told(through)}, but straight {told(seen['straight'])}")
    return seen


def usual_of(seen):
    """What is seen in most talks, if there is such a thing."""
    most, count = collections.Counter(seen).most_common(1)[0]
    return most if count >= USUAL * len(seen) else None


def difference(straight, through):
    """The way on which what was seen on the other is missing; None where none is."""
    if set(through) - set(straight):
        return "straight"
    usual = usual_of(straight)
    return "through" if usual and usual not in through else None


def told(seen):
    """What is seen most, in words."""
    return "; ".join(f"{count} of {len(seen)} times {list(one.stages)} {list(one.segments)} {list(one.records)}"
                     for one, count in collections.Counter(seen).most_common(2))


def link_straight(lab):
    """A link between client and server past nexpathd; every segment of it and of the other is seen as it travels."""
    run("ip", "-n", lab.namespace("client"), "link", "add", "straight", "type", "veth", "peer", "name", "straight",
        "netns", lab.namespace("server"))
    for role, address in (("client", STRAIGHT_CLIENT), ("server", STRAIGHT_SERVER)):
        run("ip", "-n", lab.namespace(role), "addr", "add", f"{address}/24", "dev", "straight")
        run("ip", "-n", lab.namespace(role), "link", "set", "straight", "up")
        for device in ("straight", "eth0"):
            lab.at(role, "ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off")
