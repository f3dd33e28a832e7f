// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One relayed flow: three cache lines. Line 0 belongs to packets from the client, line 1 to packets
// from the target, line 2 to both. Keys live here once; the flow table refers to (session,
// direction) in 8 bytes. A datagram over IPv4 that changes no state touches its own line only, a
// TCP segment over IPv4 line 2 as well, a packet over IPv6 all three. Private to flow/.

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

// The key of a leg over IPv4, and what its packets need, in the bytes that are the same in every
// IPv4-mapped address. Ports and protocol lie where struct flow_key has them.
struct session_leg4 {
	be32 out[2];   // addresses with which packets of this leg leave: source, destination
	uint32_t last; // time of the last packet, in ticks; the newest of both legs' and the
		       // session's counts
	be32 source;
	uint32_t ports_out;
	uint16_t listener; // slots, as in the session
	uint16_t target;
	// The session is answered and alive and follows the routes of the snapshot with this mark
	// (session_mark); 0: look at the session.
	uint16_t mark;
	uint16_t unused;
	be32 destination;
	be16 source_port;
	be16 destination_port;
	uint8_t protocol;
	uint8_t is_v4; // true, where struct flow_key has a zero
	uint8_t zero[2];
};
static_assert(sizeof(struct session_leg4) == sizeof(struct flow_key));
static_assert(offsetof(struct session_leg4, source_port) == offsetof(struct flow_key, source_port));
static_assert(offsetof(struct session_leg4, protocol) == offsetof(struct flow_key, protocol));
static_assert(offsetof(struct session_leg4, is_v4) == offsetof(struct flow_key, zero));

// 64 bytes. key: as packets arrive on this leg; over IPv4 its ports and protocol only, read the
// whole by session_key. They leave as the other leg's key reversed.
struct session_leg {
	union {
		struct flow_key key;
		struct session_leg4 v4;
	};
	union {
		uint64_t bytes;           // transport payload received on this leg
		struct session_link pool; // leg 1 of an unanswered session: the pool's list
	};
	uint32_t packets;
	uint32_t neighbour;    // next hop of packets received on this leg
	uint16_t packets_high; // upper bits of packets
	uint16_t egress;       // interface on which packets received on this leg leave
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
			uint32_t last;          // see session_last
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

static inline bool session_is_v4(const struct session *s)
{
	return s->leg[0].v4.is_v4;
}

static inline struct flow_key session_key(const struct session *s, unsigned int leg)
{
	const struct session_leg4 *v4 = &s->leg[leg].v4;

	if (!session_is_v4(s))
		return s->leg[leg].key;
	return (struct flow_key){
		.source = ip_address_from_v4(v4->source),
		.destination = ip_address_from_v4(v4->destination),
		.source_port = v4->source_port,
		.destination_port = v4->destination_port,
		.protocol = v4->protocol,
	};
}

// Whether a packet with this key arrives on this leg.
static inline bool session_leg_is(const struct session_leg *leg, const struct flow_key *key)
{
	uint64_t own; // ports, protocol and family
	uint64_t wanted;

	if (!ip_address_is_v4(&key->source))
		return flow_key_equal(&leg->key, key);
	memcpy(&own, &leg->v4.source_port, sizeof(own));
	memcpy(&wanted, &key->source_port, sizeof(wanted));
	static_assert(
		offsetof(struct session_leg4, is_v4) - offsetof(struct session_leg4, source_port) ==
		5);
	return own == (wanted | htole64(UINT64_C(1) << 40)) &&
	       leg->v4.source == key->source.words[3] &&
	       leg->v4.destination == key->destination.words[3];
}

// When the last packet of an answered session came, in ticks.
static inline uint32_t session_last(const struct session *s, usec_t now)
{
	uint32_t tick = session_tick(now);
	uint32_t last = s->last;

	if (!session_is_v4(s))
		return last;
	for (unsigned int d = 0; d < 2; d++)
		if (tick - s->leg[d].v4.last < tick - last)
			last = s->leg[d].v4.last;
	return last;
}

// Brings the three notes of it in line. At least every 25 days, or an old one would pass for new.
static inline uint32_t session_last_settle(struct session *s, usec_t now)
{
	s->last = session_last(s, now);
	if (session_is_v4(s))
		s->leg[0].v4.last = s->leg[1].v4.last = s->last;
	return s->last;
}

static inline usec_t session_last_packet(const struct session *s, usec_t now)
{
	return session_tick_time(session_last(s, now), now);
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
