// SPDX-License-Identifier: BSD-3-Clause
// What connections report, and the payload that moves because of it.
#include "stream/limit.h"
#include "stream/relay_impl.h"
#include "stream/secure.h"

void relay_session_moved(struct relay *r, struct relay_session *s, unsigned int from,
	uint32_t bytes, uint32_t buffers)
{
	struct slot_stats *listener = &r->config.stats->listeners[s->listener];
	struct slot_stats *target = &r->config.stats->targets[s->target];

	s->bytes[from] += bytes;
	s->buffers[from] += buffers;
	s->heard = r->now;
	counter_add(&listener->bytes[from], bytes);
	counter_add(&listener->packets[from], buffers);
	counter_add(&target->bytes[from], bytes);
	counter_add(&target->packets[from], buffers);
}

void relay_session_shut(struct relay *r, struct relay_session *s, unsigned int to)
{
	s->flags |= leg_flag(RELAY_SHUT, to);
	s->heard = r->now;
	if ((s->flags & RELAY_IS_TRANSPARENT) && tcp_end_came_apart(r->tcp, s->connection[!to]))
		tcp_shutdown_apart(r->tcp, s->connection[to], r->now);
	else if (is_mirroring(s->flags))
		tcp_shutdown(r->tcp, s->connection[to], r->now);
	else
		leg_shutdown(r, s, to);
}

// What the peer of `from` sent is all on its way: the other side hears that nothing follows.
static void carry_end(struct relay *r, struct relay_session *s, unsigned int from)
{
	unsigned int to = !from;

	if (!(s->flags & leg_flag(RELAY_END, from)))
		return;
	// Also while a peer takes little or nothing of what waits for it.
	if (has_ended(s->flags) && !(s->flags & RELAY_IS_CLOSING))
		relay_session_closing(r, s);
	if ((s->flags & leg_flag(RELAY_SHUT, to)) || leg_has_payload(r, s, from))
		return;
	relay_session_shut(r, s, to);
}

// What the peer of `from` calls urgent is so for the other side, too: a mark at the same byte.
static void carry_urgent(struct relay *r, struct relay_session *s, unsigned int from)
{
	uint32_t left = tcp_urgent_left(r->tcp, s->connection[from]);

	// Under a layer the mark counts bytes that nobody gets to see.
	if (left > 0 && !session_has_layers(s))
		tcp_urgent_mark(r->tcp, s->connection[!from], left);
}

// What one leg's layer gives, for the other to take: what is received and what is payload differ.
static void pump_layers(struct relay *r, struct relay_session *s, unsigned int from)
{
	struct buffer *chain;
	uint32_t room;

	secure_share_begin(r);
	while ((room = leg_room(r, s, !from)) > 0 && secure_share_lasts(r, s) &&
		(chain = leg_receive(r, s, from, u32_min(room, SECURE_PIECE))) != NULL) {
		relay_session_moved(r, s, from, chain->total_length, chain->segments);
		leg_send(r, s, !from, chain, leg_has_payload(r, s, from) ? TCP_SEND_MORE : 0);
	}
	carry_end(r, s, from);
}

// As relay_session_pump, no more than the bound allows.
static void pump_limited(struct relay *r, struct relay_session *s, unsigned int from)
{
	uint32_t source = s->connection[from];
	uint32_t sink = s->connection[!from];
	bool waits = false;
	uint32_t room;

	while (leg_has_payload(r, s, from) && (room = tcp_send_room(r->tcp, sink)) > 0) {
		struct buffer *chain;

		room = u32_min(room, relay_limit_left(r, s, from));
		waits = room == 0;
		if (waits)
			break;
		chain = tcp_receive(r->tcp, source, room, r->now);
		relay_limit_spend(r, s, from, chain->total_length);
		relay_session_moved(r, s, from, chain->total_length, chain->segments);
		(void)tcp_send(r->tcp, sink, chain, TCP_SEND_SEGMENTS, r->now);
	}
	carry_end(r, s, from);
	relay_limit_wait(r, s, from, waits);
}

// The target's end is the client's, and nothing before it.
static void pump_nothing(struct relay *r, struct relay_session *s)
{
	secure_discard(r, s->connection[LEG_TARGET]);
	carry_end(r, s, LEG_TARGET);
}

// What is not open is not moved, and HTTP by requests. False: it is moved as any other is.
static bool pump_other(struct relay *r, struct relay_session *s, unsigned int from)
{
	if (s->flags & RELAY_IS_HTTP)
		relay_gateway_run(r, s);
	else if (!(s->flags & RELAY_IS_OPEN))
		return true;
	else if ((s->flags & RELAY_IS_LEFT) && from == LEG_TARGET)
		pump_nothing(r, s);
	else if (s->flags & RELAY_IS_LIMITED)
		pump_limited(r, s, from);
	else
		return false;
	return true;
}

