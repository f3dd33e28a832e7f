// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Makes a finished frame fit for the port it leaves by: partial checksums and frames that stand for
// many segments go to the port as they are where it can complete them, and are completed here where
// it cannot.

#include "core/drop.h"
#include "io/port.h"
#include "pkt/packet.h"

// The short way for a TCP packet of our own, whose sum the port is to complete or which it is to
// cut: true if it can, and the frame, ready as it stands, says so. False: nothing is changed, see
// offload_prepare. Worker.
bool offload_describe(const struct port *port, struct packet *p, uint32_t mtu);

// p is a frame with its link header written: data, length and offsets are right, all headers lie in
// the first buffer, which is writable. mtu: bytes of IP datagram on the way out. source gives the
// buffers of segments.
//
// Returns how many frames are in out: one (p's own buffer, or a copy in one piece for a port that
// takes no chains) or the segments; the packet's buffer is then spent. 0: *reason says why, and the
// buffer stays the caller's. TCP beyond mtu is cut whether it is marked or not; other kinds are
// DROP_IP_TOO_BIG, and more segments than room are DROP_TX_FULL. TCP segments as RFC 9293 has them:
// FIN and PSH on the last, CWR on the first (RFC 3168 6.1.2). Worker.
[[nodiscard]] uint16_t offload_prepare(const struct port *port, struct packet *p, uint32_t mtu,
	struct buffer_source *source, struct buffer **out, uint16_t room, enum drop_reason *reason);
