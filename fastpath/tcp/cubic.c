// SPDX-License-Identifier: BSD-3-Clause
// CUBIC (RFC 9438) with HyStart++ (RFC 9406). Windows in bytes, times in milliseconds.
#include "tcp/congestion.h"

enum {
	BETA_PERCENT = 70,
	ROUND_SAMPLES = 8, // HyStart++ N_RTT_SAMPLE
	CSS_ROUNDS = 5,
	CSS_GROWTH_DIVISOR = 4,
	RTT_THRESHOLD_MIN_US = 4000,
	RTT_THRESHOLD_MAX_US = 16000,
	WINDOW_MIN_SEGMENTS = 2,
	GROWTH_SEGMENTS =
		8, // HyStart++ L: an acknowledgement's worth of growth where nothing is paced
	PACED_WINDOW = 65536,
};

struct cubic {
	uint32_t window_max;   // W_max
	uint32_t window_start; // cwnd at the epoch's begin
	uint32_t epoch_ms;     // 0: no epoch
	uint32_t k_ms;
	uint32_t window_reno;   // W_est
	uint32_t window_prior;  // cwnd before the last reduction
	uint32_t fraction;      // of a byte of window, in parts of cwnd
	uint32_t fraction_reno; // likewise, of window_reno
	// HyStart++
	uint32_t round_end;    // sequence number that ends the round
	uint32_t round_min_us; // of this round
	uint32_t last_min_us;  // of the round before
	uint32_t css_baseline_us;
	uint16_t round_samples;
	uint8_t css_rounds;   // 0: not in conservative slow start
	uint32_t flight_end;  // sequence number that ends the flight that is looked at
	uint32_t flight_most; // bytes of it that were on their way at once
	uint32_t prior_max;   // for undo
	uint32_t prior_epoch_ms;
};
static_assert(sizeof(struct cubic) <= TCP_CONGESTION_WORDS * 8);

static struct cubic *cubic_of(struct tcp_connection *c)
{
	return (struct cubic *)(void *)c->congestion;
}

static uint32_t now_ms(const struct tcp_engine *e)
{
	return (uint32_t)(e->now / USEC_PER_MILLISECOND) | 1;
}

// A burst of a large window overflows a shallow queue that the same window, spread over the round
// trip, fits through. Small windows and short paths are left to the clock of acknowledgements:
// where round trips there are long, no queue is shallow.
static bool is_paced(struct tcp_engine *e, const struct tcp_connection *c)
{
	return (profile_of(e, c)->flags & TCP_PACING) || (c->cwnd >= PACED_WINDOW && !is_near(c));
}

static void pace_window(struct tcp_engine *e, struct tcp_connection *c, uint32_t window)
{
	bool slow_start = window < c->ssthresh;

	// Twice the rate in slow start, so that pacing does not hold growth back.
	c->pacing_rate = is_paced(e, c) ? congestion_rate(c, window, slow_start ? 200 : 120) : 0;
}

static void pace(struct tcp_engine *e, struct tcp_connection *c)
{
	pace_window(e, c, c->cwnd);
}

static void cubic_init(struct tcp_engine *e, struct tcp_connection *c)
{
	struct cubic *cubic = cubic_of(c);

	cubic->round_end = cubic->flight_end = c->snd_nxt;
	cubic->round_min_us = cubic->last_min_us = UINT32_MAX;
	pace(e, c);
}

static uint32_t cube_root(uint64_t x)
{
	uint32_t root = 0;

	for (uint32_t bit = UINT32_C(1) << 20; bit != 0; bit >>= 1) {
		uint64_t r = root | bit;

		if (r * r * r <= x)
			root |= bit;
	}
	return root;
}

// RFC 9438 4.2: K = cbrt((W_max - cwnd_epoch) / C), windows in segments, C = 0.4.
static uint32_t k_of(uint32_t difference, uint32_t mss)
{
	// (segments / 0.4) s^3 in ms^3.
	return cube_root((uint64_t)difference * 2500000000u / mss);
}

