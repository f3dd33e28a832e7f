// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Frames for the tests of io/: built from scratch, and judged by a sum of their own.

#include "core/buffer.h"
#include "pkt/packet.h"

struct frame_shape {
	bool v6;
	bool tcp;
	bool vlan;
	bool udp_checksum;
	uint8_t tcp_options; // bytes, a multiple of four
	uint8_t flags;
	uint32_t payload;
};

enum {
	FRAME_BYTES_MAX = 65535 + 18
};

// Writes the frame with complete checksums; payload byte i is a function of i. Returns its length.
uint32_t frame_write(const struct frame_shape *shape, uint8_t *out);

// Puts the pseudo-header sum alone into the transport checksum, as a sender that leaves the rest to
// the device does.
void frame_make_partial(const struct frame_shape *shape, uint8_t *frame, uint32_t length);

// Offsets of a shape's headers.
uint32_t frame_l2(const struct frame_shape *shape);
uint32_t frame_l4(const struct frame_shape *shape);
uint32_t frame_payload(const struct frame_shape *shape);

// The payload byte at position i.
uint8_t frame_byte(uint32_t i);

// Whether lengths and checksums of a finished frame of this shape are right.
bool frame_is_right(const struct frame_shape *shape, const uint8_t *frame, uint32_t length);

// A chain of heap buffers with `piece` bytes each.
struct buffer *frame_chain(const uint8_t *frame, uint32_t length, uint32_t piece);

// The descriptor that the parser would make.
struct packet frame_packet(const struct frame_shape *shape, struct buffer *chain, uint32_t length);
