// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Datagrams put together again from their fragments (RFC 791 section 3.2, RFC 8200 section 4.5, RFC
// 5722, RFC 6946, RFC 3168 section 5.3). Worker thread only, but for _create and _destroy.
//
// The bytes of a datagram lie in buffers of 1,792 bytes each, whatever the size and order of its
// fragments, so what one datagram can hold is bounded by its length, and one bit for each 8 bytes
// tells what has come. Any overlap discards the whole datagram; a fragment that repeats another
// exactly is ignored.
//
// Bounds: REASSEMBLY_DATAGRAMS at once, REASSEMBLY_PER_SOURCE of one source and
// REASSEMBLY_SOURCE_BUFFERS buffers (sources that share one of 1,024 hashed counters share its
// bound), and `buffers` in all. Over a total bound the oldest datagram goes, so that a flood of
// first fragments does not keep others out for the whole timeout.

#include "core/stats.h"
#include "pkt/packet.h"

enum {
	REASSEMBLY_DATAGRAMS = 512,
	REASSEMBLY_PER_SOURCE = 32,
	REASSEMBLY_SOURCE_BUFFERS = 128,
	REASSEMBLY_CHUNK = 1792,      // datagram bytes a buffer
	REASSEMBLY_HEADERS_MAX = 128, // IP headers of the first fragment
};
#define REASSEMBLY_TIMEOUT_V4 (30 * USEC_PER_SECOND)
#define REASSEMBLY_TIMEOUT_V6 (60 * USEC_PER_SECOND)

struct reassembly;

struct reassembly_config {
	uint64_t seed;
	uint32_t buffers; // most held at once
	struct worker_stats *stats;
	struct buffer_source *source;
	void *context;
	// A datagram timed out whose first fragment came: frame is that fragment as it arrived, its
	// IP header at l3, for a time exceeded to its sender. Takes the frame. The fragments are
	// counted.
	void (*expired)(void *context, uint16_t netif, uint16_t l3, struct buffer *frame);
};

[[nodiscard]] int reassembly_create(
	const struct reassembly_config *config, struct reassembly **out);
// Gives every buffer back.
void reassembly_destroy(struct reassembly *r);

// Takes packet->buffer, kind PACKET_FRAGMENT. When it completes its datagram: returns it as a
// frame, the first fragment's link header before one IP header without traces of fragmentation, all
// headers contiguous in the first buffer; *largest is the IP length of its largest fragment. Else
// NULL: the fragment is kept, or dropped and counted.
[[nodiscard]] struct buffer *reassembly_input(
	struct reassembly *r, struct packet *packet, usec_t now, uint16_t *largest);

// Drops what is over its time, at most a few datagrams a call; returns how many.
uint32_t reassembly_tick(struct reassembly *r, usec_t now);
usec_t reassembly_next(const struct reassembly *r);

uint32_t reassembly_datagrams(const struct reassembly *r);
// Buffers held now, and the most there ever were.
uint32_t reassembly_buffers(const struct reassembly *r);
uint32_t reassembly_buffers_most(const struct reassembly *r);

// The worker that puts a fragment's datagram together: by (source, destination, identification), so
// that all its fragments agree, wherever they arrive. packet is of kind PACKET_FRAGMENT. Pure; any
// thread.
uint8_t reassembly_owner(const struct packet *packet, uint64_t seed, uint8_t worker_count);