void relay_session_pump(struct relay *r, struct relay_session *s, unsigned int from)
{
	if (nx_unlikely((s->flags & (RELAY_IS_OPEN | RELAY_IS_HTTP | RELAY_IS_LIMITED |
					    RELAY_IS_LEFT)) != RELAY_IS_OPEN) &&
		pump_other(r, s, from))
		return;
	if (nx_unlikely(session_has_layers(s))) {
		pump_layers(r, s, from);
		return;
	}
	uint32_t source = s->connection[from];
	uint32_t sink = s->connection[!from];
	uint32_t flags = s->flags & RELAY_IS_TRANSPARENT ? TCP_SEND_SEGMENTS : 0;
	uint32_t ready = tcp_receive_ready(r->tcp, source);
	uint32_t room;

	while (ready > 0 && (room = tcp_send_room(r->tcp, sink)) > 0) {
		struct buffer *chain = tcp_receive(r->tcp, source, room, r->now);

		ready -= chain->total_length;
		relay_session_moved(r, s, from, chain->total_length, chain->segments);
		// Refused only when the connection has failed: its event is on its way.
		(void)tcp_send(
			r->tcp, sink, chain, flags | (ready > 0 ? TCP_SEND_MORE : 0), r->now);
	}
	carry_end(r, s, from);
}

// What was held back for the target: the header that we put there ourselves, in a buffer of its
// own, is no payload.
static void preface_send(struct relay *r, struct relay_session *s)
{
	if (!s->preface)
		return;
	relay_session_moved(r, s, LEG_CLIENT, s->preface->total_length - s->header,
		s->preface->segments - (s->header > 0));
	leg_send(r, s, LEG_TARGET, s->preface, 0);
	s->preface = NULL;
}

static void silence_watch(struct relay *r, struct relay_session *s)
{
	s->heard = r->now;
	wheel_arm(&r->wheel, session_index(r, s),
		r->now + u64_min(relay_session_silence_allowed(r, s), SESSION_RECHECK));
}

static void opened(struct relay *r, struct relay_session *s)
{
	if (s->flags & RELAY_IS_HTTP) {
		relay_gateway_opened(r, s);
		return;
	}
	s->flags |= RELAY_IS_OPEN;
	silence_watch(r, s);
	carry_urgent(r, s, LEG_CLIENT);
	relay_session_pump(r, s, LEG_CLIENT);
}

void relay_session_opened(struct relay *r, struct relay_session *s)
{
	bool is_http = s->flags & RELAY_IS_HTTP;

	preface_send(r, s);
	opened(r, s);
	if (is_http)
		return;
	carry_urgent(r, s, LEG_TARGET);
	relay_session_pump(r, s, LEG_TARGET);
}

// The target answered; or the client, whose SYN was held until then.
static void connected(struct relay *r, struct relay_session *s, unsigned int leg)
{
	if (leg == LEG_CLIENT) {
		s->flags |= RELAY_IS_OPEN;
		silence_watch(r, s);
		if (!(s->flags & RELAY_IS_MIRRORED) || !relay_session_mirror(r, s))
			relay_session_opened(r, s);
		return;
	}
	counter_add(&r->config.stats->targets[s->target].answered, 1);
	if (relay_origin_begin(r, s))
		return;
	preface_send(r, s);
	if (s->flags & RELAY_IS_TRANSPARENT)
		relay_session_answer(r, s);
	else
		opened(r, s);
}

// What came before the reset goes on, and the reset behind it.
static void carry_reset(struct relay *r, struct relay_session *s, unsigned int from)
{
	unsigned int to = !from;

	// No bound can hold it back any longer.
	s->flags &= ~(uint32_t)RELAY_IS_LIMITED;
	if (s->flags & RELAY_IS_OPEN)
		relay_session_pump(r, s, from);
	tcp_abort_like(r->tcp, s->connection[to], s->connection[from], r->now);
	s->connection[to] = TCP_NONE;
}

// One side failed: the other learns it by a reset. Of a transparent session it learns a refusal as
// such, and nothing of a target that no answer came from.
static void failed(
	struct relay *r, struct relay_session *s, unsigned int leg, const struct tcp_event *event)
{
	bool transparent = s->flags & RELAY_IS_TRANSPARENT;

	if (s->flags & RELAY_IS_HTTP) {
		relay_gateway_failed(r, s, leg, event->error);
		return;
	}
	if (leg == LEG_TARGET && awaits_target(s->flags)) {
		if (transparent && event->error == ECONNREFUSED)
			relay_session_refusal(r, s);
		relay_session_connect_failed(r, s,
			event->error == ETIMEDOUT ? SESSION_END_UNANSWERED : SESSION_END_REFUSED);
		return;
	}
	counter_add(&r->config.stats->tcp_resets_seen, event->error == ECONNRESET);
	if (is_mirroring(s->flags))
		secure_splice(r, s);
	if (transparent && event->error == ECONNRESET && s->connection[!leg] != TCP_NONE)
		carry_reset(r, s, leg);
	relay_session_end(
		r, s, event->error == ETIMEDOUT ? SESSION_END_IDLE : SESSION_END_RESET, true);
}

