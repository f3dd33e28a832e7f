// SPDX-License-Identifier: BSD-3-Clause
// The states of RFC 9293 figure 5 and the end of a connection.
#include "tcp/engine_impl.h"

const char *tcp_state_name(enum tcp_state state)
{
	static const char *const names[TCP_STATE_COUNT] = {
		[TCP_CLOSED] = "closed",
		[TCP_SYN_SENT] = "syn_sent",
		[TCP_SYN_RECEIVED] = "syn_received",
		[TCP_ESTABLISHED] = "established",
		[TCP_FIN_WAIT_1] = "fin_wait_1",
		[TCP_FIN_WAIT_2] = "fin_wait_2",
		[TCP_CLOSE_WAIT] = "close_wait",
		[TCP_CLOSING] = "closing",
		[TCP_LAST_ACK] = "last_ack",
		[TCP_TIME_WAIT] = "time_wait",
	};

	return state < TCP_STATE_COUNT ? names[state] : "unknown";
}

void state_set(struct tcp_engine *e, struct tcp_connection *c, enum tcp_state state)
{
	counter_sub(&e->stats.states[c->state], 1);
	counter_add(&e->stats.states[state], 1);
	c->state = state;
}

bool state_is_synchronized(const struct tcp_connection *c)
{
	return c->state >= TCP_ESTABLISHED && c->state <= TCP_LAST_ACK;
}

// RFC 9293 3.10.5: no reset for a SYN not answered, nor for what is over on both sides.
bool state_takes_reset(const struct tcp_connection *c)
{
	return (c->state == TCP_SYN_RECEIVED && !(c->manner & TCP_IS_HELD)) ||
	       state_is_synchronized(c);
}

// The user's hands are off, or the engine's are: what is left is either an event or nothing.
static void connection_over(struct tcp_engine *e, struct tcp_connection *c, uint16_t event)
{
	if (!(c->flags & TCP_IS_OWNED)) {
		connection_free(e, c);
		return;
	}
	list_remove(e, c);
	c->timers = 0;
	send_queue_clear(e, c);
	flush_remove(e, c);
	state_set(e, c, TCP_CLOSED);
	if (event)
		event_raise(e, c, event);
}

void connection_fail(struct tcp_engine *e, struct tcp_connection *c, int error)
{
	tcp_count(e, connections_failed);
	c->flags |= TCP_IS_FAILED;
	c->error = (uint16_t)error;
	connection_over(e, c, TCP_EVENT_FAILED);
}

void connection_trouble(struct tcp_engine *e, struct tcp_connection *c, int error)
{
	if (c->flags & TCP_IS_FAILED)
		return;
	c->error = (uint16_t)error;
	event_raise(e, c, TCP_EVENT_TROUBLE);
}

void connection_done(struct tcp_engine *e, struct tcp_connection *c)
{
	connection_over(e, c, 0);
}

void time_wait_enter(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t wait = profile_of(e, c)->time_wait_us;

	state_set(e, c, TCP_TIME_WAIT);
	c->timers = 0;
	send_queue_clear(e, c);
	if (wait == UINT32_MAX) {
		connection_done(e, c);
		return;
	}
	// While the user has yet to take what was received, nobody may evict it.
	if (!(c->flags & TCP_IS_OWNED))
		list_add(e, c, LIST_TIME_WAIT);
	timer_set(e, c, TCP_TIMER_LIFE, wait);
}

// Keepalive while data may come; a bound on FIN-WAIT-2 once the user has let go.
void life_update(struct tcp_engine *e, struct tcp_connection *c)
{
	const struct tcp_profile *p = profile_of(e, c);

	if (c->state == TCP_FIN_WAIT_2 && !(c->flags & TCP_IS_OWNED))
		timer_set(e, c, TCP_TIMER_LIFE, p->fin_wait_us);
	else if (state_is_synchronized(c) && p->keepalive_idle_ms != 0)
		timer_set(e, c, TCP_TIMER_LIFE, p->keepalive_idle_ms * USEC_PER_MILLISECOND);
}

// RFC 9293 3.8.4. Data in flight has the retransmission timer to find a dead peer.
static void keepalive_due(struct tcp_engine *e, struct tcp_connection *c)
{
	const struct tcp_profile *p = profile_of(e, c);
	usec_t idle = (usec_t)(engine_tick(e) - c->last_heard) << TICK_SHIFT;
	usec_t wanted = p->keepalive_idle_ms * USEC_PER_MILLISECOND;

	if (p->keepalive_idle_ms == 0)
		return;
	if (c->probes == 0 && idle < wanted) {
		timer_set(e, c, TCP_TIMER_LIFE, wanted - idle);
		return;
	}
	if (c->snd_una != c->snd_nxt) {
		timer_set(e, c, TCP_TIMER_LIFE, wanted);
		return;
	}
	if (c->probes >= p->keepalive_probes) {
		segment_send_reset(e, c, false);
		connection_fail(e, c, ETIMEDOUT);
		return;
	}
	c->probes++;
	tcp_count(e, keepalive_probes);
	segment_send(
		e, c, &(struct segment_out){.sequence = c->snd_una - 1, .flags = TCP_FLAG_ACK});
	timer_set(e, c, TCP_TIMER_LIFE, p->keepalive_interval_ms * USEC_PER_MILLISECOND);
}

