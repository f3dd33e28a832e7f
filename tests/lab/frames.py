# SPDX-License-Identifier: BSD-3-Clause
"""Packets made by hand, for what the kernel's own sockets would not send."""

import socket
import struct


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ethernet(destination, kind, payload):
    return bytes.fromhex(destination.replace(":", "")) + b"\x02\0\0\0\0\x01" + struct.pack("!H", kind) + payload


def ipv4(source, destination, protocol, payload, identification=1, fragment=0, hops=64):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification, fragment, hops, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    return header[:10] + struct.pack("!H", ones_sum(header)) + header[12:] + payload


def pseudo(source, destination, protocol, length):
    return socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, protocol, length)


def syn(source, destination, source_port, port, number):
    segment = struct.pack("!HHIIBBHHH", source_port, port, number, 0, 0x50, 2, 64240, 0, 0)
    checksum = ones_sum(pseudo(source, destination, 6, 20) + segment)
    return segment[:16] + struct.pack("!H", checksum) + segment[18:]


def udp(source, destination, source_port, port, data):
    head = struct.pack("!HHHH", source_port, port, 8 + len(data), 0)
    checksum = ones_sum(pseudo(source, destination, 17, 8 + len(data)) + head + data)
    return head[:6] + struct.pack("!H", checksum or 0xffff) + data