// An error on the way to a target that has not answered: the next one may be nearer (RFC 5461 4).
static bool is_out_of_reach(
	const struct relay_session *s, unsigned int leg, const struct tcp_event *event)
{
	return leg == LEG_TARGET && awaits_target(s->flags) && !leg_is_secure(s, leg) &&
	       (event->events & (TCP_EVENT_TROUBLE | TCP_EVENT_CONNECTED)) == TCP_EVENT_TROUBLE &&
	       event->error == EHOSTUNREACH;
}

void relay_session_note_sent(struct relay *r, struct relay_session *s, unsigned int leg)
{
	struct tcp_info info;

	if (!(s->flags & leg_flag(RELAY_SHUT, leg)))
		return;
	tcp_info_get(r->tcp, s->connection[leg], &info);
	if (info.state == TCP_FIN_WAIT_2 || info.state == TCP_TIME_WAIT || info.state == TCP_CLOSED)
		s->flags |= leg_flag(RELAY_DONE, leg);
}

static bool is_over(const struct relay_session *s)
{
	uint32_t done = leg_flag(RELAY_DONE, LEG_CLIENT) | leg_flag(RELAY_DONE, LEG_TARGET);

	return (s->flags & done) == done;
}

// What happened to one leg of an open session.
static void carry_on(struct relay *r, struct relay_session *s, unsigned int leg, uint16_t events)
{
	if (s->flags & RELAY_IS_HTTP) {
		relay_gateway_run(r, s);
		return;
	}
	if (events & TCP_EVENT_URGENT)
		carry_urgent(r, s, leg);
	if (events & (TCP_EVENT_READABLE | TCP_EVENT_END))
		relay_session_pump(r, s, leg);
	if (events & TCP_EVENT_WRITABLE)
		relay_session_pump(r, s, !leg);
	if (events & TCP_EVENT_SENT_ALL)
		relay_session_note_sent(r, s, leg);
	if (is_over(s))
		relay_session_end(r, s, SESSION_END_CLOSED, false);
}

// A secured leg's stream ends where its layer says so: TCP's end alone may have been cut.
static void note_end(struct relay *r, struct relay_session *s, unsigned int leg, uint16_t events)
{
	if (!(events & TCP_EVENT_END))
		return;
	if (leg_is_secure(s, leg))
		secure_connection_end(r, s, leg);
	else
		s->flags |= leg_flag(RELAY_END, leg);
}

// What happens to a session as long as one of its legs is not what it is to become.
static bool is_prepared(struct relay *r, struct relay_session *s, unsigned int leg, uint16_t events)
{
	if (s->flags & leg_flag(RELAY_AWAITS_KEYS, leg))
		secure_handshake_event(r, s, leg, events);
	else if (s->flags & RELAY_AWAITS_HEADER)
		relay_session_header(r, s);
	else
		return true;
	return false;
}

// A client's connection. What came with its handshake waits until the target answers.
static void accepted(struct relay *r, const struct tcp_event *event)
{
	struct relay_session *s;

	if (event->events & TCP_EVENT_FAILED) {
		tcp_close(r->tcp, event->connection, r->now);
		return;
	}
	s = relay_session_accept(r, event->connection, event->context);
	if (!s)
		return;
	note_end(r, s, LEG_CLIENT, event->events);
	if (is_prepared(r, s, LEG_CLIENT, event->events) && (s->flags & RELAY_IS_HTTP))
		relay_gateway_run(r, s);
}

void relay_session_event(struct relay *r, const struct tcp_event *event)
{
	unsigned int leg = event->context & 1;
	struct relay_session *s;

	if (event->context & CONTEXT_IS_OFFER) {
		accepted(r, event);
		return;
	}
	if (nx_unlikely(event->context & CONTEXT_IS_PROBE)) {
		relay_probe_event(r, event);
		return;
	}
	s = session_at(r, (uint32_t)(event->context >> 1));
	if (s->flags & RELAY_IS_PARKED) {
		relay_parked_event(r, s, event->events);
		return;
	}
	if ((event->events & TCP_EVENT_FAILED) || is_out_of_reach(s, leg, event)) {
		failed(r, s, leg, event);
		return;
	}
	note_end(r, s, leg, event->events);
	if (event->events & TCP_EVENT_CONNECTED)
		connected(r, s, leg);
	if (is_prepared(r, s, leg, event->events) && (s->flags & RELAY_IS_OPEN))
		carry_on(r, s, leg, event->events);
	if (s->flags & RELAY_BROKEN)
		secure_break(r, s);
}

bool relay_has_work(const struct relay *relay)
{
	return relay->is_behind || relay->is_sweeping || relay->framed_first != POOL_NONE ||
	       secure_has_work(relay);
}
