// SPDX-License-Identifier: BSD-3-Clause
// Congestion control by model, after BBRv3 (draft-ietf-ccwg-bbr): the path is a rate, the largest
// delivered lately, a round-trip time, the smallest seen lately, and what it has been seen to hold
// without heavy loss. Data leaves paced at the rate; the window is a multiple of rate times round
// trip, within what the path holds. Every few seconds the flow probes for more until that shows
// no more rate or much is lost, and then leaves room. Loss by itself changes little.
#include "tcp/congestion.h"

enum {
	FULL_ROUNDS = 3,
	STARTUP_PERCENT = 277, // 4 ln 2
	DRAIN_PERCENT = 35,
	DOWN_PERCENT = 90,
	UP_PERCENT = 125,
	WINDOW_PERCENT = 200,
	WINDOW_UP_PERCENT = 225,
	WINDOW_MIN_SEGMENTS = 4,
	HEAVY_LOSS_ONE_IN = 50,
	HEAVY_LOSS_SEGMENTS = 8, // fewer are chance
	HIGH_BETA_PERCENT = 85,
	LOW_BETA_PERCENT = 70,
	HEAVY_ROUNDS = 3,
	HEADROOM_PERCENT = 80,
	UP_WORTH_PERCENT = 105, // of the rate before: what a round must show for another one
	UP_SEGMENTS = 16,       // first growth of the bound, doubled each round
	UP_ROUNDS_MAX = 10,
	PROBE_ROUNDS = 63, // between probes at most, as many as Reno would wait
	PROBE_WAIT_US = 2000000,
	PROBE_WAIT_RANDOM_US = 2000000,
	PUT_OFF_US = 1000000,
	RTT_PROBE_US = 200000,
	RTT_WINDOW_PERCENT = 50,
	MIN_RTT_US = 10000000,
};

enum rate_mode {
	MODE_STARTUP = 0,
	MODE_DRAIN,
	MODE_DOWN,   // what probing left in the queue leaves it
	MODE_CRUISE, // at the rate, with room for others
	MODE_REFILL, // a round without bounds before probing
	MODE_UP,
	MODE_PROBE_RTT,
};

struct rate_control {
	uint64_t rate[2];   // largest of this and of the last probing cycle, bytes a second
	uint64_t full_rate; // STARTUP and UP: what the round before reached
	uint32_t min_rtt_us;
	uint32_t min_rtt_at;
	uint32_t round_delivered; // connection.delivered that ends the round
	uint32_t probe_at;        // when DOWN began
	uint32_t probe_wait_us;   // from there to the next REFILL
	uint32_t rtt_probe_until;
	uint32_t probed_rtt_us; // the smallest of PROBE_RTT
	uint32_t high;          // window above which probing lost much; UINT32_MAX: not known
	uint32_t low;       // window after heavy loss that was not of our probing, until the next
	uint32_t lost;      // bytes in this round
	uint32_t delivered; // bytes in this round
	uint16_t rounds;    // since DOWN began, or in UP
	uint8_t mode;
	uint8_t full_rounds;
	uint8_t heavy_rounds; // in a row
	bool is_full;
	bool is_down; // PROBE_RTT: the window is
	bool round_begins;
	bool is_settling; // losses of this round are those that were answered already
};
static_assert(sizeof(struct rate_control) <= TCP_CONGESTION_WORDS * 8);

static struct rate_control *rate_of(struct tcp_connection *c)
{
	return (struct rate_control *)(void *)c->congestion;
}

static uint64_t rate_max(const struct rate_control *r)
{
	return r->rate[0] > r->rate[1] ? r->rate[0] : r->rate[1];
}

static uint32_t window_of(
	const struct tcp_connection *c, const struct rate_control *r, uint32_t percent)
{
	uint64_t product = rate_max(r) * r->min_rtt_us / USEC_PER_SECOND * percent / 100;
	uint64_t least = WINDOW_MIN_SEGMENTS * (uint64_t)c->mss;

	// Beside the product what acknowledgements in bursts and pacing in bursts keep out.
	product += 3u * (uint64_t)c->mss;
	return (uint32_t)(product < least ? least : u64_min(product, UINT32_MAX / 4));
}

