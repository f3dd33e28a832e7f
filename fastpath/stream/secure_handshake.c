// SPDX-License-Identifier: BSD-3-Clause
// The handshakes that the slow path does for secured legs: what was received goes there and is
// kept, what it answers is done.
#include "core/chain.h"
#include "stream/secure_impl.h"

enum {
	GATHER_BYTES_MAX = 512, // pieces of a handshake up to this size are put together
	PIECES_APART = 64,      // but of a mirrored leg so many are kept as they came
	// Memory of answers that a peer does not take, where its connection has no room for them:
	// what the longest flight needs, even while connections have little.
	UNTAKEN_MAX = 2 * SLOW_STREAM_BYTES,
	TICKETS_MAX = 4, // of one session: servers send two
};

// Of a thread that has not answered, while handshakes with it go on to run out of time.
#define ASK_AGAIN (USEC_PER_SECOND)

// One source's handshakes are one thread's: its bounds are kept there.
static uint32_t thread_for(const struct relay *r, const struct ip_address *source)
{
	struct ip_address network = crowd_network_of(source);

	return crowd_network_mix(&network, r->config.slow->key) % r->config.slow->threads;
}

static struct slow_message *message_begin(
	const struct secure_leg *l, enum slow_kind kind, uint64_t offset)
{
	struct slow_message *m = ring_reserve(&l->link->to_slow);

	if (!m)
		return NULL;
	m->session = l->name;
	m->kind = (uint8_t)kind;
	m->stream = l->leg;
	m->offset = offset;
	m->failure = 0;
	m->length = 0;
	return m;
}

static void message_send(struct relay *r, const struct secure_leg *l)
{
	ring_publish(&l->link->to_slow);
	r->secure->wake[(uint32_t)(l->link - r->config.slow->links) % r->config.slow->threads] =
		true;
}

void secure_handshake_name(
	struct relay *r, struct secure_leg *l, uint32_t profile, const struct flow_key *announced)
{
	uint32_t links = r->config.worker * r->config.slow->threads;
	uint32_t index = session_index(r, l->session);

	l->announced = *announced;
	l->profile = profile;
	// The generation has 24 bits; one session may have handshakes with many targets, one after
	// the other.
	l->name = (uint64_t)l->session->handshakes++ << 56 |
		  (uint64_t)l->session->generation << 32 | leg_context(index, l->leg);
	l->link = &r->config.slow->links[links + thread_for(r, &announced->source)];
	crowd_join(r->secure->unanswered, &l->member, &announced->source);
}

bool secure_begin(struct relay *r, struct relay_session *s, unsigned int leg, uint32_t profile,
	struct buffer *first, const struct flow_key *announced)
{
	struct secure_leg *l = secure_leg_add(r, s, leg);

	if (!l) {
		if (first)
			r->config.buffers->put(r->config.buffers, first);
		return false;
	}
	secure_handshake_name(r, l, profile, announced);
	tls_queue_append(&l->held, first);
	// A FIN that came before there was a layer says nothing of the stream in it.
	l->input_ended = s->flags & leg_flag(RELAY_END, leg);
	s->flags &= ~leg_flag(RELAY_END, leg);
	wheel_arm(&r->wheel, session_index(r, s), r->now + r->config.slow->timeout);
	secure_handshake_go_on(r, l);
	return true;
}

void secure_handshake_close(struct relay *r, struct secure_leg *l)
{
	if (message_begin(l, SLOW_CLOSE, 0))
		message_send(r, l);
}

void secure_unanswered(struct relay *r, struct relay_session *s, unsigned int leg)
{
	const struct secure_leg *l = secure_at(r, s, leg);
	struct slow_link *link = l->link;
	bool is_silent = shared_word_load(&link->silent_since) != 0;

	// The thread has not heard of it: the client said nothing, or the ring is full.
	if (!l->is_opened)
		return;
	counter_set(&link->unanswered, is_silent ? counter_read(&link->unanswered) + 1 : 1);
	if (is_silent && r->now - link->asked < ASK_AGAIN)
		return;
	if (!is_silent)
		shared_word_store(&link->silent_since, r->now);
	link->asked = r->now;
	if (message_begin(l, SLOW_ASK, 0))
		message_send(r, l);
}

// A mirrored target's leg, whose handshake is its client's.
static bool is_second(const struct secure_leg *l)
{
	return l->is_mirrored && l->leg == LEG_TARGET;
}

static bool is_opened(const struct relay *r, const struct secure_leg *l)
{
	return (is_second(l) ? secure_at(r, l->session, LEG_CLIENT) : l)->is_opened;
}

