// SPDX-License-Identifier: BSD-3-Clause
// What may leave now: retransmissions, then new data, then FIN, then a bare acknowledgement.
#include "tcp/congestion.h"
#include "tcp/engine_impl.h"

enum {
	PIECES_MAX = 32, // buffers behind one header
	// Payload of a packet that the port cuts up: its IP length has 16 bits, its headers at most
	// 100 bytes.
	SEGMENTED_MAX = UINT16_MAX - 100,
	PACE_WAIT_MAX = 4 * 1000 * 1000,
	// Memory held for a byte of payload, where a peer's MSS makes it dear.
	CUT_SMALL_LEAST = 1 << 20,
	CUT_SMALL_RATIO = 8,
};

enum output_result {
	OUTPUT_SENT,
	OUTPUT_NOTHING, // nothing may leave
	OUTPUT_NO_BUFFER,
};

static uint32_t unsent_bytes(const struct tcp_connection *c)
{
	return c->flags & TCP_FIN_SENT ? 0 : c->snd_end - c->snd_nxt;
}

static uint32_t usable_window(const struct tcp_connection *c)
{
	uint32_t edge = c->snd_una + c->snd_wnd;

	return seq_before(c->snd_nxt, edge) ? edge - c->snd_nxt : 0;
}

// A silence before says nothing of how long the peer has owed an answer.
static void wait_begins(struct tcp_engine *e, struct tcp_connection *c)
{
	if (c->snd_una != c->snd_nxt)
		return;
	c->stuck_since = engine_tick(e);
	// Of a flight that is over: its send time would seem to come after half an hour's silence.
	c->rack.has_sample = false;
}

static void fin_counted(struct tcp_engine *e, struct tcp_connection *c)
{
	wait_begins(e, c);
	c->flags |= TCP_FIN_SENT;
	c->snd_nxt = c->snd_end + 1;
	state_set(e, c, c->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT_1);
}

// Departure times: each packet pushes the next by what it takes at the pacing rate. A flow that was
// silent may send a millisecond's worth at once.
static bool pacing_holds(struct tcp_engine *e, struct tcp_connection *c)
{
	int32_t wait;

	if (c->pacing_rate == 0)
		return false;
	wait = (int32_t)(c->pace_next - engine_time(e));
	if (wait <= 0)
		return false;
	// A departure of more than half an hour ago looks like one to come.
	if (wait > PACE_WAIT_MAX) {
		c->pace_next = engine_time(e);
		return false;
	}
	c->flags |= TCP_PACED;
	timer_set(e, c, TCP_TIMER_PACE, (usec_t)wait);
	return true;
}

static void pacing_sent(struct tcp_engine *e, struct tcp_connection *c, uint32_t bytes)
{
	uint32_t now = engine_time(e);

	if (c->pacing_rate == 0)
		return;
	if (seq_before(c->pace_next, now - 1000))
		c->pace_next = now - 1000;
	c->pace_next +=
		(uint32_t)u64_min(bytes * USEC_PER_SECOND / c->pacing_rate, USEC_PER_SECOND);
}

static void sent(struct tcp_engine *e, struct tcp_connection *c, uint32_t bytes)
{
	pacing_sent(e, c, bytes);
	// Counted from the beginning of each recovery.
	if (c->recovery != TCP_OPEN)
		c->loss.prr_out += bytes;
}

// How long an entry may be. A segment, so that each is timed and judged by itself; but on a short
// path the whole of what the port cuts up, for that costs a buffer, not one a segment: SACK then
// divides it where something is missing.
static uint32_t entry_most(const struct tcp_connection *c)
{
	const uint32_t needed = TCP_HAS_SACK | TCP_RTT_KNOWN;
	bool is_long = (c->flags & needed) == needed && c->pacing_rate == 0 && is_near(c);

	return is_long ? SEGMENTED_MAX : c->mss;
}

// Gathers entries from the first unsent one, at most `most` bytes; divides what is longer than an
// entry may be and where the packet ends inside one. 0 when buffers ran out; otherwise *last is the
// last of them.
static uint32_t gather(
	struct tcp_engine *e, struct tcp_connection *c, uint32_t most, struct buffer **last)
{
	uint32_t longest = entry_most(c);
	struct buffer *b = c->unsent;
	uint32_t total = 0;

