// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Frames made to order, with right checksums, each in a heap block of exactly its size so that a
// sanitizer sees any read beyond it.

#include "pkt/parse.h"

struct frame_spec {
	bool v6;
	bool vlan;
	uint8_t protocol;  // IPPROTO_TCP, _UDP, _ICMP or _ICMPV6
	uint8_t tcp_flags; // 0: ACK
	uint8_t tcp_options[40];
	uint8_t tcp_options_length; // multiple of 4
	uint8_t ip_options_length;  // IPv4: NOPs, multiple of 4
	uint16_t payload;           // bytes, filled with a pattern
	uint16_t padding;           // Ethernet padding after the datagram
};

struct frame {
	uint8_t *bytes;
	uint32_t length;
	uint16_t l3; // offsets
	uint16_t l4;
};

struct frame frame_make(const struct frame_spec *spec);
void frame_free(struct frame *frame);

// Writes the IPv4 header checksum anew after a test changed the header.
void frame_mend_ipv4(struct frame *frame);

// Parses a whole frame with the given offload bits.
enum parse_verdict frame_parse(const struct frame *frame, uint32_t offload, struct packet *p);

// Verifies the transport checksum of a parsed frame, believing no flag.
bool frame_checksum_is_right(const struct packet *p);
