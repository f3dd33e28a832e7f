// SPDX-License-Identifier: BSD-3-Clause
// Secured legs: their tables, and their turns.
#include "stream/secure.h"

#include "stream/secure_impl.h"

enum {
	KEYS = 2048, // expanded, in the cache: those of the legs that are busy now
	LEGS_LEAST = 64,
	ANSWERS_A_LINK = 64,
	NAMES_MOST = 4096, // different ones that live legs may have
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
		error = crowd_create(legs, &x->unanswered);
	if (error == 0)
		error = crowd_create(legs, &x->answered);
	if (error == 0)
		error = leg_names_create(u32_min(legs, NAMES_MOST), r->config.slow->key, &x->names);
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
	leg_names_destroy(secure->names);
	crowd_destroy(secure->unanswered);
	crowd_destroy(secure->answered);
	if (secure->pool)
		nx_bug_on(secret_pool_destroy(secure->pool) != 0);
	if (secure->tls.keys)
		key_cache_destroy(secure->tls.keys);
	if (secure->tls.crypto)
		crypto_manager_destroy(secure->tls.crypto);
	free(secure);
}

// One handshake ends for another leg: the oldest of the source that has most of them.
static void make_room(struct relay *r, const struct relay_session *newcomer)
{
	struct crowd_member *m = crowd_oldest_of_most(crowd_members(r->secure->unanswered) > 0
							      ? r->secure->unanswered
							      : r->secure->answered);
	struct secure_leg *l;

	if (!m)
		return;
	l = (struct secure_leg *)(void *)((uint8_t *)m - offsetof(struct secure_leg, member));
	if (l->session == newcomer)
		return;
	// A stranger to whom nothing was said but by the target keeps the target.
	if (l->is_mirrored && !l->is_answered)
		secure_splice(r, l->session);
	else
		relay_session_keys_missing(r, l->session, l->leg, SESSION_END_EVICTED);
}

struct secure_leg *secure_leg_add(struct relay *r, struct relay_session *s, unsigned int leg)
{
	struct secure_leg *l = r->secure ? secret_pool_get(r->secure->pool) : NULL;

	if (!l && r->secure) {
		make_room(r, s);
		l = secret_pool_get(r->secure->pool);
	}
	if (!l)
		return NULL;
	r->secure->legs[2 * (size_t)session_index(r, s) + leg] = l;
	l->session = s;
	l->leg = (uint8_t)leg;
	s->flags |= leg_flag(RELAY_SECURE | RELAY_AWAITS_KEYS, leg);
	return l;
}

void secure_describe(const struct relay *r, const struct relay_session *s, unsigned int leg,
	struct session_security *out)
{
	if (leg_is_secure(s, leg))
		*out = secure_at(r, s, leg)->agreed;
}

void secure_names(const struct relay *r, const struct relay_session *s, unsigned int leg,
	struct session_names *out)
{
	if (leg_is_secure(s, leg))
		leg_names_read(r->secure->names, secure_at(r, s, leg)->names, out);
}

void secure_end(struct relay *r, struct relay_session *s, unsigned int leg)
{
	struct secure_leg *l = leg_is_secure(s, leg) ? secure_at(r, s, leg) : NULL;

	if (!l)
		return;
	if (l->state == SECURE_HANDSHAKE) {
		if (l->is_opened)
			secure_handshake_close(r, l);
		crowd_leave(
			l->is_answered ? r->secure->answered : r->secure->unanswered, &l->member);
		tls_queue_clear(&l->held, r->config.buffers);
	}
	if (l->is_behind)
		TAILQ_REMOVE(&r->secure->behind, l, behind);
	if (l->unsent)
		r->config.buffers->put(r->config.buffers, l->unsent);
	if (l->state == SECURE_OPEN) {
		tls_records_fini(&r->secure->tls, &l->records);
		leg_names_give(r->secure->names, l->names);
		counter_sub(&r->config.stats->tls_legs[leg][secure_version_index(l)], 1);
	}
	r->secure->legs[2 * (size_t)session_index(r, s) + leg] = NULL;
	s->flags &= ~leg_flag(RELAY_SECURE | RELAY_AWAITS_KEYS, leg);
	secret_pool_put(r->secure->pool, l);
}

void secure_move(
	struct relay *r, struct relay_session *from, struct relay_session *to, unsigned int leg)
{
	struct secure_leg **place = &r->secure->legs[2 * (size_t)session_index(r, from) + leg];

