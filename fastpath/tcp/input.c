// SPDX-License-Identifier: BSD-3-Clause
// SEGMENT ARRIVES (RFC 9293 3.10.7), in the RFC's order, with RFC 5961 and RFC 7323 where they
// change it.
#include "tcp/engine_impl.h"

#include "core/chain.h"
#include "pkt/tcp_options.h"

enum {
	ECN_CE = 3,
	// RFC 7323 5.5: after 24 days of silence the timestamp clock may have wrapped.
	TS_AGE_MAX_S = 24 * 24 * 3600,
};

static uint8_t traffic_class_ecn(const struct packet *p)
{
	const uint8_t *ip = p->data + p->l3;

	return p->flags & PACKET_IS_V6 ? ip[1] >> 4 & 3 : ip[1] & 3;
}

// Turns the frame into its text. False if the frame is shorter than its headers say.
static bool text_extract(struct tcp_engine *e, struct tcp_segment *s)
{
	struct buffer_source *source = e->config.buffers;
	struct buffer *b = s->payload;
	uint32_t header = (uint32_t)(s->packet->data - buffer_data(b)) + s->packet->payload;

	if (b->total_length < header + s->length || b->length < header)
		return false;
	chain_trim(b, header + s->length, source);
	b->offset = (uint16_t)(b->offset + header);
	b->length = (uint16_t)(b->length - header);
	b->total_length = s->length;
	if (b->length > 0)
		return true;
	// The frame was cut right behind its headers.
	s->payload = b->next;
	s->payload->segments = b->segments - 1;
	s->payload->total_length = s->length;
	b->next = NULL;
	b->segments = 1;
	source->put(source, b);
	return true;
}

static void segment_read(const struct packet *p, struct tcp_segment *s)
{
	*s = (struct tcp_segment){.packet = p,
		.payload = p->buffer,
		.sequence = be32_to_host(p->tcp_sequence),
		.acknowledgement = be32_to_host(p->tcp_acknowledgement),
		.window = be16_to_host(p->tcp_window),
		.flags = p->tcp_flags,
		.length = packet_payload_length(p),
		.ecn = traffic_class_ecn(p)};

	s->has_timestamps = tcp_timestamps_read(p, &s->timestamp, &s->echo);
}

// RFC 9293 table 6: some of it lies in the window, or it stands at the edge of none.
static bool sequence_is_acceptable(const struct tcp_connection *c, const struct tcp_segment *s)
{
	uint32_t length =
		s->length + ((s->flags & TCP_FLAG_SYN) != 0) + ((s->flags & TCP_FLAG_FIN) != 0);
	uint32_t window = seq_before(c->rcv_nxt, c->rcv_edge) ? c->rcv_edge - c->rcv_nxt : 0;
	uint32_t first = s->sequence - c->rcv_nxt;
	uint32_t last = first + length - 1;

	if (length == 0)
		return window == 0 ? first == 0 : first < window;
	return window != 0 && (first < window || last < window ||
				      (seq_before(s->sequence, c->rcv_nxt) && (int32_t)last >= 0));
}

// RFC 9293 3.10.7.4, first (MUST-66): a shut window keeps text and FIN out, and nothing else that a
// segment says.
static bool is_at_shut_window(const struct tcp_connection *c, const struct tcp_segment *s)
{
	return s->sequence == c->rcv_nxt && !seq_before(c->rcv_nxt, c->rcv_edge) &&
	       c->state != TCP_TIME_WAIT;
}

// RFC 7323 5.3 R1.
static bool timestamp_is_old(
	const struct tcp_engine *e, const struct tcp_connection *c, const struct tcp_segment *s)
{
	if (!(c->flags & TCP_HAS_TIMESTAMPS) || !s->has_timestamps || (s->flags & TCP_FLAG_RST) ||
		!seq_before(s->timestamp, c->ts_recent))
		return false;
	return timestamp_age_time(e) - c->ts_recent_time <
	       (uint32_t)(TS_AGE_MAX_S * USEC_PER_SECOND >> TS_AGE_SHIFT);
}

