# SPDX-License-Identifier: BSD-3-Clause
"""`transparent = true`: what a client and a server see of each other through it is what they see with every packet
passed as it is (mode direct): lengths, flags, order, the kind of end, and the answer to the SYN."""

import contextlib
import socket
import struct
import threading
import time

from harness import (GATEWAY_C4, GATEWAY_C6, LISTEN, SERVER4, SERVER6, case, check, check_equal, close_hard, connect,
                     listener, receive_exactly, reset, upstream, wait_for)
from terminating import MODE, at, ending_clean

TOOL, CLOSED = 8001, 8002
TRANSPARENT = f'{MODE} transparent = true; tcp_profile = "linux";'
FLAGS = "FSRPAUEC"
ODD = (1, 517, 3, 2896, 700, 5000, 1, 1448, 2, 9999)


def segment_of(frame):
    """The IP header and the TCP segment of a frame, or None."""
    kind = struct.unpack("!H", frame[12:14])[0]
    if kind == 0x0800 and frame[23] == 6:
        ip = frame[14:14 + (frame[14] & 15) * 4]
        return ip, frame[14 + len(ip):14 + struct.unpack("!H", ip[2:4])[0]]
    if kind == 0x86dd and frame[20] == 6:
        ip = frame[14:54]
        return ip, frame[54:54 + struct.unpack("!H", ip[4:6])[0]]
    return None


def shape_of(segments, pushes=True):
    """Flags and lengths of all that is more than an acknowledgement and came for the first time, frames of many
    segments taken apart."""
    shown, seen = [], set()
    for ip, tcp in segments:
        flags = "".join(c for i, c in enumerate(FLAGS) if tcp[13] >> i & 1 and (pushes or c != "P"))
        length, full = len(tcp) - (tcp[12] >> 4) * 4, 1448 if ip[0] >> 4 == 4 else 1428
        if (tcp[4:8], length, flags) in seen:
            continue
        seen.add((tcp[4:8], length, flags))
        while length > full:
            shown.append((flags.replace("P", "").replace("F", ""), full))
            length -= full
        if flags != "A" or length > 0:
            shown.append((flags, length))
    return shown


class Wire:
    """What comes in at a namespace's interface and what leaves there, each TCP segment of a port."""

    def __init__(self, lab, role, port, side, device="eth0"):
        self.port, self.side, self.segments, self.left = port, side, [], []
        with lab.sockets(role):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((device, 3))
        self.socket.settimeout(0.1)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while not self.ended.is_set():
            with contextlib.suppress(TimeoutError):
                frame, where = self.socket.recvfrom(65536)
                segment = segment_of(frame)
                if segment:
                    self.take(segment, where[2] == socket.PACKET_OUTGOING)

    def take(self, segment, leaves):
        if struct.unpack("!HH", segment[1][:4])[self.side ^ leaves] == self.port:
            (self.left if leaves else self.segments).append(segment)

    def close(self):
        self.ended.set()
        self.thread.join()
        self.socket.close()

    def shape(self, left=False, pushes=True):
        return shape_of(self.left if left else self.segments, pushes)


def answer(segments):
    """Of a SYN-ACK, what does not differ from connection to connection."""
    ip, tcp = next((ip, tcp) for ip, tcp in segments if tcp[13] & 0x3f == 0x12)
    options, kinds = tcp[20:(tcp[12] >> 4) * 4], []
    while options:
        length = 1 if options[0] < 2 else options[1]
        kinds.append(options[:length].hex() if options[0] != 8 else "timestamps")
        options = options[length:]
    said = {"window": struct.unpack("!H", tcp[14:16])[0], "options": kinds}
    if ip[0] >> 4 == 4:
        said.update(id=ip[4:6].hex(), fragment=ip[6:8].hex(), tos=ip[1])
    return said


def numbers(segments):
    """IPv4 identifications behind the SYN-ACK, from the first of them."""
    ids = [struct.unpack("!H", ip[4:6])[0] for ip, tcp in segments if not tcp[13] & 2]
    return [(i - ids[0]) & 0xffff for i in ids]


def say(s, sizes):
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for size in sizes:
        s.sendall(b"x" * size)
        time.sleep(0.03)


def end_with_data(s, size):
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    s.sendall(b"e" * size)
    s.shutdown(socket.SHUT_WR)


def drain(s):
    with contextlib.suppress(OSError):
        while s.recv(65536):
            pass


def server_says(s):
    say(s, ODD)
    s.shutdown(socket.SHUT_WR)
    drain(s)


def client_says(s):
    say(s, ODD)
    s.shutdown(socket.SHUT_WR)
    drain(s)


def both_by_turns(s):
    for size in ODD:
        receive_exactly(s, size)
        s.sendall(b"y" * (size + 1))
    end_with_data(s, 10)
    drain(s)


def asks_by_turns(s):
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for size in ODD:
        s.sendall(b"q" * size)
        receive_exactly(s, size + 1)
    drain(s)
    end_with_data(s, 33)
    time.sleep(0.2)


def says_and_resets(s):
    say(s, (10, 1000))
    reset(s)


def closes_unread(s):
    time.sleep(0.3)
    s.close()


def leaves(s):
    s.shutdown(socket.SHUT_WR)
    s.close()


def speaks_to_nobody(s):
    time.sleep(0.3)
    s.sendall(b"anybody?")
    time.sleep(0.3)


