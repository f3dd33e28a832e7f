// SPDX-License-Identifier: BSD-3-Clause
// Sessions of HTTP listeners: the client's connection stays, targets come and go with its requests
// (http/conversation.h), and both are legs like any other session's.
#include "http/conversation.h"
#include "http2/connection.h"
#include "stream/relay_impl.h"
#include "stream/secure.h"

enum {
	SLABS_MAX = 4096,
	SWEEP_A_TURN = 256, // sessions looked at
};
static_assert((int)HTTP_CLIENT == (int)LEG_CLIENT && (int)HTTP_TARGET == (int)LEG_TARGET,
	"a leg has one number");

static bool is_stream(const struct relay_session *s, unsigned int leg)
{
	return leg == LEG_CLIENT && (s->flags & RELAY_IS_STREAM);
}

static struct buffer *receive(void *context, uint32_t session, unsigned int leg, uint32_t max)
{
	struct relay *r = context;
	struct relay_session *s = session_at(r, session);

	if (is_stream(s, leg))
		return h2_stream_receive(relay_framed_stream(r, s), max);
	if (s->connection[leg] == TCP_NONE || (session_has_layers(s) && !secure_share_lasts(r, s)))
		return NULL;
	return leg_receive(r, s, leg, max);
}

static bool leg_has_ended(void *context, uint32_t session, unsigned int leg)
{
	struct relay *r = context;
	struct relay_session *s = session_at(r, session);

	if (is_stream(s, leg))
		return h2_stream_has_ended(relay_framed_stream(r, s));
	return (s->flags & leg_flag(RELAY_END, leg)) && !leg_has_payload(r, s, leg);
}

static uint32_t room(void *context, uint32_t session, unsigned int leg)
{
	struct relay *r = context;
	struct relay_session *s = session_at(r, session);

	if (is_stream(s, leg))
		return h2_stream_room(relay_framed_stream(r, s));
	return s->connection[leg] == TCP_NONE ? 0 : leg_room(r, s, leg);
}

void relay_gateway_send(
	struct relay *r, struct relay_session *s, unsigned int leg, struct buffer *chain)
{
	struct slot_stats *listener = &r->config.stats->listeners[s->listener];

	s->bytes[!leg] += chain->total_length;
	s->buffers[!leg] += chain->segments;
	s->heard = r->now;
	// A stream's answer is the listener's once its client's connection carries it.
	if (!is_stream(s, leg)) {
		counter_add(&listener->bytes[!leg], chain->total_length);
		counter_add(&listener->packets[!leg], chain->segments);
	}
	if (s->target != SLOT_NONE) {
		struct slot_stats *target = &r->config.stats->targets[s->target];

		counter_add(&target->bytes[!leg], chain->total_length);
		counter_add(&target->packets[!leg], chain->segments);
	}
	if (is_stream(s, leg))
		h2_stream_send(relay_framed_stream(r, s), chain, r->now);
	else
		leg_send(r, s, leg, chain, 0);
}

static void send(void *context, uint32_t session, unsigned int leg, struct buffer *chain)
{
	struct relay *r = context;

	relay_gateway_send(r, session_at(r, session), leg, chain);
}

static bool head(void *context, uint32_t session, uint8_t *text, uint32_t length, bool is_last)
{
	struct relay *r = context;
	struct h2_stream *stream = relay_framed_stream(r, session_at(r, session));

	return h2_stream_head(stream, text, length, is_last, r->now);
}

static bool trailer(void *context, uint32_t session, uint8_t *text, uint32_t length)
{
	struct relay *r = context;

	return h2_stream_trailer(relay_framed_stream(r, session_at(r, session)), text, length);
}

static void shut(void *context, uint32_t session)
{
	struct relay *r = context;
	struct relay_session *s = session_at(r, session);

	if (s->flags & RELAY_IS_STREAM)
		h2_stream_shut(relay_framed_stream(r, s));
	else
		leg_shutdown(r, s, LEG_CLIENT);
}