// A bare acknowledgement, a little older than what came before it, was overtaken on the way: there
// is no text in it that could be taken for another's, and its SACK blocks are news. Its window is
// not (RFC 7323 5.3 would have it answered and dropped).
static bool is_overtaken(const struct tcp_connection *c, const struct tcp_segment *s)
{
	return s->length == 0 &&
	       (s->flags & (TCP_FLAG_SYN | TCP_FLAG_FIN | TCP_FLAG_ACK)) == TCP_FLAG_ACK &&
	       s->sequence == c->rcv_nxt && c->ts_recent - s->timestamp <= c->rto_us / 1000;
}

// RFC 7323 4.3 (2): the timestamp to echo is that of the segment at the left edge of what was
// acknowledged last. One that acknowledges what was not sent is a guess (RFC 5961 5.2): its
// timestamp would have the peer's own segments dropped as old.
static void timestamp_keep(
	const struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s)
{
	if (!(c->flags & TCP_HAS_TIMESTAMPS) || !s->has_timestamps ||
		seq_before(c->last_ack_sent, s->sequence) ||
		seq_before(s->timestamp, c->ts_recent) ||
		seq_before(c->snd_nxt, s->acknowledgement) ||
		seq_before(s->acknowledgement, c->snd_una - c->snd_wnd_max))
		return;
	c->ts_recent = s->timestamp;
	c->ts_recent_time = timestamp_age_time(e);
}

// Not acceptable: an acknowledgement sets the peer right (RFC 9293 3.10.7.4 first), at a bounded
// rate where nothing shows that the peer is the sender.
static enum drop_reason refuse_sequence(
	struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s)
{
	uint32_t end = s->sequence + s->length;

	if (s->flags & TCP_FLAG_RST)
		return DROP_TCP_OUT_OF_WINDOW;
	// RFC 9293 3.10.7.4, eighth: the FIN again, for our acknowledgement was lost.
	if (c->state == TCP_TIME_WAIT && (s->flags & TCP_FLAG_FIN) && end + 1 == c->rcv_nxt)
		timer_set(e, c, TCP_TIMER_LIFE, profile_of(e, c)->time_wait_us);
	if (s->length > 0 && seq_at_or_before(end, c->rcv_nxt)) {
		tcp_count(e, duplicate_segments);
		c->flags |= TCP_DSACK_DUE;
		c->dsack_start = s->sequence;
		c->dsack_end = end;
		segment_send_ack(e, c);
		return DROP_TCP_OLD_DUPLICATE;
	}
	segment_challenge(e, c);
	return seq_at_or_before(end, c->rcv_nxt) ? DROP_TCP_OLD_DUPLICATE : DROP_TCP_OUT_OF_WINDOW;
}

// RFC 9293 3.10.7.4 second, RFC 5961 3.2: only a reset at exactly RCV.NXT is believed.
static enum drop_reason input_reset(
	struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s)
{
	int error = c->state == TCP_SYN_RECEIVED ? ECONNREFUSED : ECONNRESET;

	if (s->sequence != c->rcv_nxt) {
		segment_challenge(e, c);
		return DROP_TCP_UNPROVEN;
	}
	tcp_count(e, resets_received);
	if (!(s->flags & TCP_FLAG_ACK))
		c->manner |= TCP_RESET_WAS_BARE;
	// In CLOSING and LAST-ACK too: our FIN, and maybe text before it, was not acknowledged.
	if (c->state == TCP_TIME_WAIT)
		connection_done(e, c);
	else
		connection_fail(e, c, error);
	return DROP_NONE;
}

// Quick at the start and at every second full segment: once a turn, or a frame of many segments
// would cost one each. At once when order was broken.
static void acknowledge_text(struct tcp_engine *e, struct tcp_connection *c, bool at_once)
{
	const struct tcp_profile *p = profile_of(e, c);

	if (at_once) {
		// Without a buffer it leaves at a later flush.
		if (segment_send_ack(e, c))
			return;
		c->flags |= TCP_ACK_NOW;
		flush_add(e, c);
		return;
	}
	if (c->quick > 0 || c->unacknowledged >= p->acknowledge_every) {
		// A peer that has sent half of what it may would wait for the turn's end.
		if (c->rcv_nxt - c->last_ack_sent >= c->receive_limit / 2 && segment_send_ack(e, c))
			return;
		c->flags |= TCP_ACK_NOW;
		flush_add(e, c);
		return;
	}
	if (!timer_is_set(c, TCP_TIMER_ACK))
		timer_set(e, c, TCP_TIMER_ACK, p->delayed_ack_us);
}

