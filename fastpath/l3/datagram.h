// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One incomplete datagram: its bytes, what is known of its headers and its end. Private to
// reassembly.

#include "core/buffer.h"
#include "l3/block_map.h"
#include "l3/reassembly.h"

enum {
	DATAGRAM_CHUNKS = (65535 + REASSEMBLY_CHUNK - 1) / REASSEMBLY_CHUNK,
	DATAGRAM_LINK_MAX = 18,
	DATAGRAM_HEADERS_ROOM = DATAGRAM_LINK_MAX + REASSEMBLY_HEADERS_MAX,
};

// A fragment as it arrived: offset and length of its data in the datagram's payload.
struct fragment {
	const struct packet *packet;
	uint32_t identification;
	uint32_t offset;
	uint32_t length;
	bool more;
	bool dont_fragment;
	uint8_t congestion; // ECN field
	bool v6;
};

struct datagram {
	struct ip_address source;
	struct ip_address destination;
	uint32_t identification;
	uint8_t protocol;        // IPv4; 0 in IPv6, where it is no part of the key
	bool dont_fragment;      // of the largest fragment
	uint8_t congestion_seen; // bit 1 << ECN field
	uint8_t congestion_first;
	uint16_t netif; // of the first fragment
	uint16_t port;
	uint16_t largest;      // IP length of the largest fragment
	uint16_t l3;           // of the first fragment
	uint16_t headers;      // bytes from its IP header to its data; 0 = it has not come
	uint16_t held;         // chunks held
	uint32_t first_length; // data of the first fragment
	uint32_t fragments;
	uint32_t received;
	uint32_t total; // payload bytes; 0 = the last fragment has not come
	usec_t started;
	struct buffer *chunks[DATAGRAM_CHUNKS];
	struct block_map map;
};

enum datagram_verdict {
	DATAGRAM_KEPT = 0,
	DATAGRAM_REPEATED,  // an exact copy of what was there
	DATAGRAM_OVERLAP,   // discard the datagram
	DATAGRAM_MALFORMED, // discard the datagram
	DATAGRAM_NO_BUFFER, // the fragment is lost; the datagram may still be completed by a copy
};

// What fragment a packet of kind PACKET_FRAGMENT is; the parser has checked its lengths.
struct fragment fragment_read(const struct packet *packet);

// Whether a first fragment has its transport header whole, and a second one begins beyond it (RFC
// 1858, RFC 3128, RFC 8200 section 4.5).
bool fragment_is_acceptable(const struct fragment *f);

// How many chunks a fragment adds.
uint32_t datagram_chunks_wanted(const struct datagram *d, const struct fragment *f);

// Copies a fragment in.
enum datagram_verdict datagram_add(
	struct datagram *d, const struct fragment *f, struct buffer_source *source);

bool datagram_is_complete(const struct datagram *d);

// The completed datagram as a frame, taken out of d. NULL if its headers and data exceed 65,535
// bytes or its ECN fields contradict each other: then all stays in d.
struct buffer *datagram_take(struct datagram *d);

// The first fragment as it arrived (at most a chunk of its data), taken out of d, which has it.
struct buffer *datagram_take_first(struct datagram *d);

// Gives all chunks back.
void datagram_discard(struct datagram *d, struct buffer_source *source);