static void epoch_begin(struct tcp_engine *e, struct tcp_connection *c, struct cubic *cubic)
{
	cubic->epoch_ms = now_ms(e);
	cubic->window_start = c->cwnd;
	cubic->window_reno = c->cwnd;
	if (cubic->window_max < c->cwnd)
		cubic->window_max = c->cwnd;
	cubic->k_ms = k_of(cubic->window_max - c->cwnd, c->mss);
}

// W_cubic at a time in the epoch: C (t - K)^3 + W_max.
static uint64_t window_at(const struct tcp_connection *c, const struct cubic *cubic, uint32_t t_ms)
{
	int64_t d = (int64_t)t_ms - cubic->k_ms;
	int64_t grown;

	if (d > 1000000)
		d = 1000000;
	// 0.4 segments a s^3.
	grown = d * d / 1000 * d / 1000 * 4 * c->mss / 10000;
	return (uint64_t)((int64_t)cubic->window_max + grown < c->mss
				  ? c->mss
				  : (int64_t)cubic->window_max + grown);
}

// RFC 9438 4.3: what Reno with CUBIC's beta would have. A large window grows by less than a byte an
// acknowledgement: what is left over is kept.
static void reno_grow(struct tcp_connection *c, struct cubic *cubic, uint32_t acked)
{
	// alpha = 3 (1 - beta) / (1 + beta) = 0.53, and 1 once the window of before is reached.
	uint32_t alpha = cubic->window_reno < cubic->window_prior ? 53 : 100;
	uint64_t growth = (uint64_t)acked * c->mss * alpha / 100 + cubic->fraction_reno;

	cubic->window_reno += (uint32_t)(growth / c->cwnd);
	cubic->fraction_reno = (uint32_t)(growth % c->cwnd);
}

static void avoid_congestion(
	struct tcp_engine *e, struct tcp_connection *c, struct cubic *cubic, uint32_t acked)
{
	uint32_t t_ms;
	uint64_t target;
	uint64_t growth;

	if (cubic->epoch_ms == 0)
		epoch_begin(e, c, cubic);
	t_ms = now_ms(e) - cubic->epoch_ms;
	reno_grow(c, cubic, acked);
	if (window_at(c, cubic, t_ms) < cubic->window_reno) {
		if (cubic->window_reno > c->cwnd)
			c->cwnd = cubic->window_reno;
		return;
	}
	// Where the curve is a round trip from now, at most half as much again.
	target = window_at(c, cubic, t_ms + c->srtt_us / 8000);
	target = target < c->cwnd ? c->cwnd : u64_min(target, c->cwnd + c->cwnd / 2);
	growth = (target - c->cwnd) * acked + cubic->fraction;
	c->cwnd += (uint32_t)(growth / c->cwnd);
	cubic->fraction = (uint32_t)(growth % c->cwnd);
}

// RFC 9406 4.2: the round trip grows before the queue overflows.
static void hystart_sample(struct tcp_connection *c, struct cubic *cubic, uint32_t rtt_us)
{
	uint32_t threshold;

	if (rtt_us != 0) {
		cubic->round_min_us = u32_min(cubic->round_min_us, rtt_us);
		cubic->round_samples++;
	}
	if (cubic->round_samples < ROUND_SAMPLES || cubic->last_min_us == UINT32_MAX)
		return;
	if (cubic->css_rounds > 0) {
		// It fell again: it was jitter.
		if (cubic->round_min_us < cubic->css_baseline_us)
			cubic->css_rounds = 0;
		return;
	}
	threshold = cubic->last_min_us / 8;
	if (threshold < RTT_THRESHOLD_MIN_US)
		threshold = RTT_THRESHOLD_MIN_US;
	threshold = u32_min(threshold, RTT_THRESHOLD_MAX_US);
	if (cubic->round_min_us >= cubic->last_min_us + threshold) {
		cubic->css_baseline_us = cubic->round_min_us;
		cubic->css_rounds = 1;
	}
	(void)c;
}