	for (uint32_t pieces = 0; b && total < most && pieces < PIECES_MAX; pieces++) {
		uint32_t room = u32_min(most - total, longest);

		// A short end of a segment is not worth dividing a buffer for.
		if (b->length > room && total > 0 && room < c->mss / 4u)
			break;
		if (b->length > room)
			b = entry_divide(e, c, b, room);
		if (b == NULL)
			break;
		total += b->length;
		*last = b;
		if (tcp_entry(b)->segment_end)
			break;
		b = tcp_entry(b)->next;
	}
	return total;
}

// So much was cut so small that what is out has to be acknowledged first.
static bool is_cut_small(const struct tcp_connection *c)
{
	return c->snd_nxt != c->snd_una && c->send_held > CUT_SMALL_LEAST &&
	       c->send_held / CUT_SMALL_RATIO > c->snd_end - c->snd_una;
}

// How much a connection that keeps segments may send: the next one, whole and at once.
static uint32_t segment_allowed(struct tcp_connection *c)
{
	uint32_t length = segments_next(c);
	uint32_t window = usable_window(c);

	// A peer whose window is never large enough for it has to be given a part.
	if (window < length)
		length = window >= c->snd_wnd_max / 2 ? window : 0;
	if (length < c->unsent->length && is_cut_small(c))
		return 0;
	if (recovery_allowance(c) >= length)
		return length;
	c->flags |= TCP_CWND_LIMITED;
	return 0;
}

// Whether what is left may leave as a short segment while others are out.
static bool may_end_short(const struct tcp_engine *e, const struct tcp_connection *c)
{
	return (c->flags & TCP_FIN_QUEUED) ||
	       !((profile_of(e, c)->flags & TCP_NAGLE) || (c->flags & TCP_MORE_FOLLOWS));
}

// Of `most` bytes, at least a segment, what leaves in one packet. A short end that would follow at
// once goes along where the port cuts, for a packet costs more than its few bytes do.
static uint32_t full_data_allowed(
	const struct tcp_engine *e, const struct tcp_connection *c, uint32_t most)
{
	// Ports that cut a packet up do not move its urgent pointer.
	if (!(e->config.offload & TCP_OFFLOAD_SEGMENT) || (c->flags & TCP_URGENT_OUT))
		return c->mss;
	if (most <= SEGMENTED_MAX && most == unsent_bytes(c) && may_end_short(e, c))
		return most;
	return u32_min(most, SEGMENTED_MAX) / c->mss * c->mss;
}

// How much new data may leave in one packet; 0 when none may.
static uint32_t new_data_allowed(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t unsent = unsent_bytes(c);
	uint32_t window = usable_window(c);
	uint32_t allowance = recovery_allowance(c);
	uint32_t most = u32_min(unsent, window);
	bool idle = c->snd_nxt == c->snd_una;

	if (most == 0)
		return 0;
	if (c->manner & TCP_KEEPS_SEGMENTS)
		return segment_allowed(c);
	if (is_cut_small(c))
		return 0;
	if (allowance < most && allowance < c->mss) {
		c->flags |= TCP_CWND_LIMITED;
		return 0;
	}
	most = u32_min(most, allowance);
	if (most >= c->mss)
		return full_data_allowed(e, c, most);
	// RFC 9293 3.8.6.2.1: a short segment only if it is all there is, or half the largest
	// window.
	if (most < unsent)
		return most >= c->snd_wnd_max / 2 ? most : 0;
	return idle || may_end_short(e, c) ? most : 0;
}

// Whether a packet that ends with this entry has PSH: where it came with one, also of what was
// queued before segments are kept no more, or where nothing follows.
static bool is_pushed(const struct tcp_connection *c, struct buffer *last)
{
	if (tcp_entry(last)->segment_end & SEGMENT_IS_PUSHED)
		return true;
	return !(c->manner & TCP_KEEPS_SEGMENTS) && tcp_entry_end(last) == c->snd_end;
}

static enum output_result send_new(struct tcp_engine *e, struct tcp_connection *c, uint32_t most)
{
	struct buffer *b, *last = NULL;
	uint32_t length = gather(e, c, most, &last);
	uint32_t end = c->snd_nxt + length;
	struct segment_out s = {.sequence = c->snd_nxt,
		.length = length,
		.first = c->unsent,
		.flags = TCP_FLAG_ACK};