# What each side does: the client, the server.
TALKS = {
    "the server's odd writes and its end": (drain, server_says),
    "the client's odd writes and its end": (client_says, drain),
    "requests and answers, ends with data": (asks_by_turns, both_by_turns),
    "the server's reset behind data": (drain, says_and_resets),
    "the client's reset behind data": (says_and_resets, drain),
    "a close with unread data": (lambda s: (say(s, (100,)), drain(s)), closes_unread),
    "data for a server that has gone": (speaks_to_nobody, leaves),
}


def hold(t, lab, talk, address, port):
    """One conversation; what came in at the client, and at the server."""
    over = threading.Event()

    def serve(connection):
        try:
            talk[1](connection)
        finally:
            connection.close()
            over.set()

    with lab.sockets("server"):
        door = socket.create_server(("::", TOOL), family=socket.AF_INET6, dualstack_ipv6=True)
    wires = Wire(lab, "client", port, 0), Wire(lab, "server", TOOL, 1)
    try:
        threading.Thread(target=lambda: serve(door.accept()[0]), daemon=True).start()
        s = connect(lab, address, port)
        with s, contextlib.suppress(OSError):
            talk[0](s)
        check(over.wait(10), "the server did not end")
        wait_for("the session to end", lambda: lab.query("session", "list")["total"] == 0)
        time.sleep(0.2)
    finally:
        close_hard(door)
        for wire in wires:
            wire.close()
    return wires


def transparent_lab(t, offloads="off"):
    lab, more = t.lab(), TRANSPARENT
    for role in ("client", "server"):
        lab.at(role, "ethtool", "-K", "eth0", "tso", offloads, "gso", offloads, "gro", offloads)
    # What most releases of Linux have: the window's scale follows from it.
    lab.at("server", "sysctl", "-qw", "net.ipv4.tcp_rmem=4096 131072 6291456")
    ways = {"direct4": (GATEWAY_C4, LISTEN, "four", ""), "through4": (GATEWAY_C4, LISTEN + 1, "four", more),
            "direct6": (GATEWAY_C6, LISTEN, "six", ""), "through6": (GATEWAY_C6, LISTEN + 1, "six", more),
            "closed4": (GATEWAY_C4, LISTEN + 2, "shut", more)}
    lab.start(lab.configuration(
        ", ".join(listener(name, "tcp", at(a, p), up, keys) for name, (a, p, up, keys) in ways.items()),
        ", ".join([upstream("four", at(SERVER4, TOOL), more='tcp_profile = "linux";'),
                   upstream("six", at(SERVER6, TOOL), more='tcp_profile = "linux";'),
                   upstream("shut", at(SERVER4, CLOSED))])))
    return lab


def compare(name, direct, through):
    """What arrives is what left the other end; but for PSH, which a kernel sets by the window that it sees, it is also
    what arrives in mode direct."""
    for end, a, b, other in zip(("client", "server"), direct, through, reversed(through)):
        check_equal(b.shape(), other.shape(left=True), f"{name}, what arrived at the {end}")
        check_equal(b.shape(pushes=False), a.shape(pushes=False), f"{name}, at the {end}, against mode direct")


@case(alone=True)
def transparent_segments_are_the_peers(t):
    """lengths, flags and order of what arrives are those of what left the other end, both families, every kind of end"""
    lab = transparent_lab(t)
    with ending_clean(lab):
        for address in (GATEWAY_C4, GATEWAY_C6):
            for name, talk in TALKS.items():
                direct, through = (hold(t, lab, talk, address, LISTEN + i) for i in (0, 1))
                compare(f"{name} ({address})", direct, through)


@case(alone=True)
def transparent_frames_are_cut_where_they_were(t):
    """with the kernels' offloads on, frames of many segments leave as the segments they stand for"""
    lab = transparent_lab(t, offloads="on")
    with ending_clean(lab):
        for name in ("the server's odd writes and its end", "the client's odd writes and its end"):
            direct, through = (hold(t, lab, TALKS[name], GATEWAY_C4, LISTEN + i) for i in (0, 1))
            compare(name, direct, through)
            check(all(len(tcp) <= 1480 for wire in through for _, tcp in wire.segments), "a frame of many arrived")


@case
def transparent_answer_is_linux(t):
    """tcp_profile linux: the SYN-ACK has the window, options and identification of this kernel's, and packets are numbered"""
    lab = transparent_lab(t)
    with ending_clean(lab):
        for address in (GATEWAY_C4, GATEWAY_C6):
            direct, through = (hold(t, lab, TALKS["the server's odd writes and its end"], address, LISTEN + i)
                               for i in (0, 1))
            check_equal(answer(through[0].segments), answer(direct[0].segments), f"SYN-ACK ({address})")
            if address == GATEWAY_C4:
                for wire in through:
                    check_equal(numbers(wire.segments), list(range(len(numbers(wire.segments)))), "identifications")


@case
def transparent_refusal_is_the_targets(t):
    """a closed port behind it is a closed port: the SYN is answered by a reset, and by nothing before"""
    lab = transparent_lab(t)
    wire = Wire(lab, "client", LISTEN + 2, 0)
    with ending_clean(lab):
        try:
            connect(lab, GATEWAY_C4, LISTEN + 2)
            check(False, "a connection to a closed port")
        except ConnectionRefusedError:
            pass
        time.sleep(0.1)
        wire.close()
        check_equal(wire.shape(), [("RA", 0)], "what came in")
        check_equal(len(wire.segments[0][1]), 20, "bytes of the reset's header")
