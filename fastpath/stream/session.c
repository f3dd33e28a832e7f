// SPDX-License-Identifier: BSD-3-Clause
// A relayed session's life: accepted from a client, sent on to a target, ended.
#include "stream/limit.h"
#include "stream/relay_impl.h"
#include "stream/secure.h"
#include "stream/strangers.h"

// The engine gives a client's answer up earlier.
#define ANSWER_TIMEOUT (180 * USEC_PER_SECOND)

static struct slot_stats *listener_stats(const struct relay *r, const struct relay_session *s)
{
	return &r->config.stats->listeners[s->listener];
}

const struct snapshot_listener *relay_session_listener(
	const struct relay *r, const struct relay_session *s)
{
	return s->listener < r->snapshot->listener_limit ? r->snapshot->listeners[s->listener]
							 : NULL;
}

static void log_session(const struct relay *r, const struct relay_session *s, enum session_end end)
{
	struct session_record record;

	// What a stream did is in the access log.
	if (s->flags & (RELAY_IS_STREAM | RELAY_IS_PARKED))
		return;
	// enum session_log_level: 1 at the end, 2 at the opening too.
	if (r->log_level < (end == SESSION_END_NONE ? 2 : 1))
		return;
	relay_session_describe(r, s, end, &record);
	r->config.log(r->config.context, &record);
}

void relay_session_let_go(struct relay *r, struct relay_session *s, unsigned int leg, bool reset)
{
	bool secure = leg_is_secure(s, leg);

	secure_end(r, s, leg);
	if (s->connection[leg] == TCP_NONE)
		return;
	if (secure && !reset)
		secure_discard(r, s->connection[leg]);
	if (reset)
		tcp_abort(r->tcp, s->connection[leg], r->now);
	else
		tcp_close(r->tcp, s->connection[leg], r->now);
	s->connection[leg] = TCP_NONE;
}

void relay_session_end(struct relay *r, struct relay_session *s, enum session_end why, bool reset)
{
	uint32_t index = session_index(r, s);
	struct flow_past past = {0}; // a reset leaves none

	log_session(r, s, why);
	if (s->flags & RELAY_IS_HTTP)
		relay_gateway_end(r, s);
	if (s->flags & RELAY_IS_PARKED)
		relay_parked_end(r, s);
	if (s->flags & RELAY_IS_STRANGER)
		relay_stranger_leave(r, s);
	if (!reset && s->connection[LEG_TARGET] != TCP_NONE)
		past = relay_session_past(r, s);
	relay_session_let_go(r, s, LEG_CLIENT, reset);
	relay_session_let_go(r, s, LEG_TARGET, reset);
	relay_session_target_give_back(r, s, &past);
	relay_preface_clear(r, s);
	wheel_cancel(&r->wheel, index);
	if (!(s->flags & (RELAY_IS_STREAM | RELAY_IS_PARKED))) {
		counter_sub(&r->config.stats->sessions, 1);
		counter_sub(&listener_stats(r, s)->sessions, 1);
	}
	s->flags = 0;
	pool_put(&r->sessions, index);
}

const struct snapshot_upstream *relay_session_upstream(
	const struct relay *r, const struct relay_session *s)
{
	return s->upstream < r->snapshot->upstream_limit ? r->snapshot->upstreams[s->upstream]
							 : NULL;
}

struct flow_key relay_session_client(const struct relay *r, const struct relay_session *s)
{
	struct tcp_info info;

	tcp_info_get(r->tcp, relay_framed_client(r, s)->connection[LEG_CLIENT], &info);
	return flow_key_reverse(&info.key);
}

struct flow_key relay_session_announced(const struct relay *r, const struct relay_session *s)
{
	const struct relay_session *named = relay_framed_client(r, s);
	struct flow_key client = relay_session_client(r, s);

	if (named->flags & RELAY_IS_NAMED) {
		client.source = r->names[session_index(r, named)].address;
		client.source_port = r->names[session_index(r, named)].port;
	}
	return client;
}

void relay_session_answer(struct relay *r, struct relay_session *s)
{
	struct tcp_terms terms;

	s->flags |= RELAY_IS_ANSWERED;
	s->heard = r->now;
	tcp_terms_get(r->tcp, s->connection[LEG_TARGET], &terms);
	tcp_answer(r->tcp, s->connection[LEG_CLIENT], &terms, r->now);
	wheel_arm(&r->wheel, session_index(r, s), r->now + ANSWER_TIMEOUT);
}

void relay_session_refusal(struct relay *r, struct relay_session *s)
{
	tcp_refuse(r->tcp, s->connection[LEG_CLIENT], r->now);
	s->connection[LEG_CLIENT] = TCP_NONE;
}

