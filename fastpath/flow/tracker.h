// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Follows one TCP connection from the middle: states and windows, without buffering. Every segment
// of both ends passes here, so what the tracker knows is never behind what an end knows. Pure: no
// time, no packets, no memory of its own. RFC 9293, 5961 (blind resets), 6191 (TIME_WAIT).

#include "core/control.h"

// Bits of tracker_side.flags.
enum {
	TRACKER_SYN = 1u << 0,       // this side sent a SYN
	TRACKER_SYN_ACKED = 1u << 1, // and the other acknowledged it
	TRACKER_FIN = 1u << 2,
	TRACKER_FIN_ACKED = 1u << 3,
};

// Bits of tracker.flags.
enum {
	TRACKER_SCALE_CLIENT = 1u << 0, // the client's SYN carried a window scale option
	TRACKER_TARGET_WAITS = 1u << 1, // the target may be in TIME_WAIT after the close
	TRACKER_RESET_BY_TARGET = 1u << 2,
	TRACKER_TIMESTAMPS = 1u << 3,   // the client's SYN carried timestamps
	TRACKER_SYNS_CROSSED = 1u << 4, // the client acknowledged a SYN of the target's early
};

// What one side has sent. Sequence numbers in host order, compared modulo 2^32. A SYN and a FIN
// each take one number. Invariants: end <= limit + what the sender overshot; acknowledged <=
// other.end.
struct tracker_side {
	uint32_t end;          // one past the highest number sent
	uint32_t limit;        // right edge of the window that the other side granted
	uint32_t acknowledged; // highest acknowledgement sent: what it expects next
	uint16_t window;       // largest window it advertised, before scaling
	uint8_t scale;         // of its own window, 0 to 14
	uint8_t flags;
};

// 40 bytes, the first part of a session's third cache line.
struct tracker {
	struct tracker_side side[2]; // [0] client, [1] target
	uint16_t retransmissions[2]; // stop at 65,535
	uint8_t state;               // enum session_state
	uint8_t flags;
	uint16_t routed; // not the tracker's: see session_follow_routes
};
static_assert(sizeof(struct tracker) == 40);

struct tracker_segment {
	uint32_t sequence;
	uint32_t acknowledgement;
	uint32_t payload; // bytes of data
	uint16_t window;  // as on the wire, host order
	uint8_t flags;    // TCP_FLAG_*
	// Of a SYN's options:
	bool has_scale;
	bool has_timestamp;
	uint8_t scale;
	uint32_t timestamp;
};

enum tracker_verdict {
	TRACKER_PASS = 0,
	TRACKER_OUT_OF_WINDOW, // not part of this connection: drop
	TRACKER_BAD_STATE,     // no end in this state sends such a segment: drop
	TRACKER_REOPEN,        // a SYN that begins a new connection over a finished one
};

static inline bool sequence_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool sequence_after(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a) < 0;
}

// Begins a connection with the client's SYN. Any thread.
void tracker_open(struct tracker *t, const struct tracker_segment *syn);

// One segment, direction 0 from the client, 1 from the target. Changes *t only when the verdict is
// TRACKER_PASS.
enum tracker_verdict tracker_input(
	struct tracker *t, unsigned int direction, const struct tracker_segment *segment);

// Whether an end in TIME_WAIT, which expects `end` next and last saw timestamp `last` (if it saw
// one), must take this SYN as a new connection: RFC 9293 section 3.10.7.4, RFC 6191 section 2.
bool tracker_time_wait_accepts(
	const struct tracker_segment *syn, uint32_t end, bool has_last, uint32_t last);

// Whether sequence lies in what this side has outstanding: the check for the segment embedded in an
// ICMP error (RFC 5927 section 4.1).
bool tracker_is_outstanding(const struct tracker *t, unsigned int direction, uint32_t sequence);

// Whether the handshake is complete.
static inline bool tracker_is_answered(const struct tracker *t)
{
	return t->state >= SESSION_ESTABLISHED;
}
