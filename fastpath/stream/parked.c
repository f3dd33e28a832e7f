// SPDX-License-Identifier: BSD-3-Clause
// Connections to targets between two requests, of whoever's: the next request to their upstream
// takes the one that was parked last, so that those which are not needed grow old and go. Each lies
// in a session of its own, without a client.
#include "core/limits.h"
#include "stream/relay_impl.h"
#include "stream/secure.h"

enum {
	PARKED_SHARE = 8,   // of a worker's sessions this part at most, or MAX_IDLE_CONNECTIONS
	PARKED_LOOKED = 32, // of the oldest, for one of an upstream that has more than its share
};

// How long one may lie; and how long so that its target is not about to end it.
#define PARKED_TIME  (60 * USEC_PER_SECOND)
#define PARKED_FRESH USEC_PER_SECOND

int relay_parked_create(struct relay *r)
{
	int error = memory_map(
		r->config.sessions * sizeof(struct relay_parked), false, &r->parked_memory);

	if (error)
		return error;
	error = memory_map(MAX_UPSTREAMS * sizeof(struct relay_parking), false, &r->parking_memory);
	if (error) {
		memory_unmap(&r->parked_memory);
		return error;
	}
	r->parked = r->parked_memory.base;
	r->parking = r->parking_memory.base;
	return 0;
}

void relay_parked_destroy(struct relay *r)
{
	memory_unmap(&r->parking_memory);
	memory_unmap(&r->parked_memory);
}

// Whether clients may share targets: not where the target is the client's by rule, or is told of
// it.
static bool is_shared(const struct snapshot_upstream *u)
{
	return u->idle_connections > 0 && u->proxy_protocol == 0 && !u->source_client &&
	       (u->balance == BALANCE_ROUND_ROBIN || u->balance == BALANCE_LEAST_CONNECTIONS);
}

static void list_add(struct relay *r, struct relay_session *s)
{
	struct relay_parking *p = &r->parking[s->upstream];
	uint32_t index = session_index(r, s);

	r->parked[index].previous = 0;
	r->parked[index].next = p->first;
	if (p->first != 0)
		r->parked[p->first - 1].previous = index + 1;
	p->first = index + 1;
	r->parking_upstreams += p->count == 0;
	p->count++;
	r->parked[index].newer = 0;
	r->parked[index].older = r->parked_newest;
	if (r->parked_newest != 0)
		r->parked[r->parked_newest - 1].newer = index + 1;
	else
		r->parked_oldest = index + 1;
	r->parked_newest = index + 1;
	r->parked_count++;
}

void relay_parked_end(struct relay *r, struct relay_session *s)
{
	struct relay_parking *p = &r->parking[s->upstream];
	const struct relay_parked *at = &r->parked[session_index(r, s)];

	if (at->previous == 0)
		p->first = at->next;
	else
		r->parked[at->previous - 1].next = at->next;
	if (at->next != 0)
		r->parked[at->next - 1].previous = at->previous;
	if (at->newer != 0)
		r->parked[at->newer - 1].older = at->older;
	else
		r->parked_newest = at->older;
	if (at->older != 0)
		r->parked[at->older - 1].newer = at->newer;
	else
		r->parked_oldest = at->newer;
	p->count--;
	r->parking_upstreams -= p->count == 0;
	r->parked_count--;
}

bool relay_parked_give_way(struct relay *r)
{
	if (r->parked_oldest == 0)
		return false;
	relay_session_end(r, session_at(r, r->parked_oldest - 1), SESSION_END_EVICTED, false);
	return true;
}

// Where the worker has all that it may have, an upstream gets its equal share from those that have
// more: else who came first would leave the others none.
static bool make_room(struct relay *r, const struct snapshot_upstream *u)
{
	const uint32_t most = u32_min(MAX_IDLE_CONNECTIONS, r->config.sessions / PARKED_SHARE);
	const uint32_t own = r->parking[u->slot].count;
	uint32_t at = r->parked_oldest;
	uint32_t share;

	if (own >= u->idle_connections)
		return false;
	if (r->parked_count < most)
		return true;
	share = u32_max(1, most / (r->parking_upstreams + (own == 0)));
	if (own >= share)
		return false;
	for (uint32_t i = 0; i < PARKED_LOOKED && at != 0; i++) {
		struct relay_session *s = session_at(r, at - 1);

		if (r->parking[s->upstream].count > share) {
			relay_session_end(r, s, SESSION_END_EVICTED, false);
			return true;
		}
		at = r->parked[at - 1].newer;
	}
	return relay_parked_give_way(r);
}

bool relay_park(struct relay *r, struct relay_session *s, uint64_t terms)
{
	const struct snapshot_upstream *u = relay_session_upstream(r, s);
	struct relay_session *parked;
	uint32_t index;

	if (!u || !is_shared(u) || r->draining || s->connection[LEG_TARGET] == TCP_NONE ||
		(s->flags & leg_flag(RELAY_END | RELAY_SHUT, LEG_TARGET)) ||
		leg_has_payload(r, s, LEG_TARGET) ||
		(leg_is_secure(s, LEG_TARGET) && secure_is_busy(r, s, LEG_TARGET)) ||
		!make_room(r, u))
		return false;
	parked = relay_session_add_parked(r);
	if (!parked)
		return false;
	index = session_index(r, parked);
	relay_session_target_move(r, s, parked);
	r->parked[index].terms = terms;
	r->parked[index].since = r->now;
	list_add(r, parked);
	wheel_arm(&r->wheel, index, r->now + PARKED_TIME);
	return true;
}

// Whether the target still takes new work on such a connection.
static bool is_current(const struct relay *r, const struct relay_session *s)
{
	const struct snapshot_upstream *u = relay_session_upstream(r, s);
	const struct snapshot_target *t = snapshot_target_at(r->snapshot, s->target);

	return u && !u->closing && t && snapshot_target_is_usable(t) && is_shared(u) &&
	       relay_gateway_terms(u) == r->parked[session_index(r, s)].terms;
}

bool relay_unpark(struct relay *r, struct relay_session *s, const struct snapshot_upstream *u,
	uint64_t terms, bool is_fresh)
{
	uint32_t first;

	while ((first = r->parking[u->slot].first) != 0) {
		struct relay_session *parked = session_at(r, first - 1);

		if (!is_current(r, parked) || r->parked[first - 1].terms != terms) {
			relay_session_end(r, parked, SESSION_END_CLOSED, false);
			continue;
		}
		// Those behind it are older.
		if (is_fresh && r->now - r->parked[first - 1].since > PARKED_FRESH)
			return false;
		relay_session_target_move(r, parked, s);
		relay_session_end(r, parked, SESSION_END_CLOSED, false);
		return true;
	}
	return false;
}

// Between requests a target has nothing to say but its end; what was sent to it may be
// acknowledged.
void relay_parked_event(struct relay *r, struct relay_session *s, uint16_t events)
{
	if (events & TCP_EVENT_FAILED)
		relay_session_end(r, s, SESSION_END_RESET, true);
	else if (events & (TCP_EVENT_READABLE | TCP_EVENT_END))
		relay_session_end(r, s, SESSION_END_CLOSED, false);
}

void relay_parked_timer(struct relay *r, struct relay_session *s)
{
	usec_t end = r->parked[session_index(r, s)].since + PARKED_TIME;

	if (r->draining || r->now >= end || !is_current(r, s))
		relay_session_end(r, s, SESSION_END_CLOSED, false);
	else
		wheel_arm(&r->wheel, session_index(r, s), end);
}
