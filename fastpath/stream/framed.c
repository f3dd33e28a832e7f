// SPDX-License-Identifier: BSD-3-Clause
// Clients of HTTP/2: a session for the connection, whose frames http2/ reads and writes, and one
// for each of its streams, which has a target as any client of an HTTP listener has (gateway.c).
// Events only list the client's session; what they led to is done once, at the end of the turn, so
// that the answers of many streams leave together.
#include "core/chain.h"
#include "http/conversation.h"
#include "http2/connection.h"
#include "stream/relay_impl.h"
#include "stream/secure.h"

enum {
	ROUNDS = 8, // of reading, running streams and writing, in a turn
	STREAMS_A_ROUND = 256,
	OUTPUT_BYTES = 128 << 10, // at once
	TOLD_APART = 8192,        // connections with streams, and without
	STREAMS_SHARE = 2,        // this part of the sessions may be streams
};

// What a client may take to go once all is said, and to let any of an answer out.
#define LINGER (5 * USEC_PER_SECOND)
#define STALL  (60 * USEC_PER_SECOND)
// Where the listener, which says them, is gone.
#define TIMEOUT_FALLBACK (10 * USEC_PER_SECOND)

int relay_framed_create(struct relay *r)
{
	uint32_t sessions = r->config.sessions;
	int error = memory_map(sessions * sizeof(struct relay_framed), false, &r->framed_memory);

	if (error)
		return error;
	error = crowd_create(u32_min(sessions, TOLD_APART), &r->framed_idle);
	if (error)
		goto no_idle;
	error = crowd_create(u32_min(sessions, TOLD_APART), &r->framed_busy);
	if (error)
		goto no_busy;
	error = h2_engine_create(sessions, u32_max(H2_STREAMS_MAX, sessions / STREAMS_SHARE),
		r->config.buffers, &r->h2);
	if (error)
		goto no_engine;
	r->framed = r->framed_memory.base;
	r->framed_first = r->framed_last = POOL_NONE;
	return 0;

no_engine:
	crowd_destroy(r->framed_busy);
no_busy:
	crowd_destroy(r->framed_idle);
no_idle:
	memory_unmap(&r->framed_memory);
	return error;
}

void relay_framed_destroy(struct relay *r)
{
	h2_engine_destroy(r->h2);
	crowd_destroy(r->framed_busy);
	crowd_destroy(r->framed_idle);
	memory_unmap(&r->framed_memory);
}

struct relay_session *relay_framed_client(const struct relay *r, const struct relay_session *s)
{
	uint32_t index = session_index(r, s);

	return session_at(r, s->flags & RELAY_IS_STREAM ? r->framed[index].client : index);
}

struct h2_stream *relay_framed_stream(const struct relay *r, const struct relay_session *s)
{
	return r->framed[session_index(r, s)].stream;
}

static struct h2_connection *connection_of(const struct relay *r, const struct relay_session *s)
{
	return r->framed[session_index(r, s)].connection;
}

void relay_framed_list(struct relay *r, struct relay_session *s)
{
	uint32_t index = session_index(r, s);
	struct relay_framed *f = &r->framed[index];

	if (f->is_listed)
		return;
	f->is_listed = true;
	f->next = POOL_NONE;
	if (r->framed_last == POOL_NONE)
		r->framed_first = index;
	else
		r->framed[r->framed_last].next = index;
	r->framed_last = index;
}

static bool is_closing(const struct relay *r, const struct snapshot_listener *l)
{
	return r->draining || !l || l->closing;
}

static struct relay_session *stream_begin(
	struct relay *r, struct relay_session *client, struct h2_stream *stream)
{
	struct flow_key announced = relay_session_announced(r, client);
	struct relay_session *s = relay_session_add_stream(r, client);
	uint32_t index;

