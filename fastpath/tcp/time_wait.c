// SPDX-License-Identifier: BSD-3-Clause
// TIME-WAIT in a fifth of a connection's memory, once its user has let go: what a segment may still
// ask for. A segment that comes for one makes a connection of it again for the rest of the turn, so
// that it is judged as every other.
#include "tcp/engine_impl.h"

static struct tcp_time_wait *wait_at(const struct tcp_engine *e, uint32_t index)
{
	return pool_at(&e->waits, index);
}

static uint32_t wait_index(const struct tcp_engine *e, const struct tcp_time_wait *w)
{
	return (uint32_t)(((const uint8_t *)w - e->waits.objects) / e->waits.stride);
}

static uint32_t *bucket_of(const struct tcp_engine *e, const struct flow_key *key)
{
	return &e->wait_buckets[bucket_number(e, key)];
}

int time_waits_create(struct tcp_engine *e)
{
	size_t buckets = (size_t)e->bucket_mask + 1;
	int error =
		pool_init(&e->waits, e->config.connections, sizeof(struct tcp_time_wait), false);

	if (error)
		return error;
	error = memory_map(buckets * sizeof(*e->wait_buckets), false, &e->wait_buckets_memory);
	if (error) {
		pool_fini(&e->waits);
		return error;
	}
	e->wait_buckets = e->wait_buckets_memory.base;
	e->wait_oldest = e->wait_newest = TCP_NONE;
	wheel_init(&e->wait_wheel, e->waits.objects + offsetof(struct tcp_time_wait, timer),
		sizeof(struct tcp_time_wait), TICK_SHIFT, e->now);
	return 0;
}

static void list_append(struct tcp_engine *e, uint32_t index)
{
	struct tcp_time_wait *w = wait_at(e, index);

	w->newer = TCP_NONE;
	w->older = e->wait_newest;
	if (e->wait_newest == TCP_NONE)
		e->wait_oldest = index;
	else
		wait_at(e, e->wait_newest)->newer = index;
	e->wait_newest = index;
}

static void list_unlink(struct tcp_engine *e, const struct tcp_time_wait *w)
{
	if (w->older == TCP_NONE)
		e->wait_oldest = w->newer;
	else
		wait_at(e, w->older)->newer = w->newer;
	if (w->newer == TCP_NONE)
		e->wait_newest = w->older;
	else
		wait_at(e, w->newer)->older = w->older;
}

static void wait_free(struct tcp_engine *e, struct tcp_time_wait *w)
{
	uint32_t index = wait_index(e, w);
	uint32_t *link = bucket_of(e, &w->key);

	while (*link != index + 1)
		link = &wait_at(e, *link - 1)->chain;
	*link = w->chain;
	list_unlink(e, w);
	wheel_cancel(&e->wait_wheel, index);
	counter_sub(&e->stats.states[TCP_TIME_WAIT], 1);
	pool_put(&e->waits, index);
}

void time_waits_clear(struct tcp_engine *e)
{
	while (e->wait_oldest != TCP_NONE)
		wait_free(e, wait_at(e, e->wait_oldest));
}

void time_waits_destroy(struct tcp_engine *e)
{
	time_waits_clear(e);
	nx_bug_on(e->waits.used != 0);
	pool_fini(&e->waits);
	memory_unmap(&e->wait_buckets_memory);
}

static struct tcp_time_wait *wait_find(const struct tcp_engine *e, const struct flow_key *key)
{
	if (e->waits.used == 0)
		return NULL;
	for (uint32_t at = *bucket_of(e, key); at != 0; at = wait_at(e, at - 1)->chain)
		if (flow_key_equal(&wait_at(e, at - 1)->key, key))
			return wait_at(e, at - 1);
	return NULL;
}

const struct tcp_time_wait *time_wait_find(const struct tcp_engine *e, const struct flow_key *key)
{
	return wait_find(e, key);
}

// RFC 9293 3.6.1 wants the oldest kept; a full table wants it less than a newer one.
static uint32_t index_get(struct tcp_engine *e)
{
	if (e->waits.used == e->waits.capacity) {
		tcp_count(e, time_wait_evicted);
		wait_free(e, wait_at(e, e->wait_oldest));
	}
	return pool_get(&e->waits);
}

