// SPDX-License-Identifier: BSD-3-Clause
// Congestion control by model, after BBR (draft-cardwell-iccrg-bbr-congestion-control): the path is
// a rate, the largest delivered lately, and a round-trip time, the smallest seen lately. Data
// leaves paced at the rate; the window is a multiple of their product. Loss by itself changes
// little.
#include "tcp/congestion.h"

enum {
	RATE_ROUNDS = 10,
	FULL_ROUNDS = 3,
	CYCLE_PHASES = 8,
	STARTUP_PERCENT = 289, // 2 / ln 2
	DRAIN_PERCENT = 35,
	WINDOW_MIN_SEGMENTS = 4,
	WINDOW_PERCENT = 200,
	HEAVY_LOSS_ONE_IN = 50,
	HEAVY_LOSS_SEGMENTS = 8, // fewer are chance
	BOUND_PERCENT = 60,
	BOUND_GROWTH = 16,
	PROBE_US = 200000,
	MIN_RTT_US = 10000000,
};

enum rate_mode {
	MODE_STARTUP = 0,
	MODE_DRAIN,
	MODE_PROBE_RATE,
	MODE_PROBE_RTT,
};

struct rate_control {
	uint64_t rate[2]; // largest of this and the last window of RATE_ROUNDS, bytes a second
	uint64_t full_rate;
	uint32_t min_rtt_us;
	uint32_t min_rtt_at;
	uint32_t round_delivered; // connection.delivered that ends the round
	uint32_t rounds;
	uint32_t cycle_at;
	uint32_t probe_until;
	uint32_t prior_cwnd;
	uint32_t lost;      // bytes in this round
	uint32_t delivered; // bytes in this round
	uint32_t bound;     // of the window, after a round of heavy loss; 0: none
	uint8_t mode;
	uint8_t phase;
	uint8_t full_rounds;
	bool is_full;
	bool probing; // PROBE_RTT: the window is down
	bool round_begins;
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

static void rate_init_control(struct tcp_engine *e, struct tcp_connection *c)
{
	struct rate_control *r = rate_of(c);

	r->min_rtt_us = c->srtt_us ? c->srtt_us / 8 : 1000;
	r->min_rtt_at = engine_time(e);
	r->round_delivered = c->delivered;
	c->pacing_rate = congestion_rate(c, c->cwnd, STARTUP_PERCENT);
}

// More than 2 % lost in a round, and not by chance: the path holds less than the model thinks,
// whatever the rate. The bound gives way by an eighth in each round without.
static void bound_update(struct tcp_connection *c, struct rate_control *r)
{
	uint32_t least = window_of(c, r, 60);

	if ((uint64_t)r->lost * HEAVY_LOSS_ONE_IN > r->delivered &&
		r->lost >= HEAVY_LOSS_SEGMENTS * (uint32_t)c->mss) {
		r->is_full = true;
		r->bound = (uint32_t)((uint64_t)c->cwnd * BOUND_PERCENT / 100);
		if (r->bound < least)
			r->bound = least;
	} else if (r->bound != 0) {
		r->bound += BOUND_GROWTH * (uint32_t)c->mss;
		if (r->bound > window_of(c, r, WINDOW_PERCENT))
			r->bound = 0;
	}
	r->lost = r->delivered = 0;
}

static void round_update(
	struct tcp_connection *c, struct rate_control *r, const struct tcp_ack *ack)
{
	r->round_begins =
		ack->rate_us != 0 && !seq_before(ack->round_delivered, r->round_delivered);
	if (!r->round_begins)
		return;
	r->round_delivered = c->delivered;
	r->rounds++;
	bound_update(c, r);
	if (r->rounds % RATE_ROUNDS == 0) {
		r->rate[1] = r->rate[0];
		r->rate[0] = 0;
	}
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

static void mode_update(struct tcp_engine *e, struct tcp_connection *c, struct rate_control *r)
{
	uint32_t now = engine_time(e);

	if (r->mode == MODE_STARTUP && r->is_full)
		r->mode = MODE_DRAIN;
	if (r->mode == MODE_DRAIN && tcp_in_flight(c) <= window_of(c, r, 100)) {
		r->mode = MODE_PROBE_RATE;
		r->phase = (uint8_t)(2 + c->iss % (CYCLE_PHASES - 2));
		r->cycle_at = now;
	}
	if (r->mode == MODE_PROBE_RATE && now - r->cycle_at > r->min_rtt_us) {
		r->phase = (uint8_t)((r->phase + 1) % CYCLE_PHASES);
		r->cycle_at = now;
	}
}

// The smallest round trip shows only while no queue of ours stands: four segments for 200 ms, once
// in ten seconds.
static void probe_rtt(
	struct tcp_engine *e, struct tcp_connection *c, struct rate_control *r, uint32_t rtt_us)
{
	uint32_t now = engine_time(e);
	bool expired = now - r->min_rtt_at > MIN_RTT_US;