	if (!s) {
		stats_drop(r->config.stats, DROP_SESSION_TABLE_FULL);
		h2_stream_refuse(stream);
		return NULL;
	}
	index = session_index(r, s);
	// It may be listed yet as what was here before.
	r->framed[index].connection = NULL;
	r->framed[index].stream = stream;
	r->framed[index].client = session_index(r, client);
	stream->owner = index;
	stream->is_new = false;
	http_conversation_begin(r->gateway, index, &announced, client->listener,
		leg_is_secure(client, LEG_CLIENT), NULL, r->now);
	http_conversation_frame(r->gateway, index, stream->connection->limits.head_bytes);
	return s;
}

// Something happened to a stream.
static void stream_run(struct relay *r, struct relay_session *client, struct h2_stream *stream)
{
	struct relay_session *s;

	if (stream->is_new)
		s = stream_begin(r, client, stream);
	else
		s = stream->owner != H2_NONE ? session_at(r, stream->owner) : NULL;
	if (!s)
		return;
	if (stream->is_over) {
		relay_session_end(r, s, SESSION_END_RESET, true);
		return;
	}
	relay_gateway_run(r, s);
	if (s->flags & RELAY_BROKEN)
		secure_break(r, s);
}

static bool streams_run(struct relay *r, struct relay_session *s)
{
	struct h2_stream *stream;
	uint32_t left = STREAMS_A_ROUND;
	bool moved = false;

	while (left-- > 0 && (stream = h2_woken_take(connection_of(r, s))) != NULL) {
		stream_run(r, s, stream);
		moved = true;
	}
	return moved;
}

static void streams_end(struct relay *r, struct h2_connection *c)
{
	struct h2_stream *next;

	for (struct h2_stream *stream = TAILQ_FIRST(&c->all); stream; stream = next) {
		next = TAILQ_NEXT(stream, of_connection);
		if (stream->owner != H2_NONE)
			relay_session_end(r, session_at(r, stream->owner), SESSION_END_RESET, true);
	}
}

// Reads on. Who takes no answers is not read from. False: nothing came.
static bool input_take(struct relay *r, struct relay_session *s)
{
	struct h2_connection *c = connection_of(r, s);
	struct buffer *chain;

	if (c->ending == H2_ENDING_NONE && leg_room(r, s, LEG_CLIENT) == 0)
		return false;
	chain = leg_receive(r, s, LEG_CLIENT, SECURE_PIECE);
	if (!chain)
		return false;
	if (c->ending == H2_ENDING_NONE)
		h2_input(c, chain, r->now);
	else
		r->config.buffers->put(r->config.buffers, chain);
	return true;
}

// What the client's connection takes now.
static uint32_t output_room(struct relay *r, struct relay_session *s)
{
	return s->flags & leg_flag(RELAY_SHUT, LEG_CLIENT) ? 0 : leg_room(r, s, LEG_CLIENT);
}

static bool output_send(struct relay *r, struct relay_session *s)
{
	struct h2_connection *c = connection_of(r, s);
	uint32_t room = output_room(r, s);
	struct buffer *chain;

	if (room == 0)
		return false;
	chain = h2_output(c, u32_min(room, OUTPUT_BYTES), r->now);
	if (chain)
		relay_gateway_send(r, s, LEG_CLIENT, chain);
	return chain != NULL;
}

// It ends: the client has a moment to be told, and one to go.
static void leave(struct relay *r, struct relay_session *s)
{
	struct relay_framed *f = &r->framed[session_index(r, s)];

	if (!f->is_leaving)
		wheel_arm(&r->wheel, session_index(r, s), r->now + LINGER);
	f->is_leaving = true;
	if (!f->connection->is_last_said || (s->flags & leg_flag(RELAY_SHUT, LEG_CLIENT)))
		return;
	s->flags |= leg_flag(RELAY_SHUT, LEG_CLIENT);
	leg_shutdown(r, s, LEG_CLIENT);
}

