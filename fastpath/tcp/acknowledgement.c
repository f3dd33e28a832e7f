// SPDX-License-Identifier: BSD-3-Clause
// Acknowledgements: RFC 9293 3.10.7.4, fifth, and what they tell of windows, loss and round trips.
#include "tcp/congestion.h"
#include "tcp/engine_impl.h"

static bool refuse(struct tcp_segment *s, enum drop_reason reason)
{
	s->reason = reason;
	return false;
}

// RFC 9293 3.10.7.4, and what repeats old text but acknowledges more than ever: it is newer than
// all that acknowledged less, and without its window the edge would move where it never was
// offered.
static void window_update(struct tcp_connection *c, const struct tcp_segment *s)
{
	uint32_t window = s->window << c->send_scale;

	if (s->is_overtaken || seq_before(s->acknowledgement, c->snd_una))
		return;
	if (!seq_before(c->snd_wl1, s->sequence) && !seq_before(c->snd_wl2, s->acknowledgement) &&
		!(c->snd_wl1 == s->sequence && c->snd_wl2 == s->acknowledgement))
		return;
	c->snd_wnd = window;
	if (window > c->snd_wnd_max)
		c->snd_wnd_max = window;
	c->snd_wl1 = seq_later(c->snd_wl1, s->sequence);
	c->snd_wl2 = s->acknowledgement;
}

static bool syn_received_acknowledged(
	struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	if (s->acknowledgement != c->snd_nxt) {
		segment_refuse(e, s);
		return refuse(s, DROP_TCP_BAD_ACKNOWLEDGEMENT);
	}
	c->snd_una = s->acknowledgement;
	c->snd_wnd = c->snd_wnd_max = s->window << c->send_scale;
	c->snd_wl1 = s->sequence;
	c->snd_wl2 = s->acknowledgement;
	handshake_round_trip(e, c, s);
	handshake_complete(e, c);
	return true;
}

// RFC 5681 2 (a) to (e).
static bool is_duplicate(const struct tcp_connection *c, const struct tcp_segment *s)
{
	return s->acknowledgement == c->snd_una && s->length == 0 && c->snd_una != c->snd_nxt &&
	       !(s->flags & (TCP_FLAG_SYN | TCP_FLAG_FIN)) &&
	       s->window << c->send_scale == c->snd_wnd;
}

// Without SACK each duplicate says that one more segment arrived (RFC 5681 3.2, RFC 6582): it
// counts as if one were reported, which lets new data out for it (RFC 3042).
static void duplicate_input(
	struct tcp_connection *c, const struct tcp_segment *s, struct tcp_ack *ack)
{
	uint32_t outstanding = c->snd_nxt - c->snd_una;
	uint32_t missing;

	if ((c->flags & TCP_HAS_SACK) || ack->acked > 0 || !is_duplicate(c, s))
		return;
	// What is missing was not reported. It is longer than a segment where these have shrunk.
	missing = c->send_head ? u32_max(c->send_head->length, c->mss) : c->mss;
	c->duplicate_acks += c->duplicate_acks < UINT8_MAX;
	if (c->sacked_bytes + c->lost_bytes + c->mss + missing <= outstanding) {
		c->sacked_bytes += c->mss;
		ack->sacked += c->mss;
		ack->delivered += c->mss;
		c->delivered += c->mss;
	}
	if (c->duplicate_acks == DUPLICATE_THRESHOLD && c->send_head && c->recovery == TCP_OPEN) {
		entry_mark_lost(c, c->send_head);
		ack->lost += c->mss;
	}
}

// RFC 6582 3.2: an acknowledgement that ends within the window in recovery names the next hole.
static void partial_without_sack(struct tcp_connection *c, struct tcp_ack *ack)
{
	uint32_t counted = u32_min(c->sacked_bytes, ack->delivered);

	if (c->flags & TCP_HAS_SACK)
		return;
	// The duplicates have told of these (RFC 6937 3). In recovery an acknowledgement must be
	// worth the next hole's segment all the same.
	if (c->recovery == TCP_OPEN) {
		ack->delivered -= counted;
		c->delivered -= counted;
	}
	c->duplicate_acks = 0;
	c->sacked_bytes = 0;
	if (c->recovery == TCP_RECOVERY && seq_before(c->snd_una, c->loss.high) && c->send_head &&
		!(tcp_entry(c->send_head)->marks & (TCP_MARK_LOST | TCP_MARK_RETRANSMITTED))) {
		entry_mark_lost(c, c->send_head);
		ack->lost += c->mss;
	}
}

static void fin_acknowledged(struct tcp_engine *e, struct tcp_connection *c)
{
	event_raise(e, c, TCP_EVENT_SENT_ALL);
	switch (c->state) {
	case TCP_FIN_WAIT_1:
		state_set(e, c, TCP_FIN_WAIT_2);
		life_update(e, c);
		return;
	case TCP_CLOSING:
		time_wait_enter(e, c);
		return;
	case TCP_LAST_ACK:
		connection_done(e, c);
		return;
	default:
		return;
	}
}

