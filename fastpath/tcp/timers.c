// SPDX-License-Identifier: BSD-3-Clause
// Several deadlines a connection, one entry in the wheel at the earliest. A deadline that moves
// later leaves the wheel alone: the entry comes early, finds nothing due and goes back, so the
// retransmission timer's move at every acknowledgement costs a store.
#include "tcp/engine_impl.h"

// Ticks compare within half their circle. What is to wait longer is looked at once a day, and waits
// on.
#define DELAY_MAX (24 * 3600 * USEC_PER_SECOND)

static usec_t deadline_time(const struct tcp_engine *e, uint32_t tick)
{
	int64_t ahead = (int32_t)(tick - engine_tick(e));

	return ahead <= 0 ? e->now : ((e->now >> TICK_SHIFT) + (uint64_t)ahead) << TICK_SHIFT;
}

void timer_set(struct tcp_engine *e, struct tcp_connection *c, enum tcp_timer timer, usec_t delay)
{
	uint32_t index = engine_index(e, c);
	usec_t due = e->now + u64_min(delay, DELAY_MAX);
	uint32_t tick = (uint32_t)(due >> TICK_SHIFT) + 1;

	c->deadlines[timer] = tick;
	c->timers |= (uint8_t)(1u << timer);
	if (!wheel_is_armed(&e->wheel, index) || seq_before(tick, c->timer.expiry))
		wheel_arm(&e->wheel, index, deadline_time(e, tick));
}

void timer_clear(struct tcp_connection *c, enum tcp_timer timer)
{
	c->timers &= (uint8_t) ~(1u << timer);
}

static void timer_expired(struct tcp_engine *e, struct tcp_connection *c, enum tcp_timer timer)
{
	switch (timer) {
	case TCP_TIMER_LOSS:
		loss_timer_expired(e, c);
		return;
	case TCP_TIMER_ACK:
		tcp_count(e, delayed_acks);
		c->flags |= TCP_ACK_NOW;
		// No answer came for it to ride on, and the peer may have held back what follows:
		// the next answers are not relied on, either.
		if (c->manner & TCP_TAKES_TURNS)
			quick_begin(c, QUICK_ACKS_UNANSWERED);
		flush_add(e, c);
		return;
	case TCP_TIMER_PACE:
		c->flags &= ~(uint32_t)TCP_PACED;
		flush_add(e, c);
		return;
	case TCP_TIMER_LIFE:
		life_expired(e, c);
		return;
	case TCP_TIMER_COUNT:
		return;
	}
}

// The deadline that comes first; false when none is armed.
static bool timer_first(const struct tcp_connection *c, enum tcp_timer *out)
{
	bool found = false;

	for (unsigned i = 0; i < TCP_TIMER_COUNT; i++) {
		if (!timer_is_set(c, i) ||
			(found && !seq_before(c->deadlines[i], c->deadlines[*out])))
			continue;
		*out = i;
		found = true;
	}
	return found;
}

// One deadline at a time: it may free the connection. What else is due comes back at once.
void timers_due(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t index = engine_index(e, c);
	enum tcp_timer due = TCP_TIMER_LOSS;
	enum tcp_timer next = TCP_TIMER_LOSS;

	if (!timer_first(c, &due))
		return;
	if (seq_before(engine_tick(e), c->deadlines[due])) {
		wheel_arm(&e->wheel, index, deadline_time(e, c->deadlines[due]));
		return;
	}
	timer_clear(c, due);
	if (timer_first(c, &next))
		wheel_arm(&e->wheel, index, deadline_time(e, c->deadlines[next]));
	timer_expired(e, c, due);
}