static void timer_arm(struct relay *r, struct relay_session *s)
{
	const struct snapshot_listener *l = relay_session_listener(r, s);
	const struct snapshot_http *http = l ? l->http : NULL;
	usec_t due =
		h2_connection_due(connection_of(r, s), http ? http->head_timeout : TIMEOUT_FALLBACK,
			http ? http->keepalive_timeout : 0, STALL);

	if (due == UINT64_MAX)
		wheel_cancel(&r->wheel, session_index(r, s));
	else
		wheel_arm(&r->wheel, session_index(r, s), due);
}

static void member_leave(struct relay *r, struct relay_framed *f)
{
	crowd_leave(f->is_busy ? r->framed_busy : r->framed_idle, &f->member);
}

static void member_note(struct relay *r, struct relay_session *s)
{
	struct relay_framed *f = &r->framed[session_index(r, s)];
	bool is_busy = f->connection->streams > 0;
	struct crowd *crowd = is_busy ? r->framed_busy : r->framed_idle;
	struct flow_key announced;

	if (f->member.network && f->is_busy == is_busy)
		return;
	member_leave(r, f);
	f->is_busy = is_busy;
	if (crowd_members(crowd) >= TOLD_APART)
		return;
	announced = relay_session_announced(r, s);
	crowd_join(crowd, &f->member, &announced.source);
}

// There is no memory for another: one that has no stream gives way, or one that has.
static void make_room(struct relay *r)
{
	struct crowd_member *m = crowd_oldest_of_most(
		crowd_members(r->framed_idle) > 0 ? r->framed_idle : r->framed_busy);
	struct relay_framed *f;

	if (!m)
		return;
	f = (void *)((uint8_t *)m - offsetof(struct relay_framed, member));
	h2_connection_finish(f->connection, H2_ENDING_MEMORY);
	relay_session_end(r, session_at(r, (uint32_t)(f - r->framed)), SESSION_END_EVICTED, true);
}

static void run(struct relay *r, struct relay_session *s)
{
	struct h2_connection *c = connection_of(r, s);
	uint32_t round = 0;
	bool moved = true;

	secure_share_begin(r);
	if (is_closing(r, relay_session_listener(r, s)))
		h2_connection_go_away(c);
	h2_connection_retry(c);
	// In a later turn: whose share of this one is used up.
	for (; moved && round < ROUNDS && !(s->flags & RELAY_BROKEN) && secure_share_lasts(r, s);
		round++) {
		moved = input_take(r, s);
		if (c->ending != H2_ENDING_NONE)
			streams_end(r, c);
		else
			moved |= streams_run(r, s);
		moved |= output_send(r, s);
	}
	if (s->flags & RELAY_BROKEN) {
		secure_break(r, s);
		return;
	}
	if (s->flags & leg_flag(RELAY_END, LEG_CLIENT)) {
		relay_session_end(r, s, SESSION_END_CLOSED, false);
		return;
	}
	member_note(r, s);
	if (c->ending == H2_ENDING_NONE)
		timer_arm(r, s);
	else
		leave(r, s);
	// More to do, or buffers are out: without room that is for when there is some.
	if (round == ROUNDS || c->lacks || (c->is_starved && output_room(r, s) > 0))
		relay_framed_list(r, s);
}

// Where the listener is gone its last connections ask for nothing more.
static struct h2_limits limits_of(const struct snapshot_http *http)
{
	if (!http)
		return (struct h2_limits){HTTP_HEAD_MAX, 1, 1, 1};
	return (struct h2_limits){
		.head_bytes = http->head_bytes,
		.streams = u32_min(http->http2_streams, H2_STREAMS_MAX),
		.idle_frames = http->http2_idle_frames,
		.resets = http->http2_resets,
	};
}