void time_wait_shrink(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t index = index_get(e);
	int32_t left = (int32_t)(c->deadlines[TCP_TIMER_LIFE] - engine_tick(e));
	uint32_t *bucket = bucket_of(e, &c->key);
	struct tcp_time_wait *w;

	if (index == POOL_NONE) {
		tcp_count(e, time_wait_evicted);
		connection_free(e, c);
		return;
	}
	w = wait_at(e, index);
	*w = (struct tcp_time_wait){.key = c->key,
		.chain = *bucket,
		.rcv_nxt = c->rcv_nxt,
		.rcv_edge = c->rcv_edge,
		.snd_nxt = c->snd_nxt,
		.snd_wnd_max = c->snd_wnd_max,
		.ts_recent = c->ts_recent,
		.ts_recent_time = c->ts_recent_time,
		.ts_offset = c->ts_offset,
		.last_ack_sent = c->last_ack_sent,
		.last_heard = c->last_heard,
		.challenged_at = c->challenged_at,
		.rto_us = c->rto_us,
		.way = c->way,
		.packet_id = c->packet_id,
		.flags = c->flags & TIME_WAIT_FLAGS,
		.profile = c->profile,
		.receive_scale = c->receive_scale,
		.challenges = c->challenges,
		.dscp = c->dscp};
	*bucket = index + 1;
	list_append(e, index);
	wheel_entry_init(&e->wait_wheel, index);
	wheel_arm(&e->wait_wheel, index, e->now + ((usec_t)(left > 0 ? left : 0) << TICK_SHIFT));
	counter_add(&e->stats.states[TCP_TIME_WAIT], 1);
	connection_free(e, c);
}

struct tcp_connection *time_wait_restore(struct tcp_engine *e, const struct flow_key *key)
{
	struct tcp_time_wait *w = wait_find(e, key);
	struct tcp_connection *c = w ? connection_new(e, key, w->profile) : NULL;
	int32_t left;

	if (!c)
		return NULL;
	// A place for the connection may have cost another's, which may have cost this one's.
	w = wait_find(e, key);
	if (!w) {
		connection_free(e, c);
		return NULL;
	}
	left = (int32_t)(w->timer.expiry - engine_tick(e));
	c->flags = w->flags;
	c->receive_scale = w->receive_scale;
	c->rcv_nxt = w->rcv_nxt;
	c->rcv_edge = w->rcv_edge;
	c->snd_una = c->snd_nxt = c->snd_end = w->snd_nxt;
	c->snd_wnd_max = w->snd_wnd_max;
	c->ts_recent = w->ts_recent;
	c->ts_recent_time = w->ts_recent_time;
	c->ts_offset = w->ts_offset;
	c->last_ack_sent = w->last_ack_sent;
	c->last_heard = w->last_heard;
	c->challenged_at = w->challenged_at;
	c->challenges = w->challenges;
	c->rto_us = w->rto_us;
	c->way = w->way;
	c->packet_id = w->packet_id;
	c->dscp = w->dscp;
	state_set(e, c, TCP_TIME_WAIT);
	list_add(e, c, LIST_TIME_WAIT);
	timer_set(e, c, TCP_TIMER_LIFE, (usec_t)(left > 0 ? left : 0) << TICK_SHIFT);
	wait_free(e, w);
	return c;
}

void time_waits_shrink(struct tcp_engine *e)
{
	uint32_t index = e->lists[LIST_TIME_WAIT].oldest;

	while (index != TCP_NONE) {
		struct tcp_connection *c = engine_at(e, index);

		index = c->list_next;
		// One that still owes an acknowledgement, for want of a buffer, stays whole.
		if (!(c->flags & TCP_IS_QUEUED))
			time_wait_shrink(e, c);
	}
}

uint32_t time_waits_run(struct tcp_engine *e, uint32_t budget)
{
	uint32_t left = budget;
	uint32_t index;

	while ((index = wheel_take_due(&e->wait_wheel, e->now, &left)) != WHEEL_NONE)
		wait_free(e, wait_at(e, index));
	return budget - left;
}
