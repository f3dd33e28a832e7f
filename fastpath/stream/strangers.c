// SPDX-License-Identifier: BSD-3-Clause
// Strangers' connections to REALITY targets. Each costs a session, two connections and a source
// port for as long as its two peers like, so there are only so many, and of one source fewer. SYNs
// whose client does not answer are not among them: they are bounded where they are held
// (tcp/held.c), and whoever only pretends to be a source takes nothing from it.
//
// Who comes gets in, for a client of ours cannot be told from a stranger yet; the oldest goes, its
// own source's, or where all are taken that of who has most. Both its connections are closed, as a
// server does that is short of them and takes the places of those that it has had for longest:
// FIN, and a reset where something was received that nobody took. A peer that does not answer the
// FIN keeps the engine's connection for a while; where many are in use, all is a reset.
#include "stream/strangers.h"

enum {
	SHARE = 4, // of all sessions, at most that part
	MOST = 16384,
	SHARE_OF_SOURCE = 8, // of those
	LEAST_OF_SOURCE = 16,
};

int relay_strangers_create(struct relay *r)
{
	struct relay_strangers *x = &r->strangers;
	int error;

	x->most = u32_max(u32_min(r->config.sessions / SHARE, MOST), 1);
	x->most_of_source = u32_max(x->most / SHARE_OF_SOURCE, u32_min(LEAST_OF_SOURCE, x->most));
	error = memory_map(r->config.sessions * sizeof(*x->members), false, &x->memory);
	if (error)
		return error;
	x->members = x->memory.base;
	error = crowd_create(x->most, &x->crowd);
	if (error)
		memory_unmap(&x->memory);
	return error;
}

void relay_strangers_destroy(struct relay *r)
{
	crowd_destroy(r->strangers.crowd);
	memory_unmap(&r->strangers.memory);
}

static bool connections_are_short(const struct relay *r)
{
	uint64_t used, capacity, high_water;
	const char *name;

	return tcp_engine_pool(r->tcp, 0, &name, &used, &capacity, &high_water) &&
	       used > capacity / 2;
}

static void give_way(struct relay *r, const struct crowd_member *m, enum drop_reason reason)
{
	stats_drop(r->config.stats, reason);
	relay_session_end(r, session_at(r, (uint32_t)(m - r->strangers.members)),
		SESSION_END_EVICTED, connections_are_short(r));
}

void relay_stranger_join(struct relay *r, struct relay_session *s, const struct ip_address *source)
{
	struct relay_strangers *x = &r->strangers;

	if (crowd_count_of(x->crowd, source) >= x->most_of_source)
		give_way(r, crowd_oldest_of(x->crowd, source), DROP_REALITY_SOURCE_LIMIT);
	else if (crowd_members(x->crowd) == x->most)
		give_way(r, crowd_oldest_of_most(x->crowd), DROP_REALITY_LIMIT);
	crowd_join(x->crowd, &x->members[session_index(r, s)], source);
	x->high_water = u32_max(x->high_water, crowd_members(x->crowd));
	s->flags |= RELAY_IS_STRANGER;
}

void relay_stranger_leave(struct relay *r, struct relay_session *s)
{
	crowd_leave(r->strangers.crowd, &r->strangers.members[session_index(r, s)]);
	s->flags &= ~(uint32_t)RELAY_IS_STRANGER;
}