static const struct snapshot_listener *offered_listener(const struct relay *r, uint64_t offer)
{
	uint16_t slot = (uint16_t)offer;
	const struct snapshot_listener *l =
		slot < r->snapshot->listener_limit ? r->snapshot->listeners[slot] : NULL;

	// The slot may have changed hands since the SYN.
	return l && offer_context(l) == offer ? l : NULL;
}

static void count_opened(struct relay *r, const struct relay_session *s)
{
	struct worker_stats *stats = r->config.stats;

	counter_add(&stats->sessions, 1);
	counter_add(&stats->sessions_total, 1);
	counter_add(&listener_stats(r, s)->sessions, 1);
	counter_add(&listener_stats(r, s)->sessions_total, 1);
}

static void session_init(struct relay *r, uint32_t index, uint32_t connection,
	const struct snapshot_listener *listener)
{
	struct relay_session *s = session_at(r, index);
	uint32_t generation = s->generation + 1;

	memset(s, 0, sizeof(*s));
	s->generation = generation & 0xffffff;
	s->connection[LEG_CLIENT] = connection;
	s->connection[LEG_TARGET] = TCP_NONE;
	s->flags = RELAY_LIVE | (listener->transparent ? RELAY_IS_TRANSPARENT : 0) |
		   (listener->is_mirrored ? RELAY_IS_MIRRORED : 0);
	s->listener = listener->slot;
	s->upstream = listener->upstream;
	s->target = SLOT_NONE;
	s->opened = s->heard = r->now;
	wheel_entry_init(&r->wheel, index);
	tcp_context_set(r->tcp, connection, leg_context(index, LEG_CLIENT));
	count_opened(r, s);
}

// For a client: what only lies there for the next one gives way. POOL_NONE: all are in use.
static uint32_t client_index(struct relay *r)
{
	uint32_t index = pool_get(&r->sessions);

	if (index == POOL_NONE && relay_parked_give_way(r))
		index = pool_get(&r->sessions);
	return index;
}

// A session without a client's connection of its own.
static struct relay_session *add(struct relay *r, uint32_t index, uint16_t listener, uint32_t flags)
{
	struct relay_session *s;
	uint32_t generation;

	if (index == POOL_NONE)
		return NULL;
	s = session_at(r, index);
	generation = s->generation + 1;
	*s = (struct relay_session){.generation = generation & 0xffffff,
		.connection = {TCP_NONE, TCP_NONE},
		.flags = RELAY_LIVE | flags,
		.listener = listener,
		.upstream = SLOT_NONE,
		.target = SLOT_NONE,
		.opened = r->now,
		.heard = r->now};
	wheel_entry_init(&r->wheel, index);
	return s;
}

struct relay_session *relay_session_add_stream(struct relay *r, const struct relay_session *client)
{
	return add(r, client_index(r), client->listener,
		RELAY_IS_OPEN | RELAY_IS_HTTP | RELAY_IS_STREAM);
}

struct relay_session *relay_session_add_parked(struct relay *r)
{
	return add(r, pool_get(&r->sessions), SLOT_NONE, RELAY_IS_OPEN | RELAY_IS_PARKED);
}

void relay_session_refuse(struct relay *r, struct relay_session *s, enum drop_reason reason)
{
	stats_drop(r->config.stats, reason);
	relay_session_end(r, s, SESSION_END_REFUSED, true);
}

// On to the target, with what it is to be told first. False: the session is over.
static bool proceed(struct relay *r, struct relay_session *s, const struct flow_key *announced)
{
	const struct snapshot_listener *listener = relay_session_listener(r, s);
	const struct snapshot_upstream *upstream;
	enum drop_reason reason = DROP_NO_TARGET;

	// The listener may have moved on while its client's header was awaited.
	if (listener)
		s->upstream = s->flags & RELAY_IS_MIRRORED ? listener->mirror : listener->upstream;
	// Strangers to REALITY are the target's, whatever they speak.
	if (listener && listener->http && !(s->flags & RELAY_IS_MIRRORED)) {
		relay_gateway_begin(r, s, announced);
		log_session(r, s, SESSION_END_NONE);
		return true;
	}
	upstream = relay_session_upstream(r, s);
	if (upstream)
		reason = relay_preface_write(r, s, upstream->proxy_protocol, announced)
				 ? relay_session_try(r, s, announced, SLOT_NONE)
				 : DROP_NO_BUFFER;
	if (reason != DROP_NONE) {
		relay_session_refuse(r, s, reason);
		return false;
	}
	log_session(r, s, SESSION_END_NONE);
	return true;
}