static bool open_send(struct relay *r, struct secure_leg *l)
{
	const struct snapshot_target *target =
		l->leg == LEG_TARGET ? snapshot_target_at(r->snapshot, l->session->target) : NULL;
	struct slow_message *m;

	if (is_opened(r, l))
		return true;
	m = message_begin(l, SLOW_OPEN, 0);
	if (!m)
		return false;
	m->open = (struct slow_open){.profile = l->profile, .source = l->announced.source};
	if (target)
		memcpy(m->open.target, target->text, sizeof(m->open.target));
	message_send(r, l);
	l->is_opened = true;
	return true;
}

// A small piece goes into the room behind the last one: a buffer for each would let a peer that
// sends byte by byte hold thousands of them.
static bool gather(struct tls_queue *held, const struct buffer *piece)
{
	struct buffer *tail = held->tail;

	if (!tail || piece->length > GATHER_BYTES_MAX || buffer_tailroom(tail) < piece->length ||
		!buffer_is_exclusive(tail))
		return false;
	memcpy(buffer_data(tail) + tail->length, buffer_data(piece), piece->length);
	tail->length = (uint16_t)(tail->length + piece->length);
	memcpy(tail->state, piece->state, sizeof(tail->state)); // it ends where the piece did
	held->bytes += piece->length;
	return true;
}

static void hold_chain(struct relay *r, struct secure_leg *l, struct buffer *chain)
{
	struct tls_queue *held = &l->held;

	while (chain) {
		struct buffer *b = chain;

		chain = b->next;
		b->next = NULL;
		b->segments = 1;
		b->total_length = b->length;
		if ((!l->is_mirrored || held->buffers >= PIECES_APART) && gather(held, b))
			r->config.buffers->put(r->config.buffers, b);
		else
			tls_queue_append(held, b);
	}
}

// No more than a handshake may have: what follows stays in the connection's window.
void secure_handshake_hold(struct relay *r, struct secure_leg *l)
{
	struct buffer *chain;

	while (l->held.bytes < SLOW_STREAM_BYTES &&
		(chain = tcp_receive(r->tcp, l->session->connection[l->leg],
			 SLOW_STREAM_BYTES - l->held.bytes, r->now)) != NULL)
		hold_chain(r, l, chain);
}

// All is handed over: that nothing follows it, too.
static bool end_send(struct relay *r, struct secure_leg *l)
{
	if (!l->input_ended || l->end_passed || l->passed < l->base + l->held.bytes)
		return true;
	if (!message_begin(l, SLOW_END, l->passed))
		return false;
	message_send(r, l);
	l->end_passed = true;
	return true;
}

void secure_handshake_tell(struct relay *r, struct secure_leg *l)
{
	uint64_t until = l->base + u32_min(l->held.bytes, SLOW_STREAM_BYTES);

	// A client speaks first, and we do with a target.
	if (!is_opened(r, l) && (is_second(l) || (l->held.bytes == 0 && l->leg == LEG_CLIENT)))
		return;
	while (open_send(r, l) && l->passed < until) {
		struct slow_message *m = message_begin(l, SLOW_BYTES, l->passed);

		if (!m)
			break;
		m->length = (uint16_t)chain_copy(l->held.head, (uint32_t)(l->passed - l->base),
			(uint32_t)u64_min(SLOW_DATA_BYTES, until - l->passed), m->data);
		l->passed += m->length;
		message_send(r, l);
	}
	if (!is_opened(r, l) || l->passed < until || !end_send(r, l))
		secure_defer(r, l);
}

void secure_handshake_go_on(struct relay *r, struct secure_leg *l)
{
	secure_handshake_hold(r, l);
	secure_handshake_tell(r, l);
}

void secure_handshake_event(
	struct relay *r, struct relay_session *s, unsigned int leg, uint16_t events)
{
	struct secure_leg *l = secure_at(r, s, leg);

	if (l->is_mirrored) {
		secure_mirror_event(r, s, leg, events);
		return;
	}
	if (events & TCP_EVENT_END)
		l->input_ended = true;
	secure_handshake_go_on(r, l);
	// A peer that gave up before it said a word.
	if (leg == LEG_CLIENT && l->input_ended && l->held.bytes == 0)
		relay_session_keys_missing(r, s, leg, SESSION_END_CLOSED);
}

// The slow path answers as it can, its ring cannot wait for one peer.
static bool has_room(const struct relay *r, const struct secure_leg *l)
{
	uint32_t connection = l->session->connection[l->leg];
	struct tcp_info info;

	if (tcp_send_room(r->tcp, connection) > 0)
		return true;
	tcp_info_get(r->tcp, connection, &info);
	return info.send_held < UNTAKEN_MAX;
}