	if (length == 0)
		return OUTPUT_NO_BUFFER;
	if (is_pushed(c, last))
		s.flags |= TCP_FLAG_PSH;
	if (end == c->snd_end && (c->flags & TCP_FIN_QUEUED) && !(c->manner & TCP_FIN_GOES_APART) &&
		usable_window(c) > length)
		s.flags |= TCP_FLAG_FIN;
	if (!segment_send(e, c, &s))
		return OUTPUT_NO_BUFFER;
	for (b = c->unsent; b && seq_before(tcp_entry(b)->sequence, end); b = tcp_entry(b)->next) {
		entry_sent(e, c, b);
		if (b != s.first)
			tcp_entry(b)->marks |= TCP_MARK_JOINED;
	}
	c->unsent = b;
	wait_begins(e, c);
	c->snd_nxt = end;
	if (s.flags & TCP_FLAG_FIN)
		fin_counted(e, c);
	if (c->loss_mode == TCP_LOSS_PROBE)
		timer_clear(c, TCP_TIMER_LOSS);
	// This answers text of the peer's: the two take turns, and an acknowledgement can ride on
	// the next answer.
	if (c->quick < QUICK_ACKS) {
		c->quick = 0;
		c->manner |= TCP_TAKES_TURNS;
	}
	sent(e, c, length);
	return OUTPUT_SENT;
}

bool output_send_one_new(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t most = u32_min(u32_min(unsent_bytes(c), usable_window(c)), c->mss);

	if (most == 0 || send_new(e, c, most) != OUTPUT_SENT)
		return false;
	loss_timer_arm(e, c);
	return true;
}

bool output_retransmit(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	struct segment_out s = {.sequence = seq_later(tcp_entry(b)->sequence, c->snd_una),
		.first = b,
		.flags = TCP_FLAG_ACK,
		.is_retransmission = true};

	s.length = tcp_entry_end(b) - s.sequence;
	if (s.length > c->mss) {
		b = entry_divide(e, c, b, b->length - (s.length - c->mss));
		if (b == NULL)
			return false;
		s.first = b;
		s.length = c->mss;
	}
	if (is_pushed(c, b))
		s.flags |= TCP_FLAG_PSH;
	if (tcp_entry_end(b) == c->snd_end && (c->flags & TCP_FIN_SENT))
		s.flags |= TCP_FLAG_FIN;
	if (!segment_send(e, c, &s))
		return false;
	if (c->loss.retransmit_time == 0)
		c->loss.retransmit_time = timestamp_now(e, c) | 1;
	c->loss.undo_segments++;
	c->retransmissions++;
	path_mtu_retransmitted(e, c, s.sequence, s.length);
	tcp_count(e, retransmitted_segments);
	tcp_count_by(e, retransmitted_bytes, s.length);
	entry_retransmitted(e, c, b);
	sent(e, c, s.length);
	return true;
}

static enum output_result send_lost(struct tcp_engine *e, struct tcp_connection *c)
{
	struct buffer *b = c->lost.head;

	if (b == NULL || (c->manner & TCP_TESTS_TIMEOUT))
		return OUTPUT_NOTHING;
	// The first of all always leaves, or nothing would move again.
	if (b->length > c->mss && b != c->send_head && !can_divide(e, c))
		return OUTPUT_NOTHING;
	if (recovery_allowance(c) < u32_min(b->length, c->mss)) {
		c->flags |= TCP_CWND_LIMITED;
		return OUTPUT_NOTHING;
	}
	return output_retransmit(e, c, b) ? OUTPUT_SENT : OUTPUT_NO_BUFFER;
}

static enum output_result send_fin(struct tcp_engine *e, struct tcp_connection *c)
{
	bool again = c->flags & TCP_FIN_LOST;
	struct segment_out s = {.sequence = c->snd_end,
		.flags = TCP_FLAG_ACK | TCP_FLAG_FIN,
		.is_retransmission = again};