// The client is known: its handshake where the listener asks for one, then the target. What it sent
// behind a PROXY protocol header is that handshake's begin. False: the session is over.
static bool go_on(struct relay *r, struct relay_session *s, const struct flow_key *announced)
{
	const struct snapshot_listener *listener = relay_session_listener(r, s);
	struct buffer *first = s->preface;

	if (!listener || listener->security == 0 || (s->flags & RELAY_IS_MIRRORED))
		return proceed(r, s, announced);
	s->preface = NULL;
	if (secure_begin(r, s, LEG_CLIENT, listener->security, first, announced))
		return true;
	relay_session_refuse(r, s, DROP_TLS_LEGS_FULL);
	return false;
}

void relay_session_secured(struct relay *r, struct relay_session *s, unsigned int leg,
	const struct flow_key *announced)
{
	if (leg == LEG_TARGET)
		relay_origin_secured(r, s);
	else if (proceed(r, s, announced) && (s->flags & RELAY_IS_HTTP))
		relay_gateway_run(r, s);
}

bool relay_session_mirror(struct relay *r, struct relay_session *s)
{
	const struct snapshot_listener *listener = relay_session_listener(r, s);
	struct flow_key client = relay_session_announced(r, s);

	if (r->secure)
		relay_stranger_join(r, s, &client.source);
	if (listener && listener->is_mirrored &&
		secure_mirror_begin(r, s, listener->security, &client))
		return true;
	s->flags &= ~(uint32_t)RELAY_IS_MIRRORED;
	relay_limit_begin(r, s);
	return false;
}

void relay_session_keys_missing(
	struct relay *r, struct relay_session *s, unsigned int leg, enum session_end why)
{
	if (is_mirroring(s->flags)) {
		counter_add(&r->config.stats->reality_refused, 1);
		secure_splice(r, s);
		return;
	}
	if (leg == LEG_TARGET) {
		relay_origin_failed(r, s, why);
		return;
	}
	stats_drop(r->config.stats, why == SESSION_END_UNANSWERED ? DROP_TLS_TIMEOUT
				    : why == SESSION_END_REFUSED  ? DROP_TLS_REFUSED
				    : why == SESSION_END_EVICTED  ? DROP_TLS_CROWDED
								  : DROP_TLS_HANDSHAKE);
	// The alert leaves before the end.
	if (why == SESSION_END_CLOSED)
		relay_session_let_go(r, s, leg, false);
	relay_session_end(r, s, why, true);
}

void relay_session_header(struct relay *r, struct relay_session *s)
{
	struct flow_key announced = relay_session_client(r, s);

	switch (relay_preface_read(r, s, &announced)) {
	case PREFACE_READY:
		s->flags &= ~(uint32_t)RELAY_AWAITS_HEADER;
		if (go_on(r, s, &announced) && (s->flags & RELAY_IS_HTTP))
			relay_gateway_run(r, s);
		break;
	case PREFACE_BAD:
		relay_session_refuse(r, s, DROP_PROXY_HEADER);
		break;
	case PREFACE_WAIT:
		// Nothing more comes.
		if (s->flags & leg_flag(RELAY_END, LEG_CLIENT))
			relay_session_refuse(r, s, DROP_PROXY_HEADER);
		break;
	}
}

struct relay_session *relay_session_accept(struct relay *r, uint32_t connection, uint64_t offer)
{
	const struct snapshot_listener *listener = offered_listener(r, offer);
	enum drop_reason reason = listener && !r->draining
					  ? flow_listener_check(r->config.flow, listener)
					  : DROP_LISTENER_CLOSING;
	uint32_t index = reason == DROP_NONE ? client_index(r) : POOL_NONE;

	if (index == POOL_NONE) {
		stats_drop(r->config.stats, reason == DROP_NONE ? DROP_SESSION_TABLE_FULL : reason);
		tcp_abort(r->tcp, connection, r->now);
		return NULL;
	}
	session_init(r, index, connection, listener);
	struct relay_session *s = session_at(r, index);

	if (listener->proxy_protocol) {
		s->flags |= RELAY_AWAITS_HEADER;
		wheel_arm(&r->wheel, index, r->now + listener->connect_timeout);
		return s;
	}
	struct flow_key client = relay_session_client(r, s);

	return go_on(r, s, &client) ? s : NULL;
}

uint32_t relay_end_all(struct relay *relay, const struct snapshot *snapshot, usec_t now)
{
	uint32_t count = 0;

	relay->snapshot = snapshot;
	relay->now = now;
	for (uint32_t i = 0; i < relay->sessions.touched; i++) {
		struct relay_session *s = session_at(relay, i);

		if (!(s->flags & RELAY_LIVE))
			continue;
		relay_session_end(relay, s, SESSION_END_SHUTDOWN, true);
		count++;
	}
	relay_probes_end(relay);
	tcp_abort_all(relay->tcp, now);
	return count;
}
