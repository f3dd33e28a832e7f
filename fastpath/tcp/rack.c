// SPDX-License-Identifier: BSD-3-Clause
// Loss detection by time (RFC 8985): a segment is lost if one sent later was delivered and a
// round-trip time plus a reordering window has passed since it was sent. A probe turns a loss at
// the tail, which nothing follows, into one that can be seen.
#include "tcp/engine_impl.h"

enum {
	PROBE_MIN_US = 10000, // RFC 8985 7.2, for a timer of finite grain
	PROBE_DELAYED_ACK_US = 200000,
	REORDER_ROUNDS = 16,
	REORDER_MULTIPLIER_MAX = 16,
};

// Whether the segment (sent, end) left after what RACK last saw delivered; the sequence number
// decides between those of one instant.
static bool sent_after(uint32_t sent_a, uint32_t end_a, uint32_t sent_b, uint32_t end_b)
{
	return seq_before(sent_b, sent_a) || (sent_a == sent_b && seq_before(end_b, end_a));
}

// RFC 8985 6.2, steps 1 to 3.
void rack_delivered(struct tcp_connection *c, struct buffer *b, uint32_t now)
{
	struct tcp_entry *t = tcp_entry(b);
	uint32_t rtt = now - t->sent;
	uint32_t end = tcp_entry_end(b);

	if (t->transmissions > 1) {
		// An answer this early is to an earlier transmission.
		if (rtt < c->rack.minimum_us)
			return;
	} else {
		if (c->rack.minimum_us == 0 || rtt < c->rack.minimum_us)
			c->rack.minimum_us = rtt ? rtt : 1;
		// Delivered below what was delivered, sent once: it was overtaken.
		if (seq_before(end, c->rack.highest) && c->rack.has_sample)
			c->flags |= TCP_RACK_REORDERED;
	}
	if (!c->rack.has_sample || seq_before(c->rack.highest, end))
		c->rack.highest = end;
	if (c->rack.has_sample && !sent_after(t->sent, end, c->rack.sent, c->rack.end))
		return;
	c->rack.has_sample = true;
	c->rack.sent = t->sent;
	c->rack.end = end;
	c->rack.rtt_us = rtt;
}

// RFC 8985 6.2 step 4: each round with a duplicate report widens the window, once.
void rack_dsack(struct tcp_connection *c)
{
	if (c->rack.dsack_open && seq_before(c->snd_una, c->rack.dsack_round))
		return;
	c->rack.dsack_open = true;
	c->rack.dsack_round = c->snd_nxt;
	if (c->rack.reorder_multiplier < REORDER_MULTIPLIER_MAX)
		c->rack.reorder_multiplier++;
	c->rack.reorder_persist = REORDER_ROUNDS;
}

static uint32_t reorder_window(const struct tcp_connection *c)
{
	uint32_t window;

	// In recovery, or with a window's worth of reports, waiting only delays the repair.
	if (!(c->flags & TCP_RACK_REORDERED) &&
		(c->recovery != TCP_OPEN ||
			c->sacked_bytes >= (uint32_t)DUPLICATE_THRESHOLD * c->mss))
		return 0;
	window = (c->rack.reorder_multiplier + 1u) * (c->rack.minimum_us / 4);
	return u32_min(window, c->srtt_us / 8);
}

void rack_detect(struct tcp_engine *e, struct tcp_connection *c, struct tcp_ack *ack)
{
	uint32_t window = reorder_window(c);
	uint32_t now = engine_time(e);
	uint32_t wait = 0;
	struct buffer *b;

	if (!c->rack.has_sample || !(c->flags & TCP_HAS_SACK))
		return;
	while ((b = c->sent.head) != NULL) {
		struct tcp_entry *t = tcp_entry(b);
		int32_t remaining = (int32_t)(t->sent + c->rack.rtt_us + window - now);

		if (!sent_after(c->rack.sent, c->rack.end, t->sent, tcp_entry_end(b)))
			break;
		// Those behind were sent later: their time comes with the next look.
		if (remaining > 0) {
			wait = (uint32_t)remaining;
			break;
		}
		ack->lost += b->length;
		entry_mark_lost(c, b);
	}
	if (wait > 0) {
		c->loss_mode = TCP_LOSS_REORDER;
		timer_set(e, c, TCP_TIMER_LOSS, wait);
	} else if (c->loss_mode == TCP_LOSS_REORDER) {
		timer_clear(c, TCP_TIMER_LOSS);
		c->loss_mode = TCP_LOSS_RTO;
	}
}