static void quick_count(struct tcp_connection *c)
{
	if (c->quick == QUICK_ACKS_REFUSED)
		c->quick = seq_before(c->rcv_nxt, c->refused_end) ? QUICK_ACKS_REFUSED : 0;
	else if (c->quick > 0)
		c->quick--;
}

static bool can_receive(const struct tcp_connection *c)
{
	return c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 ||
	       c->state == TCP_FIN_WAIT_2;
}

// How much of what this peer sends is payload: windows are in payload, bounds in memory.
static void ratio_learn(struct tcp_connection *c, const struct buffer *chain)
{
	uint32_t cost = 0;
	uint32_t ratio;

	for (const struct buffer *b = chain; b; b = b->next)
		cost += tcp_buffer_cost(b);
	ratio = chain->total_length * 256 / (cost + 1);
	// Below a quarter buffers are copied together, which keeps that ratio.
	if (ratio < 64)
		ratio = 64;
	c->receive_ratio = (uint8_t)((c->receive_ratio * 7 + u32_min(ratio, 255)) / 8);
}

// What the peer's full segments carry: the longest so far, until two shorter ones in a row, too
// long for what a user writes by the piece, are of one length.
static void receive_mss_learn(struct tcp_connection *c, uint32_t length)
{
	bool is_repeated = length == c->receive_shorter && length >= DEFAULT_MSS4;

	if (length >= c->receive_mss || is_repeated) {
		c->receive_mss = (uint16_t)u32_min(length, c->mss);
		c->receive_shorter = 0;
	} else {
		c->receive_shorter = (uint16_t)length;
	}
}

// False: nothing is.
static bool segments_kept(struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	uint32_t end = s->sequence + s->length;
	bool kept = segments_keep(e, c, s);

	if (!kept || s->sequence + s->length != end)
		text_refused(c, end);
	return kept;
}

// Seventh. Text beyond the window was announced to nobody: it is cut.
static enum drop_reason input_text(
	struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	bool ordered = s->sequence == c->rcv_nxt && c->runs == NULL;
	uint32_t length = s->length;
	enum drop_reason reason;
	uint32_t next;
	bool at_once;

	if (!text_extract(e, s))
		return DROP_L4_TRUNCATED;
	if (seq_before(c->rcv_edge, s->sequence + length)) {
		s->flags &= (uint8_t)~TCP_FLAG_FIN;
		s->length = c->rcv_edge - s->sequence;
		chain_trim(s->payload, s->length, e->config.buffers);
	}
	if ((c->manner & TCP_KEEPS_SEGMENTS) && !segments_kept(e, c, s))
		return DROP_NO_BUFFER;
	receive_mss_learn(c, length);
	ratio_learn(c, s->payload);
	// A frame may carry many segments of the peer's.
	if (length >= c->receive_mss)
		c->unacknowledged =
			(uint8_t)u32_min(c->unacknowledged + length / c->receive_mss, UINT8_MAX);
	quick_count(c);
	next = c->rcv_nxt;
	reason = receive_text(e, c, s);
	at_once = !ordered || s->ecn == ECN_CE || reason != DROP_NONE;
	// What the turn still owes goes first, or this one would acknowledge new text too: a peer
	// without SACK counts those that do not.
	if (at_once && c->rcv_nxt == next &&
		(c->flags & (TCP_ACK_NOW | TCP_HAS_SACK)) == TCP_ACK_NOW)
		segment_send_ack(e, c);
	// The FIN behind it is acknowledged in any case, and both by one.
	if (at_once || !(s->flags & TCP_FLAG_FIN))
		acknowledge_text(e, c, at_once);
	return reason;
}

