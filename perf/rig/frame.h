// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Frames for the rig: written whole, with right checksums, and read back. Any thread.

#include "core/buffer.h"
#include "pkt/packet.h"

struct frame {
	struct mac_address source_mac;
	struct mac_address destination_mac;
	uint16_t vlan;       // 0 = untagged
	struct flow_key key; // addresses, ports, protocol
	uint8_t hop_limit;   // 0 = 64
	uint8_t tcp_flags;
	uint32_t sequence; // host order
	uint32_t acknowledgement;
	uint16_t window;
	const uint8_t *options; // TCP options, a multiple of four bytes
	uint8_t options_length;
	uint32_t payload; // bytes; payload byte i is (seed + i) & 0xff
	uint8_t seed;
	const uint8_t *content; // the payload's first bytes, NULL = as above
	uint32_t content_length;
};

enum {
	FRAME_BYTES_MAX = 65535 + 18
};

// Writes the frame to out (FRAME_BYTES_MAX of room); returns its length in bytes.
uint32_t frame_write(const struct frame *frame, uint8_t *out);

// Copies bytes into a fresh buffer of source; NULL when it is exhausted.
struct buffer *frame_buffer(struct buffer_source *source, const uint8_t *bytes, uint32_t length);

// Parses a frame that came out and verifies every checksum in it. False when anything is wrong.
bool frame_read(const uint8_t *bytes, uint32_t length, struct packet *out);
