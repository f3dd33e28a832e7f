// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Follows one TCP connection from the middle: states and windows, without buffering. Every segment
// of both ends passes here, so what the tracker knows is never behind what an end knows. Pure: no
// time, no packets, no memory of its own. RFC 9293, 5961 (blind resets), 6191 (TIME_WAIT).

#include "core/control.h"
#include "pkt/packet.h"

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

// An acknowledgement may lag this far behind what the other side has sent even where windows are
// small: reordering, and ends that shrank their window.
#define ACKNOWLEDGEMENT_LAG 65535u
// The largest that scaling allows (RFC 7323 2.3).
#define WINDOW_MAX (UINT32_C(1) << 30)

static inline uint32_t tracker_side_window(const struct tracker_side *side)
{
	return (uint32_t)side->window << side->scale;
}

// Whether [sequence, end) may be sent by `from` as far as `to` has granted.
static inline bool tracker_is_in_window(const struct tracker_side *from,
	const struct tracker_side *to, uint32_t sequence, uint32_t end)
{
	// Starts no further than the right edge, where a window probe starts; an acknowledgement
	// without data one further, after a probe that was lost. What was sent once counts as sent.
	uint32_t right = from->limit + (sequence == end);

	if (sequence_after(sequence, right) && sequence_after(sequence, from->end))
		return false;
	// Ends no more than one window before what was acknowledged: else it is old. One more for
	// keepalives, which repeat the last number. Not counted from what was sent: a forged
	// segment at the window's right edge would then put all that is really under way out of
	// bounds.
	return !sequence_before(end, to->acknowledged - tracker_side_window(to) - 1);
}

// Bounds the lag by what this side acknowledged before, for the same reason.
static inline bool tracker_is_acknowledgement_in_window(
	const struct tracker_side *from, const struct tracker_side *to, uint32_t acknowledgement)
{
	uint32_t window = tracker_side_window(from);
	uint32_t lag = window > ACKNOWLEDGEMENT_LAG ? window : ACKNOWLEDGEMENT_LAG;

	return !sequence_after(acknowledgement, to->end) &&
	       !sequence_before(acknowledgement, from->acknowledged - lag - 1);
}

// What an acknowledgement tells of the side that sent it and of what the other may send. window:
// scaled.
static inline void tracker_take_acknowledgement(struct tracker_side *from, struct tracker_side *to,
	uint32_t acknowledgement, uint32_t window)
{
	if (sequence_after(acknowledgement, from->acknowledged))
		from->acknowledged = acknowledgement;
	if (sequence_after(acknowledgement + window, to->limit))
		to->limit = acknowledgement + window;
}

// Begins a connection with the client's SYN. Any thread.
void tracker_open(struct tracker *t, const struct tracker_segment *syn);

// One segment, direction 0 from the client, 1 from the target. Changes *t only when the verdict is
// TRACKER_PASS.
enum tracker_verdict tracker_input(
	struct tracker *t, unsigned int direction, const struct tracker_segment *segment);

// The way of nearly all segments: the next in order, data or not, with an acknowledgement no older
// than the last, that changes no state. True: it passes, and *t is as tracker_input would leave it.
// False: *t is untouched, and tracker_input judges.
static inline bool tracker_input_plain(
	struct tracker *t, size_t direction, const struct tracker_segment *segment)
{
	struct tracker_side *from = &t->side[direction];
	struct tracker_side *to = &t->side[direction ^ 1];
	uint32_t end = segment->sequence + segment->payload;
	uint32_t right = segment->acknowledgement + ((uint32_t)segment->window << from->scale);

	if (t->state != SESSION_ESTABLISHED ||
		(segment->flags & (TCP_FLAG_SYN | TCP_FLAG_FIN | TCP_FLAG_RST | TCP_FLAG_ACK)) !=
			TCP_FLAG_ACK)
		return false;
	// A difference beyond any window is a number before.
	if (segment->sequence != from->end || end - to->acknowledged > WINDOW_MAX ||
		segment->acknowledgement - from->acknowledged > WINDOW_MAX ||
		sequence_after(segment->acknowledgement, to->end))
		return false;
	from->end = end;
	from->acknowledged = segment->acknowledgement;
	if (segment->window > from->window)
		from->window = segment->window;
	if (sequence_after(right, to->limit))
		to->limit = right;
	return true;
}

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
