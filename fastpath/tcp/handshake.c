// SPDX-License-Identifier: BSD-3-Clause
// From SYN to ESTABLISHED: active, passive and simultaneous open (RFC 9293 3.5).
#include "tcp/congestion.h"
#include "tcp/engine_impl.h"

#include "pkt/tcp_options.h"

// What both kinds of opening begin with.
void handshake_init(struct tcp_engine *e, struct tcp_connection *c, const uint32_t *after)
{
	const struct tcp_profile *p = profile_of(e, c);
	struct flow_key out = key_reverse(&c->key);

	c->iss = isn_choose(e, &out);
	// Above what the connection before used (RFC 9293 3.10.7.4, TIME-WAIT).
	if (after && seq_before(c->iss, *after + 65536))
		c->iss = *after + 65536;
	c->ts_offset = timestamp_offset(e, &out);
	c->packet_id = (uint16_t)(c->iss >> 11);
	c->snd_una = c->iss;
	c->snd_nxt = c->snd_end = c->iss + 1;
	c->rto_us = RTO_INITIAL;
	c->manner |= (p->flags & TCP_KEEP_SEGMENTS ? TCP_KEEPS_SEGMENTS : 0) |
		     (p->flags & TCP_TAKE_TURNS ? TCP_TAKES_TURNS : 0);
	// What the profile lets us offer; the peer may have less (handshake_adopt).
	c->flags |= (p->flags & TCP_NO_TIMESTAMPS ? 0 : TCP_HAS_TIMESTAMPS) |
		    (p->flags & TCP_NO_SACK ? 0 : TCP_HAS_SACK);
	c->window_scaled = !(p->flags & TCP_NO_WINDOW_SCALE);
	c->mtu = p->mtu;
	c->dscp = p->dscp;
	c->peer_mss = is_v4(c) ? DEFAULT_MSS4 : DEFAULT_MSS6;
	c->mss = c->peer_mss;
	c->receive_scale = p->flags & TCP_NO_WINDOW_SCALE ? 0 : window_scale_choose(p);
	c->receive_limit = p->initial_window;
	c->receive_ratio = 128;
	c->quick = p->flags & TCP_TAKE_TURNS ? 0 : QUICK_ACKS;
	c->ssthresh = UINT32_MAX;
	c->stuck_since = c->last_heard = engine_tick(e);
	c->congestion_kind = p->congestion;
	c->receive_since = engine_time(e);
}

// Options are in force if both sides sent them (RFC 7323 2.5, 3.2; RFC 2018 2).
void handshake_adopt(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_options *o)
{
	if (!o->has_timestamps)
		c->flags &= ~(uint32_t)TCP_HAS_TIMESTAMPS;
	if (!o->sack_permitted)
		c->flags &= ~(uint32_t)TCP_HAS_SACK;
	c->window_scaled = c->window_scaled && o->has_window_scale;
	c->send_scale = c->window_scaled ? o->window_scale : 0;
	if (!c->window_scaled)
		c->receive_scale = 0;
	c->ts_recent = o->timestamp;
	c->ts_recent_time = timestamp_age_time(e);
	// A peer that names no MSS takes the least, one that names a silly one gets a bound
	// (RFC 9293 3.7.1): headers must not outweigh payload without end.
	if (o->has_mss)
		c->peer_mss = o->mss < 64 ? 64 : o->mss;
	path_mtu_set(e, c, c->mtu);
}

// RFC 6191: with timestamps a new connection may follow one in TIME-WAIT after a second.
static bool has_waited(const struct tcp_engine *e, uint32_t flags, uint32_t last_heard)
{
	return (flags & TCP_HAS_TIMESTAMPS) &&
	       engine_tick(e) - last_heard > (uint32_t)(TIME_WAIT_REUSED >> TICK_SHIFT);
}

static bool time_wait_is_over(const struct tcp_engine *e, const struct tcp_connection *c)
{
	return c->state == TCP_TIME_WAIT && !(c->flags & TCP_IS_OWNED) &&
	       has_waited(e, c->flags, c->last_heard);
}

bool tcp_key_is_used(struct tcp_engine *engine, const struct flow_key *key, usec_t now)
{
	struct flow_key in = key_reverse(key);
	struct tcp_connection *c;
	const struct tcp_time_wait *w;

	engine->now = now;
	// Forwarded sessions ask as they begin: where nothing ends here they need no look at tables
	// that no cache holds.
	if (tcp_connections(engine) == 0)
		return false;
	c = connection_find(engine, &in);
	if (c && !time_wait_is_over(engine, c))
		return true;
	// One that is still whole, for an acknowledgement that it owes, would be given segments
	// before whoever has the key next.
	if (c)
		time_wait_shrink(engine, c);
	w = time_wait_find(engine, &in);
	return w && !has_waited(engine, w->flags, w->last_heard);
}

