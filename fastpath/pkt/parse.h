// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// From the bytes of a frame to struct packet. Nothing is read beyond the contiguous bytes given,
// and every length that a peer wrote is checked before it is used. Pure functions, any thread.

#include "pkt/checksum.h"
#include "pkt/packet.h"

// Each value but PARSE_OK stands for the drop reason of the same name (core/drop.h).
enum parse_verdict {
	PARSE_OK = 0,
	PARSE_L2_TRUNCATED,
	PARSE_L2_UNKNOWN_TYPE,
	PARSE_ARP_MALFORMED,
	PARSE_IP_TRUNCATED,
	PARSE_IP_BAD_HEADER,
	PARSE_IP_BAD_CHECKSUM,
	PARSE_IP_BAD_OPTION,
	PARSE_IP_SPOOFED,
	PARSE_FRAGMENT_MALFORMED,
	PARSE_L4_TRUNCATED,
	PARSE_L4_BAD_HEADER,
	PARSE_L4_BAD_CHECKSUM,
	PARSE_VERDICT_COUNT,
};

// What the port said about the frame: bits of parse_context.offload. A port that calls a checksum
// bad is not believed either: software looks again.
enum {
	PARSE_IP_GOOD = 1u << 0,    // the IPv4 header checksum is right
	PARSE_L4_GOOD = 1u << 1,    // the TCP or UDP checksum is right
	PARSE_L4_PARTIAL = 1u << 2, // the field holds the pseudo-header sum only
	PARSE_SEGMENTED = 1u << 3,  // to be cut at segment_size on transmit
};

// The flags of struct packet that the port's word decides.
static inline uint16_t parse_offload_flags(uint32_t offload)
{
	uint16_t flags = 0;

	if (offload & PARSE_L4_GOOD)
		flags |= PACKET_CHECKSUM_GOOD;
	if (offload & PARSE_L4_PARTIAL)
		flags |= PACKET_CHECKSUM_PARTIAL;
	if (offload & PARSE_SEGMENTED)
		flags |= PACKET_SEGMENTED;
	return flags;
}

struct parse_context {
	uint8_t *data;         // first byte of the Ethernet header
	uint32_t contiguous;   // bytes readable at data; all headers must lie within
	uint32_t frame;        // bytes of the whole frame, at least contiguous
	uint32_t offload;      // PARSE_* bits
	uint16_t segment_size; // with PARSE_SEGMENTED
};

static inline uint16_t parse_segment_size(const struct parse_context *c)
{
	return c->offload & PARSE_SEGMENTED ? c->segment_size : 0;
}

// Enough contiguous bytes for any header that is not hostile: a caller with a chain whose first
// buffer is shorter than both this and the frame pulls that much together first.
enum {
	PARSE_HEADERS_WANTED = 18 + 60 + 60
};

// Fills all of *p but buffer and netif, which are the caller's and stay untouched. On any verdict
// but PARSE_OK kind is PACKET_NONE and the rest is filled as far as the parser came. Ethernet
// padding is cut from p->length only: the caller trims the buffer. PACKET_FRAGMENT: ip_protocol is
// the datagram's, payload the offset of the fragment's data; in IPv6 the fragment header is the 8
// bytes before it. PACKET_IP_OTHER: l4 is where the IP payload begins. A UDP length below the IP
// payload's is let through; p->length then counts the surplus too. TCP and UDP checksums are not
// looked at (packet_checksum_verify). RFC 791, 8200, 9293, 768, 5095, 6864.
enum parse_verdict packet_parse(struct packet *p, const struct parse_context *context);

// Verifies the TCP, UDP, ICMP or ICMPv6 checksum of a parsed packet in software, unless its flags
// say that it is good or partial; other kinds pass. spans cover the frame from p->data on, and may
// be longer than p->length. IPv4 UDP without a checksum passes, in IPv6 it does not (RFC 8200 8.1).
// With may_be_partial a TCP or UDP field equal to the pseudo-header sum sets
// PACKET_CHECKSUM_PARTIAL. PARSE_OK or PARSE_L4_BAD_CHECKSUM.
enum parse_verdict packet_checksum_verify(struct packet *p, const struct checksum_span *spans,
	uint32_t span_count, bool may_be_partial);

// Writes the TCP, UDP, ICMP or ICMPv6 checksum from scratch over the same kind of spans; the field
// itself lies in p->data. Clears PACKET_CHECKSUM_PARTIAL.
void packet_checksum_fill(struct packet *p, const struct checksum_span *spans, uint32_t span_count);