// RFC 8985 7.2.
static bool probe_is_due(const struct tcp_connection *c)
{
	return (c->flags & TCP_HAS_SACK) && (c->flags & TCP_RTT_KNOWN) && c->recovery == TCP_OPEN &&
	       !(c->flags & TCP_PROBE_SENT) && c->sacked_bytes == 0 && c->backoff == 0 &&
	       c->send_head != c->unsent;
}

static usec_t probe_timeout(const struct tcp_engine *e, const struct tcp_connection *c)
{
	usec_t timeout = c->srtt_us / 4;

	// The peer may sit on the acknowledgement of a lone segment.
	if (c->snd_nxt - c->snd_una <= c->mss)
		timeout += PROBE_DELAYED_ACK_US;
	else
		timeout += PROBE_MIN_US;
	return u64_min(timeout, rto_of(e, c));
}

static void arm(
	struct tcp_engine *e, struct tcp_connection *c, enum tcp_loss_mode mode, usec_t delay)
{
	c->loss_mode = mode;
	timer_set(e, c, TCP_TIMER_LOSS, delay);
}

void loss_timer_arm(struct tcp_engine *e, struct tcp_connection *c)
{
	if (timer_is_set(c, TCP_TIMER_LOSS) && c->loss_mode == TCP_LOSS_REORDER)
		return;
	if (c->snd_una == c->snd_nxt) {
		// Nothing comes back by itself: ask for a window (RFC 9293 3.8.6.1).
		if (c->unsent || ((c->flags & TCP_FIN_QUEUED) && !(c->flags & TCP_FIN_SENT))) {
			if (timer_is_set(c, TCP_TIMER_LOSS) && c->loss_mode == TCP_LOSS_PERSIST)
				return;
			c->stuck_since = engine_tick(e);
			arm(e, c, TCP_LOSS_PERSIST, rto_of(e, c));
		} else {
			timer_clear(c, TCP_TIMER_LOSS);
		}
		return;
	}
	// RFC 8985 7.2: new data and acknowledgements of new data stop it first. A duplicate does
	// not put it off.
	if (probe_is_due(c)) {
		if (!timer_is_set(c, TCP_TIMER_LOSS) || c->loss_mode != TCP_LOSS_PROBE)
			arm(e, c, TCP_LOSS_PROBE, probe_timeout(e, c));
		return;
	}
	// RFC 6298 5.1: runs on if it runs; acknowledgements of new data stop it first (5.3).
	if (!timer_is_set(c, TCP_TIMER_LOSS) || c->loss_mode != TCP_LOSS_RTO)
		arm(e, c, TCP_LOSS_RTO, rto_of(e, c));
}

// The last segment that was sent, in an entry of its own if there is a buffer for it.
static struct buffer *last_segment(struct tcp_engine *e, struct tcp_connection *c)
{
	struct buffer *last = c->unsent ? tcp_entry(c->unsent)->previous : c->send_tail;
	struct buffer *first;

	if (last == NULL || last->length <= c->mss || tcp_entry_end(last) - c->snd_una <= c->mss)
		return last;
	first = entry_divide(e, c, last, last->length - c->mss);
	return first ? tcp_entry(first)->next : last;
}

// RFC 8985 7.3: new data where there is some, else the last segment again.
static void probe_send(struct tcp_engine *e, struct tcp_connection *c)
{

	struct buffer *last;

	tcp_count(e, tail_loss_probes);
	c->flags |= TCP_PROBE_SENT;
	c->flags &= ~(uint32_t)TCP_PROBE_REXMIT;
	if (!output_send_one_new(e, c) && (last = last_segment(e, c)) != NULL) {
		c->flags |= TCP_PROBE_REXMIT;
		output_retransmit(e, c, last);
	}
	c->probe_end = c->snd_nxt;
	arm(e, c, TCP_LOSS_RTO, rto_of(e, c));
}