// Bytes of the slow path, as they are.
static void bytes_send(struct relay *r, struct secure_leg *l, const struct slow_message *m)
{
	uint32_t length = u32_min(m->length, SLOW_DATA_BYTES);
	struct buffer *b;

	if (!has_room(r, l)) {
		relay_session_keys_missing(r, l->session, l->leg, SESSION_END_REFUSED);
		return;
	}
	b = r->config.buffers->get(r->config.buffers, length);
	if (!b) {
		stats_drop(r->config.stats, DROP_NO_BUFFER);
		relay_session_keys_missing(r, l->session, l->leg, SESSION_END_REFUSED);
		return;
	}
	memcpy(buffer_data(b), m->data, length);
	b->length = (uint16_t)length;
	b->total_length = length;
	(void)tcp_send(r->tcp, l->session->connection[l->leg], b, 0, r->now);
}

void secure_handshake_done(
	struct relay *r, struct secure_leg *l, const struct slow_keys *keys, uint32_t used)
{
	struct relay_session *s = l->session;

	crowd_leave(l->is_answered ? r->secure->answered : r->secure->unanswered, &l->member);
	s->flags &= ~leg_flag(RELAY_AWAITS_KEYS, l->leg);
	tls_queue_drop_front(&l->held, used, r->config.buffers);
	if (l->held.bytes > 0)
		tls_push(&r->secure->tls, &l->records, tls_queue_chain(&l->held));
	else
		tls_queue_clear(&l->held, r->config.buffers);
	// Where what was held and the place in the crowd have been.
	static_assert(sizeof(l->resumption) == sizeof(keys->resumption));
	memcpy(l->resumption, keys->resumption, sizeof(l->resumption));
	l->resumption_length = keys->resumption_length;
	relay_session_secured(r, s, l->leg, &l->announced);
}

static void keys_take(struct relay *r, struct secure_leg *l, const struct slow_message *m)
{
	struct relay_session *s = l->session;

	if (m->offset > l->held.bytes || !secure_records_begin(r, l, &m->keys)) {
		relay_session_keys_missing(r, s, l->leg, SESSION_END_REFUSED);
		return;
	}
	secure_handshake_done(r, l, &m->keys, (uint32_t)m->offset);
}

void secure_handshake_ticket(struct relay *r, struct secure_leg *l, const struct buffer *messages)
{
	const struct snapshot_target *target = snapshot_target_at(r->snapshot, l->session->target);
	struct slow_message *m;

	if (l->resumption_length == 0 || l->tickets == TICKETS_MAX || !target ||
		messages->total_length > SLOW_TICKET_BYTES)
		return;
	m = message_begin(l, SLOW_TICKET, 0);
	if (!m)
		return;
	m->length = (uint16_t)chain_copy(messages, 0, SLOW_TICKET_BYTES, m->ticket.messages);
	m->ticket.profile = l->profile;
	m->ticket.suite = l->agreed.suite;
	m->ticket.secret_length = l->resumption_length;
	memcpy(m->ticket.secret, l->resumption, sizeof(m->ticket.secret));
	memcpy(m->ticket.target, target->text, sizeof(m->ticket.target));
	message_send(r, l);
	l->tickets++;
}

void secure_handshake_note_answered(struct relay *r, struct secure_leg *l)
{
	if (l->is_answered)
		return;
	l->is_answered = true;
	crowd_leave(r->secure->unanswered, &l->member);
	crowd_join(r->secure->answered, &l->member, &l->announced.source);
}

static enum session_end end_of(enum slow_failure failure)
{
	switch (failure) {
	case SLOW_FAILURE_HANDSHAKE:
		return SESSION_END_CLOSED;
	case SLOW_FAILURE_CROWDED:
		return SESSION_END_EVICTED;
	case SLOW_FAILURE_UNTRUSTED:
	case SLOW_FAILURE_REAL:
	case SLOW_FAILURE_FOREIGN:
		return SESSION_END_UNTRUSTED;
	default:
		return SESSION_END_REFUSED;
	}
}

void secure_handshake_answer(struct relay *r, struct secure_leg *l, const struct slow_message *m)
{
	if (l->is_mirrored) {
		secure_mirror_answer(r, l->session, m);
		return;
	}
	switch (m->kind) {
	case SLOW_SEND:
		// Our own hello answers nothing.
		if (l->base + l->held.bytes > 0)
			secure_handshake_note_answered(r, l);
		bytes_send(r, l, m);
		break;
	case SLOW_KEYS:
		keys_take(r, l, m);
		break;
	case SLOW_FAILED:
		relay_session_keys_missing(r, l->session, l->leg, end_of(m->failure));
		break;
	}
}