// The one of ours in TIME-WAIT that gives way to a new one, as the peer saw it.
static struct tcp_past past_of(const struct tcp_engine *e, const struct tcp_connection *c)
{
	return (struct tcp_past){.sequence = c->snd_nxt,
		.timestamp = timestamp_now(e, c),
		.has_timestamp = c->flags & TCP_HAS_TIMESTAMPS};
}

// Our clock goes on behind the last timestamp that the peer saw.
static void clock_set(
	const struct tcp_engine *e, struct tcp_connection *c, const struct tcp_past *past)
{
	uint32_t behind = past->timestamp + 1 - timestamp_now(e, c);

	if (past->has_timestamp && (int32_t)behind > 0)
		c->ts_offset += behind;
}

void tcp_terms_get(const struct tcp_engine *engine, uint32_t connection, struct tcp_terms *out)
{
	const struct tcp_connection *c = engine_at(engine, connection);

	*out = (struct tcp_terms){.mss = c->peer_mss,
		.timestamps = c->flags & TCP_HAS_TIMESTAMPS,
		.sack = c->flags & TCP_HAS_SACK,
		.window_scale = c->window_scaled};
}

static void terms_adopt(struct tcp_connection *c, const struct tcp_terms *terms)
{
	c->mss_terms = terms->mss;
	if (!terms->timestamps)
		c->flags &= ~(uint32_t)TCP_HAS_TIMESTAMPS;
	if (!terms->sack)
		c->flags &= ~(uint32_t)TCP_HAS_SACK;
	if (!terms->window_scale) {
		c->window_scaled = false;
		c->send_scale = c->receive_scale = 0;
	}
}

int tcp_connect(struct tcp_engine *engine, uint16_t profile, const struct flow_key *key,
	uint64_t context, usec_t now, uint32_t *out)
{
	return tcp_connect_after(engine, profile, key, NULL, NULL, context, now, out);
}

int tcp_connect_after(struct tcp_engine *engine, uint16_t profile, const struct flow_key *key,
	const struct tcp_past *past, const struct tcp_terms *terms, uint64_t context, usec_t now,
	uint32_t *out)
{
	struct flow_key in = key_reverse(key);
	struct tcp_connection *c;
	const struct tcp_profile *p = &engine->profiles[profile];
	struct tcp_past own;

	nx_bug_on(profile >= TCP_PROFILES_MAX);
	engine->now = now;
	in.protocol = IPPROTO_TCP;
	c = connection_find(engine, &in);
	if (c == NULL)
		c = time_wait_restore(engine, &in);
	if (c && !time_wait_is_over(engine, c))
		return -EADDRINUSE;
	if (c) {
		own = past_of(engine, c);
		past = &own;
		tcp_count(engine, time_wait_reused);
		connection_free(engine, c);
	}
	c = connection_new(engine, &in, (uint8_t)profile);
	if (c == NULL)
		return -ENOBUFS;
	engine->owned++;
	c->flags = TCP_IS_OWNED | (p->flags & TCP_ECN ? TCP_HAS_ECN : 0);
	c->context = context;
	handshake_init(engine, c, past ? &past->sequence : NULL);
	if (past)
		clock_set(engine, c, past);
	if (terms)
		terms_adopt(c, terms);
	state_set(engine, c, TCP_SYN_SENT);
	tcp_count(engine, connections_opened);
	// Without a buffer the timer sends it.
	segment_send_syn(engine, c);
	timer_set(engine, c, TCP_TIMER_LOSS, rto_of(engine, c));
	*out = engine_index(engine, c);
	return 0;
}

static void hold(struct tcp_engine *e, struct tcp_connection *c)
{
	c->manner |= TCP_IS_HELD;
	c->flags |= TCP_IS_OWNED;
	e->owned++;
	list_add(e, c, LIST_HELD);
	event_raise(e, c, TCP_EVENT_ASKED);
}

// RFC 9293 3.10.7.2, third: a SYN for a listener. Text in it is left for the peer to send again.
enum drop_reason handshake_listen(struct tcp_engine *e, const struct tcp_listener *l,
	struct tcp_segment *s, const uint32_t *after)
{
	const struct tcp_profile *p = &e->profiles[l->profile];
	struct tcp_options o = {0};
	struct tcp_connection *c;

