// SPDX-License-Identifier: BSD-3-Clause
// From loss to repair: proportional rate reduction (RFC 6937 and its successor's slow-start bound),
// timeouts, and taking a reduction back that was for nothing (RFC 3522, RFC 2883, RFC 5682).
#include "tcp/congestion.h"

// What may be undone is remembered before anything changes.
static void undo_arm(struct tcp_connection *c)
{
	c->loss.prior_cwnd = c->cwnd;
	c->loss.prior_ssthresh = c->ssthresh;
	// What an earlier recovery sent again may still arrive, and is no sign that this one errs.
	if (c->retransmitted_bytes == 0)
		c->loss.retransmit_time = 0;
	c->loss.undo_segments = 0;
	c->flags |= TCP_UNDO_ARMED;
}

static void recovery_enter(struct tcp_engine *e, struct tcp_connection *c, struct tcp_ack *ack)
{
	tcp_count(e, fast_recoveries);
	undo_arm(c);
	c->recovery = TCP_RECOVERY;
	c->loss.high = c->snd_nxt;
	congestion_of(c)->reduce(e, c);
	c->loss.prr_delivered = 0;
	c->loss.prr_out = 0;
	c->loss.prr_flight = ack->prior_in_flight ? ack->prior_in_flight : c->mss;
}

// Bytes that may leave for what this acknowledgement delivered.
static uint32_t prr_allowance(const struct tcp_connection *c, const struct tcp_ack *ack)
{
	uint32_t flight = tcp_in_flight(c);
	uint32_t owed;
	uint32_t limit;

	if (flight > c->ssthresh) {
		owed = (uint32_t)(((uint64_t)c->loss.prr_delivered * c->ssthresh +
					  c->loss.prr_flight - 1) /
				  c->loss.prr_flight);
		return owed > c->loss.prr_out ? owed - c->loss.prr_out : 0;
	}
	limit = c->loss.prr_delivered > c->loss.prr_out ? c->loss.prr_delivered - c->loss.prr_out
							: 0;
	if (ack->delivered > limit)
		limit = ack->delivered;
	// Nothing more was lost meanwhile: catch up as slow start would.
	if (ack->acked > 0 && ack->lost == 0)
		limit += c->mss;
	return u32_min(c->ssthresh - flight, limit);
}

static void prr_update(struct tcp_connection *c, const struct tcp_ack *ack)
{
	uint32_t allowance;

	if (ack->delivered == 0 && c->loss.prr_out > 0)
		return;
	c->loss.prr_delivered += ack->delivered;
	allowance = prr_allowance(c, ack);
	// The first retransmission leaves at once.
	if (c->loss.prr_out == 0 && allowance < c->mss)
		allowance = c->mss;
	c->cwnd = tcp_in_flight(c) + allowance;
}

static void undo(struct tcp_engine *e, struct tcp_connection *c)
{
	c->cwnd = c->loss.prior_cwnd > c->cwnd ? c->loss.prior_cwnd : c->cwnd;
	c->ssthresh = c->loss.prior_ssthresh;
	c->recovery = TCP_OPEN;
	c->flags &= ~(uint32_t)TCP_UNDO_ARMED;
	c->manner &= (uint8_t) ~(TCP_DOUBTS_TIMEOUT | TCP_TESTS_TIMEOUT);
	congestion_of(c)->undo(e, c);
}

// The acknowledgement echoes a time before the first retransmission: the original arrived.
static bool echo_is_older(
	const struct tcp_connection *c, const struct tcp_segment *s, const struct tcp_ack *ack)
{
	return (c->flags & TCP_HAS_TIMESTAMPS) && s->has_timestamps && s->echo != 0 &&
	       ack->acked > 0 && c->loss.retransmit_time != 0 &&
	       seq_before(s->echo, c->loss.retransmit_time & ~UINT32_C(1));
}

static bool was_needless(
	const struct tcp_connection *c, const struct tcp_segment *s, const struct tcp_ack *ack)
{
	if (!(c->flags & TCP_UNDO_ARMED))
		return false;
	if (echo_is_older(c, s, ack))
		return true;
	// Only what had timed out and was never sent again came in (RFC 5682): no retransmission
	// can have filled a hole for it.
	if (c->recovery == TCP_TIMEOUT && ack->original && ack->acked > 0 && !ack->retransmitted)
		return true;
	// Every retransmission was reported a duplicate.
	return ack->dsack && c->loss.undo_segments == 0 && c->loss.retransmit_time != 0;
}

// Without timestamps an acknowledgement of the segment that was repeated does not tell whether it
// had to be. So new data goes before further repetitions: should the next acknowledgement be of
// what timed out and was not repeated, nothing was lost (RFC 5682 2.1 and 3.1, step 2).
static void timeout_doubt(struct tcp_connection *c, const struct tcp_ack *ack)
{
	bool doubts = c->manner & TCP_DOUBTS_TIMEOUT;

	c->manner &= (uint8_t)~TCP_TESTS_TIMEOUT;
	if (!doubts || (c->flags & TCP_HAS_TIMESTAMPS))
		return;
	// Duplicates come ahead of it where SACK says what they are of; else they end the doubt.
	if (ack->acked == 0 && (c->flags & TCP_HAS_SACK))
		return;
	c->manner &= (uint8_t)~TCP_DOUBTS_TIMEOUT;
	if (ack->acked > 0 && c->unsent && seq_before(c->snd_nxt, c->snd_una + c->snd_wnd))
		c->manner |= TCP_TESTS_TIMEOUT;
}