	(*place)->session = to;
	r->secure->legs[2 * (size_t)session_index(r, to) + leg] = *place;
	*place = NULL;
}

bool secure_is_busy(const struct relay *r, const struct relay_session *s, unsigned int leg)
{
	const struct secure_leg *l = secure_at(r, s, leg);

	return l->state != SECURE_OPEN || l->broken || l->unsent || l->is_behind ||
	       l->shut_wanted || l->input_ended;
}

void secure_prefetch(const struct relay *r, const struct relay_session *s)
{
	for (unsigned int leg = 0; leg < 2; leg++) {
		const uint8_t *l =
			leg_is_secure(s, leg) ? (const uint8_t *)secure_at(r, s, leg) : NULL;

		for (size_t line = 0; l && line < sizeof(struct secure_leg); line += CACHE_LINE)
			__builtin_prefetch(l + line);
	}
}

void secure_prefetch_keys(const struct relay *r, const struct relay_session *s, unsigned int from)
{
	const struct key_cache *keys = r->secure->tls.keys;
	const struct secure_leg *in = leg_is_secure(s, from) ? secure_at(r, s, from) : NULL;
	const struct secure_leg *out = leg_is_secure(s, !from) ? secure_at(r, s, !from) : NULL;

	if (in && in->state == SECURE_OPEN)
		key_cache_prefetch(keys, in->records.in.key.number);
	if (out && out->state == SECURE_OPEN)
		key_cache_prefetch(keys, out->records.out.key.number);
}

static void answer_take(struct relay *r, const struct slow_message *m)
{
	uint32_t index = (uint32_t)m->session >> 1;
	unsigned int leg = m->session & 1;
	struct relay_session *s = index < r->sessions.touched ? session_at(r, index) : NULL;

	if (relay_probe_answer(r, m))
		return;
	// The session may be over, and its place another's; or at its next target.
	if (s && (s->flags & leg_flag(RELAY_AWAITS_KEYS, leg)) &&
		secure_at(r, s, leg)->name == m->session)
		secure_handshake_answer(r, secure_at(r, s, leg), m);
}

// Where it was waited for, the thread is there.
static void heard(struct slow_link *link)
{
	if (nx_unlikely(shared_word_load(&link->silent_since)))
		shared_word_store(&link->silent_since, 0);
}

static void answers_take(struct relay *r)
{
	const struct slow_links *slow = r->config.slow;

	for (uint32_t t = 0; t < slow->threads; t++) {
		struct slow_link *link = &slow->links[r->config.worker * slow->threads + t];
		struct slow_message *m;
		uint32_t i;

		for (i = 0; i < ANSWERS_A_LINK && (m = ring_peek(&link->to_worker)); i++) {
			answer_take(r, m);
			if (m->kind == SLOW_KEYS)
				secret_wipe(&m->keys, sizeof(m->keys));
			ring_release(&link->to_worker);
		}
		if (i > 0)
			heard(link);
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
		if (l->is_mirrored)
			secure_mirror_go_on(r, s);
		else
			secure_handshake_go_on(r, l);
		return;
	}
	secure_catch_up(r, l);
	if (s->flags & (RELAY_IS_UNTOLD | RELAY_IS_FRAMED)) {
		relay_framed_go_on(r, s);
	} else if (s->flags & RELAY_IS_OPEN) {
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

uint32_t secure_share_nest(struct relay *r)
{
	uint32_t outer;

	if (!r->secure)
		return 0;
	outer = r->secure->share_left;
	secure_share_begin(r);
	return outer;
}

void secure_share_back(struct relay *r, uint32_t outer)
{
	if (r->secure)
		r->secure->share_left = u32_min(outer, r->secure->turn_left);
}

bool secure_share_is_left(const struct relay *r)
{
	return r->secure && r->secure->share_left > 0;
}

void secure_run(struct relay *r, uint32_t budget)
{
	struct secure_leg *last;

	if (!r->secure)
		return;
	r->secure->turn_left = TURN_BYTES;
	answers_take(r);
	last = TAILQ_LAST(&r->secure->behind, secure_legs);
	// Whom this turn has nothing left for keeps its place: behind those that had some it would
	// be last again in the next one.
	for (struct secure_leg *l = TAILQ_FIRST(&r->secure->behind);
		l && budget > 0 && r->secure->turn_left > 0; budget--) {
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
