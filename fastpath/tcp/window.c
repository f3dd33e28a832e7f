// SPDX-License-Identifier: BSD-3-Clause
// The receive window: what the memory bound allows, in bytes of payload at the ratio of payload to
// memory that this peer's segments show; it grows with what the user takes in a round trip.
#include "tcp/engine_impl.h"

// RFC 7323 2.3: enough for the largest window that the bound could ever give.
uint8_t window_scale_choose(const struct tcp_profile *profile)
{
	uint8_t scale = 0;

	if (profile->window_scale != 0)
		return profile->window_scale < 14 ? profile->window_scale : 14;
	while (scale < 14 && (uint32_t)UINT16_MAX << scale < profile->receive_memory)
		scale++;
	return scale;
}

static uint32_t window_free(const struct tcp_engine *e, const struct tcp_connection *c)
{
	uint32_t bound = profile_of(e, c)->receive_memory;
	uint32_t queued = c->receive_head ? c->receive_head->total_length : 0;
	uint32_t memory = bound > c->receive_held ? bound - c->receive_held : 0;
	uint32_t limit = c->receive_limit > queued ? c->receive_limit - queued : 0;

	return u32_min(limit, (uint32_t)((uint64_t)memory * c->receive_ratio >> 8));
}

// RFC 9293 3.8.6.2.2: the edge moves by a segment or half the limit, or not at all; never back.
uint32_t window_offer(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t edge = c->rcv_nxt + window_free(e, c);
	uint32_t step =
		u32_min(c->receive_mss ? c->receive_mss : DEFAULT_MSS4, c->receive_limit / 2);

	// Half of what the memory bound can ever free is enough, too.
	step = u32_min(step,
		(uint32_t)((uint64_t)profile_of(e, c)->receive_memory * c->receive_ratio >> 9));
	if (c->flags & TCP_NO_MORE_DATA)
		edge = c->rcv_nxt + c->receive_limit;
	if (seq_before(c->rcv_edge, edge) && edge - c->rcv_edge >= step)
		c->rcv_edge = edge;
	return seq_before(c->rcv_nxt, c->rcv_edge) ? c->rcv_edge - c->rcv_nxt : 0;
}

// What the user took in a round trip, doubled, is what the window should hold: then the sender is
// never the one that waits (after Fisk and Feng's dynamic right-sizing). While holes are repaired,
// which takes another round trip, twice that.
static void limit_grow(struct tcp_engine *e, struct tcp_connection *c, uint32_t taken)
{
	uint32_t round_trip = c->srtt_us ? c->srtt_us / 8 : (uint32_t)RTO_INITIAL / 4;
	uint64_t most = (uint64_t)profile_of(e, c)->receive_memory * c->receive_ratio >> 8;
	uint64_t wanted;

	c->receive_taken += taken;
	if (engine_time(e) - c->receive_since < round_trip)
		return;
	wanted = u64_min((uint64_t)c->receive_taken * (c->runs ? 4 : 2), most);
	if (wanted > c->receive_limit)
		c->receive_limit = (uint32_t)wanted;
	c->receive_taken = 0;
	c->receive_since = engine_time(e);
}

void window_tune(struct tcp_engine *e, struct tcp_connection *c, uint32_t taken)
{
	uint32_t before = seq_before(c->rcv_nxt, c->rcv_edge) ? c->rcv_edge - c->rcv_nxt : 0;
	uint32_t now;

	limit_grow(e, c, taken);
	now = window_free(e, c);
	// A sender that waits for the window hears of it; one that does not, with the next
	// acknowledgement.
	if (now > before && now - before >= u32_min(2u * c->mss, c->receive_limit / 2) &&
		before < c->receive_limit / 2) {
		c->flags |= TCP_ACK_NOW;
		flush_add(e, c);
	}
}
