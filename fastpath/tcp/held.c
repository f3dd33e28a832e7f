// SPDX-License-Identifier: BSD-3-Clause
// SYNs that wait for the user's word or, once answered, for their peer's. Each costs the user a way
// on, so they are few, and of one source fewer: addresses, of IPv6 /64, share HELD_SHARES places by
// a keyed hash. For a new one the oldest goes, its own source's or that of who has most, and
// has had it for longest.
#include <errno.h>

#include "tcp/engine_impl.h"

// A source may have one in so many.
enum {
	HELD_OF_SOURCE = 4
};

void held_init(struct tcp_engine *e)
{
	struct tcp_held *h = &e->held;

	h->limit = u32_min(e->config.held, HELD_SHARE_MAX * HELD_OF_SOURCE);
	h->limit_source = (h->limit + HELD_OF_SOURCE - 1) / HELD_OF_SOURCE;
	for (unsigned i = 0; i < HELD_SHARES; i++)
		h->shares[i].list = (struct tcp_list){.oldest = TCP_NONE, .newest = TCP_NONE};
}

static struct tcp_held_share *share_of(struct tcp_engine *e, const struct ip_address *source)
{
	return &e->held.shares[source_hash(e, source) % HELD_SHARES];
}

struct tcp_list *held_list(struct tcp_engine *e, const struct tcp_connection *c)
{
	return &share_of(e, &c->key.source)->list;
}

static void level_join(struct tcp_held *h, struct tcp_held_share *s, uint32_t n)
{
	struct tcp_held_level *level = &h->levels[n];
	uint16_t name = (uint16_t)(s - h->shares + 1);

	if (n == 0)
		return;
	s->next = 0;
	s->previous = level->last;
	if (level->last)
		h->shares[level->last - 1].next = name;
	else
		level->first = name;
	level->last = name;
}

static void level_leave(struct tcp_held *h, struct tcp_held_share *s, uint32_t n)
{
	struct tcp_held_level *level = &h->levels[n];

	if (n == 0)
		return;
	if (s->previous)
		h->shares[s->previous - 1].next = s->next;
	else
		level->first = s->next;
	if (s->next)
		h->shares[s->next - 1].previous = s->previous;
	else
		level->last = s->previous;
}

void held_added(struct tcp_engine *e, const struct tcp_connection *c)
{
	struct tcp_held *h = &e->held;
	struct tcp_held_share *s = share_of(e, &c->key.source);

	h->count++;
	level_leave(h, s, s->list.count - 1);
	level_join(h, s, s->list.count);
	if (s->list.count > h->most)
		h->most = s->list.count;
}

void held_removed(struct tcp_engine *e, const struct tcp_connection *c)
{
	struct tcp_held *h = &e->held;
	struct tcp_held_share *s = share_of(e, &c->key.source);

	h->count--;
	level_leave(h, s, s->list.count + 1);
	level_join(h, s, s->list.count);
	if (h->most > 0 && h->levels[h->most].first == 0)
		h->most--;
}

void held_make_room(struct tcp_engine *e, const struct ip_address *source)
{
	struct tcp_held *h = &e->held;
	const struct tcp_held_share *s = share_of(e, source);

	if (s->list.count < h->limit_source) {
		if (h->count < h->limit)
			return;
		s = &h->shares[h->levels[h->most].first - 1];
	}
	tcp_count(e, held_evicted);
	connection_fail(e, engine_at(e, s->list.oldest), ETIMEDOUT);
}