static uint32_t percent_of(uint32_t value, uint32_t percent)
{
	return (uint32_t)((uint64_t)value * percent / 100);
}

static uint32_t most_of(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void rate_init_control(struct tcp_engine *e, struct tcp_connection *c)
{
	struct rate_control *r = rate_of(c);

	r->min_rtt_us = c->srtt_us ? c->srtt_us / 8 : 1000;
	r->min_rtt_at = engine_time(e);
	r->round_delivered = c->delivered;
	r->high = r->low = UINT32_MAX;
	c->pacing_rate = congestion_rate(c, c->cwnd, STARTUP_PERCENT);
}

// Of [least, least + span), as the flow's numbers and the time happen to stand.
static uint32_t wait_choose(
	const struct tcp_engine *e, const struct tcp_connection *c, uint32_t least, uint32_t span)
{
	uint32_t mixed = (c->iss ^ c->delivered ^ engine_time(e)) * UINT32_C(2654435761);

	return least + (uint32_t)((uint64_t)mixed * span >> 32);
}

static void down_begin(struct tcp_engine *e, struct tcp_connection *c, struct rate_control *r)
{
	r->mode = MODE_DOWN;
	r->rounds = 0;
	r->probe_at = engine_time(e);
	// Flows that probe in step would each find what the other leaves.
	r->probe_wait_us = wait_choose(e, c, PROBE_WAIT_US, PROBE_WAIT_RANDOM_US);
}

// Somebody else is probing: not both at once, though no more than once in a cycle.
static void probe_put_off(struct tcp_engine *e, struct tcp_connection *c, struct rate_control *r)
{
	uint32_t since = engine_time(e) - r->probe_at;
	uint32_t wait = since + wait_choose(e, c, PUT_OFF_US, PUT_OFF_US);

	if (since < PROBE_WAIT_US + PROBE_WAIT_RANDOM_US / 2 && wait > r->probe_wait_us)
		r->probe_wait_us = wait;
}

static void refill_begin(struct tcp_connection *c, struct rate_control *r)
{
	r->mode = MODE_REFILL;
	r->low = UINT32_MAX;
	r->rounds = 0;
	r->round_delivered = c->delivered;
}

static void up_begin(struct rate_control *r)
{
	r->mode = MODE_UP;
	r->full_rate = rate_max(r);
	r->rounds = 0;
	// A cycle in which the user sent little has shown nothing.
	if (r->rate[0] == 0)
		return;
	r->rate[1] = r->rate[0];
	r->rate[0] = 0;
}

static void round_update(
	struct tcp_connection *c, struct rate_control *r, const struct tcp_ack *ack)
{
	r->round_begins =
		ack->rate_us != 0 && !seq_before(ack->round_delivered, r->round_delivered);
	if (!r->round_begins)
		return;
	r->round_delivered = c->delivered;
	r->rounds += r->rounds < UINT16_MAX;
}

static void rate_update(struct rate_control *r, const struct tcp_ack *ack)
{
	uint64_t rate;

	// A sample over less than the smallest round trip is compression, not capacity.
	if (ack->rate_us == 0 || ack->rate_us < r->min_rtt_us)
		return;
	rate = (uint64_t)ack->rate_delivered * USEC_PER_SECOND / ack->rate_us;
	if (ack->rate_limited && rate < rate_max(r))
		return;
	if (rate > r->rate[0])
		r->rate[0] = rate;
}

// More than 2 % lost of what was under way, and not by chance: the path holds less, whatever the
// rate. What our own probing lost says how much it holds; in between others may have probed, and
// the answer lasts until the next probe of our own.
static void loss_update(struct tcp_engine *e, struct tcp_connection *c, struct rate_control *r,
	const struct tcp_ack *ack)
{
	uint32_t flight = ack->prior_in_flight > r->delivered ? ack->prior_in_flight : r->delivered;
	bool is_heavy = !r->is_settling && r->lost >= HEAVY_LOSS_SEGMENTS * (uint32_t)c->mss &&
			(uint64_t)r->lost * HEAVY_LOSS_ONE_IN > flight;

	if (is_heavy && r->mode == MODE_STARTUP) {
		r->high = most_of(ack->rate_delivered, window_of(c, r, 100));
		r->is_full = true;
	} else if (is_heavy && r->mode == MODE_UP) {
		// What arrived in the round trip of the newest segment: so much the path held.
		r->high = most_of(ack->rate_delivered, percent_of(c->cwnd, HIGH_BETA_PERCENT));
		down_begin(e, c, r);
	} else if (is_heavy && r->round_begins) {
		probe_put_off(e, c, r);
		r->mode = r->mode == MODE_REFILL ? MODE_CRUISE : r->mode;
		// A probe's losses show in two rounds. More is no probe.
		r->heavy_rounds += r->heavy_rounds < HEAVY_ROUNDS;
		is_heavy = r->heavy_rounds >= HEAVY_ROUNDS;
		if (is_heavy)
			r->low = most_of(r->delivered, percent_of(c->cwnd, LOW_BETA_PERCENT));
	} else {
		r->heavy_rounds = r->round_begins && !r->is_settling ? 0 : r->heavy_rounds;
		is_heavy = false;
	}
	if (is_heavy)
		r->round_delivered = c->delivered;
	if (is_heavy || r->round_begins) {
		r->is_settling = is_heavy;
		r->lost = r->delivered = 0;
	}
}

// Three rounds without a quarter more: the pipe is full.
static void full_check(struct rate_control *r, const struct tcp_ack *ack)
{
	if (r->is_full || !r->round_begins || ack->rate_limited)
		return;
	if (rate_max(r) >= r->full_rate + r->full_rate / 4) {
		r->full_rate = rate_max(r);
		r->full_rounds = 0;
		return;
	}
	if (++r->full_rounds >= FULL_ROUNDS)
		r->is_full = true;
}

static bool probe_is_due(
	const struct tcp_engine *e, const struct tcp_connection *c, const struct rate_control *r)
{
	uint32_t rounds = u32_min(PROBE_ROUNDS, window_of(c, r, 100) / c->mss);

	return engine_time(e) - r->probe_at > r->probe_wait_us || r->rounds > rounds;
}

// Probing goes on while it pays: at the bound, which moves up ever faster, or with more rate.
static void up_update(struct tcp_engine *e, struct tcp_connection *c, struct rate_control *r)
{
	uint32_t growth;

	if (!r->round_begins)
		return;
	growth = (uint32_t)c->mss * UP_SEGMENTS << u32_min(r->rounds, UP_ROUNDS_MAX);
	if (c->cwnd >= r->high) {
		r->high += u32_min(growth, r->high / 8);
		r->full_rate = rate_max(r);
		return;
	}
	if (rate_max(r) >= r->full_rate / 100 * UP_WORTH_PERCENT)
		r->full_rate = rate_max(r);
	else if (r->rounds > 1)
		down_begin(e, c, r);
}

static void mode_update(struct tcp_engine *e, struct tcp_connection *c, struct rate_control *r)
{
	uint32_t flight = tcp_in_flight(c);

	if (r->mode == MODE_STARTUP && r->is_full)
		r->mode = MODE_DRAIN;
	if (r->mode == MODE_DRAIN && flight <= window_of(c, r, 100))
		down_begin(e, c, r);
	if ((r->mode == MODE_DOWN || r->mode == MODE_CRUISE) && probe_is_due(e, c, r))
		refill_begin(c, r);
	else if (r->mode == MODE_DOWN && flight <= window_of(c, r, 100) &&
		 flight <= percent_of(r->high, HEADROOM_PERCENT))
		r->mode = MODE_CRUISE;
	else if (r->mode == MODE_REFILL && r->round_begins && r->rounds > 0)
		up_begin(r);
	else if (r->mode == MODE_UP)
		up_update(e, c, r);
}

static uint32_t pacing_percent(const struct rate_control *r)
{
	switch ((enum rate_mode)r->mode) {
	case MODE_STARTUP:
		return STARTUP_PERCENT;
	case MODE_DRAIN:
		return DRAIN_PERCENT;
	case MODE_DOWN:
		return DOWN_PERCENT;
	case MODE_UP:
		return UP_PERCENT;
	case MODE_CRUISE:
	case MODE_REFILL:
	case MODE_PROBE_RTT:
		break;
	}
	return 100;
}

static uint32_t window_target(const struct tcp_connection *c, const struct rate_control *r)
{
	switch ((enum rate_mode)r->mode) {
	case MODE_STARTUP:
		return window_of(c, r, STARTUP_PERCENT);
	case MODE_PROBE_RTT:
		return window_of(c, r, RTT_WINDOW_PERCENT);
	case MODE_UP:
		return u32_min(window_of(c, r, WINDOW_UP_PERCENT), r->high);
	case MODE_DOWN:
	case MODE_CRUISE:
		return u32_min(window_of(c, r, WINDOW_PERCENT),
			u32_min(percent_of(r->high, HEADROOM_PERCENT), r->low));
	case MODE_DRAIN:
	case MODE_REFILL:
		break;
	}
	return u32_min(window_of(c, r, WINDOW_PERCENT), u32_min(r->high, r->low));
}

// The smallest round trip shows only while no queue of ours stands: half the window for 200 ms and
// a round, once in ten seconds.
static void probe_rtt(
	struct tcp_engine *e, struct tcp_connection *c, struct rate_control *r, uint32_t rtt_us)
{
	uint32_t now = engine_time(e);

	bool expired = now - r->min_rtt_at > MIN_RTT_US;

	if (rtt_us != 0 && (rtt_us <= r->min_rtt_us || (expired && !r->is_full))) {
		r->min_rtt_us = rtt_us;
		r->min_rtt_at = now;
	}
	if (expired && r->is_full && r->mode != MODE_PROBE_RTT) {
		r->mode = MODE_PROBE_RTT;
		r->is_down = false;
	}
	if (r->mode != MODE_PROBE_RTT)
		return;
	if (!r->is_down && tcp_in_flight(c) <= window_of(c, r, RTT_WINDOW_PERCENT) + c->mss) {
		r->is_down = true;
		r->rtt_probe_until = now + RTT_PROBE_US;
		r->probed_rtt_us = UINT32_MAX;
		r->round_delivered = c->delivered;
		r->rounds = 0;
	}
	if (!r->is_down)
		return;
	if (rtt_us != 0)
		r->probed_rtt_us = u32_min(r->probed_rtt_us, rtt_us);
	if (r->rounds == 0 || r->probed_rtt_us == UINT32_MAX || seq_before(now, r->rtt_probe_until))
		return;
	r->min_rtt_us = r->probed_rtt_us;
	r->min_rtt_at = now;
	down_begin(e, c, r);
	c->cwnd = window_target(c, r);
}

static void control_set(struct tcp_connection *c, struct rate_control *r, const struct tcp_ack *ack)
{
	uint64_t rate = rate_max(r) * pacing_percent(r) / 100;
	uint32_t target = window_target(c, r);

	if (rate > c->pacing_rate || r->is_full)
		c->pacing_rate = rate ? rate : 1;
	if (r->is_full)
		c->cwnd = u32_min(c->cwnd + ack->delivered, target);
	else if (c->cwnd < target || c->delivered < 10u * c->mss)
		c->cwnd += ack->delivered;
	if (c->cwnd < WINDOW_MIN_SEGMENTS * (uint32_t)c->mss)
		c->cwnd = WINDOW_MIN_SEGMENTS * (uint32_t)c->mss;
}

static void rate_acknowledged(
	struct tcp_engine *e, struct tcp_connection *c, const struct tcp_ack *ack)
{
	struct rate_control *r = rate_of(c);

	r->lost += ack->lost;
	r->delivered += ack->delivered;
	round_update(c, r, ack);
	rate_update(r, ack);
	loss_update(e, c, r, ack);
	full_check(r, ack);
	mode_update(e, c, r);
	probe_rtt(e, c, r, ack->rtt_us);
	control_set(c, r, ack);
}

// What the model says still holds.
static void rate_reduce(struct tcp_engine *e, struct tcp_connection *c)
{
	(void)e;
	c->ssthresh = c->cwnd;
}

static void rate_undo(struct tcp_engine *e, struct tcp_connection *c)
{
	(void)e;
	(void)c;
}

const struct tcp_congestion_ops tcp_congestion_rate = {
	.init = rate_init_control,
	.acknowledged = rate_acknowledged,
	.reduce = rate_reduce,
	.timeout = rate_reduce,
	.undo = rate_undo,
	.keeps_window = true,
};