static void advance(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s,
	struct tcp_ack *ack)
{
	ack->prior_una = c->snd_una;
	if (!seq_before(c->snd_una, s->acknowledgement))
		return;
	ack->acked = s->acknowledgement - c->snd_una;
	c->snd_una = s->acknowledgement;
	c->large_lost = 0;
	c->stuck_since = engine_tick(e);
	send_queue_release(e, c, ack);
	c->delivered += ack->delivered;
	partial_without_sack(c, ack);
	path_mtu_acknowledged(e, c);
	timer_clear(c, TCP_TIMER_LOSS);
}

static void round_trip_input(struct tcp_engine *e, struct tcp_connection *c,
	const struct tcp_segment *s, struct tcp_ack *ack)
{
	uint32_t rtt_us;

	// A repaired hole lets old segments be acknowledged: their age is no round trip.
	if (ack->retransmitted)
		ack->rtt_us = 0;
	rtt_us = ack->rtt_us;
	// Good enough for a timeout, too coarse for congestion control.
	if (rtt_us == 0 && ack->acked > 0 && (c->flags & TCP_HAS_TIMESTAMPS) && s->has_timestamps &&
		s->echo != 0) {
		uint32_t steps = timestamp_now(e, c) - s->echo;

		if (steps < RTT_MAX / TIMESTAMP_STEP_US)
			rtt_us = steps * TIMESTAMP_STEP_US + 1;
	}
	if (rtt_us == 0)
		return;
	// RFC 6298 5: only a measurement ends the backing off, or every timeout that is too short
	// for the path would be followed by another (Karn).
	c->backoff = 0;
	rtt_sample(e, c, rtt_us);
}

static void writable_check(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t bound = profile_of(e, c)->send_memory;

	if (!(c->flags & TCP_WAS_FULL) || c->send_held > bound - bound / 3)
		return;
	c->flags &= ~(uint32_t)TCP_WAS_FULL;
	event_raise(e, c, TCP_EVENT_WRITABLE);
}

// Nothing is out and all is well: such an acknowledgement, which rides on text from a peer that is
// sent nothing, can tell of the window alone.
static bool tells_window_only(const struct tcp_connection *c, const struct tcp_segment *s)
{
	uint32_t header = s->has_timestamps ? 32 : 20;

	return c->snd_una == c->snd_nxt && s->acknowledgement == c->snd_una &&
	       c->recovery == TCP_OPEN && c->loss_mode != TCP_LOSS_REORDER &&
	       !(c->flags & (TCP_FIN_SENT | TCP_PROBE_SENT)) && !(s->flags & TCP_FLAG_ECE) &&
	       s->packet->tcp_header_length <= header;
}

// What an acknowledgement lets happen next.
static void carry_on(struct tcp_engine *e, struct tcp_connection *c)
{
	loss_timer_arm(e, c);
	if (c->unsent || c->lost_bytes > c->retransmitted_bytes || (c->flags & TCP_FIN_QUEUED))
		flush_add(e, c);
}

bool acknowledgement_input(struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	uint32_t in_flight = tcp_in_flight(c);
	struct tcp_ack ack;

	if (c->state == TCP_SYN_RECEIVED && !syn_received_acknowledged(e, c, s))
		return false;
	// RFC 5961 5.2.
	if (seq_before(c->snd_nxt, s->acknowledgement) ||
		seq_before(s->acknowledgement, c->snd_una - c->snd_wnd_max)) {
		segment_challenge(e, c);
		return refuse(s, DROP_TCP_BAD_ACKNOWLEDGEMENT);
	}
	if (tells_window_only(c, s)) {
		window_update(c, s);
		writable_check(e, c);
		carry_on(e, c);
		return true;
	}
	ack = (struct tcp_ack){.prior_in_flight = in_flight};
	ack.ece = (s->flags & TCP_FLAG_ECE) && (c->flags & TCP_HAS_ECN);
	advance(e, c, s, &ack);
	if (c->flags & TCP_HAS_SACK)
		sack_input(e, c, s, &ack);
	else
		duplicate_input(c, s, &ack);
	window_update(c, s);
	round_trip_input(e, c, s, &ack);
	if (ack.delivered > 0)
		c->delivered_at = engine_time(e);
	ack.rate_delivered = c->delivered - ack.round_delivered;
	rack_detect(e, c, &ack);
	recovery_acknowledged(e, c, s, &ack);
	writable_check(e, c);
	if ((c->flags & TCP_FIN_SENT) && c->snd_una == c->snd_nxt) {
		bool over = c->state == TCP_CLOSING || c->state == TCP_LAST_ACK;

		fin_acknowledged(e, c);
		if (over)
			return refuse(s, DROP_NONE);
	} else if (c->snd_una == c->snd_end && ack.acked > 0) {
		event_raise(e, c, TCP_EVENT_SENT_ALL);
	}
	carry_on(e, c);
	return true;
}