// A FIN counts once what precedes it is there: it may come ahead of a hole.
static void fin_note(struct tcp_connection *c, const struct tcp_segment *s)
{
	if (c->flags & TCP_FIN_RECEIVED)
		return;
	c->flags |= TCP_FIN_KNOWN;
	c->fin_sequence = s->sequence + s->length;
	if (s->length == 0)
		c->manner |= TCP_FIN_CAME_APART;
}

// Nothing comes behind the peer's FIN that would wait for this, so once text was answered it leaves
// with what we still say, most often the FIN that answers, as Linux has it. But not what every
// second full segment is owed, nor what was kept waiting by a hole. FreeBSD waits never.
static void acknowledge_end(struct tcp_engine *e, struct tcp_connection *c, bool was_waiting)
{
	const struct tcp_profile *p = profile_of(e, c);

	if (c->quick > 0 || was_waiting || c->unacknowledged >= p->acknowledge_every ||
		p->look == TCP_LOOK_FREEBSD) {
		c->flags |= TCP_ACK_NOW;
		flush_add(e, c);
		return;
	}
	c->flags &= ~(uint32_t)TCP_ACK_NOW;
	if (!timer_is_set(c, TCP_TIMER_ACK))
		timer_set(e, c, TCP_TIMER_ACK, p->delayed_ack_us);
}

// Eighth.
static void fin_take(struct tcp_engine *e, struct tcp_connection *c, bool was_waiting)
{
	if (!(c->flags & TCP_FIN_KNOWN) || c->fin_sequence != c->rcv_nxt ||
		(c->flags & TCP_FIN_RECEIVED))
		return;
	c->rcv_nxt++;
	c->rcv_edge = seq_later(c->rcv_edge, c->rcv_nxt);
	c->flags |= TCP_FIN_RECEIVED;
	event_raise(e, c, TCP_EVENT_END);
	if (c->state == TCP_ESTABLISHED) {
		state_set(e, c, TCP_CLOSE_WAIT);
		acknowledge_end(e, c, was_waiting);
		return;
	}
	c->flags |= TCP_ACK_NOW;
	flush_add(e, c);
	if (c->state == TCP_FIN_WAIT_1) {
		state_set(e, c, TCP_CLOSING);
	} else if (c->state == TCP_FIN_WAIT_2) {
		segment_send_ack(e, c);
		time_wait_enter(e, c);
	}
}

static void input_ecn(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s)
{
	if (!(c->flags & TCP_HAS_ECN))
		return;
	// RFC 3168 6.1.3: the echo lasts until CWR; a CE with it begins anew.
	if (s->flags & TCP_FLAG_CWR)
		c->flags &= ~(uint32_t)TCP_ECN_ECHO;
	if (s->ecn == ECN_CE)
		c->flags |= TCP_ECN_ECHO;
}

// RFC 2525 2.17, RFC 9293 3.10.7.4: text for a user who has let go.
static bool is_unwanted(const struct tcp_connection *c, const struct tcp_segment *s)
{
	return (c->flags & TCP_NO_MORE_DATA) && s->length > 0 &&
	       (c->state == TCP_FIN_WAIT_1 || c->state == TCP_FIN_WAIT_2) &&
	       seq_before(c->rcv_nxt, s->sequence + s->length);
}

// What follows a good acknowledgement.
static enum drop_reason input_rest(
	struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	enum drop_reason reason = DROP_NONE;
	bool end_waits = c->flags & TCP_FIN_KNOWN;

	if (is_unwanted(c, s)) {
		segment_send_reset(e, c, false);
		connection_fail(e, c, ECONNRESET);
		return DROP_TCP_AFTER_CLOSE;
	}
	input_ecn(e, c, s);
	if (s->flags & TCP_FLAG_URG)
		urgent_input(e, c, s);
	if (s->length > 0 && can_receive(c) && !(c->flags & TCP_FIN_RECEIVED))
		reason = input_text(e, c, s);
	else if (s->length > 0)
		segment_challenge(e, c);
	if (s->flags & TCP_FLAG_FIN)
		fin_note(c, s);
	fin_take(e, c, end_waits);
	return reason;
}

