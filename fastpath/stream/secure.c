// SPDX-License-Identifier: BSD-3-Clause
// Secured legs: their tables, and the handshakes that the slow path does for them.
#include "stream/secure.h"

#include "core/chain.h"
#include "stream/secure_impl.h"

enum {
	KEYS = 2048, // expanded, in the cache: those of the legs that are busy now
	LEGS_LEAST = 64,
	ANSWERS_A_LINK = 64,
	GATHER_BYTES_MAX = 512, // pieces of a handshake up to this size are put together
};
static_assert(TLS_WANT_MORE == 0, "secure_leg.broken is 0 while nothing is");

int secure_create(struct relay *r, struct secure **out)
{
	struct secure *x = calloc(1, sizeof(*x));
	uint32_t legs = u32_max(LEGS_LEAST, u32_min(r->config.secured, 2 * r->config.sessions));
	int error = x ? 0 : -ENOMEM;

	if (error == 0) {
		TAILQ_INIT(&x->behind);
		x->tls.buffers = r->config.buffers;
		error = crypto_manager_create(&x->tls.crypto);
	}
	if (error == 0)
		error = key_cache_create(x->tls.crypto, KEYS, &x->tls.keys);
	if (error == 0)
		error = secret_pool_create(legs, sizeof(struct secure_leg), &x->pool);
	if (error == 0)
		error = memory_map(2 * (size_t)r->config.sessions * sizeof(x->legs[0]), false,
			&x->legs_memory);
	if (error) {
		secure_destroy(x);
		return error;
	}
	x->legs = x->legs_memory.base;
	*out = x;
	return 0;
}

void secure_destroy(struct secure *secure)
{
	if (!secure)
		return;
	memory_unmap(&secure->legs_memory);
	if (secure->pool)
		nx_bug_on(secret_pool_destroy(secure->pool) != 0);
	if (secure->tls.keys)
		key_cache_destroy(secure->tls.keys);
	if (secure->tls.crypto)
		crypto_manager_destroy(secure->tls.crypto);
	free(secure);
}

