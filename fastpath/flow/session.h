// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One relayed flow: three cache lines. Line 0 belongs to packets from the client, line 1 to packets
// from the target, line 2 to both. Keys live here once; the flow table refers to (session,
// direction) in 8 bytes. Private to flow/.

#include <netinet/in.h>

#include "core/base.h"
#include "flow/tracker.h"
#include "pkt/packet.h"

enum {
	SESSION_INDEX_NONE = UINT32_MAX
};

// Bits of session.flags.
enum {
	SESSION_IS_ANSWERED = 1u << 0,    // not in the lists of the unanswered
	SESSION_IS_LINGERING = 1u << 1,   // over: in the list of those that may be taken back
	SESSION_HAS_PORT = 1u << 2,       // its source port comes from a pool
	SESSION_COUNTED_SOURCE = 1u << 3, // counted against its client's share
	SESSION_TARGET_REPLIED = 1u << 4, // counted as answered by the target
	SESSION_CONNECT_FAILED = 1u << 5, // counted as such
	SESSION_CLIENT_ON_LINK = 1u << 6, // no gateway between: counted by its whole address
};

// A list link by session index.
struct session_link {
	uint32_t older;
	uint32_t newer;
};

// 64 bytes. key: as packets arrive on this leg. They leave as the other leg's key reversed.
struct session_leg {
	struct flow_key key;
	union {
		uint64_t bytes;           // transport payload received on this leg
		struct session_link pool; // leg 1 of an unanswered session: the pool's list
	};
	uint32_t packets;
	uint32_t neighbour;    // next hop of packets that leave on this leg
	uint16_t packets_high; // upper bits of packets
	uint16_t egress;       // interface on which packets leave on this leg
	uint16_t l3_delta;     // what rewriting adds to checksums of packets received on this leg
	uint16_t l4_delta;
};
static_assert(sizeof(struct session_leg) == 64);

struct nx_aligned_line session {
	struct session_leg leg[2]; // lines 0 and 1
	// Line 2.
	struct tracker tracker; // 40 bytes; of UDP the state, and what is below
	uint64_t opened : 48;   // usec_t
	uint64_t listener : 16; // slots
	union {
		// Answered and alive.
		struct {
			uint32_t last;          // time of the last packet, in ticks
			uint32_t round_trip_us; // client to target and back, of the handshake
		};
		struct session_link link; // unanswered or lingering, or free
	};
	uint16_t upstream;
	uint16_t target;
	uint32_t generation : 24; // counts uses of this index
	uint32_t flags : 8;
};
static_assert(sizeof(struct session) == 192);
static_assert(offsetof(struct session, tracker) == 128);

// A tick is 1,024 us: 32 bits of them last 50 days, and differences are taken modulo 2^32.
static inline uint32_t session_tick(usec_t now)
{
	return (uint32_t)(now >> 10);
}

// When `tick` was, seen from now.
static inline usec_t session_tick_time(uint32_t tick, usec_t now)
{
	return now - ((usec_t)(session_tick(now) - tick) << 10);
}

static inline usec_t session_last_packet(const struct session *s, usec_t now)
{
	return session_tick_time(s->last, now);
}

static inline uint64_t session_packets(const struct session_leg *leg)
{
	return ((uint64_t)leg->packets_high << 32) | leg->packets;
}

enum {
	// So many packets from the target confirm a UDP session whose client only listens.
	SESSION_UDP_CONFIRMED = 16
};

// Until a UDP session is confirmed its links lie where these are kept later, and the tracker is
// unused.
static inline uint32_t *session_udp_bytes(struct session *s)
{
	return &s->tracker.side[1].end;
}

static inline uint32_t *session_udp_round_trip(struct session *s)
{
	return &s->tracker.side[1].limit;
}

// When the target last sent, in ticks.
static inline uint32_t *session_udp_last(struct session *s)
{
	return &s->tracker.side[0].end;
}

static inline bool session_is_tcp(const struct session *s)
{
	return s->leg[0].key.protocol == IPPROTO_TCP;
}

// Transport payload that the target sent.
static inline uint64_t session_target_bytes(const struct session *s)
{
	if (s->flags & SESSION_IS_ANSWERED)
		return s->leg[1].bytes;
	return session_is_tcp(s) ? 0 : s->tracker.side[1].end;
}

// Of the handshake or the first exchange; 0 while unknown, and once the session is over.
static inline uint32_t session_round_trip_us(const struct session *s)
{
	if (s->flags & SESSION_IS_LINGERING)
		return 0;
	if (s->flags & SESSION_IS_ANSWERED)
		return s->round_trip_us;
	return session_is_tcp(s) ? 0 : s->tracker.side[1].limit;
}
