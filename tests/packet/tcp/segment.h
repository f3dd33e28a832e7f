// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One TCP segment as the values of its header, to and from frames; the payload of a stream is a
// pattern that depends on the position, so that whoever receives it sees what is missing.

#include "core/buffer.h"
#include "pkt/packet.h"

enum {
	SEGMENT_SACK_MOST = 4,
	SEGMENT_RAW_MOST = 40,
	SEGMENT_ETHERNET_BYTES = 14,
};

struct segment_range {
	uint32_t from;
	uint32_t to;
};

struct segment {
	struct flow_key key;
	uint32_t sequence;
	uint32_t acknowledgement;
	uint32_t length;   // of the payload
	uint32_t position; // of the payload in its stream, for the pattern
	uint16_t window;
	uint16_t urgent;
	uint8_t flags;
	uint8_t ecn;       // of the IP header
	uint8_t dscp;      // likewise
	uint8_t hop_limit; // written as 64 when 0
	uint8_t reserved;  // the bits that are to be 0
	uint8_t raw_bytes; // of raw
	uint16_t mss;
	uint8_t scale;
	bool has_mss;
	bool has_scale;
	bool sack_permitted;
	bool has_timestamps;
	uint32_t timestamp;
	uint32_t timestamp_echo;
	uint8_t sack_count;
	struct segment_range sack[SEGMENT_SACK_MOST];
	uint8_t raw[SEGMENT_RAW_MOST]; // written after the options above, zeros to the next word
	// Only read: the kinds of all options in order, the IPv4 identification.
	uint8_t kinds[SEGMENT_RAW_MOST];
	uint8_t kind_count;
	uint16_t packet_id;
};

// The byte at a position of every stream.
static inline uint8_t segment_pattern(uint64_t position)
{
	return (uint8_t)(position * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

// A frame on the heap with whole checksums.
struct buffer *segment_write(const struct segment *segment);

// Puts an Ethernet header in front of an IP packet, in its headroom.
void segment_wrap(struct buffer *packet, bool v6);

// Parses a frame and verifies its checksums; false where it is no whole TCP segment. The buffer
// stays the caller's.
[[nodiscard]] bool segment_parse(struct buffer *frame, struct packet *out);
// Reads the values of a parsed segment; the payload is compared with the pattern later.
void segment_read(const struct packet *packet, struct segment *out);

// What no segment of ours may have, in words, NULL when all is well: RFC 9293 3.1 (reserved bits,
// zeros as padding) and 3.7.1 (MSS on a SYN only), RFC 7323 2.2 (scale on a SYN only), RFC 3168
// 6.1.4 (ECT on what carries no data).
const char *segment_fault(const struct packet *packet, const struct segment *segment);

// Whether the payload is the pattern from `position` on.
bool segment_payload_is(const struct packet *packet, uint64_t position);

// "SA 0+0 ack 1 win 65535 ..." with sequence numbers relative to the bases; returns out.
const char *segment_print(const struct segment *segment, uint32_t sequence_base,
	uint32_t acknowledgement_base, char *out, size_t size);
