// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Cutting a datagram into fragments (RFC 791 section 3.2, RFC 8200 section 4.5). Worker thread.

#include "core/buffer.h"

enum {
	FRAGMENT_MTU_MIN = 68,
	FRAGMENT_MTU_MIN_V6 = 1280
};

struct fragment_job {
	const struct buffer *frame; // link header, IP header, and the rest, maybe in a chain
	uint16_t l3;                // offset of the IP header
	uint32_t mtu;               // most bytes of an IP packet, at least FRAGMENT_MTU_MIN
	uint32_t identification;    // IPv4: the low 16 bits
	struct buffer_source *buffers;
};

// Whether an IPv4 packet may be cut: no DF.
bool fragment_is_allowed(const struct buffer *frame, uint16_t l3);

// Makes the next fragment, a frame in one fresh buffer. *at is where its data begins in the
// datagram's payload: 0 at first, and moved on. Returns NULL when all is done (*at is then the
// payload's length), when the buffers are exhausted, or when the headers leave no room in the MTU.
// Copies; the frame stays as it is. In an IPv6 datagram the fragment header follows the hop-by-hop
// and routing headers.
struct buffer *fragment_next(const struct fragment_job *job, uint32_t *at);

// Length of the datagram's payload that is cut; 0 for a malformed header.
uint32_t fragment_payload(const struct fragment_job *job);

struct l3;

// Sends a frame whole if it fits the MTU, else in fragments under an identification of their own.
// An MTU below what every path carries counts as that: 68 bytes, 1,280 in IPv6.
// Takes the frame. An IPv6 frame is cut too: the caller sends only datagrams that a fragment header
// may be put on (its own, and reassembled ones).
void l3_send_or_fragment(
	struct l3 *l3, uint16_t port, struct buffer *frame, uint16_t l3_offset, uint32_t mtu);