uint64_t relay_gateway_terms(const struct snapshot_upstream *u)
{
	return (uint64_t)u->security << 32 | (uint64_t)(u->generation & 0xffff) << 16 |
	       (uint64_t)u->proxy_protocol << 8 | u->source_client;
}

static bool is_current(void *context, uint32_t session)
{
	struct relay *r = context;
	struct relay_session *s = session_at(r, session);
	const struct snapshot_upstream *u = relay_session_upstream(r, s);
	const struct snapshot_target *t = snapshot_target_at(r->snapshot, s->target);

	// What a target said meanwhile is known only while the share lasts.
	if (leg_is_secure(s, LEG_TARGET) &&
		(!secure_share_lasts(r, s) || secure_has_input(r, s, LEG_TARGET)))
		return false;
	return u && !u->closing && t && snapshot_target_is_usable(t) &&
	       relay_gateway_terms(u) == r->gateway->conversations[session].terms;
}

static enum http_reason begin_connect(void *context, uint32_t session, uint16_t upstream)
{
	struct relay *r = context;
	struct relay_session *s = session_at(r, session);
	struct http_conversation *c = &r->gateway->conversations[session];
	enum drop_reason reason = relay_session_connect(r, s, upstream, &c->announced);

	c->record.target = SLOT_NONE;
	if (reason == DROP_NONE) {
		c->terms = relay_gateway_terms(relay_session_upstream(r, s));
		return HTTP_REASON_NONE;
	}
	stats_drop(r->config.stats, reason);
	return reason == DROP_NO_TARGET ? HTTP_REASON_NO_TARGET : HTTP_REASON_NO_ROOM;
}

static bool park(void *context, uint32_t session)
{
	struct relay *r = context;
	struct http_conversation *c = &r->gateway->conversations[session];

	if (!is_current(context, session) || !relay_park(r, session_at(r, session), c->terms))
		return false;
	return true;
}

static bool unpark(void *context, uint32_t session, uint16_t upstream, bool is_fresh)
{
	struct relay *r = context;
	struct relay_session *s = session_at(r, session);
	const struct snapshot_upstream *u =
		upstream < r->snapshot->upstream_limit ? r->snapshot->upstreams[upstream] : NULL;

	if (!u || u->closing)
		return false;
	// Without a share it cannot be told from one whose target has spoken, which is thrown away.
	if (u->security != 0 && !secure_share_is_left(r))
		return false;
	if (!relay_unpark(r, s, u, relay_gateway_terms(u), is_fresh))
		return false;
	r->gateway->conversations[session].terms = relay_gateway_terms(u);
	return true;
}

static void disconnect(void *context, uint32_t session, bool reset)
{
	struct relay *r = context;
	struct relay_session *s = session_at(r, session);

	// The exchange may have to say yet whom it was with.
	if (s->target != SLOT_NONE)
		r->gateway->conversations[session].record.target = s->target;
	relay_session_disconnect(r, s, reset);
}

static void evict(void *context, uint32_t session)
{
	struct relay *r = context;

	relay_session_end(r, session_at(r, session), SESSION_END_EVICTED, true);
}

static void log_exchange(void *context, uint32_t session, struct http_record *record)
{
	struct relay *r = context;
	const struct relay_session *s = session_at(r, session);
	const struct snapshot_listener *l = r->snapshot ? relay_session_listener(r, s) : NULL;

	if (!l || !l->http || !l->http->access_log || !r->config.http_log)
		return;
	record->worker = r->config.worker;
	record->listener = s->listener;
	if (record->upstream == SLOT_NONE)
		record->target = SLOT_NONE;
	else if (s->target != SLOT_NONE)
		record->target = s->target;
	r->config.http_log(r->config.context, record);
}