	if (tcp_options_parse(s->packet, &o) != TCP_OPTIONS_OK)
		return DROP_TCP_BAD_OPTION;
	if (l->is_held)
		held_make_room(e, &s->packet->key.source);
	c = l->is_held || e->lists[LIST_HALF_OPEN].count < e->config.half_open
		    ? connection_new(e, &s->packet->key, l->profile)
		    : NULL;
	if (c == NULL && l->is_held)
		return DROP_TCP_CONNECTIONS_FULL;
	if (c == NULL) {
		cookie_answer(e, l, s, &o);
		return DROP_NONE;
	}
	c->flags = TCP_IS_PASSIVE;
	c->listener = l->number;
	c->context = l->context;
	handshake_init(e, c, after);
	// RFC 3168 6.1.1: both bits ask for it.
	if ((p->flags & TCP_ECN) && (s->flags & TCP_FLAG_ECE) && (s->flags & TCP_FLAG_CWR))
		c->flags |= TCP_HAS_ECN;
	c->irs = s->sequence;
	c->rcv_nxt = c->rcv_edge = s->sequence + 1;
	c->snd_wnd = c->snd_wnd_max = s->window;
	c->snd_wl1 = s->sequence;
	handshake_adopt(e, c, &o);
	state_set(e, c, TCP_SYN_RECEIVED);
	if (l->is_held) {
		hold(e, c);
		return DROP_NONE;
	}
	list_add(e, c, LIST_HALF_OPEN);
	segment_send_syn(e, c);
	timer_set(e, c, TCP_TIMER_LOSS, rto_of(e, c));
	return DROP_NONE;
}

static bool is_held(const struct tcp_connection *c)
{
	return (c->manner & TCP_IS_HELD) && c->state == TCP_SYN_RECEIVED;
}

void tcp_answer(
	struct tcp_engine *engine, uint32_t connection, const struct tcp_terms *terms, usec_t now)
{
	struct tcp_connection *c = engine_at(engine, connection);

	engine->now = now;
	// It may have failed since, and its event be on its way.
	if (!is_held(c))
		return;
	c->manner &= (uint8_t)~TCP_IS_HELD;
	terms_adopt(c, terms);
	path_mtu_set(engine, c, c->mtu);
	c->stuck_since = c->last_heard = engine_tick(engine);
	segment_send_syn(engine, c);
	timer_set(engine, c, TCP_TIMER_LOSS, rto_of(engine, c));
}

void tcp_refuse(struct tcp_engine *engine, uint32_t connection, usec_t now)
{
	struct tcp_connection *c = engine_at(engine, connection);

	engine->now = now;
	if (is_held(c))
		segment_send_refusal(engine, c);
	connection_free(engine, c);
}

enum drop_reason handshake_held(
	struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s)
{
	// Failed, and told nobody: the peer hears nothing of it either.
	if (!is_held(c))
		return DROP_TCP_NO_SESSION;
	if (s->flags & TCP_FLAG_RST) {
		if (s->sequence != c->rcv_nxt)
			return DROP_TCP_UNPROVEN;
		tcp_count(e, resets_received);
		connection_fail(e, c, ECONNRESET);
		return DROP_NONE;
	}
	if ((s->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) != TCP_FLAG_SYN)
		return DROP_TCP_BAD_STATE;
	// Another connection from the same port: its next SYN finds the place free.
	if (s->sequence != c->irs) {
		connection_fail(e, c, ECONNRESET);
		return DROP_TCP_BAD_STATE;
	}
	// The same again: the answer echoes this one.
	if (s->has_timestamps)
		c->ts_recent = s->timestamp;
	return DROP_NONE;
}

// Both sides know each other: the connection becomes the user's.
void handshake_complete(struct tcp_engine *e, struct tcp_connection *c)
{
	const struct tcp_profile *p = profile_of(e, c);
	bool accepted = (c->flags & TCP_IS_PASSIVE) && !(c->flags & TCP_IS_OWNED);

	state_set(e, c, TCP_ESTABLISHED);
	list_remove(e, c);
	c->backoff = 0;
	c->stuck_since = c->last_heard = engine_tick(e);
	// RFC 6928; one segment after a SYN was lost (RFC 6298 5.7 and RFC 5681 3.1).
	c->cwnd = (c->flags & TCP_SYN_SENT_AGAIN ? 1 : INITIAL_SEGMENTS) * (uint32_t)c->mss;
	c->ecn_end = c->snd_una;
	c->delivered_at = c->first_sent = c->pace_next = engine_time(e);
	congestion_init(e, c, p->congestion);
	if (accepted) {
		c->flags |= TCP_IS_OWNED;
		e->owned++;
	}
	if (c->flags & TCP_IS_PASSIVE)
		tcp_count(e, connections_accepted);
	event_raise(e, c, accepted ? TCP_EVENT_ACCEPTED : TCP_EVENT_CONNECTED);
	timer_clear(c, TCP_TIMER_LOSS);
	life_update(e, c);
	flush_add(e, c);
}