void life_expired(struct tcp_engine *e, struct tcp_connection *c)
{
	if (c->state == TCP_TIME_WAIT || (c->state == TCP_FIN_WAIT_2 && !(c->flags & TCP_IS_OWNED)))
		connection_done(e, c);
	else if (state_is_synchronized(c))
		keepalive_due(e, c);
}

uint64_t tcp_context(const struct tcp_engine *engine, uint32_t connection)
{
	return engine_at(engine, connection)->context;
}

void tcp_context_set(struct tcp_engine *engine, uint32_t connection, uint64_t context)
{
	engine_at(engine, connection)->context = context;
}

void tcp_shutdown(struct tcp_engine *engine, uint32_t connection, usec_t now)
{
	struct tcp_connection *c = engine_at(engine, connection);

	engine->now = now;
	if (c->state == TCP_CLOSED || (c->flags & TCP_FIN_QUEUED))
		return;
	c->flags |= TCP_FIN_QUEUED;
	flush_add(engine, c);
}

void tcp_dscp_set(struct tcp_engine *engine, uint32_t connection, uint8_t dscp)
{
	nx_bug_on(dscp > DSCP_MAX);
	engine_at(engine, connection)->dscp = dscp;
}

void tcp_shutdown_apart(struct tcp_engine *engine, uint32_t connection, usec_t now)
{
	engine_at(engine, connection)->manner |= TCP_FIN_GOES_APART;
	tcp_shutdown(engine, connection, now);
}

bool tcp_end_came_apart(const struct tcp_engine *engine, uint32_t connection)
{
	return engine_at(engine, connection)->manner & TCP_FIN_CAME_APART;
}

static void disown(struct tcp_engine *e, struct tcp_connection *c)
{
	event_remove(e, c);
	c->flags &= ~(uint32_t)TCP_IS_OWNED;
	e->owned--;
}

void tcp_abort(struct tcp_engine *engine, uint32_t connection, usec_t now)
{
	struct tcp_connection *c = engine_at(engine, connection);

	engine->now = now;
	if (state_takes_reset(c))
		segment_send_reset(engine, c, false);
	connection_free(engine, c);
}

void tcp_abort_like(struct tcp_engine *engine, uint32_t connection, uint32_t like, usec_t now)
{
	struct tcp_connection *c = engine_at(engine, connection);

	engine->now = now;
	// Without buffers there is no telling the peer more.
	(void)output_run(engine, c);
	if (state_takes_reset(c))
		segment_send_reset(engine, c, engine_at(engine, like)->manner & TCP_RESET_WAS_BARE);
	connection_free(engine, c);
}

void tcp_close(struct tcp_engine *engine, uint32_t connection, usec_t now)
{
	struct tcp_connection *c = engine_at(engine, connection);

	engine->now = now;
	if (c->state == TCP_CLOSED || c->state == TCP_SYN_SENT || (c->manner & TCP_IS_HELD)) {
		connection_free(engine, c);
		return;
	}
	// RFC 2525 2.17: data that nobody will read must not look as if it had been.
	if (c->receive_head && c->state != TCP_TIME_WAIT) {
		tcp_abort(engine, connection, now);
		return;
	}
	disown(engine, c);
	receive_clear(engine, c);
	c->flags |= TCP_NO_MORE_DATA;
	// From here on a shut window has its time, however long it was shut before.
	c->stuck_since = engine_tick(engine);
	if (c->state == TCP_TIME_WAIT) {
		list_add(engine, c, LIST_TIME_WAIT);
		return;
	}
	if (!(c->flags & TCP_FIN_QUEUED)) {
		c->flags |= TCP_FIN_QUEUED;
		flush_add(engine, c);
	}
	life_update(engine, c);
}

void tcp_info_get(const struct tcp_engine *engine, uint32_t connection, struct tcp_info *out)
{
	const struct tcp_connection *c = engine_at(engine, connection);
	uint32_t edge = c->rcv_edge - c->rcv_nxt;

	*out = (struct tcp_info){.key = key_reverse(&c->key),
		.state = c->state,
		.congestion = c->congestion_kind,
		.dscp = c->dscp,
		.timestamps = c->flags & TCP_HAS_TIMESTAMPS,
		.sack = c->flags & TCP_HAS_SACK,
		.ecn = c->flags & TCP_HAS_ECN,
		.send_scale = c->send_scale,
		.receive_scale = c->receive_scale,
		.mss = c->mss,
		.round_trip_us = c->srtt_us / 8,
		.round_trip_min_us = c->rack.minimum_us,
		.rto_us = (uint32_t)rto_of(engine, c),
		.congestion_window = c->cwnd,
		.slow_start_threshold = c->ssthresh,
		.in_flight = tcp_in_flight(c),
		.send_window = c->snd_wnd,
		.receive_window = seq_before(c->rcv_nxt, c->rcv_edge) ? edge : 0,
		.send_queued = c->snd_end - seq_earlier(c->snd_una, c->snd_end),
		.receive_queued = c->receive_head ? c->receive_head->total_length : 0,
		.send_held = c->send_held,
		.receive_held = c->receive_held,
		.retransmitted = c->retransmissions,
		.pacing_rate = c->pacing_rate,
		.send_unacknowledged = c->snd_una,
		.send_next = c->snd_nxt,
		.receive_next = c->rcv_nxt,
		.timestamp = timestamp_now(engine, c)};
}