static bool undo_try(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s,
	const struct tcp_ack *ack)
{
	if (!was_needless(c, s, ack))
		return false;
	if (c->recovery == TCP_TIMEOUT) {
		tcp_count(e, spurious_timeouts);
		entries_found(e, c);
	} else {
		tcp_count(e, recoveries_undone);
	}
	undo(e, c);
	return true;
}

static void recovery_leave(struct tcp_connection *c)
{
	if (c->recovery == TCP_RECOVERY && !congestion_of(c)->keeps_window)
		c->cwnd = c->ssthresh > c->mss ? c->ssthresh : c->mss;
	c->recovery = TCP_OPEN;
	c->manner &= (uint8_t) ~(TCP_DOUBTS_TIMEOUT | TCP_TESTS_TIMEOUT);
	if (c->rack.reorder_persist > 0 && --c->rack.reorder_persist == 0)
		c->rack.reorder_multiplier = 0;
}

// RFC 3168 6.1.2: once a round trip.
static void ecn_reduce(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_ack *ack)
{
	// Kept close behind, lest it comes to lie ahead again after 2 GiB.
	if (seq_before(c->ecn_end, c->snd_una))
		c->ecn_end = c->snd_una;
	if (!ack->ece || c->recovery != TCP_OPEN || seq_before(c->snd_una, c->ecn_end))
		return;
	tcp_count(e, ecn_reductions);
	c->ecn_end = c->snd_nxt;
	c->flags |= TCP_ECN_REDUCED;
	congestion_of(c)->reduce(e, c);
	if (!congestion_of(c)->keeps_window)
		c->cwnd = c->ssthresh;
}

// RFC 8985 7.4: a probe that repaired a loss hid it from everything else.
static void probe_settle(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_ack *ack)
{
	if (!(c->flags & TCP_PROBE_SENT))
		return;
	// Settled; but what it leaves open is the timeout's, another probe waits for progress
	// (7.2).
	if (ack->dsack || ack->sacked > 0) {
		c->flags &= ~(uint32_t)TCP_PROBE_REXMIT;
		if (ack->acked > 0)
			c->flags &= ~(uint32_t)TCP_PROBE_SENT;
		return;
	}
	if (ack->acked == 0 || seq_before(c->snd_una, c->probe_end))
		return;
	c->flags &= ~(uint32_t)TCP_PROBE_SENT;
	if (!(c->flags & TCP_PROBE_REXMIT) || c->recovery != TCP_OPEN)
		return;
	congestion_of(c)->reduce(e, c);
	if (!congestion_of(c)->keeps_window)
		c->cwnd = c->ssthresh;
}

void recovery_acknowledged(struct tcp_engine *e, struct tcp_connection *c,
	const struct tcp_segment *s, struct tcp_ack *ack)
{
	const struct tcp_congestion_ops *control = congestion_of(c);
	bool again = false;

	ecn_reduce(e, c, ack);
	probe_settle(e, c, ack);
	if (c->recovery != TCP_OPEN && undo_try(e, c, s, ack))
		return;
	if (c->recovery == TCP_TIMEOUT)
		timeout_doubt(c, ack);
	if (c->recovery != TCP_OPEN && !seq_before(c->snd_una, c->loss.high)) {
		recovery_leave(c);
		// Lost beyond the window of before: a loss of its own (RFC 6675 5).
		again = c->lost_bytes > 0;
	}
	if (c->recovery == TCP_OPEN && (ack->lost > 0 || again))
		recovery_enter(e, c, ack);
	if (c->recovery == TCP_RECOVERY && !control->keeps_window) {
		prr_update(c, ack);
		return;
	}
	// What a duplicate lets out leaves the window as it is (RFC 3042 2).
	if (ack->delivered > 0 && (ack->acked > 0 || control->keeps_window))
		control->acknowledged(e, c, ack);
}

// RFC 5681 3.1, RFC 6298 5.4 to 5.6. The peer may have forgotten what it reported (RFC 2018 8): a
// reported first segment that was never acknowledged shows it.
void recovery_timeout(struct tcp_engine *e, struct tcp_connection *c)
{
	bool reneged = c->send_head && (tcp_entry(c->send_head)->marks & TCP_MARK_SACKED);

	c->manner &= (uint8_t) ~(TCP_DOUBTS_TIMEOUT | TCP_TESTS_TIMEOUT);
	if (c->recovery != TCP_TIMEOUT || !seq_before(c->snd_una, c->loss.high)) {
		undo_arm(c);
		c->manner |= reneged ? 0 : TCP_DOUBTS_TIMEOUT;
		congestion_of(c)->timeout(e, c);
	} else {
		c->flags &= ~(uint32_t)TCP_UNDO_ARMED;
	}
	if (!(c->flags & TCP_HAS_SACK))
		c->sacked_bytes = 0;
	c->duplicate_acks = 0;
	c->recovery = TCP_TIMEOUT;
	c->loss.high = c->snd_nxt;
	c->cwnd = c->mss;
	c->flags &= ~(uint32_t)TCP_PROBE_SENT;
	entries_lost(c, reneged);
	// Waiting for the pace of before would only add to the timeout.
	c->pace_next = engine_time(e);
	if (c->flags & TCP_FIN_SENT && c->send_head == NULL)
		c->flags |= TCP_FIN_LOST;
}

uint32_t recovery_allowance(const struct tcp_connection *c)
{
	uint32_t flight = tcp_in_flight(c);

	return c->cwnd > flight ? c->cwnd - flight : 0;
}
