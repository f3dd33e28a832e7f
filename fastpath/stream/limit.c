// SPDX-License-Identifier: BSD-3-Clause
// Bounds of sessions that are a REALITY target's for good: so many bytes of each way pass as they
// come, those behind them by a token bucket. What it holds back stays with the connection that it
// came by, whose window closes; nothing is dropped, and one timer a session is all that it takes.
#include "stream/limit.h"

enum {
	// What is awaited where nothing may pass: this share of a second's bytes, two ticks of the
	// wheel.
	STEPS_A_SECOND = 64,
};

static struct relay_limit *limit_at(
	const struct relay *r, const struct relay_session *s, unsigned int from)
{
	return &r->limits[session_index(r, s)].way[from];
}

static void limit_init(
	struct relay_limit *l, const struct snapshot_limit *bound, uint64_t passed, usec_t now)
{
	*l = (struct relay_limit){.after = bound->after_bytes, .due = UINT64_MAX};
	if (bound->bytes_per_s == 0)
		return;
	rate_init(&l->rate, bound->bytes_per_s, bound->burst_bytes);
	l->rate.last = now;
	if (passed > l->after)
		rate_spend(&l->rate, (uint32_t)u64_min(passed - l->after, UINT32_MAX), now);
}

void relay_limit_begin(struct relay *r, struct relay_session *s)
{
	const struct snapshot_listener *listener = relay_session_listener(r, s);

	if (!listener || (listener->limits[LEG_CLIENT].bytes_per_s == 0 &&
				 listener->limits[LEG_TARGET].bytes_per_s == 0))
		return;
	for (unsigned int from = 0; from < 2; from++)
		limit_init(limit_at(r, s, from), &listener->limits[from], s->bytes[from], r->now);
	s->flags |= RELAY_IS_LIMITED;
}

uint32_t relay_limit_left(struct relay *r, const struct relay_session *s, unsigned int from)
{
	struct relay_limit *l = limit_at(r, s, from);
	uint64_t free = l->after > s->bytes[from] ? l->after - s->bytes[from] : 0;

	if (l->rate.per_second == 0)
		return UINT32_MAX;
	return (uint32_t)u64_min(free + rate_left(&l->rate, r->now), UINT32_MAX);
}

void relay_limit_spend(
	struct relay *r, const struct relay_session *s, unsigned int from, uint32_t bytes)
{
	struct relay_limit *l = limit_at(r, s, from);
	uint64_t free = l->after > s->bytes[from] ? l->after - s->bytes[from] : 0;

	if (l->rate.per_second > 0 && bytes > free)
		rate_spend(&l->rate, bytes - (uint32_t)free, r->now);
}

void relay_limit_wait(struct relay *r, const struct relay_session *s, unsigned int from, bool waits)
{
	struct relay_limit *l = limit_at(r, s, from);
	uint32_t step = u32_min(l->rate.burst, l->rate.per_second / STEPS_A_SECOND);
	usec_t due;

	l->due = waits ? rate_due(&l->rate, u32_max(step, 1), r->now) : UINT64_MAX;
	if (waits && !l->is_counted) {
		l->is_counted = true;
		counter_add(&r->config.stats->reality_limited[from], 1);
	}
	due = relay_limit_due(r, s);
	if (due != UINT64_MAX)
		wheel_arm(&r->wheel, session_index(r, s), due);
}

usec_t relay_limit_due(const struct relay *r, const struct relay_session *s)
{
	return u64_min(limit_at(r, s, LEG_CLIENT)->due, limit_at(r, s, LEG_TARGET)->due);
}