	if (!again && (!(c->flags & TCP_FIN_QUEUED) || (c->flags & TCP_FIN_SENT) ||
			      unsent_bytes(c) > 0 || usable_window(c) == 0))
		return OUTPUT_NOTHING;
	if (!segment_send(e, c, &s))
		return OUTPUT_NO_BUFFER;
	c->flags &= ~(uint32_t)TCP_FIN_LOST;
	if (!again)
		fin_counted(e, c);
	loss_timer_arm(e, c);
	return OUTPUT_SENT;
}

// New data in a segment that tries a larger path MTU, where there is enough of it.
static enum output_result send_probe(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t payload = path_mtu_probe(e, c);
	uint32_t start = c->snd_nxt;
	uint16_t mss = c->mss;
	enum output_result result;

	if (payload == 0 || (c->manner & TCP_KEEPS_SEGMENTS) || unsent_bytes(c) < payload ||
		usable_window(c) < payload || recovery_allowance(c) < payload)
		return OUTPUT_NOTHING;
	c->mss = (uint16_t)payload;
	result = send_new(e, c, payload);
	c->mss = mss;
	// Where buffers end may have made it shorter: then it has tried nothing.
	if (result == OUTPUT_SENT && c->snd_nxt - start >= payload)
		path_mtu_probe_sent(e, c);
	return result;
}

static enum output_result send_data(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t most;
	enum output_result result;

	if (pacing_holds(e, c))
		return OUTPUT_NOTHING;
	result = send_lost(e, c);
	if (result == OUTPUT_NOTHING)
		result = send_probe(e, c);
	if (result != OUTPUT_NOTHING)
		return result;
	most = new_data_allowed(e, c);
	return most == 0 ? OUTPUT_NOTHING : send_new(e, c, most);
}

static bool can_output(const struct tcp_connection *c)
{
	return c->state >= TCP_ESTABLISHED && c->state <= TCP_LAST_ACK;
}

// RFC 5681 4.1: after a silence longer than the timeout nothing clocks a large window any more.
static void idle_restart(struct tcp_engine *e, struct tcp_connection *c)
{
	usec_t idle = (usec_t)(engine_tick(e) - c->last_heard) << TICK_SHIFT;
	uint32_t restart = INITIAL_SEGMENTS * (uint32_t)c->mss;

	if (c->snd_una != c->snd_nxt || c->unsent == NULL || c->pacing_rate != 0 ||
		idle <= c->rto_us || c->cwnd <= restart)
		return;
	c->cwnd = restart;
}

bool output_run(struct tcp_engine *e, struct tcp_connection *c)
{
	enum output_result result = OUTPUT_NOTHING;

	// Not open yet, or over: the handshake's own timer speaks for it, or nothing does.
	if (c->state < TCP_ESTABLISHED)
		return true;
	idle_restart(e, c);
	if (can_output(c) && !(c->flags & TCP_IS_FAILED)) {
		c->flags &= ~(uint32_t)TCP_CWND_LIMITED;
		do {
			result = send_data(e, c);
		} while (result == OUTPUT_SENT);
		// By the data: a FIN that leaves behind it does not change what they wait for.
		loss_timer_arm(e, c);
		if (result == OUTPUT_NOTHING)
			result = send_fin(e, c);
		// The user had less to send than the path took, or the peer's window was shut: what
		// is delivered now says nothing of the path.
		if (!(c->flags & TCP_CWND_LIMITED) &&
			(unsent_bytes(c) == 0 || usable_window(c) < c->mss))
			c->flags |= TCP_APP_LIMITED;
		else
			c->flags &= ~(uint32_t)TCP_APP_LIMITED;
	}
	if ((c->flags & TCP_ACK_NOW) && !segment_send_ack(e, c))
		return false;
	return result != OUTPUT_NO_BUFFER;
}

void output_probe_window(struct tcp_engine *e, struct tcp_connection *c)
{
	tcp_count(e, zero_window_probes);
	if (usable_window(c) > 0 && unsent_bytes(c) > 0) {
		output_send_one_new(e, c);
		return;
	}
	// One byte below the window: it is a duplicate at the peer, and so is answered with its
	// window, whatever the peer does with bytes beyond it.
	segment_send(
		e, c, &(struct segment_out){.sequence = c->snd_una - 1, .flags = TCP_FLAG_ACK});
}