	if (rtt_us != 0 && (rtt_us <= r->min_rtt_us || expired)) {
		r->min_rtt_us = rtt_us;
		r->min_rtt_at = now;
	}
	if (expired && r->mode == MODE_PROBE_RATE) {
		r->mode = MODE_PROBE_RTT;
		r->prior_cwnd = c->cwnd;
		r->probing = false;
	}
	if (r->mode != MODE_PROBE_RTT)
		return;
	if (!r->probing && tcp_in_flight(c) <= (WINDOW_MIN_SEGMENTS + 1u) * c->mss) {
		r->probing = true;
		r->probe_until = now + PROBE_US;
	} else if (r->probing && !seq_before(now, r->probe_until)) {
		r->min_rtt_at = now;
		r->mode = r->is_full ? MODE_PROBE_RATE : MODE_STARTUP;
		r->cycle_at = now;
		c->cwnd = r->prior_cwnd > c->cwnd ? r->prior_cwnd : c->cwnd;
	}
}

static uint32_t pacing_percent(const struct rate_control *r)
{
	if (r->mode == MODE_STARTUP)
		return STARTUP_PERCENT;
	if (r->mode == MODE_DRAIN)
		return DRAIN_PERCENT;
	if (r->mode == MODE_PROBE_RATE && r->phase == 0)
		return 125;
	if (r->mode == MODE_PROBE_RATE && r->phase == 1)
		return 75;
	return 100;
}

static void control_set(struct tcp_connection *c, struct rate_control *r, const struct tcp_ack *ack)
{
	uint64_t rate = rate_max(r) * pacing_percent(r) / 100;
	uint32_t target =
		window_of(c, r, r->mode == MODE_STARTUP ? STARTUP_PERCENT : WINDOW_PERCENT);

	if (r->bound != 0)
		target = u32_min(target, r->bound);
	if (rate > c->pacing_rate || r->is_full)
		c->pacing_rate = rate ? rate : 1;
	if (r->mode == MODE_PROBE_RTT)
		c->cwnd = WINDOW_MIN_SEGMENTS * (uint32_t)c->mss;
	else if (r->is_full)
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
	full_check(r, ack);
	mode_update(e, c, r);
	probe_rtt(e, c, r, ack->rtt_us);
	control_set(c, r, ack);
}

// What the model says still holds; the window must only not grow on what is not there.
static void rate_reduce(struct tcp_engine *e, struct tcp_connection *c)
{
	struct rate_control *r = rate_of(c);

	(void)e;
	c->ssthresh = c->cwnd;
	r->prior_cwnd = c->cwnd;
}

static void rate_timeout(struct tcp_engine *e, struct tcp_connection *c)
{
	rate_reduce(e, c);
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
	.timeout = rate_timeout,
	.undo = rate_undo,
	.keeps_window = true,
};