// Our window, again, is the answer to what it kept out.
static enum drop_reason input_shut(
	struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	input_ecn(e, c, s);
	if (s->flags & TCP_FLAG_URG)
		urgent_input(e, c, s);
	segment_challenge(e, c);
	return DROP_TCP_OUT_OF_WINDOW;
}

// Whatever begins after it is not part of what came before.
static bool is_after_silence(const struct tcp_engine *e, const struct tcp_connection *c)
{
	return (usec_t)(engine_tick(e) - c->last_heard) << TICK_SHIFT > c->rto_us;
}

static enum drop_reason input_known(
	struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	bool is_shut = false;

	if (handshake_crossed(e, c, s))
		return DROP_NONE;
	if (timestamp_is_old(e, c, s)) {
		s->is_overtaken = is_overtaken(c, s);
		if (!s->is_overtaken) {
			segment_challenge(e, c);
			return DROP_TCP_OLD_TIMESTAMP;
		}
	}
	if (!sequence_is_acceptable(c, s)) {
		if (!is_at_shut_window(c, s))
			return refuse_sequence(e, c, s);
		is_shut = true;
		s->length = 0;
		s->flags &= (uint8_t)~TCP_FLAG_FIN;
	}
	if (s->length > 0 && is_after_silence(e, c))
		quick_begin(c, QUICK_ACKS);
	c->last_heard = engine_tick(e);
	c->probes = 0;
	if (s->flags & TCP_FLAG_RST)
		return input_reset(e, c, s);
	// Fourth, RFC 5961 4.2.
	if (s->flags & TCP_FLAG_SYN) {
		segment_challenge(e, c);
		return DROP_TCP_UNPROVEN;
	}
	if (!(s->flags & TCP_FLAG_ACK))
		return DROP_TCP_BAD_STATE;
	timestamp_keep(e, c, s);
	if (c->state == TCP_TIME_WAIT)
		return DROP_NONE;
	if (!acknowledgement_input(e, c, s))
		return s->reason;
	return is_shut ? input_shut(e, c, s) : input_rest(e, c, s);
}

// RFC 9293 3.10.7.4 with RFC 6191: a SYN that cannot be an old one ends TIME-WAIT.
static bool time_wait_gives_way(const struct tcp_connection *c, const struct tcp_segment *s)
{
	if (c->state != TCP_TIME_WAIT || (c->flags & TCP_IS_OWNED) ||
		(s->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) != TCP_FLAG_SYN)
		return false;
	if ((c->flags & TCP_HAS_TIMESTAMPS) && s->has_timestamps)
		return seq_before(c->ts_recent, s->timestamp) ||
		       (s->timestamp == c->ts_recent && seq_before(c->rcv_nxt, s->sequence));
	return seq_before(c->rcv_nxt, s->sequence);
}

static enum drop_reason input_closed(struct tcp_engine *e, struct tcp_segment *s)
{
	segment_refuse(e, s);
	return DROP_TCP_NO_SESSION;
}

// RFC 9293 3.10.7.2.
static enum drop_reason input_listen(
	struct tcp_engine *e, const struct tcp_listener *l, struct tcp_segment *s)
{
	struct tcp_connection *c;

	if (s->flags & TCP_FLAG_RST)
		return DROP_TCP_NO_SESSION;
	if (!(s->flags & TCP_FLAG_ACK))
		return s->flags & TCP_FLAG_SYN ? handshake_listen(e, l, s, NULL)
					       : DROP_TCP_BAD_STATE;
	if (s->flags & TCP_FLAG_SYN)
		return input_closed(e, s);
	c = cookie_accept(e, l, s);
	if (c)
		return input_known(e, c, s);
	segment_refuse(e, s);
	return s->reason != DROP_NONE ? s->reason : DROP_TCP_NO_SESSION;
}

// Who would take a segment of no connection: a listener, or *offered where the user has one.
static const struct tcp_listener *taker_find(
	struct tcp_engine *e, const struct packet *packet, struct tcp_listener *offered)
{
	const struct tcp_listener *l = listener_find(e, &packet->key);
	struct tcp_offer offer;