int relay_gateway_create(struct relay *r)
{
	static const struct http_io io = {
		.receive = receive,
		.has_ended = leg_has_ended,
		.room = room,
		.send = send,
		.head = head,
		.trailer = trailer,
		.shut = shut,
		.is_current = is_current,
		.connect = begin_connect,
		.park = park,
		.unpark = unpark,
		.disconnect = disconnect,
		.evict = evict,
		.log = log_exchange,
	};

	struct http_gateway_config config = {.conversations = r->config.sessions,
		.slabs = u32_min(r->config.sessions, SLABS_MAX),
		.buffers = r->config.buffers,
		.io = &io,
		.context = r};

	static_assert(sizeof(config.key) == sizeof(r->config.secret), "the worker's secret");
	memcpy(config.key, r->config.secret, sizeof(config.key));
	return http_gateway_create(&config, &r->gateway);
}

void relay_gateway_begin(struct relay *r, struct relay_session *s, const struct flow_key *announced)
{
	const struct snapshot_listener *l = relay_session_listener(r, s);
	struct buffer *first = s->preface;

	s->preface = NULL;
	// A REALITY listener's own target has done its duty.
	s->target = SLOT_NONE;
	s->flags |= RELAY_IS_HTTP | RELAY_IS_OPEN;
	if (l->http->http2 && leg_is_secure(s, LEG_CLIENT)) {
		s->flags |= RELAY_IS_UNTOLD;
		wheel_arm(&r->wheel, session_index(r, s), r->now + l->http->head_timeout);
	}
	http_conversation_begin(r->gateway, session_index(r, s), announced, s->listener,
		leg_is_secure(s, LEG_CLIENT), first, r->now);
}

// The client speaks WebSocket with its target now: a session like those of listeners without HTTP.
static void become_stream(struct relay *r, struct relay_session *s)
{
	uint32_t index = session_index(r, s);
	usec_t allowed = relay_session_silence_allowed(r, s);

	http_conversation_end(r->gateway, index, r->now);
	s->flags &= ~(uint32_t)RELAY_IS_HTTP;
	s->heard = r->now;
	wheel_arm(&r->wheel, index, r->now + u64_min(allowed, SESSION_RECHECK));
	relay_session_pump(r, s, LEG_CLIENT);
	relay_session_pump(r, s, LEG_TARGET);
}

static void settle(struct relay *r, struct relay_session *s, enum http_outcome outcome)
{
	uint32_t index = session_index(r, s);
	usec_t due;

	switch (outcome) {
	case HTTP_GOES_ON:
		due = http_conversation_due(r->gateway, index);
		if (due != UINT64_MAX)
			wheel_arm(&r->wheel, index, due);
		break;
	case HTTP_CLOSED:
		relay_session_end(r, s, SESSION_END_CLOSED, false);
		break;
	case HTTP_BROKEN:
		relay_session_end(r, s, SESSION_END_RESET, true);
		break;
	case HTTP_SWITCHED:
		become_stream(r, s);
		break;
	}
}

static bool is_closing(const struct relay *r, const struct snapshot_listener *l)
{
	return r->draining || (l && l->closing);
}

void relay_gateway_run(struct relay *r, struct relay_session *s)
{
	const struct snapshot_listener *l = relay_session_listener(r, s);
	uint32_t outer;

	if (s->flags & (RELAY_IS_UNTOLD | RELAY_IS_FRAMED | RELAY_IS_STREAM))
		relay_framed_list(r, relay_framed_client(r, s));
	if (s->flags & (RELAY_IS_UNTOLD | RELAY_IS_FRAMED))
		return;
	outer = secure_share_nest(r);
	// In a later turn: who cannot be read now is not idle.
	if (!session_has_layers(s) || secure_share_lasts(r, s))
		settle(r, s,
			http_conversation_run(r->gateway, session_index(r, s), l ? l->http : NULL,
				is_closing(r, l),
				l && l->idle_timeout > 0 ? l->idle_timeout : UINT64_MAX, r->now));
	secure_share_back(r, outer);
}

void relay_gateway_opened(struct relay *r, struct relay_session *s)
{
	http_conversation_connected(r->gateway, session_index(r, s), r->now);
	relay_gateway_run(r, s);
}