// One source's handshakes are one thread's: its bounds are kept there.
static uint32_t thread_for(const struct relay *r, const struct ip_address *source)
{
	// An IPv6 source is a /56, as admission control has it.
	uint64_t mixed = ip_address_is_v4(source)
				 ? source->halves[1]
				 : source->halves[0] & UINT64_C(0x00ffffffffffffff);

	return (uint32_t)(mixed * UINT64_C(0x9e3779b97f4a7c15) >> 32) % r->config.slow->threads;
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

bool secure_begin(struct relay *r, struct relay_session *s, unsigned int leg, uint32_t profile,
	struct buffer *first, const struct flow_key *announced)
{
	struct secure_leg *l = r->secure ? secret_pool_get(r->secure->pool) : NULL;
	uint32_t index = session_index(r, s);
	uint32_t links = r->config.worker * (r->config.slow ? r->config.slow->threads : 0);

	if (!l) {
		if (first)
			r->config.buffers->put(r->config.buffers, first);
		return false;
	}
	r->secure->legs[2 * (size_t)index + leg] = l;
	l->session = s;
	l->leg = (uint8_t)leg;
	l->announced = *announced;
	l->profile = profile;
	l->name = (uint64_t)s->generation << 32 | leg_context(index, leg);
	l->link = &r->config.slow->links[links + thread_for(r, &announced->source)];
	tls_queue_append(&l->held, first);
	s->flags |= leg_flag(RELAY_SECURE | RELAY_AWAITS_KEYS, leg);
	wheel_arm(&r->wheel, index, r->now + SLOW_TIMEOUT);
	secure_handshake_go_on(r, l);
	return true;
}

void secure_end(struct relay *r, struct relay_session *s, unsigned int leg)
{
	struct secure_leg *l = leg_is_secure(s, leg) ? secure_at(r, s, leg) : NULL;

	if (!l)
		return;
	// Should the ring be full, the slow path forgets the handshake by itself.
	if (l->state == SECURE_HANDSHAKE && l->is_opened && message_begin(l, SLOW_CLOSE, 0))
		message_send(r, l);
	if (l->is_behind)
		TAILQ_REMOVE(&r->secure->behind, l, behind);
	tls_queue_clear(&l->held, r->config.buffers);
	if (l->unsent)
		r->config.buffers->put(r->config.buffers, l->unsent);
	if (l->state == SECURE_OPEN)
		tls_records_fini(&r->secure->tls, &l->records);
	r->secure->legs[2 * (size_t)session_index(r, s) + leg] = NULL;
	s->flags &= ~leg_flag(RELAY_SECURE | RELAY_AWAITS_KEYS, leg);
	secret_pool_put(r->secure->pool, l);
}

static bool open_send(struct relay *r, struct secure_leg *l)
{
	struct slow_message *m = l->is_opened ? NULL : message_begin(l, SLOW_OPEN, 0);

	if (l->is_opened)
		return true;
	if (!m)
		return false;
	m->open = (struct slow_open){.profile = l->profile, .source = l->announced.source};
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
	held->bytes += piece->length;
	return true;
}

static void hold_chain(struct relay *r, struct tls_queue *held, struct buffer *chain)
{
	while (chain) {
		struct buffer *b = chain;

		chain = b->next;
		b->next = NULL;
		b->segments = 1;
		b->total_length = b->length;
		if (gather(held, b))
			r->config.buffers->put(r->config.buffers, b);
		else
			tls_queue_append(held, b);
	}
}

// Takes from the connection no more than a handshake may have: what follows stays in its window.
static void hold(struct relay *r, struct secure_leg *l)
{
	struct buffer *chain;

	while (l->held.bytes < SLOW_STREAM_BYTES &&
		(chain = tcp_receive(r->tcp, l->session->connection[l->leg],
			 SLOW_STREAM_BYTES - l->held.bytes, r->now)) != NULL)
		hold_chain(r, &l->held, chain);
}

// All is handed over: that nothing follows it, too.
static bool end_send(struct relay *r, struct secure_leg *l)
{
	if (!l->input_ended || l->end_passed || l->passed < l->held.bytes)
		return true;
	if (!message_begin(l, SLOW_END, l->passed))
		return false;
	message_send(r, l);
	l->end_passed = true;
	return true;
}

void secure_handshake_go_on(struct relay *r, struct secure_leg *l)
{
	hold(r, l);
	if (l->held.bytes == 0)
		return;
	while (open_send(r, l) && l->passed < u32_min(l->held.bytes, SLOW_STREAM_BYTES)) {
		struct slow_message *m = message_begin(l, SLOW_BYTES, l->passed);

		if (!m)
			break;
		m->length = (uint16_t)chain_copy(l->held.head, l->passed,
			u32_min(SLOW_DATA_BYTES, SLOW_STREAM_BYTES - l->passed), m->data);
		l->passed += m->length;
		message_send(r, l);
	}
	if (!l->is_opened || l->passed < u32_min(l->held.bytes, SLOW_STREAM_BYTES) ||
		!end_send(r, l))
		secure_defer(r, l);
}

void secure_handshake_event(
	struct relay *r, struct relay_session *s, unsigned int leg, uint16_t events)
{
	struct secure_leg *l = secure_at(r, s, leg);

	if (events & TCP_EVENT_END)
		l->input_ended = true;
	secure_handshake_go_on(r, l);
	// A peer that gave up before it said a word.
	if (l->input_ended && l->held.bytes == 0)
		relay_session_keys_missing(r, s, leg, SESSION_END_CLOSED);
}

// Bytes of the slow path, as they are.
static void bytes_send(struct relay *r, struct secure_leg *l, const struct slow_message *m)
{
	uint32_t length = u32_min(m->length, SLOW_DATA_BYTES);
	struct buffer *b = r->config.buffers->get(r->config.buffers, length);

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

static void keys_take(struct relay *r, struct secure_leg *l, const struct slow_message *m)
{
	struct relay_session *s = l->session;

	if (m->offset > l->held.bytes || !secure_records_begin(r, l, &m->keys)) {
		relay_session_keys_missing(r, s, l->leg, SESSION_END_REFUSED);
		return;
	}
	counter_add(&r->config.stats->tls_handshakes_done, 1);
	s->flags &= ~leg_flag(RELAY_AWAITS_KEYS, l->leg);
	tls_queue_drop_front(&l->held, (uint32_t)m->offset, r->config.buffers);
	if (l->held.bytes > 0)
		tls_push(&r->secure->tls, &l->records, tls_queue_chain(&l->held));
	else
		tls_queue_clear(&l->held, r->config.buffers);
	relay_session_secured(r, s, l->leg, &l->announced);
}

static void answer_take(struct relay *r, struct slow_message *m)
{
	uint32_t index = (uint32_t)m->session >> 1;
	unsigned int leg = m->session & 1;
	struct relay_session *s = index < r->sessions.touched ? session_at(r, index) : NULL;
	struct secure_leg *l;

	// The session may be over, and its place another's.
	if (!s || s->generation != (uint32_t)(m->session >> 32) ||
		!(s->flags & leg_flag(RELAY_AWAITS_KEYS, leg)))
		return;
	l = secure_at(r, s, leg);
	switch (m->kind) {
	case SLOW_SEND:
		bytes_send(r, l, m);
		break;
	case SLOW_KEYS:
		keys_take(r, l, m);
		break;
	case SLOW_FAILED:
		relay_session_keys_missing(r, s, leg,
			m->failure == SLOW_FAILURE_HANDSHAKE ? SESSION_END_CLOSED
							     : SESSION_END_REFUSED);
		break;
	}
}

static void answers_take(struct relay *r)
{
	const struct slow_links *slow = r->config.slow;

	for (uint32_t t = 0; t < slow->threads; t++) {
		struct slow_link *link = &slow->links[r->config.worker * slow->threads + t];
		struct slow_message *m;

		for (uint32_t i = 0; i < ANSWERS_A_LINK && (m = ring_peek(&link->to_worker)); i++) {
			answer_take(r, m);
			if (m->kind == SLOW_KEYS)
				secret_wipe(&m->keys, sizeof(m->keys));
			ring_release(&link->to_worker);
		}
	}
}

// One leg of those that are behind.
static void catch_up(struct relay *r, struct secure_leg *l)
{
	struct relay_session *s = l->session;
	unsigned int leg = l->leg;

	TAILQ_REMOVE(&r->secure->behind, l, behind);
	l->is_behind = false;
	if (l->state == SECURE_HANDSHAKE) {
		secure_handshake_go_on(r, l);
		return;
	}
	secure_catch_up(r, l);
	if (s->flags & RELAY_IS_OPEN) {
		relay_session_pump(r, s, leg);
		relay_session_pump(r, s, !leg);
	}
	if (s->flags & RELAY_BROKEN)
		secure_break(r, s);
}

void secure_share_begin(struct relay *r)
{
	r->secure->share_left = u32_min(SHARE_BYTES, r->secure->turn_left);
}

bool secure_share_lasts(struct relay *r, struct relay_session *s)
{
	if (r->secure->share_left > 0)
		return true;
	secure_defer(r, secure_at(r, s, leg_is_secure(s, LEG_CLIENT) ? LEG_CLIENT : LEG_TARGET));
	return false;
}

void secure_run(struct relay *r, uint32_t budget)
{
	struct secure_leg *last;

	if (!r->secure)
		return;
	r->secure->turn_left = TURN_BYTES;
	answers_take(r);
	last = TAILQ_LAST(&r->secure->behind, secure_legs);
	for (struct secure_leg *l = TAILQ_FIRST(&r->secure->behind); l && budget > 0; budget--) {
		bool is_last = l == last;

		catch_up(r, l);
		l = is_last ? NULL : TAILQ_FIRST(&r->secure->behind);
	}
}

bool secure_has_work(const struct relay *r)
{
	const struct slow_links *slow = r->config.slow;

	if (!r->secure)
		return false;
	for (uint32_t t = 0; t < slow->threads; t++)
		if (!ring_is_empty(&slow->links[r->config.worker * slow->threads + t].to_worker))
			return true;
	return !TAILQ_EMPTY(&r->secure->behind);
}

void secure_flush(struct relay *r)
{
	const struct slow_links *slow = r->config.slow;

	for (uint32_t t = 0; r->secure && t < slow->threads; t++) {
		if (!r->secure->wake[t])
			continue;
		r->secure->wake[t] = false;
		slow_link_wake(&slow->links[r->config.worker * slow->threads + t]);
	}
}