static bool give_up(struct tcp_engine *e, struct tcp_connection *c, usec_t time)
{
	if (time < profile_of(e, c)->user_timeout_ms * USEC_PER_MILLISECOND)
		return false;
	segment_send_reset(e, c, false);
	connection_fail(e, c, ETIMEDOUT);
	return true;
}

static usec_t stuck(const struct tcp_engine *e, const struct tcp_connection *c)
{
	return (usec_t)(engine_tick(e) - c->stuck_since) << TICK_SHIFT;
}

// For how long a shut window counts against its peer: not where it answered what was asked last,
// for it may stay shut as long as it likes (RFC 9293 3.8.6.1). Once the user has let go nobody else
// would end it, and it counts all (RFC 6429 3).
static usec_t shut(const struct tcp_engine *e, const struct tcp_connection *c)
{
	uint32_t now = engine_tick(e);
	uint32_t ticks = u32_min(now - c->last_heard, now - c->stuck_since);
	usec_t silent = (usec_t)ticks << TICK_SHIFT;

	if (!(c->flags & TCP_IS_OWNED))
		return stuck(e, c);
	return silent > rto_of(e, c) * 5 / 4 ? silent : 0;
}

// R2 of RFC 9293 3.8.3: how long without progress. What the window was shut over is its probe.
static bool gave_up(struct tcp_engine *e, struct tcp_connection *c)
{
	return give_up(e, c, c->snd_wnd == 0 ? shut(e, c) : stuck(e, c));
}

// R1 of RFC 9293 3.8.3: the way that was found is forgotten, whoever transmits looks for one anew,
// and the user hears of it.
static void advise(struct tcp_engine *e, struct tcp_connection *c)
{
	if (c->backoff != RETRANSMISSIONS_R1)
		return;
	c->way = 0;
	connection_trouble(e, c, ETIMEDOUT);
}

static void persist_expired(struct tcp_engine *e, struct tcp_connection *c)
{
	if (give_up(e, c, shut(e, c)))
		return;
	c->backoff += c->backoff < BACKOFF_MAX;
	output_probe_window(e, c);
	if (c->snd_una == c->snd_nxt)
		arm(e, c, TCP_LOSS_PERSIST, rto_of(e, c));
}

static void handshake_expired(struct tcp_engine *e, struct tcp_connection *c)
{
	const struct tcp_profile *p = profile_of(e, c);
	uint8_t most = c->state == TCP_SYN_RECEIVED && p->retries_syn > 1 ? p->retries_syn - 1
									  : p->retries_syn;

	if (c->backoff >= most) {
		connection_fail(e, c, ETIMEDOUT);
		return;
	}
	c->backoff++;
	c->flags |= TCP_SYN_SENT_AGAIN;
	advise(e, c);
	tcp_count(e, retransmission_timeouts);
	segment_send_syn(e, c);
	arm(e, c, TCP_LOSS_RTO, rto_of(e, c));
}

static void reorder_expired(struct tcp_engine *e, struct tcp_connection *c)
{
	struct tcp_ack ack = {.prior_in_flight = tcp_in_flight(c), .prior_una = c->snd_una};
	struct tcp_segment none = {.acknowledgement = c->snd_una};

	c->loss_mode = TCP_LOSS_RTO;
	rack_detect(e, c, &ack);
	recovery_acknowledged(e, c, &none, &ack);
	loss_timer_arm(e, c);
	flush_add(e, c);
}

void loss_timer_expired(struct tcp_engine *e, struct tcp_connection *c)
{
	if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED) {
		handshake_expired(e, c);
		return;
	}
	switch ((enum tcp_loss_mode)c->loss_mode) {
	case TCP_LOSS_PROBE:
		probe_send(e, c);
		return;
	case TCP_LOSS_REORDER:
		reorder_expired(e, c);
		return;
	case TCP_LOSS_PERSIST:
		persist_expired(e, c);
		return;
	case TCP_LOSS_RTO:
		break;
	}
	if (c->snd_una == c->snd_nxt || gave_up(e, c))
		return;
	tcp_count(e, retransmission_timeouts);
	c->backoff += c->backoff < BACKOFF_MAX;
	advise(e, c);
	path_mtu_timeout(e, c);
	recovery_timeout(e, c);
	arm(e, c, TCP_LOSS_RTO, rto_of(e, c));
	flush_add(e, c);
}