void relay_gateway_failed(struct relay *r, struct relay_session *s, unsigned int leg, int error)
{
	uint32_t index = session_index(r, s);

	if (leg == LEG_CLIENT) {
		counter_add(&r->config.stats->tcp_resets_seen, error == ECONNRESET);
		relay_session_end(
			r, s, error == ETIMEDOUT ? SESSION_END_IDLE : SESSION_END_RESET, true);
		return;
	}
	if (r->gateway->conversations[index].target == HTTP_TARGET_CONNECTING) {
		relay_session_connect_failed(
			r, s, error == ETIMEDOUT ? SESSION_END_UNANSWERED : SESSION_END_REFUSED);
		return;
	}
	http_conversation_failed(r->gateway, index, HTTP_REASON_TARGET_CLOSED, r->now);
	relay_gateway_run(r, s);
}

void relay_gateway_unreached(struct relay *r, struct relay_session *s, enum session_end why)
{
	http_conversation_failed(r->gateway, session_index(r, s),
		why == SESSION_END_UNANSWERED ? HTTP_REASON_CONNECT_TIMEOUT
					      : HTTP_REASON_TARGET_REFUSED,
		r->now);
	relay_gateway_run(r, s);
}

void relay_gateway_target_broke(struct relay *r, struct relay_session *s)
{
	disconnect(r, session_index(r, s), true);
	http_conversation_failed(
		r->gateway, session_index(r, s), HTTP_REASON_TARGET_CLOSED, r->now);
	relay_gateway_run(r, s);
	// The client's layer, this time.
	if (s->flags & RELAY_BROKEN)
		relay_session_end(r, s, SESSION_END_RESET, true);
}

void relay_gateway_timer(struct relay *r, struct relay_session *s)
{
	uint32_t index = session_index(r, s);
	enum http_outcome outcome;

	if (s->flags & (RELAY_IS_UNTOLD | RELAY_IS_FRAMED)) {
		relay_framed_timer(r, s);
		return;
	}
	if (r->gateway->conversations[index].target == HTTP_TARGET_CONNECTING) {
		relay_session_connect_failed(r, s, SESSION_END_UNANSWERED);
		return;
	}
	outcome = http_conversation_timer(r->gateway, index, r->now);
	if (outcome == HTTP_GOES_ON)
		relay_gateway_run(r, s);
	else
		settle(r, s, outcome);
	if (s->flags & RELAY_BROKEN)
		secure_break(r, s);
}

void relay_gateway_changed(struct relay *r)
{
	const struct snapshot *snapshot = r->snapshot;

	r->seen = snapshot->generation;
	for (uint16_t i = 0; i < snapshot->listener_limit; i++) {
		const struct snapshot_listener *l = snapshot->listeners[i];

		if (l && l->http && is_closing(r, l))
			r->is_sweeping = true;
	}
	r->is_sweeping |= r->parked_count > 0;
	r->swept = 0;
}

void relay_gateway_sweep(struct relay *r)
{
	uint32_t end = u32_min(r->sessions.touched, r->swept + SWEEP_A_TURN);

	for (; r->swept < end; r->swept++) {
		struct relay_session *s = session_at(r, r->swept);

		if (s->flags & RELAY_IS_PARKED)
			relay_parked_timer(r, s);
		if (!(s->flags & RELAY_IS_HTTP) || !is_closing(r, relay_session_listener(r, s)))
			continue;
		if (s->flags & RELAY_IS_FRAMED)
			relay_framed_list(r, s);
		else if (http_conversation_is_idle(r->gateway, r->swept))
			wheel_arm(&r->wheel, r->swept, r->now);
	}
	r->is_sweeping = r->swept < r->sessions.touched;
}

void relay_gateway_end(struct relay *r, struct relay_session *s)
{
	http_conversation_end(r->gateway, session_index(r, s), r->now);
	if (s->flags & (RELAY_IS_FRAMED | RELAY_IS_STREAM))
		relay_framed_end(r, s);
}