	if (l || !offered || !e->config.offer(e->config.context, packet, &offer))
		return l;
	nx_bug_on(offer.profile >= TCP_PROFILES_MAX);
	*offered = (struct tcp_listener){.profile = (uint8_t)offer.profile,
		.context = offer.context,
		.is_held = offer.is_held,
		.number = TCP_NONE,
		.is_open = true};
	return offered;
}

// Not open yet, or not any more.
static enum drop_reason input_opening(
	struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	if (c->state == TCP_SYN_SENT)
		return handshake_syn_sent(e, c, s);
	if (c->manner & TCP_IS_HELD)
		return handshake_held(e, c, s);
	// Over, but the user has not let go yet.
	return c->state == TCP_CLOSED ? input_closed(e, s) : input_known(e, c, s);
}

static enum drop_reason input_connection(struct tcp_engine *e, struct tcp_connection *c,
	struct tcp_segment *s, struct tcp_listener *offered)
{
	const struct tcp_listener *l;
	uint32_t after = c->snd_nxt;

	if (c->state < TCP_ESTABLISHED)
		return input_opening(e, c, s);
	if (!time_wait_gives_way(c, s))
		return input_known(e, c, s);
	l = taker_find(e, s->packet, offered);
	if (!l)
		return input_known(e, c, s);
	tcp_count(e, time_wait_reused);
	connection_free(e, c);
	return handshake_listen(e, l, s, &after);
}

static void input_begin(
	struct tcp_engine *e, const struct packet *packet, usec_t now, struct tcp_segment *s)
{
	e->now = now;
	tcp_count(e, segments_received);
	segment_read(packet, s);
}

static enum drop_reason input_end(
	struct tcp_engine *e, const struct tcp_segment *s, enum drop_reason reason)
{
	if (s->payload)
		e->config.buffers->put(e->config.buffers, s->payload);
	if (reason != DROP_NONE)
		counter_add(&e->stats.drops[reason], 1);
	return reason;
}

static struct tcp_connection *find(struct tcp_engine *e, const struct packet *packet, usec_t now)
{
	struct tcp_connection *c = connection_find(e, &packet->key);

	e->now = now;
	return c ? c : time_wait_restore(e, &packet->key);
}

enum drop_reason tcp_segment_input(
	struct tcp_engine *engine, const struct packet *packet, usec_t now)
{
	struct tcp_connection *c = find(engine, packet, now);
	const struct tcp_listener *l;
	struct tcp_segment s;

	input_begin(engine, packet, now, &s);
	if (c)
		return input_end(engine, &s, input_connection(engine, c, &s, NULL));
	l = listener_find(engine, &packet->key);
	return input_end(engine, &s, l ? input_listen(engine, l, &s) : input_closed(engine, &s));
}

bool tcp_segment_known(struct tcp_engine *engine, const struct packet *packet, uint32_t bucket,
	usec_t now, enum drop_reason *reason, uint32_t *connection)
{
	struct tcp_connection *c = connection_find_in(engine, bucket, &packet->key);
	struct tcp_listener offered;
	struct tcp_segment s;

	if (!c)
		return false;
	*connection = engine_index(engine, c);
	input_begin(engine, packet, now, &s);
	*reason = input_end(engine, &s,
		input_connection(engine, c, &s, engine->config.offer ? &offered : NULL));
	return true;
}

bool tcp_segment_try(struct tcp_engine *engine, const struct packet *packet, usec_t now,
	enum drop_reason *reason)
{
	struct tcp_connection *c = find(engine, packet, now);
	struct tcp_listener offered;
	const struct tcp_listener *l = NULL;
	struct tcp_segment s;

	if (!c) {
		l = taker_find(engine, packet, engine->config.offer ? &offered : NULL);
		if (!l)
			return false;
	}
	input_begin(engine, packet, now, &s);
	*reason = input_end(engine, &s,
		c ? input_connection(engine, c, &s, engine->config.offer ? &offered : NULL)
		  : input_listen(engine, l, &s));
	return true;
}