static void tell(struct relay *r, struct relay_session *s, bool is_framed)
{
	const struct snapshot_listener *l = relay_session_listener(r, s);
	uint32_t index = session_index(r, s);
	struct http_conversation *c = &r->gateway->conversations[index];
	struct h2_limits limits = limits_of(l ? l->http : NULL);
	struct h2_connection *connection;

	s->flags &= ~(uint32_t)RELAY_IS_UNTOLD;
	if (!is_framed) {
		relay_gateway_run(r, s);
		return;
	}
	connection = h2_connection_begin(r->h2, &limits, r->now);
	if (!connection) {
		make_room(r);
		connection = h2_connection_begin(r->h2, &limits, r->now);
	}
	if (!connection) {
		relay_session_refuse(r, s, DROP_SESSION_TABLE_FULL);
		return;
	}
	r->framed[index].connection = connection;
	r->framed[index].is_leaving = false;
	h2_input(connection, tls_queue_chain(&c->input[HTTP_CLIENT]), r->now);
	http_conversation_end(r->gateway, index, r->now);
	s->flags |= RELAY_IS_FRAMED;
	run(r, s);
}

// Looks at the first bytes: the preface of HTTP/2 begins no request of HTTP/1.1.
static void find_out(struct relay *r, struct relay_session *s)
{
	struct tls_queue *in = &r->gateway->conversations[session_index(r, s)].input[HTTP_CLIENT];
	struct buffer *chain;
	uint32_t n;

	secure_share_begin(r);
	while (in->bytes < H2_PREFACE && secure_share_lasts(r, s) &&
		(chain = leg_receive(r, s, LEG_CLIENT, SECURE_PIECE)) != NULL)
		tls_queue_append(in, chain);
	if (s->flags & RELAY_BROKEN) {
		secure_break(r, s);
		return;
	}
	n = u32_min(in->bytes, H2_PREFACE);
	if (!chain_equal(in->head, 0, n, h2_preface) ||
		(s->flags & leg_flag(RELAY_END, LEG_CLIENT)))
		tell(r, s, false);
	else if (n == H2_PREFACE)
		tell(r, s, true);
}

void relay_framed_go_on(struct relay *r, struct relay_session *s)
{
	if (s->flags & RELAY_IS_UNTOLD)
		find_out(r, s);
	else if (s->flags & RELAY_IS_FRAMED)
		run(r, s);
}

void relay_framed_run(struct relay *r)
{
	uint32_t last = r->framed_last;
	uint32_t index;

	while ((index = r->framed_first) != POOL_NONE) {
		struct relay_session *s = session_at(r, index);

		r->framed_first = r->framed[index].next;
		if (r->framed_first == POOL_NONE)
			r->framed_last = POOL_NONE;
		r->framed[index].is_listed = false;
		// The session may be over, and its place another's.
		relay_framed_go_on(r, s);
		if (index == last)
			break;
	}
}

void relay_framed_timer(struct relay *r, struct relay_session *s)
{
	const struct snapshot_listener *l = relay_session_listener(r, s);
	const struct snapshot_http *http = l ? l->http : NULL;

	if ((s->flags & RELAY_IS_UNTOLD) || r->framed[session_index(r, s)].is_leaving) {
		// Who has not let the last words out hears no others.
		bool is_told = s->flags & (RELAY_IS_UNTOLD | leg_flag(RELAY_SHUT, LEG_CLIENT));

		relay_session_end(r, s, is_told ? SESSION_END_CLOSED : SESSION_END_IDLE, !is_told);
		return;
	}
	h2_connection_timer(connection_of(r, s), http ? http->head_timeout : TIMEOUT_FALLBACK,
		http ? http->keepalive_timeout : 0, STALL, r->now);
	relay_framed_list(r, s);
}

void relay_framed_end(struct relay *r, struct relay_session *s)
{
	struct relay_framed *f = &r->framed[session_index(r, s)];

	if (s->flags & RELAY_IS_STREAM) {
		relay_framed_list(r, relay_framed_client(r, s));
		h2_stream_let_go(f->stream);
		f->stream = NULL;
		return;
	}
	member_leave(r, f);
	streams_end(r, f->connection);
	h2_connection_end(f->connection);
	f->connection = NULL;
}