void handshake_round_trip(
	struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s)
{
	uint32_t steps = timestamp_now(e, c) - s->echo;

	// Nobody remembers when a cookie left: its timestamp is of that time by and large only.
	if (c->flags & TCP_FROM_COOKIE)
		return;
	if ((c->flags & TCP_HAS_TIMESTAMPS) && s->has_timestamps && s->echo != 0 &&
		steps < RTT_MAX / TIMESTAMP_STEP_US)
		rtt_sample(e, c, steps * TIMESTAMP_STEP_US);
	else if (!(c->flags & TCP_SYN_SENT_AGAIN))
		rtt_sample(e, c, (engine_tick(e) - c->stuck_since) << TICK_SHIFT);
	// RFC 6298 5.7: a SYN that timed out says that a second was too short.
	if ((c->flags & TCP_SYN_SENT_AGAIN) && !(c->flags & TCP_RTT_KNOWN))
		c->rto_us = 3 * RTO_INITIAL;
}

// The SYN is acknowledged by a segment with SYN, whose window is not scaled (RFC 7323 2.2).
static void syn_acknowledged(
	struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s)
{
	c->snd_una = s->acknowledgement;
	c->snd_wnd = c->snd_wnd_max = s->window;
	c->snd_wl1 = s->sequence;
	c->snd_wl2 = s->acknowledgement;
	handshake_round_trip(e, c, s);
	c->flags |= TCP_ACK_NOW;
	handshake_complete(e, c);
}

bool handshake_crossed(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s)
{
	if (c->state != TCP_SYN_RECEIVED || (c->flags & TCP_IS_PASSIVE) ||
		(s->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) !=
			(TCP_FLAG_SYN | TCP_FLAG_ACK) ||
		s->sequence != c->irs || s->acknowledgement != c->snd_nxt)
		return false;
	syn_acknowledged(e, c, s);
	return true;
}

static enum drop_reason syn_sent_syn(
	struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	struct tcp_options o = {0};
	bool answered = s->flags & TCP_FLAG_ACK;

	if (tcp_options_parse(s->packet, &o) != TCP_OPTIONS_OK)
		return DROP_TCP_BAD_OPTION;
	c->irs = s->sequence;
	c->rcv_nxt = c->rcv_edge = s->sequence + 1;
	c->snd_wnd = c->snd_wnd_max = s->window; // not scaled: RFC 7323 2.2
	c->snd_wl1 = s->sequence;
	c->snd_wl2 = s->acknowledgement;
	handshake_adopt(e, c, &o);
	// A SYN-ACK says yes with ECE alone; a crossing SYN asks with both.
	if (!(s->flags & TCP_FLAG_ECE) || answered == ((s->flags & TCP_FLAG_CWR) != 0))
		c->flags &= ~(uint32_t)TCP_HAS_ECN;
	if (!answered) {
		// Simultaneous open (RFC 9293 figure 7).
		state_set(e, c, TCP_SYN_RECEIVED);
		segment_send_syn(e, c);
		return DROP_NONE;
	}
	syn_acknowledged(e, c, s);
	return DROP_NONE;
}

// RFC 9293 3.10.7.3.
enum drop_reason handshake_syn_sent(
	struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	bool acceptable = s->acknowledgement == c->snd_nxt;

	if ((s->flags & TCP_FLAG_ACK) && !acceptable) {
		segment_refuse(e, s);
		return DROP_TCP_BAD_ACKNOWLEDGEMENT;
	}
	if (s->flags & TCP_FLAG_RST) {
		if (!(s->flags & TCP_FLAG_ACK))
			return DROP_TCP_UNPROVEN;
		tcp_count(e, resets_received);
		connection_fail(e, c, ECONNREFUSED);
		return DROP_NONE;
	}
	return s->flags & TCP_FLAG_SYN ? syn_sent_syn(e, c, s) : DROP_TCP_BAD_STATE;
}