static void hystart_round(struct tcp_connection *c, struct cubic *cubic)
{
	if (seq_before(c->snd_una, cubic->round_end))
		return;
	cubic->round_end = c->snd_nxt;
	cubic->last_min_us = cubic->round_min_us;
	cubic->round_min_us = UINT32_MAX;
	cubic->round_samples = 0;
	if (cubic->css_rounds > 0 && ++cubic->css_rounds > CSS_ROUNDS)
		c->ssthresh = c->cwnd;
}

static void start_slowly(struct tcp_connection *c, struct cubic *cubic, const struct tcp_ack *ack)
{
	uint32_t growth = c->pacing_rate != 0
				  ? ack->delivered
				  : u32_min(ack->delivered, GROWTH_SEGMENTS * (uint32_t)c->mss);

	hystart_sample(c, cubic, ack->rtt_us);
	c->cwnd += cubic->css_rounds > 0 ? growth / CSS_GROWTH_DIVISOR : growth;
	hystart_round(c, cubic);
}

// Whether the congestion window was what held the sender back, or would soon have been: pacing may
// stop it a little earlier, and in slow start half the window is used while it doubles.
static bool is_used(const struct tcp_connection *c, struct cubic *cubic, const struct tcp_ack *ack)
{
	// A flight that filled the window did so whatever is left of it when its last segments are
	// acknowledged.
	if (seq_before(cubic->flight_end, c->snd_una)) {
		cubic->flight_end = c->snd_nxt;
		cubic->flight_most = 0;
	}
	if (cubic->flight_most < ack->prior_in_flight)
		cubic->flight_most = ack->prior_in_flight;
	if (c->flags & TCP_CWND_LIMITED)
		return true;
	// The peer's window was what held it.
	if (c->snd_wnd < c->cwnd)
		return false;
	return c->cwnd < c->ssthresh ? cubic->flight_most > c->cwnd / 2
				     : cubic->flight_most >= c->cwnd - c->cwnd / 8;
}

static void cubic_acknowledged(
	struct tcp_engine *e, struct tcp_connection *c, const struct tcp_ack *ack)
{
	struct cubic *cubic = cubic_of(c);

	// RFC 9438 4.2 and 5.8: a window that was not used says nothing about the path.
	if (!is_used(c, cubic, ack)) {
		pace(e, c);
		return;
	}
	if (c->cwnd < c->ssthresh)
		start_slowly(c, cubic, ack);
	else
		avoid_congestion(e, c, cubic, ack->delivered);
	pace(e, c);
}

static void cubic_reduce(struct tcp_engine *e, struct tcp_connection *c)
{
	struct cubic *cubic = cubic_of(c);
	uint32_t least = WINDOW_MIN_SEGMENTS * (uint32_t)c->mss;

	cubic->prior_max = cubic->window_max;
	cubic->prior_epoch_ms = cubic->epoch_ms;
	// RFC 9438 4.7: a flow that shrinks leaves room to the one that arrived.
	cubic->window_max = c->cwnd < cubic->window_max
				    ? (uint32_t)((uint64_t)c->cwnd * (100 + BETA_PERCENT) / 200)
				    : c->cwnd;
	cubic->window_prior = c->cwnd;
	cubic->epoch_ms = 0;
	cubic->css_rounds = 0;
	c->ssthresh = (uint32_t)((uint64_t)c->cwnd * BETA_PERCENT / 100);
	if (c->ssthresh < least)
		c->ssthresh = least;
	// What repairs the loss leaves at the pace of what is left, or overflows the queue again.
	pace_window(e, c, c->ssthresh);
}

static void cubic_undo(struct tcp_engine *e, struct tcp_connection *c)
{
	struct cubic *cubic = cubic_of(c);

	cubic->window_max = cubic->prior_max;
	cubic->epoch_ms = cubic->prior_epoch_ms;
	pace(e, c);
}

const struct tcp_congestion_ops tcp_congestion_cubic = {
	.init = cubic_init,
	.acknowledged = cubic_acknowledged,
	.reduce = cubic_reduce,
	.timeout = cubic_reduce,
	.undo = cubic_undo,
};
